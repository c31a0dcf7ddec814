"""What should hold of a definition whatever it is for. Each function says what does not; nothing where all is well."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from .machine import END, Machine

_ANY_STATE: Final = frozenset({"Type", "Comment", "Next", "End"})
_RETRIER: Final = frozenset(
    {"Comment", "ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds", "JitterStrategy"}
)
_CATCHER: Final = frozenset({"Comment", "ErrorEquals", "ResultPath", "Next"})
_RULE: Final = frozenset(
    {
        *("Comment", "Next", "Variable", "And", "Not", "StringEquals", "BooleanEquals", "IsPresent"),
        *(
            f"Numeric{how}{path}"
            for how in ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
            for path in ("", "Path")
        ),
    }
)
_CONTEXT: Final = ("$$.Execution.Id", "$$.Execution.Name", "$$.Execution.Input", "$$.State.Name")

# What AWS, moto, LocalStack and ministack all make the same of.
PORTABLE: Final[Mapping[str, frozenset[str]]] = {
    "Task": frozenset({"Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "Retry", "Catch"}),
    "Choice": frozenset({"Choices", "Default"}),
    "Wait": frozenset({"Seconds", "SecondsPath"}),
    "Pass": frozenset({"Parameters", "Result", "ResultPath"}),
    "Succeed": frozenset(),
    "Fail": frozenset({"Error", "Cause", "ErrorPath", "CausePath"}),
}


def unguarded_tasks(machine: Machine) -> list[str]:
    """Tasks without TimeoutSeconds, Retry or Catch, or whose last catcher lets an error through."""
    found = []
    for name in machine.of_type("Task"):
        state = machine.states[name]
        found += [f"{name} has no {field}" for field in ("TimeoutSeconds", "Retry", "Catch") if not state.get(field)]
        if state.get("Catch") and state["Catch"][-1]["ErrorEquals"] != ["States.ALL"]:
            found.append(f"{name} does not catch every error")
    return found


def crowding_retriers(machine: Machine, *, may: Collection[str] = ()) -> list[str]:
    """Retriers that let all who fail together come back together: no jitter, or no limit to the pause.

    Args:
        machine: the definition.
        may: errors that have to be retried in regular intervals.
    """
    return [
        f"{name}.Retry[{number}] has no {field}"
        for name in machine.states
        for number, retrier in enumerate(machine.states[name].get("Retry", []))
        if not set(retrier["ErrorEquals"]) <= set(may)
        for field, wanted in (("JitterStrategy FULL", "FULL"), ("MaxDelaySeconds", None))
        if retrier.get(field.partition(" ")[0]) is None or (wanted and retrier["JitterStrategy"] != wanted)
    ]


def choices_without_default(machine: Machine) -> list[str]:
    return [name for name in machine.of_type("Choice") if "Default" not in machine.states[name]]


def without_comment(machine: Machine) -> list[str]:
    """Whatever does not say why it is there: the machine, a state."""
    found = [] if machine.document.get("Comment") else ["the machine"]
    return found + [name for name, state in machine.states.items() if not state.get("Comment")]


def never_entered(machine: Machine) -> list[str]:
    """States that no way from the start enters."""
    entered = machine.reachable(machine.start) | {machine.start}
    return [name for name in machine.states if name not in entered]


def leading_to_itself(machine: Machine) -> list[str]:
    """States that follow themselves: a loop without a limit, where a Retry has one."""
    return [name for name in machine.states if name in machine.neighbours(name)]


def ways_around(machine: Machine, start: str, gates: Collection[str], *, but: Collection[str] = ()) -> list[str]:
    """The states at which a way that began after `start` ends without having entered one of `gates`.

    Args:
        machine: the definition.
        start: where the ways begin.
        gates: the states one of which each way has to enter.
        but: states at which a way may end all the same.
    """
    passed = machine.reachable(start, without=[*gates, *but])
    return sorted(name for name in passed if name != END and END in machine.neighbours(name))


def not_portable(machine: Machine) -> list[str]:
    """Fields, operators and paths of which engines make different things, or nothing."""
    allowed = {"Comment", "StartAt", "TimeoutSeconds", "States"}
    found = [f"{field}" for field in machine.document if field not in allowed]
    for name, state in machine.states.items():
        found += [f"{name}.{complaint}" for complaint in _not_portable_in(state)]
    return found


def _not_portable_in(state: Mapping[str, Any]) -> Iterator[str]:
    if state["Type"] not in PORTABLE:
        yield f"Type {state['Type']}"
        return
    yield from (field for field in state if field not in PORTABLE[state["Type"]] | _ANY_STATE)
    for field, allowed in (("Retry", _RETRIER), ("Catch", _CATCHER)):
        for entry in state.get(field, []):
            yield from (f"{field}.{each}" for each in entry if each not in allowed)
    for rule in state.get("Choices", []):
        yield from (f"Choices.{operator}" for operator in _operators(rule) if operator not in _RULE)
    for path in _paths(state):
        if path.startswith("States.") or (path.startswith("$$") and not path.startswith(_CONTEXT)):
            yield path


def _operators(rule: Mapping[str, Any]) -> Iterator[str]:
    for operator, value in rule.items():
        yield operator
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Mapping):
                yield from _operators(inner)


def _paths(node: Any) -> Iterator[str]:
    """Every value that is a path or an intrinsic function."""
    if isinstance(node, Mapping):
        for field, value in node.items():
            if isinstance(value, str) and field.endswith((".$", "Path")):
                yield value
            yield from _paths(value)
    elif isinstance(node, list):
        for each in node:
            yield from _paths(each)
