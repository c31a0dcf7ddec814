"""Whoever runs the tests may have an AWS profile, an endpoint that is not theirs, or a proxy."""

from __future__ import annotations

import os
from typing import Final

pytest_plugins = ["tests.workflow.kit.plugin"]

os.environ |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}  # whatever is asked for is on this machine
USERS_OWN: Final = {name: os.environ.pop(name) for name in [each for each in os.environ if each.startswith("AWS_")]}
