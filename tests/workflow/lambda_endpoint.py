"""AWS Lambda's Invoke API on loopback: the real handlers in this process, with the faults a test asks for.

Answers have AWS's wire format (Lambda API reference, "Invoke"). An exception of the handler is HTTP 200 with
`X-Amz-Function-Error`, and its class name is the error's name in the state machine. A fault of the service is an HTTP
error named by `x-amzn-ErrorType`, and `Lambda.<name>` in the state machine, in moto as on AWS. moto differs where
there is no answer at all: a broken connection is `States.Runtime` there, and `Lambda.SdkClientException` on AWS.
"""

from __future__ import annotations

import json
import traceback
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Final, Self, cast
from urllib.parse import unquote

from tests.workflow.aws_calls import AwsCalls, Killed
from tests.workflow.template import Handler


@dataclass(frozen=True, slots=True)
class ServiceFault:
    """Lambda itself answers with an error."""

    code: str
    status: int
    message: str = "the service says no"


@dataclass(frozen=True, slots=True)
class RuntimeFault:
    """The function's process ended in a way that no handler can report; Lambda reports it."""

    error_type: str
    message: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request is taken and never answered."""


@dataclass(frozen=True, slots=True)
class Unheard:
    """An answer after the execution was stopped: the engine only has to be able to read it."""


THROTTLED: Final = ServiceFault("TooManyRequestsException", 429, "Rate Exceeded.")
SERVICE_EXCEPTION: Final = ServiceFault("ServiceException", 500)
TIMED_OUT: Final = RuntimeFault("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 20.00 seconds")
KILLED: Final = RuntimeFault("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed")
NO_ANSWER: Final = NoAnswer()
UNHEARD: Final = Unheard()

Fault = ServiceFault | RuntimeFault | NoAnswer | Unheard | Exception


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation and its outcome: what the handler answered, or the fault."""

    function: str
    payload: Mapping[str, Any]
    outcome: Any


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str
    memory_limit_in_mb: int = 512
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


class Handling(Enum):
    """What the handler does in a call."""

    NONE = "none"
    DONE = "done"
    GOES_ON = "goes on"  # after the call has been answered


@dataclass
class _Script:
    """What a test asks for one function. Each fault is for one call, in order, until only `for_good` is left."""

    faults: deque[tuple[Fault, Handling]] = field(default_factory=deque)
    for_good: Fault | None = None
    hooks: dict[int, Callable[[], object]] = field(default_factory=dict)

    def next_fault(self) -> tuple[Fault | None, Handling]:
        """The fault of this call, and what the handler does all the same."""
        if self.faults:
            return self.faults.popleft()
        return self.for_good, Handling.DONE if self.for_good is None else Handling.NONE


class LambdaEndpoint:
    """The functions, by name, as one test sees them.

    Attributes:
        calls: every call that has ended, in the order of their ends.
        counts: how often each function was called.
        broken_hooks: what the hooks of `before` have raised; the call then fails, and so should the test.
        going_on: handlers whose calls were answered before they had ended.
    """

    def __init__(self, url: str, functions: Mapping[str, Handler], aws: AwsCalls) -> None:
        self.url = url
        self.functions = functions
        self.aws = aws
        self.calls: list[Call] = []
        self.counts: Counter[str] = Counter()
        self.broken_hooks: list[Exception] = []
        self.going_on: list[Thread] = []
        self.closing = Event()
        self._scripts: defaultdict[str, _Script] = defaultdict(_Script)
        self._lock = Lock()

    # --- what a test asks for ------------------------------------------------------------------------------

    def fail(self, function: str, fault: Fault, *, times: int = 1) -> None:
        """Answer the next `times` calls with `fault`; the handler does not run."""
        self._script(function).faults.extend([(fault, Handling.NONE)] * times)

    def fail_for_good(self, function: str, fault: Fault) -> None:
        """Answer every call with `fault`; the handler does not run."""
        self._script(function).for_good = fault

    def lose_answer(self, function: str, fault: Fault = SERVICE_EXCEPTION) -> None:
        """Run the handler at the next call, and answer with `fault` all the same."""
        self._script(function).faults.append((fault, Handling.DONE))

    def abandon(self, function: str, fault: Fault = SERVICE_EXCEPTION) -> None:
        """Answer the next call with `fault` at once, while the handler goes on."""
        self._script(function).faults.append((fault, Handling.GOES_ON))

    def before(self, function: str, hook: Callable[[], object], *, call: int = 1) -> None:
        """Let the world change right before the function's `call`-th call."""
        self._script(function).hooks[call] = hook

    def _script(self, function: str) -> _Script:
        if function not in self.functions:
            msg = f"template.yaml has no {function}, only {', '.join(self.functions)}"
            raise KeyError(msg)
        return self._scripts[function]

    # --- serving -------------------------------------------------------------------------------------------

    def invoke(self, function: str, body: bytes) -> Any:
        """One call: what the handler answers, or a fault."""
        with self._lock:
            self.counts[function] += 1
            script = self._scripts[function]
            hook = script.hooks.pop(self.counts[function], None)
            fault, handling = script.next_fault()
        if hook is not None:
            try:
                hook()
            except Exception as error:  # noqa: BLE001  # the test gets it
                self.broken_hooks.append(error)
                fault, handling = error, Handling.NONE
        outcome: Any = None
        match handling:
            case Handling.DONE:
                outcome = self._run(function, body)
            case Handling.GOES_ON:
                self.going_on.append(Thread(target=self._run, args=(function, body), daemon=True))
                self.going_on[-1].start()
            case Handling.NONE:
                pass
        if fault is not None:
            outcome = fault
        self.calls.append(Call(function, json.loads(body), outcome))
        return outcome

    def _run(self, function: str, body: bytes) -> Any:
        """Event and answer pass through JSON, as between Lambda and a handler."""
        try:
            with self.aws.made_by(function):
                return json.loads(json.dumps(self.functions[function](json.loads(body), Context(function))))
        except Killed:
            return KILLED
        except Exception as error:  # noqa: BLE001  # Lambda reports whatever it is
            return error


class LambdaServer(ThreadingHTTPServer):
    """An HTTP address for all tests, one after the other. A context manager: it serves while it is open.

    Attributes:
        endpoint: what answers at this time.
    """

    daemon_threads = True
    endpoint: LambdaEndpoint

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Request(BaseHTTPRequestHandler):
    """POST /2015-03-31/functions/{name or ARN}/invocations."""

    protocol_version = "HTTP/1.1"  # one connection for many calls
    wbufsize = -1  # headers and body in one packet
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        endpoint = cast("LambdaServer", self.server).endpoint
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name_or_arn = unquote(self.path.removeprefix("/2015-03-31/functions/").removesuffix("/invocations"))
        function = name_or_arn.rpartition(":")[2]
        if function not in endpoint.functions:
            self._respond(404, {"message": name_or_arn}, {"x-amzn-ErrorType": "ResourceNotFoundException"})
            return
        match endpoint.invoke(function, body):
            case NoAnswer():
                endpoint.closing.wait()
                self.close_connection = True
            case Unheard():
                self._respond(200, dict.fromkeys(["source", "output_etag", "token", "sequencer", "released"]), {})
            case ServiceFault(code, status, message):
                self._respond(status, {"message": message}, {"x-amzn-ErrorType": code})
            case RuntimeFault(error_type, message):
                self._respond_unhandled({"errorType": error_type, "errorMessage": message})
            case Exception() as error:
                self._respond_unhandled(_report(error))
            case answer:
                self._respond(200, answer, {})

    def _respond_unhandled(self, report: Mapping[str, Any]) -> None:
        self._respond(200, report, {"X-Amz-Function-Error": "Unhandled"})

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
        """Say nothing: `LambdaEndpoint.calls` has it."""


def _report(error: Exception) -> dict[str, Any]:
    """What Lambda's Python runtime says of an exception (awslambdaric, `bootstrap.make_error`)."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": str(uuid.uuid4()),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }
