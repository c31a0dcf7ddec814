"""A definition with one thing in it changed, for every such thing: a suite of tests must notice each."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .machine import Machine, function_name

NOBODY: Final = "Nobody"

# A comparison, and one that differs in a single value.
_OTHER_OPERATOR: Final = {
    f"{kind}{one}{path}": f"{kind}{other}{path}"
    for kind in ("Numeric", "String", "Timestamp")
    for path in ("", "Path")
    for one, other in (
        ("LessThan", "LessThanEquals"),
        ("LessThanEquals", "LessThan"),
        ("GreaterThan", "GreaterThanEquals"),
        ("GreaterThanEquals", "GreaterThan"),
    )
}
_VALUES: Final = ("Parameters", "ResultSelector", "Result", "Error", "Cause")
_PATHS: Final = ("InputPath", "OutputPath", "ResultPath", "ErrorPath", "CausePath", "SecondsPath")
_OUT: Final = object()

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutant:
    """A changed definition.

    Attributes:
        kind: what sort of thing was changed.
        state: the state that was changed; None where it was none of them.
        change: where and what, for people.
        text: the definition.
        errors: the errors that it is about: those that the changed retrier or catcher matches, or the one name.
    """

    kind: str
    state: str | None
    change: str
    text: str
    errors: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.state}.{self.change}" if self.state else self.change


def mutants(machine: Machine) -> Iterator[Mutant]:
    """Every mutant, in the order of the definition.

    - A transition leads to each other state, or is the end.
    - A name in ErrorEquals is out, misspelt, or in each other entry. An entry matches one name more: each that is
      caught by name, and States.TaskFailed, which stands for nearly all.
    - A retrier or catcher is out; a number of a retrier is another.
    - A rule of a Choice is out; each value and comparison in it is another; its Default is out.
    - A field that moves data is out, a path leads nowhere, a value is another; a Task calls each other function.
    - A time-out is out, or longer.
    """
    for other in machine.states:
        if other != machine.start:
            document = {**machine.document, "StartAt": other}
            yield Mutant("transition", None, f"StartAt -> {other}", json.dumps(document))
    if "TimeoutSeconds" in machine.document:
        document = {field: value for field, value in machine.document.items() if field != "TimeoutSeconds"}
        yield Mutant("TimeoutSeconds", None, "TimeoutSeconds is out", json.dumps(document))
    for name in machine.states:
        changes = _Changes(machine, name)
        yield from changes.of_transitions()
        yield from changes.of_choices()
        for field in ("Retry", "Catch"):
            yield from changes.of_entries(field)
            yield from changes.of_names(field)
        yield from changes.of_more_names()
        yield from changes.of_numbers()
        yield from changes.of_data()


class _Changes:
    """The mutants of one state."""

    def __init__(self, machine: Machine, name: str) -> None:
        self._machine = machine
        self._name = name
        self._state: Mapping[str, Any] = machine.states[name]

    def _mutant(self, kind: str, change: str, *edits: tuple[Path, Any], entry: Path = (), error: str = "") -> Mutant:
        document = copy.deepcopy(dict(self._machine.document))
        for path, value in edits:
            _edit(document["States"][self._name], path, value)
        errors = [error] if error else _at(self._state, entry)["ErrorEquals"] if entry else ()
        return Mutant(kind, self._name, change, json.dumps(document), tuple(errors))

    def _entries(self, field: str) -> list[Mapping[str, Any]]:
        entries: list[Mapping[str, Any]] = self._state.get(field, [])
        return entries

    def of_transitions(self) -> Iterator[Mutant]:
        if "Next" in self._state:
            yield self._mutant("transition", "Next is the end", (("Next",), _OUT), (("End",), True))
        for other in self._machine.states:
            if "End" in self._state:
                yield self._mutant("transition", f"End -> {other}", (("End",), _OUT), (("Next",), other))
            for field in ("Next", "Default"):
                if self._state.get(field, other) != other:
                    yield self._mutant("transition", f"{field} -> {other}", ((field,), other))
            for field in ("Catch", "Choices"):
                for number, entry in enumerate(self._entries(field)):
                    if entry["Next"] != other:
                        where = (field, number) if field == "Catch" else ()
                        change = f"{field}[{number}].Next -> {other}"
                        yield self._mutant("transition", change, ((field, number, "Next"), other), entry=where)

    def of_choices(self) -> Iterator[Mutant]:
        for number, rule in enumerate(self._entries("Choices")):
            yield self._mutant("choice", f"Choices[{number}] is out", (("Choices", number), _OUT))
            for path, value in _leaves(rule, ("Choices", number)):
                if path[-1] in {"Next", "Comment"}:
                    continue
                for other in _others(value):
                    yield self._mutant("choice", f"{_dotted(path)} is {other}, not {value}", (path, other))
                if other_operator := _OTHER_OPERATOR.get(str(path[-1])):
                    there = (*path[:-1], other_operator)
                    yield self._mutant("choice", f"{_dotted(path)} is {other_operator}", (path, _OUT), (there, value))
        if "Default" in self._state:
            yield self._mutant("choice", "Default is out", (("Default",), _OUT))

    def of_entries(self, field: str) -> Iterator[Mutant]:
        if self._entries(field):
            yield self._mutant(field, f"{field} is out", ((field,), _OUT))
        for number, entry in enumerate(self._entries(field)):
            where = (field, number)
            yield self._mutant(field, f"{field}[{number}] is out", (where, _OUT), entry=where)
            if path := entry.get("ResultPath"):
                change = f"{field}[{number}].ResultPath"
                at = (*where, "ResultPath")
                yield self._mutant(field, f"{change} is out", (at, _OUT), entry=where)
                yield self._mutant(field, f"{change} is not {path}", (at, f"$.{NOBODY}"), entry=where)

    def of_names(self, field: str) -> Iterator[Mutant]:
        entries = self._entries(field)
        for number, entry in enumerate(entries):
            at = (field, number, "ErrorEquals")
            for error in entry["ErrorEquals"]:
                others = [name for name in entry["ErrorEquals"] if name != error]
                change = f"{field}[{number}].ErrorEquals: {error} is"
                misspelt = (at, [*others, NOBODY])
                yield self._mutant("ErrorEquals", f"{change} misspelt", misspelt, error=error)
                if others:
                    yield self._mutant("ErrorEquals", f"{change} out", (at, others), error=error)
                for new, there in enumerate(entries):
                    if new != number and "States.ALL" not in (error, *there["ErrorEquals"]):  # it has to stand alone
                        moved = ((field, new, "ErrorEquals"), [*there["ErrorEquals"], error])
                        yield self._mutant("ErrorEquals", f"{change} in {field}[{new}]", misspelt, moved, error=error)

    def of_more_names(self) -> Iterator[Mutant]:
        caught = [name for entry in self._entries("Catch") for name in entry["ErrorEquals"]]
        for field in ("Retry", "Catch"):
            for number, entry in enumerate(self._entries(field)):
                if "States.ALL" in entry["ErrorEquals"]:
                    continue
                for name in [*(caught if field == "Retry" else ()), "States.TaskFailed"]:
                    if name not in {"States.ALL", *entry["ErrorEquals"]}:
                        change = f"{field}[{number}].ErrorEquals: {name} is in it too"
                        at = (field, number, "ErrorEquals")
                        more = [*entry["ErrorEquals"], name]
                        yield self._mutant("ErrorEquals", change, (at, more), error=name)

    def of_numbers(self) -> Iterator[Mutant]:
        for number, retrier in enumerate(self._entries("Retry")):
            where = ("Retry", number)
            for field, changed in _other_numbers(retrier):
                change = f"Retry[{number}].{field} is {changed}"
                yield self._mutant("Retry", change, ((*where, field), changed), entry=where)
        if "Seconds" in self._state:
            longer = self._state["Seconds"] + 1
            yield self._mutant("Wait", f"Seconds is {longer}", (("Seconds",), longer))
        if seconds := self._state.get("TimeoutSeconds"):
            yield self._mutant("TimeoutSeconds", "TimeoutSeconds is out", (("TimeoutSeconds",), _OUT))
            yield self._mutant("TimeoutSeconds", f"TimeoutSeconds is {seconds + 1}", (("TimeoutSeconds",), seconds + 1))

    def of_data(self) -> Iterator[Mutant]:
        for field in _PATHS:
            if field in self._state:
                yield self._mutant("data", f"{field} is out", ((field,), _OUT))
                yield self._mutant("data", f"{field} is not {self._state[field]}", ((field,), f"$.{NOBODY}"))
        for path, value in _leaves({field: self._state[field] for field in _VALUES if field in self._state}, ()):
            yield self._mutant("data", f"{_dotted(path)} is out", (path, _OUT))
            if path[-1] == "FunctionName":
                yield from self._other_functions(path, value)
            elif not str(path[-1]).endswith("$"):
                for other in _others(value):
                    yield self._mutant("data", f"{_dotted(path)} is {other}, not {value}", (path, other))
        if "ResultSelector" in self._state:
            yield self._mutant("data", "ResultSelector is out", (("ResultSelector",), _OUT))

    def _other_functions(self, path: Path, arn: str) -> Iterator[Mutant]:
        called = {
            state["Parameters"]["FunctionName"]
            for state in self._machine.states.values()
            if "FunctionName" in state.get("Parameters", {})
        }
        for other in sorted(called - {arn}):
            yield self._mutant("data", f"{_dotted(path)} is {function_name(other)}", (path, other))


def _at(node: Any, path: Path) -> Any:
    for step in path:
        node = node[step]
    return node


def _edit(state: dict[str, Any], path: Path, value: Any) -> None:
    """Put a value somewhere into a state, or take out what is there."""
    parent = _at(state, path[:-1])
    if value is _OUT:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value


def _others(value: Any) -> list[Any]:
    """Values of the same form that are others."""
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [value - 1, value + 1]
        case str() if value.startswith("$"):
            return [f"$.{NOBODY}"]
        case _:
            return [NOBODY]


def _dotted(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _other_numbers(retrier: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for field, more in (("IntervalSeconds", 1), ("MaxAttempts", 1), ("MaxAttempts", -1), ("MaxDelaySeconds", 1)):
        if field in retrier:
            yield field, retrier[field] + more
    if "BackoffRate" in retrier:
        yield "BackoffRate", retrier["BackoffRate"] + 0.5
    if "JitterStrategy" in retrier:
        yield "JitterStrategy", "NONE" if retrier["JitterStrategy"] == "FULL" else "FULL"


def _leaves(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(node, Mapping | list):
        for step, value in node.items() if isinstance(node, Mapping) else enumerate(node):
            yield from _leaves(value, (*path, step))
    else:
        yield path, node
