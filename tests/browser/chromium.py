"""The system's Chromium; no other browser is downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, expect, sync_playwright

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
DEADLINE_MS: Final = 30_000  # for what a page is to show; a busy machine takes its time for ten thousand rows
HOW_TO_INSTALL: Final = f"no browser on PATH ({', '.join(_NAMES)}): `apt-get install chromium`"


def path() -> str | None:
    """Where it is; None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def launched(executable: str) -> Iterator[Browser]:
    """Without its sandbox, which containers do not allow; it only ever sees our own page."""
    expect.set_options(timeout=DEADLINE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()
