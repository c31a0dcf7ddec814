"""AWS Lambda's Invoke API on loopback, with the answers that a test wants.

In AWS's own wire format (Lambda API reference, "Invoke"). An exception of the function is HTTP 200 with
`X-Amz-Function-Error`, and its class name is the error's name in the state machine. An error of the service is an
HTTP error named by `x-amzn-ErrorType`, and `Lambda.<name>` in the state machine.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self, cast
from urllib.parse import unquote

from .cases import Answer, NeverAnswers, Raises, Refused, Returns

UNKNOWN_FUNCTION = "ResourceNotFoundException"


class InvokeEndpoint(ThreadingHTTPServer):
    """An address to invoke functions at. A context manager: it serves while it is open.

    Attributes:
        answer: says what a function, by its name or ARN, answers to a payload.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.answer: Callable[[str, bytes], Answer] = _nobody
        self._withholding = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self.shutdown()
        self.server_close()

    def let_go(self) -> None:
        """Let those go that were to get no answer, once nobody waits for it any more."""
        withholding, self._withholding = self._withholding, Event()
        withholding.set()

    def withhold(self) -> None:
        """Wait until then."""
        self._withholding.wait()

    def function_error(self, raised: Raises) -> str:  # noqa: ARG002  # for those who bend the wire format
        """What `X-Amz-Function-Error` says of an exception."""
        return "Unhandled"


def _nobody(function: str, _: bytes) -> Answer:
    return Refused(UNKNOWN_FUNCTION, 404, function)


class _Request(BaseHTTPRequestHandler):
    """POST /2015-03-31/functions/{name or ARN}/invocations."""

    protocol_version = "HTTP/1.1"  # one connection for many calls
    wbufsize = -1  # headers and body in one packet
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        server = cast("InvokeEndpoint", self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name_or_arn = unquote(self.path.removeprefix("/2015-03-31/functions/").removesuffix("/invocations"))
        match server.answer(name_or_arn, body):
            case NeverAnswers():
                server.withhold()
                self._respond(400, {"message": "too late"}, {"x-amzn-ErrorType": "InvalidRequestContentException"})
            case Refused(code, status, message):
                self._respond(status, {"message": message}, {"x-amzn-ErrorType": code})
            case Raises() as raised:
                self._respond(200, json.loads(raised.cause), {"X-Amz-Function-Error": server.function_error(raised)})
            case Returns(payload):
                self._respond(200, payload, {})

    def _respond(self, status: int, document: Any, headers: Mapping[str, str]) -> None:
        body = json.dumps(document).encode()
        usual = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "x-amzn-RequestId": str(uuid.uuid4()),
            "X-Amz-Executed-Version": "$LATEST",
        }
        self.send_response(status)
        for name, value in (usual | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Say nothing: who answers knows what was asked."""
