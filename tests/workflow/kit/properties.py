"""What should hold of a definition whatever it is for. Each function says what does not; nothing where all is well."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from .machine import END, INVOKE, Machine

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
_PATH: Final = re.compile(r"\$(\.\w+|\[\d+\])*|\$\$\.(Execution\.(Id|Name|Input(\.\w+)*)|State\.Name)")

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
    """What has no TimeoutSeconds, and Tasks that have no Retry or Catch or do not catch every error."""
    found = [] if machine.document.get("TimeoutSeconds") else ["the machine has no TimeoutSeconds"]
    for name in machine.of_type("Task"):
        state = machine.states[name]
        found += [f"{name} has no {field}" for field in ("TimeoutSeconds", "Retry", "Catch") if not state.get(field)]
        if state.get("Catch") and state["Catch"][-1]["ErrorEquals"] != ["States.ALL"]:
            found.append(f"{name} does not catch every error")
    return found


def crowding_retriers(machine: Machine, *, regular: Collection[str] = ()) -> list[str]:
    """Retriers that let all who fail together come back together: no jitter, or no limit to the pause.

    Args:
        machine: the definition.
        regular: errors that have to be retried at regular intervals, and not at random.
    """
    found = []
    for name in machine.states:
        for number, retrier in enumerate(machine.states[name].get("Retry", [])):
            has_jitter = retrier.get("JitterStrategy") == "FULL"
            if set(retrier["ErrorEquals"]) <= set(regular):
                found += [f"{name}.Retry[{number}] is at random"] if has_jitter else []
                continue
            found += [] if has_jitter else [f"{name}.Retry[{number}] has no JitterStrategy FULL"]
            found += [] if "MaxDelaySeconds" in retrier else [f"{name}.Retry[{number}] has no MaxDelaySeconds"]
    return found


def crowded_wildcards(machine: Machine) -> list[str]:
    """Where States.ALL is not alone in its retrier or catcher, or that is not the last; AWS refuses this."""
    found = []
    for name, state in machine.states.items():
        for field in ("Retry", "Catch"):
            names = [entry["ErrorEquals"] for entry in state.get(field, [])]
            for number, each in enumerate(names):
                if "States.ALL" in each and (len(each) > 1 or number < len(names) - 1):
                    found.append(f"{name}.{field}[{number}] has States.ALL")
    return found


def leading_nowhere(machine: Machine) -> list[str]:
    """Edges to states that there are not."""
    return [str(edge) for edge in machine.edges if edge.target not in {*machine.states, END}]


def choices_without_default(machine: Machine) -> list[str]:
    return [name for name in machine.of_type("Choice") if "Default" not in machine.states[name]]


def without_comment(machine: Machine) -> list[str]:
    """Whatever does not say why it is there: the machine, a state, a retrier or a catcher."""
    found = [] if machine.document.get("Comment") else ["the machine"]
    for name, state in machine.states.items():
        found += [] if state.get("Comment") else [name]
        found += [
            f"{name}.{field}[{number}]"
            for field in ("Retry", "Catch")
            for number, entry in enumerate(state.get(field, []))
            if not entry.get("Comment")
        ]
    return found


def never_entered(machine: Machine) -> list[str]:
    """States that no way from the start enters."""
    entered = machine.reachable(machine.start) | {machine.start}
    return [name for name in machine.states if name not in entered]


def leading_to_itself(machine: Machine) -> list[str]:
    """States that follow themselves: a loop without a limit, where a Retry has one."""
    return [name for name in machine.states if name in machine.neighbours(name)]


def ways_around(
    machine: Machine, start: str, *, gates: Collection[str], last_gates: Collection[str] = (), but: Collection[str] = ()
) -> list[str]:
    """The states at which a way that began after `start` ends without having passed a gate.

    Args:
        machine: the definition.
        start: where the ways begin.
        gates: states one of which each way has to pass; one that fails is not passed.
        last_gates: the same, but it is enough to have tried.
        but: states at which a way may end all the same.
    """
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for edge in machine.edges:
            if edge.state != name or edge.field.startswith("Retry"):
                continue
            if name in gates and not edge.field.startswith("Catch"):
                continue
            if edge.target == END:
                found.add(name)
            elif edge.target not in {*seen, *last_gates, *but}:
                seen.add(edge.target)
                waiting.append(edge.target)
    return sorted(found)


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
    if state.get("Resource", INVOKE) != INVOKE:
        yield f"Resource {state['Resource']}"
    yield from (path for path in _paths(state) if not _PATH.fullmatch(path))


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
            if isinstance(value, str) and (field.endswith((".$", "Path")) or field == "Variable"):
                yield value
            yield from _paths(value)
    elif isinstance(node, list):
        for each in node:
            yield from _paths(each)
