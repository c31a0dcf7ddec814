"""A browser, a fake API, and the page over it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.fake_api import FakeApi
from tests.browser.opening import Opener
from tests.browser.site import Site


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
