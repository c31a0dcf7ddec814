"""Pages that must behave: whatever a test is about, they log no error and ask nobody else."""

from __future__ import annotations

import re
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Dialog, Page

# Chromium tells violations of the Content-Security-Policy only on the console, and not all of them.
_TELL_VIOLATIONS: Final = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""


class Watch:
    """What a page did that it should not."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._expected: list[str] = []
        self.seen: list[str] = []

    def expect(self, pattern: str) -> None:
        """Something that Chromium logs by itself belongs to what is tested, as of an answer that is an error."""
        self._expected.append(pattern)

    def attach(self, page: Page) -> None:
        page.on("console", lambda each: self.seen.append(each.text) if each.type == "error" else None)
        page.on("pageerror", lambda error: self.seen.append(f"page error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._request(request.url))

    def _dialog(self, dialog: Dialog) -> None:
        self.seen.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, url: str) -> None:
        if not url.startswith((f"{self._origin}/", "data:")):
            self.seen.append(f"a request to {url}")

    def check(self) -> None:
        found = [each for each in self.seen if not any(re.search(pattern, each) for pattern in self._expected)]
        assert not found, found


class Opener:
    """Opens pages of the site, each in a context of its own."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: list[BrowserContext] = []
        self.watch = Watch(url)

    def __call__(
        self, path: str = "/", width: int = 1280, height: int = 800, *, is_dark: bool = False, is_calm: bool = False
    ) -> Page:
        context = self._browser.new_context(
            base_url=self._url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if is_dark else "light",
            reduced_motion="reduce" if is_calm else "no-preference",
            locale="en-GB",
            timezone_id="Europe/London",
        )
        self._contexts.append(context)
        context.add_init_script(_TELL_VIOLATIONS)
        page = context.new_page()
        self.watch.attach(page)
        page.goto(path)
        return page

    def close(self) -> None:
        """Close all pages, and look at what they did. Raises: AssertionError."""
        for each in self._contexts:
            each.close()
        self.watch.check()
