"""A page's files made to order, and what a browser would see of an HTML page."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lockstep.history import page

INDEX = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <link rel="icon" href="data:image/svg+xml,%3Csvg/%3E">
    <link rel="stylesheet" href="/static/css/colours.css">
    <link rel="stylesheet" href="/static/css/layout.css">
    <script type="importmap">
      {"imports": {"preact": "/static/vendor/preact.mjs", "lockstep/main.js": "/static/js/main.js"}}
    </script>
  </head>
  <body>
    <div id="app"></div>
    <script type="module">import "lockstep/main.js"</script>
  </body>
</html>
"""


def use_small_page(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Instead of the real files, so that these can be written at the same time."""
    web = directory / "web"
    files = {
        "index.html": INDEX,
        "css/colours.css": "body { color: gray }",
        "css/layout.css": "/* é */ body { margin: 0 }",
        "js/main.js": 'import "preact";',
        "node_modules/preact/dist/preact.mjs": "export {};",
        "node_modules/preact/package.json": "{}",
        "package.json": "{}",
    }
    for name, text in files.items():
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text(text, encoding="utf-8")
    (directory / "secret.js").write_text("secret")
    monkeypatch.setattr(page, "WEB", web)
    monkeypatch.setattr(page, "INSTALLED", web / "node_modules")
    return web


@dataclass
class Seen(HTMLParser):
    """What a browser makes of a page.

    Attributes:
        scripts: attributes and text of each script.
        policy: of the meta element, and how many scripts came before it.
        loads: addresses that are loaded.
    """

    html: str
    scripts: list[tuple[dict[str, str | None], str]] = field(default_factory=list)
    policy: tuple[str, int] | None = None
    loads: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    _open: dict[str, str | None] | None = None

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href"} and value]
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or "", len(self.scripts)
        if tag == "script":
            self._open = found
            self.scripts.append((found, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            found, text = self.scripts.pop()
            self.scripts.append((found, text + data))

    @property
    def imports(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._text(type="importmap"))["imports"]
        return found

    @property
    def data(self) -> str:
        return self._text(id="data")

    def _text(self, **wanted: str) -> str:
        (found,) = (text for about, text in self.scripts if wanted.items() <= about.items())
        return found
