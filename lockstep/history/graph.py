"""The state machine as a graph, from the definition that is deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from lockstep.stack import Stack

START: Final = ""
END: Final = ""
_EQUALS: Final = frozenset({"StringEquals", "NumericEquals", "BooleanEquals", "TimestampEquals"})


class Kind(StrEnum):
    """How one state leads to another."""

    NEXT = "next"
    CATCH = "catch"


@dataclass(frozen=True)
class State:
    """A state, as the definition describes it."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Edge:
    """A way from one state to another; there is at most one of a kind.

    Attributes:
        source: START before the first state.
        target: END after the last one.
        labels: what a Choice compares with to go this way, or the errors that are caught.
    """

    source: str
    target: str
    kind: Kind
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """States in the order of the definition, and the edges between them."""

    states: tuple[State, ...]
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Graph:
        """Read a definition in Amazon States Language; what is inside a Map or Parallel state is not looked into."""
        states: Mapping[str, Mapping[str, Any]] = definition["States"]
        labels: dict[tuple[str, str, Kind], list[str]] = {(START, definition["StartAt"], Kind.NEXT): []}
        for name, state in states.items():
            for target, kind, some in _ways(state):
                labels.setdefault((name, target, kind), []).extend(some)
        return cls(
            tuple(State(name, each["Type"], each.get("Comment", "")) for name, each in states.items()),
            tuple(Edge(*way, tuple(some)) for way, some in labels.items()),
        )

    @classmethod
    def deployed(cls, stack: Stack) -> Graph:
        """Raises: ClientError, BotoCoreError."""
        found = stack.stepfunctions.describe_state_machine(stateMachineArn=stack.state_machine_arn)
        return cls.of(json.loads(found["definition"]))

    def as_json(self) -> dict[str, Any]:
        """For the page."""
        return {
            "states": [asdict(each) for each in self.states],
            "edges": [
                {
                    "from": each.source,
                    "to": each.target,
                    "kind": each.kind,
                    "label": ", ".join(filter(None, each.labels)) if each.kind is Kind.NEXT else "",
                    "title": _title(each),
                }
                for each in self.edges
            ],
        }


def _ways(state: Mapping[str, Any]) -> Iterator[tuple[str, Kind, Sequence[str]]]:
    for rule in state.get("Choices", ()):
        yield rule["Next"], Kind.NEXT, [_compared_with(rule)]
    if "Default" in state:
        yield state["Default"], Kind.NEXT, ["otherwise"]
    if "Next" in state:
        yield state["Next"], Kind.NEXT, []
    if state.get("End") or state["Type"] in {"Succeed", "Fail"}:
        yield END, Kind.NEXT, []
    for catcher in state.get("Catch", ()):
        yield catcher["Next"], Kind.CATCH, catcher["ErrorEquals"]


def _compared_with(rule: Mapping[str, Any]) -> str:
    """What a rule compares its variable with, where it is a plain one."""
    values = [value for name, value in rule.items() if name in _EQUALS]
    return str(values[0]) if values else ""


def _title(edge: Edge) -> str:
    way = f"{edge.source or 'start'} → {edge.target or 'end'}"
    labels = ", ".join(filter(None, edge.labels))
    return f"{way}: {'on ' if edge.kind is Kind.CATCH else ''}{labels}" if labels else way
