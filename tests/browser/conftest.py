"""A browser, a fake API, and the page over it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.browser.fake_api import FakeApi
from tests.browser.opening import Opener
from tests.browser.site import Site


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = chromium.path()
    if executable is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(chromium.HOW_TO_INSTALL)
    with chromium.launched(executable) as browser:
        yield browser


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi() as api:
        yield api


@pytest.fixture
def site(api: FakeApi) -> Iterator[Site]:
    with Site(api) as site:
        yield site


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Opener]:
    """`open_page("/address")`; what went wrong in it fails the test at its end."""
    opener = Opener(browser, site.url)
    yield opener
    opener.close()
