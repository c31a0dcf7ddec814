"""Whoever runs the tests may have an AWS profile, an endpoint that is not theirs, or a proxy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ["tests.workflow.kit.plugin"]

os.environ |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}  # whatever is asked for is on this machine
USERS_OWN: Final = {name: os.environ.pop(name) for name in [each for each in os.environ if each.startswith("AWS_")]}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all: Playwright does not start twice in a process."""
    from tests.browser import chromium  # noqa: PLC0415  # most tests need none

    executable = chromium.path()
    if executable is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(chromium.HOW_TO_INSTALL)
    with chromium.launched(executable) as browser:
        yield browser
