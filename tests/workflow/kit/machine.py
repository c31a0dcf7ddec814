"""What a state machine's definition says, as a graph whose every edge can be asked for.

Amazon States Language with JSONPath, the states of one level: Task, Choice, Wait, Pass, Succeed, Fail. A Map or
Parallel state counts as one state; what is inside it is not looked into.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

# What States.ALL does not match (Step Functions Developer Guide, "Handling errors"). The guide names
# States.DataLimitExceeded too, but a history recorded from AWS shows it caught.
TERMINAL: Final = frozenset({"States.Runtime"})

END: Final = "(end)"
INVOKE: Final = "arn:aws:states:::lambda:invoke"


def function_name(name_or_arn: str) -> str:
    """A function's name, without account, version or alias."""
    return name_or_arn.partition(":function:")[2].partition(":")[0] or name_or_arn.partition(":")[0]


@dataclass(frozen=True, order=True)
class Edge:
    """One thing that a definition says can happen, and where it leads.

    Attributes:
        state: the state whose definition says so; empty for StartAt.
        field: where it stands: `Next`, `Choices[1]`, `Retry[0] States.Timeout`, `Retry[0] given up`, ...
        target: the state that follows; the same one for a retry, `END` at the end.
    """

    state: str
    field: str
    target: str

    def __str__(self) -> str:
        where = f"{self.state}.{self.field}" if self.state else self.field
        return where if self.target == self.state else f"{where} -> {self.target}"


class Machine:
    """A definition, parsed.

    Attributes:
        text: the definition as it is given to an engine.
        document: the same, parsed.
    """

    def __init__(self, text: str) -> None:
        """Parse a definition.

        Raises:
            ValueError: it is no JSON, or has a substitution that is not filled in.
        """
        if unfilled := sorted(set(re.findall(r"\$\{\w+\}", text))):
            msg = f"the definition has substitutions that are not filled in: {', '.join(unfilled)}"
            raise ValueError(msg)
        self.text = text
        self.document: Mapping[str, Any] = json.loads(text)

    @property
    def start(self) -> str:
        name: str = self.document["StartAt"]
        return name

    @property
    def states(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self.document["States"]
        return found

    def of_type(self, type_: str) -> list[str]:
        """The names of the states of that type, in the order of the definition."""
        return [name for name, state in self.states.items() if state["Type"] == type_]

    def function(self, name: str) -> str | None:
        """The name of the function that a Task calls; None where the definition does not name one."""
        state = self.states[name]
        if self.is_by_arn(name):
            return function_name(state["Resource"])
        named = state.get("Parameters", {}).get("FunctionName") if state.get("Resource") == INVOKE else None
        return function_name(named) if named else None

    def is_by_arn(self, name: str) -> bool:
        """Whether a Task's resource is the function's ARN itself."""
        return ":function:" in self.states[name].get("Resource", "")

    # --- edges ---------------------------------------------------------------------------------------------

    @cached_property
    def edges(self) -> list[Edge]:
        """Every edge, in the order of the definition. Choice rules with the same target are one edge."""
        found = [Edge("", "StartAt", self.start)]
        for name in self.states:
            found += self._edges_of(name)
        return found

    def _edges_of(self, name: str) -> Iterator[Edge]:
        state = self.states[name]
        for number, retrier in enumerate(state.get("Retry", [])):
            if retrier.get("MaxAttempts", 3) > 0:  # with 0 it says what is not to be tried again
                for error in retrier["ErrorEquals"]:
                    yield Edge(name, f"Retry[{number}] {error}", name)
            yield Edge(name, f"Retry[{number}] given up", name)
        for number, catcher in enumerate(state.get("Catch", [])):
            for error in catcher["ErrorEquals"]:
                yield Edge(name, f"Catch[{number}] {error}", catcher["Next"])
        yield from self.onwards(name)

    def onwards(self, name: str) -> list[Edge]:
        """Where a state leads when nothing goes wrong."""
        state = self.states[name]
        if state["Type"] == "Choice":
            targets = [rule["Next"] for rule in state["Choices"]]
            targets += [state["Default"]] if "Default" in state else []
            return [self.choice(name, target) for target in dict.fromkeys(targets)]
        if "Next" in state:
            return [Edge(name, "Next", state["Next"])]
        return [Edge(name, "End" if "End" in state else state["Type"], END)]

    def choice(self, name: str, target: str) -> Edge:
        """The branch of a Choice that leads to `target`: a history does not say which of several rules it was."""
        state = self.states[name]
        rules = [str(number) for number, rule in enumerate(state["Choices"]) if rule["Next"] == target]
        fields = [f"Choices[{','.join(rules)}]"] if rules else []
        return Edge(name, " or ".join([*fields, "Default"] if state.get("Default") == target else fields), target)

    def neighbours(self, name: str) -> set[str]:
        """The states (and `END`) that can follow a state."""
        return {edge.target for edge in self.edges if edge.state == name and not edge.field.startswith("Retry")}

    def reachable(self, start: str) -> set[str]:
        """Every state, and `END`, that can be entered after `start`."""
        found: set[str] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            new = self.neighbours(name) - found
            found |= new
            waiting += new
        return found

    # --- errors --------------------------------------------------------------------------------------------

    def retrier(self, name: str, error: str) -> tuple[int, str] | None:
        """The retrier that an error of a state meets: its number and the name that matches."""
        return _first_match(self.states[name].get("Retry", []), error)

    def catcher(self, name: str, error: str) -> tuple[int, str] | None:
        """The catcher that an error of a state meets: its number and the name that matches."""
        return _first_match(self.states[name].get("Catch", []), error)


def _first_match(entries: Sequence[Mapping[str, Any]], error: str) -> tuple[int, str] | None:
    for number, entry in enumerate(entries):
        for name in entry["ErrorEquals"]:
            if matches(name, error):
                return number, name
    return None


def matches(name: str, error: str) -> bool:
    """Whether a name in ErrorEquals stands for an error (Amazon States Language, "Errors")."""
    match name:
        case "States.ALL":
            return error not in TERMINAL
        case "States.TaskFailed":
            return error not in TERMINAL | {"States.Timeout"}
        case _:
            return name == error
