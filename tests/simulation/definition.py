"""A machine read into functions, and the effects that they come to.

Known is what the shipped machine uses, in JSONPath: Task (`lambda:invoke`), Choice (StringEquals), Wait, Pass, Succeed,
Fail; paths of names, like `$.a.b` and `$$.Execution.Id`. A machine with anything else is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.workflow.kit.machine import END, INVOKE, Machine, function_name

Context = Mapping[str, Any]
State = Mapping[str, Any]  # as the definition has it


class NotKnownError(ValueError):
    """A machine has, or comes to, something that is not known here."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what} is not known here")


@dataclass(frozen=True, slots=True)
class Invoke:
    """A Task waits for its function; after these seconds the answer is NO_ANSWER."""

    function: str
    payload: Any
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """A Wait, or the pause before a retry; with jitter it may be any time up to these seconds, or none."""

    seconds: float
    jitter: bool = False
    is_retry: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The execution is over, SUCCEEDED or FAILED; a time-out has no cause."""

    status: str
    output: Any = None
    error: str | None = None
    cause: str | None = None


Effect = Invoke | Sleep | Ended


class StatesRuntimeError(Exception):
    """The execution ends here as States.Runtime, which no retrier and no catcher sees."""

    def end(self, state: str) -> Ended:
        where = f"An error occurred while executing the state '{state}' (entered at the event id #?)."
        return Ended("FAILED", error="States.Runtime", cause=f"{where} {self}")


# --- reading a machine -------------------------------------------------------------------------------------

_KNOWN: Final = {
    "machine": "Comment StartAt States TimeoutSeconds",
    "Task": "Type Comment Resource Parameters ResultSelector ResultPath TimeoutSeconds Retry Catch Next End",
    "Choice": "Type Comment Choices Default",
    "Wait": "Type Comment Seconds SecondsPath Next End",
    "Pass": "Type Comment Next End",
    "Succeed": "Type Comment",
    "Fail": "Type Comment Error ErrorPath Cause CausePath",
    "Parameters": "FunctionName Payload Payload.$",
    "Retry": "Comment ErrorEquals IntervalSeconds BackoffRate MaxAttempts MaxDelaySeconds JitterStrategy",
    "Catch": "Comment ErrorEquals ResultPath Next",
    "Choices": "Comment Variable StringEquals Next",
}
_Path = Callable[[Any, Context], Any]  # of a state's input, and of the context
_Comes = Callable[[Any, Context], Effect | str | None]  # an effect, or the state that follows; None at the end
_Output = Callable[[Any, Any, Context], Any]  # of a state's input, a result, and the context


@dataclass(frozen=True, slots=True)
class ReadState:
    """A state that was read: what entering it comes to, what follows, what is made of results, and of errors."""

    type: str
    comes: _Comes
    next: str | None
    output: _Output
    unused: tuple[int, ...]
    catches: Sequence[_Output]


def read(machine: Machine) -> Mapping[str, ReadState]:
    """The states of a machine, by name.

    Raises:
        NotKnownError: there is something in it that is not known here.
    """
    _check("machine", "the machine", machine.document)
    states = {name: _read(name, state) for name, state in machine.states.items()}
    for edge in machine.edges:
        if edge.target not in states and edge.target != END:
            raise NotKnownError(str(edge), "that state")
    return states


def _read(name: str, state: State) -> ReadState:
    readers = {"Task": _task, "Choice": _choice, "Wait": _wait, "Pass": _onwards, "Succeed": _onwards, "Fail": _failure}
    type_, retriers, catchers = state["Type"], state.get("Retry", ()), state.get("Catch", ())
    if type_ not in readers:
        raise NotKnownError(name, f"a {type_}")
    _check(type_, name, state)
    for kind in ("Retry", "Catch", "Choices"):
        where = f"{name}.{kind}"
        for each in state.get(kind, ()):
            _check(kind, where, each)
            if each.get("JitterStrategy", "NONE") not in {"FULL", "NONE"}:
                raise NotKnownError(where, f"the JitterStrategy {each['JitterStrategy']}")
    if "End" in _KNOWN[type_].split() and ("Next" in state) == ("End" in state):
        raise NotKnownError(name, "what follows")
    catches = [_output(name, catcher) for catcher in catchers]
    comes = readers[type_](name, state)
    return ReadState(type_, comes, state.get("Next"), _output(name, state), (0,) * len(retriers), catches)


def _check(kind: str, where: str, fields: Mapping[str, Any]) -> None:
    for field in fields:
        if field not in _KNOWN[kind].split():
            raise NotKnownError(where, field)


def _task(name: str, state: State) -> _Comes:
    parameters = state.get("Parameters", {})
    if state.get("Resource") != INVOKE or "FunctionName" not in parameters or len(parameters) != 2:
        raise NotKnownError(name, f"a Task that is not {INVOKE} with a FunctionName and a Payload")
    _check("Parameters", f"{name}.Parameters", parameters)
    made = _template(name, parameters)
    function = function_name(parameters["FunctionName"])
    seconds = state.get("TimeoutSeconds", 99_999_999)  # Developer Guide, "Task workflow state"
    return lambda data, context: Invoke(function, made(data, context)["Payload"], seconds)


def _choice(name: str, state: State) -> _Comes:
    """No way on is States.Runtime, as emulators compared with AWS have it (the specification: NoChoiceMatched)."""
    says = "Invalid path '{path}': The choice state's condition path references an invalid value."
    rules = [(_path(name, rule["Variable"], says), rule["StringEquals"], rule["Next"]) for rule in state["Choices"]]

    def comes(data: Any, context: Context) -> str:
        for look, word, follows in rules:
            if look(data, context) == word:
                return str(follows)
        if "Default" not in state:
            raise StatesRuntimeError("Failed to transition out of the state. The state does not point to a next state.")
        return str(state["Default"])

    return comes


def _wait(name: str, state: State) -> _Comes:
    """SecondsPath must lead to a whole number from 0, as recorded from AWS."""
    look = _value(name, state, "Seconds", "The SecondsPath parameter does not reference an input value: {path}")

    def comes(data: Any, context: Context) -> Sleep:
        seconds = look(data, context)
        if type(seconds) is int and seconds >= 0:
            return Sleep(seconds)
        wrong = "references a negative value" if type(seconds) is int else "cannot be parsed as a long value"
        msg = f"The SecondsPath parameter {wrong}: {state.get('SecondsPath')} == {json.dumps(seconds)}"
        raise StatesRuntimeError(msg)

    return comes


def _onwards(_name: str, state: State) -> _Comes:
    return lambda _data, _context: state.get("Next")


def _failure(name: str, state: State) -> _Comes:
    look_error, look_cause = _value(name, state, "Error"), _value(name, state, "Cause")

    def comes(data: Any, context: Context) -> Ended:
        error, cause = look_error(data, context), look_cause(data, context)
        if isinstance(error, str) and isinstance(cause, str):
            return Ended("FAILED", error=error, cause=cause)
        raise StatesRuntimeError("An error and a cause must be strings.")

    return comes


# --- paths -------------------------------------------------------------------------------------------------

_NAMES: Final = r"(\.[A-Za-z_][A-Za-z0-9_]*)*"
_OF_STATE: Final = re.compile(rf"(\$|\$\$\.Execution){_NAMES}")
_OF_ANSWER: Final = re.compile(rf"(\$\.(Payload|StatusCode|ExecutedVersion)|\$\$\.Execution){_NAMES}")
_INTO_STATE: Final = re.compile(rf"\${_NAMES}")
_NOWHERE: Final = "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{input}'"


def _keys(where: str, path: Any, known: re.Pattern[str]) -> Sequence[str]:
    if not isinstance(path, str) or not known.fullmatch(path):
        raise NotKnownError(where, f"the path {path}")
    return path.split(".")[1:]


def _path(where: str, path: Any, says: str = _NOWHERE, *, field: str = "", known: re.Pattern[str] = _OF_STATE) -> _Path:
    keys = _keys(where, path, known)
    of_context = path.startswith("$$")

    def look(data: Any, context: Context) -> Any:
        found = whole = context if of_context else data
        try:
            for key in keys:
                found = found[key]
        except (KeyError, TypeError):
            shown = json.dumps(whole, separators=(",", ":"))
            raise StatesRuntimeError(says.format(path=path, field=field, input=shown)) from None
        return found

    return look


def _value(where: str, state: State, field: str, says: str = _NOWHERE) -> _Path:
    """A field's value, or what its path leads to."""
    path = f"{field}Path"
    if (field in state) == (path in state):
        raise NotKnownError(where, f"a state without one of {field} and {path}")
    return _path(where, state[path], says, field=path) if path in state else _constant(state[field])


def _constant(value: Any) -> _Path:
    return lambda _data, _context: value


def _template(where: str, template: Mapping[str, Any], known: re.Pattern[str] = _OF_STATE) -> _Path:
    made: dict[str, _Path] = {}
    for name, value in template.items():
        if name.endswith(".$"):
            made[name.removesuffix(".$")] = _path(where, value, field=name, known=known)
        elif isinstance(value, Mapping):
            made[name] = _template(where, value, known)
        elif isinstance(value, list):
            raise NotKnownError(where, f"the list {name} in a template")
        else:
            made[name] = _constant(value)
    return lambda data, context: {name: make(data, context) for name, make in made.items()}


def _output(where: str, fields: Mapping[str, Any]) -> _Output:
    """What ResultSelector makes of a result, put into the state's input by ResultPath."""
    selector = fields.get("ResultSelector")
    select = _path(where, "$") if selector is None else _template(where, selector, _OF_ANSWER)
    keys = _keys(where, fields.get("ResultPath", "$"), _INTO_STATE)

    def put(data: Any, keys: Sequence[str], value: Any) -> Any:
        if not keys:
            return value
        if not isinstance(data, Mapping):
            raise NotKnownError(where, f"a ResultPath into {data}")
        return {**data, keys[0]: put(data.get(keys[0], {}), keys[1:], value)}

    return lambda data, result, context: put(data, keys, select(result, context))
