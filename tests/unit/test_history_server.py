"""The server answers this machine's browsers, all that they may ask for, and changes nothing unless it is asked to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote, unquote

import httpx
import pytest
import pytest_socket
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from hypothesis import HealthCheck, given, settings, strategies
from starlette.types import ASGIApp, Message, Receive

from lockstep.history import answers, page
from lockstep.history.graph import Graph
from lockstep.history.index import Index
from lockstep.history.service import History
from tests.unit.account import INPUT, JPEG, KEY, OUTPUT, Account, Refused, new_account, stack
from tests.unit.web import use_small_page

HERE: Final = "http://127.0.0.1:8484"
AGAIN: Final = {"X-Lockstep": "again"}
READING: Final = {
    *("ListExecutions", "GetExecutionHistory", "DescribeExecution", "DescribeStateMachine"),
    *("GetItem", "HeadObject", "GetObject"),
}
ANSWERS: Final = [
    *(
        "/",
        "/execution/failed",
        f"/object/{INPUT}/{KEY}",
        "/api/stack",
        "/api/executions/failed",
        "/static/css/colours.css",
    ),
    *(f"/api/object?bucket={INPUT}&key={KEY}", f"/api/picture?side=input&key={KEY}", "/static/js/main.js"),
    *("/api/executions/none", "/api/object", "/api/picture?side=input&key=none", "/api/executions/failed/again"),
    *("/none", "/api/none", "/static/js/none.js", "/static/vendor/preact.mjs", "/execution/failed/"),
]


@pytest.fixture(autouse=True)
def _only_an_event_loop_of_its_own() -> None:
    """An event loop wakes itself by a pair of Unix sockets; all others are still refused."""
    pytest_socket.enable_socket()
    pytest_socket.disable_socket(allow_unix_socket=True)


@pytest.fixture(autouse=True)
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return use_small_page(tmp_path, monkeypatch)


@pytest.fixture
def account() -> Account:
    """One that failed, one that went well, and one that is at work."""
    account = new_account()
    account.store(INPUT, KEY)
    account.store(OUTPUT, KEY, source_tag=f"{account.objects[INPUT, KEY].etag}@1")
    account.start("failed", sequencer="01")
    account.fail("failed")
    account.start("good", sequencer="02")
    account.convert("good", "02")
    account.start("runs", "other.jpg")
    return account


@pytest.fixture
def history(account: Account) -> History:
    index = Index(stack())
    found = History(stack(), Graph.deployed(stack()), index, is_live=True)
    index.poll()
    account.calls.clear()
    return found


@pytest.fixture
def app(history: History) -> ASGIApp:
    return answers.app(history, threading.Event())


class Client:
    """A browser, as far as it asks and is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url=HERE) as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


@pytest.fixture
def client(app: ASGIApp) -> Client:
    return Client(app)


# --- for this machine's browsers only -----------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8484", "localhost", "localhost:8484", "LocalHost:1"])
def test_this_machine_is_answered(client: Client, host: str) -> None:
    assert client.get("/api/stack", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8484", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost"),
        *("127.0.0.1@evil.example", "0.0.0.0", "[::1]:8484", "192.168.0.7", "", "*", "127.0.0.2", "localhost, evil"),  # noqa: S104
    ],
)
def test_another_name_for_this_machine_is_refused(client: Client, account: Account, host: str) -> None:
    """A site may give its own name our address (DNS rebinding): its pages could read ours then."""
    for path in ("/", "/api/stack", "/api/changes", "/api/executions/failed", "/static/js/main.js"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert "lockstep" not in answer.text

    assert account.calls == []


def test_another_name_for_this_machine_starts_nothing(client: Client, account: Account) -> None:
    answer = client.post("/api/executions/failed/again", headers={"Host": "evil.example", **AGAIN})

    assert answer.status_code == 400
    assert account.calls == []


@pytest.mark.parametrize("path", ["/", "/api/stack", "/api/executions/failed/again"])
def test_another_site_is_not_allowed_to_read_or_to_send_headers(client: Client, path: str) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    asked |= {"Access-Control-Request-Headers": "x-lockstep"}

    for answer in (client.request("OPTIONS", path, headers=asked), client.get(path, headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_says_what_it_may_do(client: Client, path: str) -> None:
    headers = client.get(path).headers

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("error", [RuntimeError("secret"), Refused("InternalFailure", status=500)])
def test_an_answer_that_failed_says_what_it_may_do(client: Client, account: Account, error: Exception) -> None:
    account.refuse("GetExecutionHistory", error)
    headers = client.get("/api/executions/failed").headers

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_refusal_says_what_it_may_do(client: Client) -> None:
    headers = client.get("/", headers={"Host": "evil.example"}).headers

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


# --- the page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/execution/name", f"/object/{INPUT}/{KEY}"])
def test_the_page_is_at_every_address_that_it_shows(client: Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.text) == (200, page.shell()[0])
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'self' 'sha256-" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("key", ["a/b c/ü.jpg", "/", "//a", "a/", "?#", "%2F", "a%", "+", "\n", "a\nb", "\r", "\0"])
def test_the_page_is_at_the_address_of_any_key(client: Client, key: str) -> None:
    answer = client.get(f"/object/{INPUT}/{quote(key, safe='')}")

    assert (answer.status_code, answer.text) == (200, page.shell()[0])


@given(key=strategies.text(min_size=1, max_size=20).filter(lambda key: key not in {".", ".."}))  # no browser asks so
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_page_is_at_the_address_of_every_key(client: Client, key: str) -> None:
    assert client.get(f"/object/{INPUT}/{quote(key, safe='')}").status_code == 200


@pytest.mark.parametrize("path", ["/static/js/main.js", "/static/vendor/preact.mjs"])
def test_a_module_has_the_type_that_browsers_want(client: Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")


def test_the_stylesheet_has_the_type_that_browsers_want(client: Client) -> None:
    assert client.get("/static/css/colours.css").headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "js/../../secret.js",
            "js/%2e%2e/%2e%2e/secret.js",
            "..%2fsecret.js",
            "js/..%2f..%2fsecret.js",
            "%2e%2e/secret.js",
        ),
        *(
            "/secret.js",
            "js//../../secret.js",
            "js/main.js/../../../secret.js",
            "vendor/../../secret.js",
            "js\\..\\x.js",
        ),
        *(
            "package.json",
            "index.html",
            "css/../index.html",
            "css",
            "css/",
            "css/none.css",
            "node_modules/preact/package.json",
            "vendor/preact/package.json",
            "vendor/",
        ),
        *("node_modules/preact/dist/preact.mjs", "", "js", "js/", "js/none.js", "js/%00.js", f"js/{'x' * 300}.js"),
    ],
)
def test_nothing_is_served_but_the_page_s_own_files(app: ASGIApp, path: str) -> None:
    """Asked without a client, which would tidy up the path first."""
    status, body = asyncio.run(_raw(app, f"/static/{path}"))

    assert status == 404
    assert b"secret" not in body


# --- what it answers ----------------------------------------------------------------------------------------------


def test_the_page_is_told_of_the_stack(client: Client) -> None:
    about = client.get("/api/stack").json()

    assert about.keys() == {
        *("name", "where", "is_local", "input_bucket", "output_bucket", "lock_table", "state_machine"),
        *("is_live", "read_at", "graph", "outcomes"),
    }
    assert (about["name"], about["is_local"], about["is_live"]) == ("lockstep", True, True)
    assert about["graph"]["states"][0].keys() == {"name", "type", "comment"}
    assert about["graph"]["edges"][0].keys() == {"from", "to", "kind", "label", "title"}


def test_the_page_is_told_of_an_object(client: Client) -> None:
    found = client.get("/api/object", params={"bucket": INPUT, "key": KEY}).json()

    assert [each["execution"]["name"] for each in found["events"]] == ["failed", "good"]
    assert found["in_step"] is True


@pytest.mark.parametrize("key", ["a b", "ü/😀", "a&b=c#d?e", "\n", "%2F", "+"])
def test_an_object_with_an_odd_key_is_found(client: Client, account: Account, key: str) -> None:
    account.store(INPUT, key)
    found = client.get("/api/object", params={"bucket": INPUT, "key": key}).json()

    assert found["input"]["exists"] is True
    assert client.get(found["input"]["url"]).content == JPEG


def test_reading_changes_nothing(client: Client, account: Account) -> None:
    """Whatever is asked for, AWS is only asked to list, to describe and to get."""
    before = json.dumps(account.executions, default=str)
    for path in ANSWERS:
        for method in ("GET", "HEAD"):
            client.request(method, path, headers=AGAIN)

    assert account.operations <= READING
    assert {"GetExecutionHistory", "GetItem", "HeadObject", "GetObject"} <= account.operations
    assert json.dumps(account.executions, default=str) == before


@pytest.mark.parametrize("path", ["/none", "/executions/good", "/execution", "/object/a", "/index.html"])
def test_at_any_other_address_the_page_says_that_there_is_none(client: Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.text) == (404, page.shell()[0])
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_reading_and_starting_again_are_allowed(client: Client, account: Account, method: str) -> None:
    for path in {*ANSWERS, "/api/changes"} - {"/api/executions/failed/again"}:
        assert client.request(method, path, headers=AGAIN).status_code in {404, 405, 307}

    assert account.calls == []


# --- problems -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/executions/none", 404),
        (f"/api/executions/{'x' * 300}", 404),
        ("/api/executions/a%0Ab", 404),
        ("/api/executions/a%2Fb", 404),
        ("/api/executions/", 404),
        ("/api/none", 404),
        ("/static/js/none.js", 404),
        ("/api/object", 400),
        (f"/api/object?bucket={INPUT}", 400),
        (f"/api/object?key={KEY}", 400),
        ("/api/object?bucket=another&key=a", 404),
        ("/api/picture", 400),
        (f"/api/picture?side=input&bucket={INPUT}", 400),
        (f"/api/picture?side=other&key={KEY}", 400),
        (f"/api/picture?side=&key={KEY}", 400),
        (f"/api/picture?side=INPUT&key={KEY}", 400),
        ("/api/picture?side=input&key=none", 404),
        ("/api/executions/failed/again", 404),
    ],
)
def test_what_cannot_be_answered_has_a_title_and_an_advice(client: Client, path: str, status: int) -> None:
    answer = client.get(path)

    assert answer.status_code == status
    _is_a_problem(answer.text)


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (Refused("AccessDeniedException", "no"), "You may not call GetExecutionHistory"),
        (Refused("ExpiredTokenException", "no"), "Your AWS session has ended"),
        (Refused("InternalFailure", "no", 500), "GetExecutionHistory failed"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"), "The local stack does not answer"),
        (NoCredentialsError(), "There are no AWS credentials"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_aws_does_not_answer_is_a_problem(
    client: Client, account: Account, error: Exception, title: str, method: str
) -> None:
    account.refuse("GetExecutionHistory", error)
    path = "/api/executions/failed" + ("/again" if method == "POST" else "")
    answer = client.request(method, path, headers=AGAIN)

    assert answer.status_code == 502
    assert _is_a_problem(answer.text)["title"] == title


@pytest.mark.parametrize("error", [RuntimeError("x"), TypeError("x"), IndexError("x"), OSError("x"), KeyError("x")])
def test_a_fault_of_our_own_is_no_stack_trace(client: Client, account: Account, error: Exception) -> None:
    account.refuse("GetExecutionHistory", error)
    answer = client.get("/api/executions/failed")

    assert answer.status_code >= 400
    _is_a_problem(answer.text)


@pytest.mark.parametrize("text", ["1e999", "NaN", '"\\ud800"', '{"detail": {"object": {"key": "\\ud800"}}}'])
def test_an_execution_is_shown_whatever_it_was_started_with(client: Client, account: Account, text: str) -> None:
    account.start("odd", text=text)
    account.fail("odd")
    answer = client.get("/api/executions/odd")

    assert answer.status_code == 200
    assert json.loads(answer.text, parse_constant=_refuse_constant)["execution"]["outcome"] == "failed"


# --- pictures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (JPEG, "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\x04\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\n\r\n\nWEBPVP8 ", "image/webp"),
        (b"BM......", "image/bmp"),
    ],
)
@pytest.mark.parametrize("side", ["input", "output"])
def test_a_picture_is_served_as_what_it_is(client: Client, account: Account, body: bytes, kind: str, side: str) -> None:
    """Not as what its uploader said it was."""
    account.store(f"lockstep-{side}", "page.html", body)
    answer = client.get("/api/picture", params={"side": side, "key": "page.html"})

    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, body, kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"<!doctype html><script>alert(1)</script>",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"",
            b"II*\0",
            b"%PDF",
        ),
        *(b"<?xml version='1.0'?>", b" \xff\xd8\xff", b"RIFF\x04\0\0\0WAVEfmt "),
    ],
)
def test_what_is_no_picture_for_a_browser_is_not_served(client: Client, account: Account, body: bytes) -> None:
    account.store(INPUT, "photo.jpg", body)
    answer = client.get("/api/picture?side=input&key=photo.jpg")

    assert answer.status_code == 415
    assert _is_a_problem(answer.text)["title"] == "Browsers cannot show it"


@pytest.mark.parametrize("prefix", [JPEG, b"GIF8", b"BM", b"RIFF\0\0\0\0WEBP"])
def test_a_page_that_begins_as_a_picture_is_a_picture(client: Client, account: Account, prefix: bytes) -> None:
    account.store(INPUT, KEY, prefix + b"<script>alert(1)</script>")
    answer = client.get(f"/api/picture?side=input&key={KEY}")

    assert answer.headers["Content-Type"].startswith("image/")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_picture_that_is_too_large_is_not_even_read(client: Client, account: Account) -> None:
    account.store(INPUT, KEY, b"").says_size = 32 * 1024 * 1024 + 1
    answer = client.get(f"/api/picture?side=input&key={KEY}")

    assert answer.status_code == 413
    assert "too large" in _is_a_problem(answer.text)["title"]


def test_a_picture_may_be_as_large_as_the_limit(client: Client, account: Account) -> None:
    account.store(INPUT, KEY).says_size = 32 * 1024 * 1024

    assert client.get(f"/api/picture?side=input&key={KEY}").status_code == 200


def test_only_the_two_buckets_have_pictures(client: Client, account: Account) -> None:
    account.store("secret-bucket", KEY)
    for path in (
        f"/api/picture?side=secret-bucket&key={KEY}",
        f"/api/picture?side=input&bucket=secret-bucket&key={KEY}",
    ):
        client.get(path)

    assert {asked["Bucket"] for _, asked in account.calls} <= {INPUT}


# --- starting again -----------------------------------------------------------------------------------------------


def test_what_failed_is_started_again(client: Client, account: Account) -> None:
    answer = client.post("/api/executions/failed/again", headers=AGAIN)

    assert (answer.status_code, answer.json()) == (201, {"name": "failed-again"})
    assert account.executions["failed-again"].text == account.executions["failed"].text


@pytest.mark.parametrize("end", ["fail", "abort", "time_out"])
def test_all_that_ends_badly_can_be_started_again(client: Client, account: Account, end: str) -> None:
    account.start("bad")
    getattr(account, end)("bad")

    assert client.get("/api/executions/bad").json()["again"] == {"name": "bad-again"}
    assert client.post("/api/executions/bad/again", headers=AGAIN).status_code == 201


@pytest.mark.parametrize("name", ["good", "runs"])
def test_only_what_failed_is_started_again(client: Client, account: Account, name: str) -> None:
    before = set(account.executions)
    answer = client.post(f"/api/executions/{name}/again", headers=AGAIN)

    assert answer.status_code == 409
    assert "failed" in _is_a_problem(answer.text)["title"]
    assert set(account.executions) == before
    assert client.get(f"/api/executions/{name}").json()["again"] is None


@pytest.mark.parametrize("headers", [{}, {"X-Lockstep-Other": "again"}, {"Origin": "https://evil.example"}])
def test_nothing_is_started_without_the_header(client: Client, account: Account, headers: dict[str, str]) -> None:
    """Any site may send a form to any address, but no header of ours."""
    body = {"X-Lockstep": "again"}
    answer = client.post("/api/executions/failed/again?X-Lockstep=again", headers=headers, data=body)

    assert answer.status_code == 403
    _is_a_problem(answer.text)
    assert account.calls == []


def test_nothing_is_started_again_twice(client: Client, account: Account) -> None:
    client.post("/api/executions/failed/again", headers=AGAIN)
    account.abort("failed-again")
    answer = client.post("/api/executions/failed/again", headers=AGAIN)

    assert answer.status_code == 409
    assert "already" in _is_a_problem(answer.text)["title"]
    assert [name for name in account.executions if "again" in name] == ["failed-again"]


def test_two_who_start_the_same_at_once_start_it_once(client: Client, account: Account) -> None:
    """While the new one runs, AWS answers as to the first; see Step Functions API Reference, StartExecution."""
    answers = [client.post("/api/executions/failed/again", headers=AGAIN) for _ in range(2)]

    assert {each.status_code for each in answers} <= {201, 409}
    assert [name for name in account.executions if "again" in name] == ["failed-again"]


def test_what_has_been_started_again_is_not_offered_again(client: Client, account: Account, history: History) -> None:
    assert client.get("/api/executions/failed").json()["again"] == {"name": "failed-again"}
    client.post("/api/executions/failed/again", headers=AGAIN)
    history.index.poll()

    assert client.get("/api/executions/failed").json()["again"] is None
    account.fail("failed-again")
    assert client.get("/api/executions/failed-again").json()["again"] == {"name": "failed-again2"}


def test_there_must_be_something_to_start_again(client: Client) -> None:
    answer = client.post("/api/executions/none/again", headers=AGAIN)

    assert answer.status_code == 404
    _is_a_problem(answer.text)


# --- changes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_LOOK_SECONDS", 0.001)


pytestmark = pytest.mark.usefixtures("_look_often")


def test_a_stream_ends_with_its_server(history: History) -> None:
    """Or it would be cut off, with a stack trace in the terminal."""
    ending = threading.Event()
    ending.set()

    assert asyncio.run(asyncio.wait_for(_raw(answers.app(history, ending), "/api/changes"), 5))[0] == 200


def test_all_rows_come_first_and_then_how_far_reading_is(app: ASGIApp) -> None:
    rows, reading = _Listening(app).until(2)

    assert (rows.name, reading.name) == ("executions", "reading")
    assert [each["name"] for each in rows.data["rows"]] == ["runs", "good", "failed"]
    assert rows.id
    assert reading.id is None
    assert {"known": 3, "read": 3, "is_cut": False, "problem": None}.items() <= reading.data.items()


def test_later_only_what_has_changed_comes(app: ASGIApp, account: Account, history: History) -> None:
    def change(seen: int) -> None:
        if seen == 2:
            account.convert("runs")
            account.start("new")
            history.index.poll()

    events = _Listening(app, then=change).until(4)

    later = [each for each in events[2:] if each.name == "executions"]
    assert {row["name"]: row["outcome"] for each in later for row in each.data["rows"]} == {
        "runs": "converted",
        "new": "working",
    }


def test_a_problem_is_told_and_that_it_is_gone(app: ASGIApp, account: Account, history: History) -> None:
    def change(seen: int) -> None:
        if seen == 2:
            account.refuse("ListExecutions", Refused("AccessDeniedException"))
            history.index.poll()
        if seen == 3:
            account.allow()
            history.index.poll()

    problems = [each.data["problem"] for each in _Listening(app, then=change).until(4)[1:]]

    assert problems[0] is problems[2] is None
    assert problems[1].keys() == {"title", "advice"}


def test_rows_come_in_chunks_and_only_the_last_says_that_they_are_all(
    app: ASGIApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever loses the connection between two is told all of them again."""
    monkeypatch.setattr(answers, "_ROWS", 2)
    first, last, reading = _Listening(app).until(3)

    assert [[each["name"] for each in chunk.data["rows"]] for chunk in (first, last)] == [["runs", "good"], ["failed"]]
    assert first.id is None
    assert last.id
    assert reading.name == "reading"


@pytest.mark.parametrize("way", ["header", "query"])
def test_who_comes_back_is_told_only_what_has_changed_since(
    app: ASGIApp, account: Account, history: History, way: str
) -> None:
    (rows, _) = _Listening(app).until(2)
    account.convert("runs")
    history.index.poll()
    resumed = {"last": rows.id} if way == "header" else {"query": f"after={rows.id}"}

    changed = _Listening(app, **resumed).until(1)[0]

    assert [each["name"] for each in changed.data["rows"]] == ["runs"]


def test_who_comes_back_without_having_missed_anything_is_told_how_far_reading_is(app: ASGIApp) -> None:
    (rows, _) = _Listening(app).until(2)

    assert _Listening(app, last=rows.id).until(1)[0].name == "reading"


@pytest.mark.parametrize(
    "last",
    ["", "junk", "-1", "1e9", "0", "999999", "²", "٣", "9" * 5000, "{server}.", "{server}.x", "{server}.²", "a.1"],
)
def test_who_comes_back_with_junk_is_told_everything(app: ASGIApp, last: str) -> None:
    (rows, _) = _Listening(app).until(2)
    server_, _, _ = (rows.id or "").partition(".")

    (rows, _) = _Listening(app, last=last.replace("{server}", server_)).until(2)

    assert len(rows.data["rows"]) == 3


def test_who_comes_back_to_a_server_that_was_started_anew_is_told_everything(app: ASGIApp, history: History) -> None:
    """Its revisions are others."""
    (rows, _) = _Listening(app).until(2)

    (rows, _) = _Listening(answers.app(history, threading.Event()), last=rows.id).until(2)

    assert len(rows.data["rows"]) == 3


@pytest.mark.parametrize("key", ["\u2028", "a\nb", "a\r\n\r\ndata: b", "ü", "\\ud800"])
def test_a_row_is_told_whatever_its_key_looks_like(account: Account, history: History, key: str) -> None:
    """One that broke the stream would keep all others from being shown."""
    text = json.dumps({"detail": {"object": {"key": key}}}).replace("\\\\u", "\\u")
    account.start("odd", text=text)
    history.index.poll()
    (rows, _) = _Listening(answers.app(history, threading.Event())).until(2)

    assert [each["name"] for each in rows.data["rows"]] == ["odd", "runs", "good", "failed"]
    if "ud800" not in key:
        assert rows.data["rows"][0]["key"] == key


def test_listening_asks_aws_for_nothing(app: ASGIApp, account: Account) -> None:
    """However many pages are open, only the index reads."""
    _Listening(app).until(2)

    assert account.calls == []


# --- helpers ------------------------------------------------------------------------------------------------------


class _Event:
    def __init__(self, text: str) -> None:
        fields = [line.split(": ", 1) for line in text.split("\r\n")]
        found = dict(each for each in fields if len(each) == 2)
        self.name = found["event"]
        self.id = found.get("id")
        self.data: dict[str, Any] = json.loads("\n".join(each[1] for each in fields if each[0] == "data"))


class _Listening:
    """A page that listens to changes. The test client waits for an answer's end, and this one has none."""

    def __init__(
        self, app: ASGIApp, *, last: str | None = None, query: str = "", then: Callable[[int], None] = lambda _: None
    ) -> None:
        self._app = app
        self._headers = [] if last is None else [(b"last-event-id", last.encode("utf-8", "replace"))]
        self._query = query
        self._then = then
        self._text = ""
        self._told = 0

    def until(self, count: int) -> list[_Event]:
        """The first events; after each, `then` is told how many there have been."""
        return asyncio.run(asyncio.wait_for(self._listen(count), timeout=5))

    async def _listen(self, count: int) -> list[_Event]:
        enough = asyncio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 200
            self._text += message.get("body", b"").decode()
            while self._told < len(self._events()):
                self._told += 1
                self._then(self._told)
                if self._told == count:
                    enough.set()

        path = "/api/changes"
        await self._app(_scope(path, self._headers, self._query), _asking(enough), send)
        return self._events()[:count]

    def _events(self) -> list[_Event]:
        return [_Event(each) for each in self._text.split("\r\n\r\n")[:-1] if not each.startswith(":")]


def _scope(path: str, headers: list[tuple[bytes, bytes]], query: str = "") -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1:8484"), *headers],
        "server": ("127.0.0.1", 8484),
        "scheme": "http",
        "root_path": "",
    }


def _asking(enough: asyncio.Event) -> Receive:
    """A request without a body, from somebody who goes away when there is enough."""
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in messages:
            return message
        await enough.wait()
        return {"type": "http.disconnect"}

    return receive


async def _raw(app: ASGIApp, path: str) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app({**_scope(path, []), "path": unquote(path)}, _asking(asyncio.Event()), send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent)


def _is_a_problem(text: str) -> dict[str, str]:
    """An answer for people: two plain texts."""
    found: dict[str, str] = json.loads(text)
    assert found.keys() == {"title", "advice"}
    assert all(each.strip() for each in found.values())
    assert "Traceback" not in text
    assert 'File "' not in text
    return found


def _refuse_constant(constant: str) -> None:
    raise AssertionError(constant)
