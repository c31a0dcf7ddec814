"""The few calls to AWS that the history makes, on loopback: their shapes only, this is no emulator.

A test changes what they answer while the page is open.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from lockstep import paths
from tests.browser.histories import EXECUTIONS, STATE_MACHINE, Cheap, Run

_DEFINITION: Final = paths.ROOT / "statemachine" / "lockstep.asl.json"


class Refusal(NamedTuple):
    """An error as AWS answers it."""

    code: str
    message: str
    status: int = 400


DENIED: Final = Refusal(
    "AccessDeniedException", "User: arn:aws:sts::111122223333:assumed-role/Guest/me is not authorized"
)
EXPIRED: Final = Refusal("ExpiredTokenException", "The security token included in the request is expired")
THROTTLED: Final = Refusal("ThrottlingException", "Rate exceeded")
NO_EXECUTION: Final = Refusal("ExecutionDoesNotExist", "Execution Does Not Exist")
EXISTS_ALREADY: Final = Refusal("ExecutionAlreadyExists", "Execution Already Exists")


class RefusedError(Exception):
    """Ends a call."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class Stored(NamedTuple):
    """An object in a bucket."""

    body: bytes
    source_etag: str = ""

    @property
    def etag(self) -> str:
        return md5(self.body, usedforsecurity=False).hexdigest()


@dataclass
class FakeApi:
    """It answers between `start` and `stop`, always on the same port.

    Attributes:
        executions: by name.
        locks: the table's items by object_id, as DynamoDB writes them.
        objects: by bucket and key.
        refusals: by operation, "ListExecutions" for example.
        calls: operations and what they were called with, in order.
    """

    executions: dict[str, Run | Cheap] = field(default_factory=dict)
    locks: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    objects: dict[tuple[str, str], Stored] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    port: int = 0
    _newest: list[Run | Cheap] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        handler = type("Bound", (_Handler,), {"api": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="fake-api", daemon=True).start()

    def stop(self) -> None:
        """From here on connections are refused, and those that are open are closed at the next call."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    @property
    def is_up(self) -> bool:
        return self._server is not None

    def add(self, *executions: Run | Cheap) -> None:
        """List them from now on."""
        self.executions.update((each.name, each) for each in executions)
        self._newest = sorted(self.executions.values(), key=lambda each: each.started, reverse=True)

    def put(self, bucket: str, key: str, body: bytes, source: bytes | None = None) -> None:
        """Store an object; `source` is what an output was made from."""
        self.objects[bucket, key] = Stored(body, "" if source is None else Stored(source).etag)

    def lock(self, object_id: str, **attributes: str | int) -> None:
        """Write a lock record."""
        typed = {n: {"N": str(v)} if isinstance(v, int) else {"S": v} for n, v in attributes.items()}
        self.locks[object_id] = {"object_id": {"S": object_id}, **typed}

    def refuse(self, refusal: Refusal, *operations: str) -> None:
        """From now on these calls go wrong."""
        self.refusals = dict.fromkeys(operations, refusal)

    def called(self, operation: str) -> list[dict[str, Any]]:
        """What it was called with, each time."""
        return [arguments for name, arguments in self.calls if name == operation]

    # --- the calls -----------------------------------------------------------------------------------------

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        self.calls.append((operation, arguments))
        if operation in self.refusals:
            raise RefusedError(self.refusals[operation])
        return getattr(self, f"_{operation}")(arguments)

    def _DescribeStateMachine(self, _: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802  # the call's name
        return {"stateMachineArn": STATE_MACHINE, "name": "lockstep-Machine", "definition": _DEFINITION.read_text()}

    def _ListExecutions(self, arguments: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        found, more = _page(self._newest, arguments, 100)
        return {"executions": [_listed(each) for each in found], **more}

    def _GetExecutionHistory(self, arguments: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        found, more = _page(self._execution(arguments).events, arguments, 100)
        return {"events": found, **more}

    def _DescribeExecution(self, arguments: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = self._execution(arguments)
        return {**_listed(found), "input": found.input}

    def _StartExecution(self, arguments: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        known = self.executions.get(arguments["name"])
        if known is not None and (known.status != "RUNNING" or known.input != arguments["input"]):
            raise RefusedError(EXISTS_ALREADY)
        if known is None:
            self.add(Run(arguments["name"], arguments["input"], time.time()))
        return {
            "executionArn": f"{EXECUTIONS}:{arguments['name']}",
            "startDate": self.executions[arguments["name"]].started,
        }

    def _GetItem(self, arguments: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = self.locks.get(arguments["Key"]["object_id"]["S"])
        return {} if found is None else {"Item": found}

    def _GetObject(self, arguments: Mapping[str, Any]) -> Stored:  # noqa: N802
        return self.objects[arguments["Bucket"], arguments["Key"]]

    _HeadObject = _GetObject

    def _execution(self, arguments: Mapping[str, Any]) -> Run | Cheap:
        name = arguments["executionArn"].removeprefix(f"{EXECUTIONS}:")
        if name not in self.executions:
            raise RefusedError(NO_EXECUTION)
        return self.executions[name]


def _page(items: list[Any], arguments: Mapping[str, Any], usual: int) -> tuple[list[Any], dict[str, str]]:
    start, size = int(arguments.get("nextToken", 0)), arguments.get("maxResults", usual)
    return items[start : start + size], {"nextToken": str(start + size)} if start + size < len(items) else {}


def _listed(each: Run | Cheap) -> dict[str, Any]:
    stop = {} if each.stopped is None else {"stopDate": each.stopped}
    about = {"executionArn": f"{EXECUTIONS}:{each.name}", "stateMachineArn": STATE_MACHINE, "name": each.name}
    return {**about, "status": each.status, "startDate": each.started, **stop, "redriveCount": 0}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True  # with it, what is sent in two parts waits 40 ms for an acknowledgement
    api: ClassVar[FakeApi]

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:  # whoever asked has gone, or we have
            self.close_connection = True

    def do_POST(self) -> None:
        arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer, status = self._answer(self.headers["X-Amz-Target"].rpartition(".")[2], arguments), 200
        except RefusedError as error:
            answer, status = {"__type": error.refusal.code, "message": error.refusal.message}, error.refusal.status
        self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/x-amz-json-1.0"})

    def do_GET(self) -> None:
        bucket, _, key = unquote(urlsplit(self.path).path).removeprefix("/").partition("/")
        try:
            found = self._answer(
                "HeadObject" if self.command == "HEAD" else "GetObject", {"Bucket": bucket, "Key": key}
            )
        except (RefusedError, KeyError) as error:
            code = 403 if isinstance(error, RefusedError) else 404
            self._send(code, b"<Error><Code>AccessDenied</Code></Error>" if code == 403 else b"", {})
        else:
            written = "Sun, 01 Mar 2026 10:00:00 GMT"
            about = {"ETag": f'"{found.etag}"', "Last-Modified": written, "x-amz-meta-source-tag": found.source_etag}
            self._send(200, found.body, about)

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, operation: str, arguments: dict[str, Any]) -> Any:
        if not self.api.is_up:
            raise ConnectionResetError
        return self.api.call(operation, arguments)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests look at `calls`."""
