"""Whoever runs the tests may have an AWS profile, or an endpoint that is not theirs."""

from __future__ import annotations

import os

for name in [each for each in os.environ if each.startswith("AWS_")]:
    del os.environ[name]
