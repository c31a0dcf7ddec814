"""A test's functions: the real handlers in this process, for Lambda's Invoke API, with the faults it asks for."""

from __future__ import annotations

import json
import traceback
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock, Thread
from typing import Any, Final

from tests.workflow.aws_calls import AwsCalls, Killed
from tests.workflow.kit.cases import Answer, NeverAnswers, Raises, Refused, Returns
from tests.workflow.kit.endpoint import UNKNOWN_FUNCTION
from tests.workflow.kit.machine import function_name
from tests.workflow.template import Handler


@dataclass(frozen=True, slots=True)
class Unheard:
    """An answer after the execution was stopped: the engine only has to be able to read it."""


SERVICE_EXCEPTION: Final = Refused("ServiceException")
TIMED_OUT: Final = Raises("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 20.00 seconds")
KILLED: Final = Raises("Runtime.ExitError", "RequestId: 1 Error: Runtime exited with error: signal: killed")
UNHEARD: Final = Unheard()

Fault = Refused | Raises | NeverAnswers | Unheard | Exception


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
    """What a test asks for one function. Each fault is for one call, in order."""

    faults: deque[tuple[Fault, Handling]] = field(default_factory=deque)
    hooks: dict[int, Callable[[], object]] = field(default_factory=dict)

    def next_fault(self) -> tuple[Fault | None, Handling]:
        """The fault of this call, and what the handler does all the same."""
        return self.faults.popleft() if self.faults else (None, Handling.DONE)


class LambdaEndpoint:
    """The functions, by name, as one test sees them. An `InvokeEndpoint` takes its answers from here.

    Attributes:
        calls: every call that has ended, in the order of their ends.
        counts: how often each function was called.
        broken_hooks: what the hooks of `before` have raised; the call then fails, and so should the test.
        going_on: handlers whose calls were answered before they had ended.
        withhold: tells the engine that a call gets no answer.
    """

    def __init__(self, functions: Mapping[str, Handler], aws: AwsCalls, withhold: Callable[[], None]) -> None:
        self.functions = functions
        self.aws = aws
        self.calls: list[Call] = []
        self.counts: Counter[str] = Counter()
        self.broken_hooks: list[Exception] = []
        self.going_on: list[Thread] = []
        self.withhold = withhold
        self._scripts: defaultdict[str, _Script] = defaultdict(_Script)
        self._lock = Lock()

    # --- what a test asks for ------------------------------------------------------------------------------

    def fail(self, function: str, fault: Fault, *, times: int = 1) -> None:
        """Answer the next `times` calls with `fault`; the handler does not run."""
        self._script(function).faults.extend([(fault, Handling.NONE)] * times)

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

    def __call__(self, name_or_arn: str, body: bytes) -> Answer:
        """What Lambda answers to a call."""
        function = function_name(name_or_arn)
        if function not in self.functions:
            return Refused(UNKNOWN_FUNCTION, 404, function)
        match self.invoke(function, body):
            case Unheard():
                return Returns(dict.fromkeys(["source", "output_etag", "token", "sequencer", "released"]))
            case NeverAnswers() as fault:
                self.withhold()
                return fault
            case Refused() | Raises() as fault:
                return fault
            case Exception() as error:
                return _report(error)
            case answer:
                return Returns(answer)

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


def _report(error: Exception) -> Raises:
    """What Lambda's Python runtime says of an exception (awslambdaric, `bootstrap.make_error`)."""
    return Raises(type(error).__name__, str(error), traceback.format_tb(error.__traceback__))
