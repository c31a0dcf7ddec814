"""Whoever runs the tests may have an AWS profile, or an endpoint that is not theirs."""

from __future__ import annotations

import os
from typing import Final

pytest_plugins = ["tests.workflow.kit.plugin"]

USERS_OWN: Final = {name: os.environ.pop(name) for name in [each for each in os.environ if each.startswith("AWS_")]}
