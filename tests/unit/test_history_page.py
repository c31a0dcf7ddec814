"""The page as a server sends it, and the page in one file: it works without server and network, whatever it shows."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from lockstep.errors import UserError
from lockstep.history import page
from tests.unit.web import INDEX, Seen, use_small_page

REAL = Path(page.__file__).parents[1] / "web"
MODULES = sorted((REAL / "js").glob("*.js"))
needs_libraries = pytest.mark.skipif(not (REAL / "node_modules").is_dir(), reason="`make setup` installs them")
JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_small_page(tmp_path, monkeypatch)


@pytest.mark.usefixtures("web")
def test_the_policy_allows_the_inline_scripts_of_the_page_and_no_other() -> None:
    html, policy = page.shell()

    assert re.sub(r'<link rel="modulepreload"[^>]*>\n', "", html) == INDEX
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    allowed = set(directives["script-src"].split())
    assert allowed == {"'self'"} | {_hash(text) for _, text in Seen(html).scripts}
    assert directives["default-src"] == directives["base-uri"] == directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.usefixtures("web")
def test_all_modules_are_asked_for_at_once() -> None:
    """Otherwise each that imports another would have to be there first."""
    html, _ = page.shell()

    assert re.findall(r'<link rel="modulepreload" href="([^"]+)">', html) == list(Seen(html).imports.values())


@needs_libraries
def test_the_policy_allows_the_inline_scripts_of_the_real_page() -> None:
    html, policy = page.shell()

    for about, text in Seen(html).scripts:
        assert "src" in about or _hash(text) in policy
    assert not re.search(r"\son\w+=|\sstyle=|<style", html)  # neither is allowed


def test_without_the_libraries_the_page_says_how_to_install_them(web: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "INSTALLED", web / "missing")

    with pytest.raises(UserError, match="make setup"):
        page.shell()
    with pytest.raises(UserError, match="make setup"):
        page.one_file({})


# --- in one file --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("web")
def test_the_one_file_page_loads_nothing() -> None:
    seen = Seen(page.one_file({"a": 1}))

    assert all(each.startswith("data:") for each in [*seen.loads, *seen.imports.values()])
    assert seen.imports.keys() == {"preact", "lockstep/main.js"}
    assert _decoded(seen.imports["lockstep/main.js"]) == 'import "preact";'
    assert json.loads(seen.data) == {"a": 1}


@pytest.mark.usefixtures("web")
def test_the_one_file_page_has_all_stylesheets_in_their_order() -> None:
    html = page.one_file({})

    assert html.index("color: gray") < html.index("/* é */")
    assert Seen(html).tags.count("style") == 2


@needs_libraries
def test_the_real_page_has_every_stylesheet_that_there_is() -> None:
    named = [each for each in Seen(page.shell()[0]).loads if each.endswith(".css")]

    assert sorted(named) == sorted(f"/static/css/{each.name}" for each in REAL.glob("css/*.css"))


@pytest.mark.usefixtures("web")
def test_the_browser_sees_to_it_that_the_one_file_page_asks_nobody() -> None:
    seen = Seen(page.one_file({}))

    assert seen.policy is not None
    policy, scripts_before = seen.policy
    assert scripts_before == 0
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "'self'" not in policy
    assert "connect-src" not in policy


@pytest.mark.parametrize(
    "text",
    [
        *("</script>", "</SCRIPT >", "<!--<script>", "-->", "]]>", "\u2028\u2029", "\\u003c", "\\1\\g<1>", "</body>"),
        *(
            "</style>",
            '<link rel="stylesheet" href="/static/css/none.css">',
            "<head>",
            "{scripts}",
            "\0",
            "é😀",
            "'\"`${}",
            "&lt;&amp;",
        ),
    ],
)
@pytest.mark.usefixtures("web")
def test_whatever_a_key_looks_like_the_page_reads_it_as_it_is(text: str) -> None:
    data = {"rows": [{"key": text, text: [text]}]}

    seen = Seen(page.one_file(data))

    assert json.loads(seen.data) == data
    assert seen.tags == Seen(page.one_file({})).tags


@given(data=strategies.dictionaries(strategies.text(), JSON, max_size=3))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # files that nobody changes
@pytest.mark.usefixtures("web")
def test_the_page_reads_any_json_as_it_is(data: dict[str, Any]) -> None:
    assert json.loads(Seen(page.one_file(data)).data) == data


# --- the real files -----------------------------------------------------------------------------------------------


@needs_libraries
def test_the_real_page_in_one_file_loads_nothing() -> None:
    seen = Seen(page.one_file({"key": "</script>"}))

    assert all(each.startswith("data:") for each in [*seen.loads, *seen.imports.values()])
    assert json.loads(seen.data) == {"key": "</script>"}
    assert seen.policy is not None
    assert seen.policy[1] == 0
    for each in REAL.glob("css/*.css"):
        assert not re.search(r"url\((?!['\"]?data:)|@import|</style", each.read_text())


@needs_libraries
def test_all_that_the_import_map_names_is_there() -> None:
    missing = [url for url in _import_map().values() if not _is_there(url)]

    assert missing == []


def test_whatever_a_module_imports_is_in_the_import_map() -> None:
    """By a bare name: in the page of one file a module has no address that another could be relative to."""
    found = {(each.name, name) for each in MODULES for name in _imported(each.read_text())}

    assert found
    assert sorted((module, name) for module, name in found if name not in _import_map()) == []


def test_every_module_is_in_the_import_map_under_its_own_name() -> None:
    assert {f"lockstep/{each.name}": f"/static/js/{each.name}" for each in MODULES}.items() == {
        (name, url) for name, url in _import_map().items() if not url.startswith("/static/vendor/")
    }


@needs_libraries
def test_a_library_imports_only_what_the_import_map_has() -> None:
    urls = [url for url in _import_map().values() if url.startswith("/static/vendor/")]
    names = {name for url in urls for name in _imported(_read(url))}

    assert names <= set(_import_map())


def _import_map() -> dict[str, str]:
    return Seen((REAL / "index.html").read_text()).imports


def _imported(source: str) -> set[str]:
    """Names of modules; types are imported in comments, and do not count."""
    code = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    static = re.findall(
        r"""(?:^|[;}\s])(?:import|export)\b[^;'"()]*?["']([^"'\s]+)["']\s*(?:;|$)""", code, re.MULTILINE
    )
    return {*static, *re.findall(r"""\bimport\(\s*["']([^"']+)["']""", code)}


def _is_there(url: str) -> bool:
    return url in page.files()


def _read(url: str) -> str:
    return page.files()[url].decode()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _decoded(url: str) -> str:
    return base64.b64decode(url.removeprefix("data:text/javascript;base64,")).decode()
