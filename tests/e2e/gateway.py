"""Between the functions and the emulator: their calls to AWS pass here, where a test can see them and hold them.

To AWS the functions speak TLS, and the buckets' policies refuse whoever does not. The gateway tells the emulator that a
call has come by TLS, as a proxy does that ends it; otherwise the emulator, which enforces these policies too, would
refuse every call of a function to S3.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import psutil

_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding"})
BY_TLS: Final = {"x-forwarded-proto": "https"}
DEADLINE_SECONDS: Final = 60


@dataclass(frozen=True)
class Call:
    """One HTTP request of a function to AWS.

    Attributes:
        path: decoded, `/bucket/key` for S3.
        port: of the caller's end of the connection.
        to_port: of our end.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int
    to_port: int

    @property
    def token(self) -> str | None:
        """The fencing token of the output that is written."""
        return self.headers.get("x-amz-meta-fencing-token")

    @property
    def access_key(self) -> str:
        """The access key id of its signature. Each function has one, of its role."""
        return self.headers["authorization"].partition("Credential=")[2].partition("/")[0]

    @property
    def caller(self) -> psutil.Process:
        """The process that made it, which waits for its answer."""
        return process_at(self.port, self.to_port)


def process_at(port: int, to_port: int) -> psutil.Process:
    """Whose end of the connection between two ports the first is; either alone may be many a process's.

    Raises: psutil.NoSuchProcess.
    """
    for each in psutil.net_connections("tcp"):
        if each.pid and each.laddr and each.raddr and (each.laddr.port, each.raddr.port) == (port, to_port):
            return psutil.Process(each.pid)
    raise psutil.NoSuchProcess(0, msg=f"nobody has port {port}")


@dataclass(frozen=True)
class Answer:
    """What AWS says."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


_ACCESS_DENIED: Final = Answer(
    403,
    [("Content-Type", "application/xml")],
    b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
)


@dataclass
class Breakpoint:
    """Holds calls until it is told to let them go, or to drop them."""

    wanted: Callable[[Call], bool]
    dropped: bool = False
    refusal: Answer | None = None
    held: list[Call] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)
    passed: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> Call:
        """Until a call has come; the first one."""
        assert self.reached.wait(DEADLINE_SECONDS), "nothing has come to the breakpoint"
        return self.held[0]

    def let_go(self) -> None:
        """Let the calls go on, and wait until AWS has answered the first of them."""
        self.open.set()
        assert self.passed.wait(DEADLINE_SECONDS), "the call that was held has not been answered"

    def drop(self) -> None:
        """Let the calls never arrive, and their callers wait in vain."""
        self.dropped = True
        self.open.set()


class Gateway:
    """A reverse proxy on loopback. A context manager: it serves while it is open.

    Attributes:
        target: address of the emulator; to be set before the first call comes.
        denies: whether AWS, unlike the emulator, denies a call: asked with None before the emulator has it, and again
            with the status of its answer.
    """

    def __init__(self) -> None:
        self.target = ""
        self._tls = True
        self.denies: Callable[[Call, int | None], bool] = lambda _call, _status: False
        self._watches: list[Callable[[Call, int], None]] = []
        self._breakpoints: list[Breakpoint] = []
        self._server = _Server(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def watch(self, wanted: Callable[[Call], bool]) -> list[Call]:
        """The calls that are `wanted`, as they come; they pass."""
        watched = Breakpoint(wanted)
        watched.open.set()
        self._breakpoints.append(watched)
        return watched.held

    @contextmanager
    def without_tls(self) -> Iterator[None]:
        """Let calls count as such that have come without TLS."""
        self._tls = False
        try:
            yield
        finally:
            self._tls = True

    @contextmanager
    def told(self, seen: Callable[[Call, int], None]) -> Iterator[None]:
        """Tell of every call and the status of its answer, before the caller has it."""
        self._watches.append(seen)
        try:
            yield
        finally:
            self._watches.remove(seen)

    @contextmanager
    def refusing(self, wanted: Callable[[Call], bool]) -> Iterator[None]:
        """Answer the calls that are `wanted` as AWS does where a permission is missing."""
        with self.breakpoint(wanted) as refused:
            refused.refusal = _ACCESS_DENIED
            refused.open.set()
            yield

    @contextmanager
    def breakpoint(self, wanted: Callable[[Call], bool]) -> Iterator[Breakpoint]:
        """Hold the calls that are `wanted`, until they are let go or the block ends."""
        found = Breakpoint(wanted)
        self._breakpoints.append(found)
        try:
            yield found
        finally:
            found.open.set()
            self._breakpoints.remove(found)

    def __enter__(self) -> Gateway:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._breakpoints:
            each.open.set()
        self._server.shutdown()
        self._server.server_close()

    def forward(self, call: Call, raw_path: str) -> Answer | None:
        """The emulator's answer to the call, after all breakpoints that want it; None if one of them dropped it."""
        stops = [each for each in self._breakpoints if each.wanted(call)]
        for stop in stops:
            stop.held.append(call)
            stop.reached.set()
            stop.open.wait()
            if stop.dropped or stop.refusal:
                return stop.refusal
        try:
            answer = _ACCESS_DENIED if self.denies(call, None) else self._ask(call, raw_path)
            for seen in self._watches:
                seen(call, answer.status)
            return _ACCESS_DENIED if self.denies(call, answer.status) else answer
        finally:
            for stop in stops:
                stop.passed.set()

    def _ask(self, call: Call, raw_path: str) -> Answer:
        headers = call.headers | (BY_TLS if self._tls else {})
        with closing(http.client.HTTPConnection(urlsplit(self.target).netloc, timeout=DEADLINE_SECONDS)) as target:
            target.request(call.method, raw_path, call.body, headers)
            found = target.getresponse()
            return Answer(found.status, found.getheaders(), found.read())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.gateway = gateway


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        server = cast("_Server", self.server)
        ports = self.client_address[1], server.server_port
        call = Call(self.command, unquote(urlsplit(self.path).path), headers, body, *ports)
        answer = server.gateway.forward(call, self.path)
        if answer is None:
            self.close_connection = True
            return
        with suppress(BrokenPipeError, ConnectionResetError):  # the caller has given up, or was killed
            self._answer(answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815  # the base class's names

    def _answer(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in answer.headers):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def handle_expect_100(self) -> bool:
        """S3 clients ask before they send a body."""
        self.send_response_only(100)
        self.end_headers()
        return True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""
