"""The page's files: as a server sends them, or all in one file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lockstep.errors import UserError

WEB: Final = Path(__file__).resolve().parent.parent / "web"
INSTALLED: Final = WEB / "node_modules"

_STATIC: Final = "/static/"
_VENDOR: Final = "/static/vendor/"
_STYLESHEET: Final = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
_IMPORT_MAP: Final = re.compile(r'(<script type="importmap">)(.*?)(</script>)', re.DOTALL)
_INLINE: Final = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)
_POLICY: Final = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Without a server there is nobody to ask, and the browser sees to it that nobody is asked.
_ALONE: Final = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_LICENSES: Final = "<!-- Contains Preact (MIT), htm (Apache-2.0) and dagre (MIT). -->"
# All that the page takes of what npm has installed.
_LIBRARIES: Final = {
    "preact.mjs": "preact/dist/preact.mjs",
    "hooks.mjs": "preact/hooks/dist/hooks.mjs",
    "htm.mjs": "htm/dist/htm.mjs",
    "dagre.esm.js": "@dagrejs/dagre/dist/dagre.esm.js",
}


def shell() -> tuple[str, str]:
    """The HTML of every address, and the Content-Security-Policy to send with it. Raises: UserError."""
    html = _html()
    hashes = (hashlib.sha256(each.encode()).digest() for each in _INLINE.findall(html))
    scripts = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes)
    # All at once: modules that import modules are otherwise a chain of requests.
    early = "".join(f'<link rel="modulepreload" href="{each}">\n' for each in _imports(html).values())
    return html.replace("</head>", f"{early}</head>"), _POLICY.format(scripts=scripts)


def files() -> Mapping[str, bytes]:
    """What the page consists of beside its HTML, by address. Raises: UserError."""
    html = _html()
    return {url: _file(url).read_bytes() for url in (*_STYLESHEET.findall(html), *_imports(html).values())}


def one_file(data: Mapping[str, Any]) -> str:
    """The page with all it needs inside, and what it shows: no server, no network. Raises: UserError."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_ALONE}">'
    html = _html().replace("<head>", f"<head>\n{policy}\n{_LICENSES}")
    imports = json.dumps({"imports": {name: _data_url(url) for name, url in _imports(html).items()}})
    html = _IMPORT_MAP.sub(lambda found: found[1] + imports + found[3], html, count=1)
    html = _STYLESHEET.sub(lambda found: f"<style>\n{_file(found[1]).read_text('utf-8')}</style>", html)
    return html.replace("</body>", f'<script type="application/json" id="data">{text}</script>\n</body>')


def _html() -> str:
    if not INSTALLED.is_dir():
        msg = "the page's libraries are not installed: `make setup` does that; it needs Node 20 or newer, with npm"
        raise UserError(msg)
    return (WEB / "index.html").read_text("utf-8")


def _imports(html: str) -> Mapping[str, str]:
    """The import map: names of modules, and their addresses."""
    (_, text, _), *_ = _IMPORT_MAP.findall(html)
    imports: Mapping[str, str] = json.loads(text)["imports"]
    return imports


def _file(url: str) -> Path:
    if url.startswith(_VENDOR):
        return INSTALLED / _LIBRARIES[url.removeprefix(_VENDOR)]
    return WEB / url.removeprefix(_STATIC)


def _data_url(url: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(_file(url).read_bytes()).decode()}"
