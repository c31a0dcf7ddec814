"""A state machine one step at a time, without clock, thread or function: a position and an answer make the next one.

What is known of the language, definition.py says. Other than on AWS, no answer is too large, no history too long,
and the envelope of an answer has no HTTP headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.simulation.definition import Context, Effect, Ended, Invoke, NotKnownError, Sleep, StatesRuntimeError, read
from tests.workflow.kit.cases import Answer, Failure, NeverAnswers, Refused, Returns
from tests.workflow.kit.machine import Machine

__all__ = ["Effect", "Ended", "Invoke", "NotKnownError", "Position", "Sleep", "Stepper"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where an execution stands. A value: nothing in it is ever changed, and who is given it must not either.

    Attributes:
        context: what `$$` refers to; a machine can ask for its Execution only.
        data: the state's input.
        retries: how often each retrier of the state was used at this visit.
        wants: what has to happen next.
    """

    context: Context
    state: str
    data: Any
    retries: tuple[int, ...]
    wants: Effect


class Stepper:
    """The steps of one machine.

    Attributes:
        timeout_seconds: the machine's own; who has a clock must see to it.
    """

    def __init__(self, machine: Machine, tell: Callable[[str, Mapping[str, Any]], None] = lambda *_: None) -> None:
        """Read a machine.

        Args:
            machine: the definition.
            tell: hears of every history event, its type and details: input, output and parameters as objects, and None
                for what AWS leaves out. Events have no numbers: where a cause has one, it is `#?`.

        Raises:
            NotKnownError: there is something in it that is not known here.
        """
        self._machine = machine
        self._tell = tell
        self._states = read(machine)
        self.timeout_seconds: float | None = machine.document.get("TimeoutSeconds")

    def start(self, context: Context, input: Any) -> Position:  # noqa: A002  # AWS's name
        """Begin an execution."""
        self._tell("ExecutionStarted", {"input": input})
        return self.enter(context, self._machine.start, input)

    def enter(self, context: Context, state: str, data: Any) -> Position:
        """Enter a state. A redrive does, where the execution failed: its retriers are unused again."""
        entered = self._states[state]
        self._tell(f"{entered.type}StateEntered", {"name": state, "input": data})
        try:
            comes = entered.comes(data, context)
        except StatesRuntimeError as error:
            comes = error.end(state)
        if comes is None or isinstance(comes, str):
            return self._leave(context, state, data, data, comes)
        return self._stand(context, state, data, entered.unused, comes)

    def answered(self, position: Position, answer: Answer) -> Position:
        """Go on from an Invoke."""
        assert isinstance(position.wants, Invoke), f"{position.state} has asked no function"
        if not isinstance(answer, Returns):
            return self._fail(position, answer)
        context, name, data = position.context, position.state, position.data
        envelope = {"ExecutedVersion": "$LATEST", "Payload": answer.payload, "StatusCode": 200}
        self._tell("TaskSucceeded", {**_LAMBDA, "output": envelope})
        try:
            output = self._states[name].output(data, envelope, context)
        except StatesRuntimeError as error:
            return self._stand(context, name, data, position.retries, error.end(name))
        return self._leave(context, name, data, output, self._states[name].next)

    def slept(self, position: Position) -> Position:
        """Go on from a Sleep."""
        assert isinstance(position.wants, Sleep), f"{position.state} does not sleep"
        context, name, data = position.context, position.state, position.data
        if not position.wants.is_retry:
            return self._leave(context, name, data, data, self._states[name].next)
        again = self._states[name].comes(data, context)
        assert isinstance(again, Invoke)
        return self._stand(context, name, data, position.retries, again)

    def _fail(self, position: Position, failure: Failure) -> Position:
        """Retry, then Catch; a retrier that is used up is followed by no other (Developer Guide, "Handling errors")."""
        context, name, data, retries = position.context, position.state, position.data, position.retries
        error, cause, state = failure.error, _cause(failure), self._machine.states[name]
        event = "TaskTimedOut" if isinstance(failure, NeverAnswers) else "TaskFailed"
        self._tell(event, {**_LAMBDA, "error": error, "cause": cause})
        if met := self._machine.retrier(name, error):
            number, retrier, used = met[0], state["Retry"][met[0]], retries[met[0]]
            if used < retrier.get("MaxAttempts", 3):
                retries = (*retries[:number], used + 1, *retries[number + 1 :])
                return self._stand(context, name, data, retries, _pause(retrier, used))
        if met := self._machine.catcher(name, error):
            output = self._states[name].catches[met[0]](data, {"Error": error, "Cause": cause or ""}, context)
            return self._leave(context, name, data, output, state["Catch"][met[0]]["Next"])
        return self._stand(context, name, data, retries, Ended("FAILED", error=error, cause=cause))

    def _leave(self, context: Context, name: str, data: Any, output: Any, following: str | None) -> Position:
        self._tell(f"{self._states[name].type}StateExited", {"name": name, "output": output})
        if following is None:
            return self._stand(context, name, data, (), Ended("SUCCEEDED", output))
        return self.enter(context, following, output)

    def _stand(self, context: Context, name: str, data: Any, retries: tuple[int, ...], wants: Effect) -> Position:
        if isinstance(wants, Invoke):
            state = self._machine.states[name]
            parameters = {"FunctionName": state["Parameters"]["FunctionName"], "Payload": wants.payload}
            timeout = state.get("TimeoutSeconds")
            self._tell("TaskScheduled", {**_LAMBDA, "parameters": parameters, "timeoutInSeconds": timeout})
            self._tell("TaskStarted", _LAMBDA)
        elif isinstance(wants, Ended) and wants.status == "SUCCEEDED":
            self._tell("ExecutionSucceeded", {"output": wants.output})
        elif isinstance(wants, Ended):
            self._tell("ExecutionFailed", {"error": wants.error, "cause": wants.cause})
        return Position(context, name, data, retries, wants)


# --- what comes of a failure -------------------------------------------------------------------------------

_LAMBDA: Final = {"resource": "invoke", "resourceType": "lambda"}
_REQUEST: Final = "Request ID: 00000000-0000-0000-0000-000000000000; Proxy: null"


def _cause(failure: Failure) -> str | None:
    """The function's report, or the service's words, as recorded from AWS (tests/workflow/recorded)."""
    if isinstance(failure, Refused):
        service = f"Service: AWSLambda; Status Code: {failure.status}; Error Code: {failure.code}; {_REQUEST}"
        return f"{failure.cause} ({service})"
    return failure.cause or None


def _pause(retrier: Mapping[str, Any], used: int) -> Sleep:
    """The pause before the next attempt, with the defaults of the Developer Guide ("Handling errors", Retry)."""
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2) ** used
    seconds = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    return Sleep(seconds, retrier.get("JitterStrategy") == "FULL", is_retry=True)
