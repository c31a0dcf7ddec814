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
_VENDOR: Final = "vendor/"
_STYLESHEET: Final = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
_IMPORT_MAP: Final = re.compile(r'(<script type="importmap">)(.*?)(</script>)', re.DOTALL)
_INLINE: Final = re.compile(r"<script[^>]*>(.*?)</script>", re.DOTALL)
_POLICY: Final = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Without a server there is nobody to ask, and the browser sees to it that nobody is asked.
_ALONE: Final = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data:"
_LICENSES: Final = "<!-- Contains Preact (MIT), htm (Apache-2.0) and dagre (MIT). -->"
# All that is served of what npm has installed.
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
    return html, _POLICY.format(scripts=scripts)


def one_file(data: Mapping[str, Any]) -> str:
    """The page with all it needs inside, and what it shows: no server, no network. Raises: UserError."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_ALONE}">'
    html = _html().replace("<head>", f"<head>\n{policy}\n{_LICENSES}")
    html = _IMPORT_MAP.sub(lambda found: found[1] + _inlined(found[2]) + found[3], html, count=1)
    html = _STYLESHEET.sub(lambda found: f"<style>\n{_content(found[1]).decode()}</style>", html)
    return html.replace("</body>", f'<script type="application/json" id="data">{text}</script>\n</body>')


def file(path: str) -> Path | None:
    """What is at `/static/PATH`; None where nothing is."""
    if path.startswith(_VENDOR):
        library = _LIBRARIES.get(path.removeprefix(_VENDOR))
        return None if library is None else INSTALLED / library
    ours = (*WEB.glob("css/*.css"), *WEB.glob("js/*.js"))
    return next((each for each in ours if f"{each.relative_to(WEB)}" == path), None)


def _html() -> str:
    if not INSTALLED.is_dir():
        msg = "the page's libraries are not installed: `make setup` does that; it needs Node 20 or newer, with npm"
        raise UserError(msg)
    return (WEB / "index.html").read_text()


def _inlined(import_map: str) -> str:
    """The import map with each module in place of its address."""
    imports: Mapping[str, str] = json.loads(import_map)["imports"]
    return json.dumps({"imports": {name: _data_url(url) for name, url in imports.items()}})


def _data_url(url: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(_content(url)).decode()}"


def _content(url: str) -> bytes:
    found = file(url.removeprefix(_STATIC))
    if found is None:
        msg = f"index.html wants {url}, which is not there"
        raise FileNotFoundError(msg)
    return found.read_bytes()
