"""A case: one execution, told step by step. What goes in, what each task answers, and what comes out.

    acquire, convert = task("Acquire"), task("Convert")
    Case(
        "a throttled function is called again",
        input={"key": "cat.png"},
        steps=[acquire(Returns({"granted": True})), convert(THROTTLED, Returns({"size": 75}))],
        ends=Succeeded(),
    )

A step is one visit of a state; its answers are those of the attempts at that visit, in order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# --- what a task answers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Returns:
    """The function's answer."""

    payload: Any


@dataclass(frozen=True)
class Raises:
    """The function ends with an exception, or its process does: Lambda reports it by its class name."""

    error: str
    message: str = "the function says no"
    trace: Sequence[str] = ()

    @property
    def cause(self) -> str:
        """Lambda's report."""
        report = {"errorMessage": self.message, "errorType": self.error, "stackTrace": list(self.trace)}
        return json.dumps(report, separators=(",", ":"))


@dataclass(frozen=True)
class Refused:
    """Lambda itself answers with an error: `Lambda.<code>` in the state machine.

    Attributes:
        code: Lambda's name for it (Lambda API reference, "Invoke", Errors).
        status: HTTP status.
    """

    code: str
    status: int = 500
    message: str = "the service says no"

    @property
    def error(self) -> str:
        return f"Lambda.{self.code}"

    @property
    def cause(self) -> str:
        return self.message


@dataclass(frozen=True)
class NeverAnswers:
    """There is no answer within the state's TimeoutSeconds."""

    error: str = field(default="States.Timeout", init=False)
    cause: str = field(default="", init=False)


Failure = Raises | Refused | NeverAnswers
Answer = Returns | Failure

THROTTLED: Final = Refused("TooManyRequestsException", 429, "Rate Exceeded.")
NO_ANSWER: Final = NeverAnswers()


# --- a case ------------------------------------------------------------------------------------------------


def _not_of(values: Iterable[Any], types: Any) -> list[Any]:
    return [value for value in values if not isinstance(value, types)]


@dataclass(frozen=True)
class Matches:
    """Stands for any text of that form, where a case cannot know the very text.

    Attributes:
        pattern: a regular expression for the whole of it.
    """

    pattern: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(self.pattern, other) is not None

    def __hash__(self) -> int:
        return hash(self.pattern)


@dataclass(frozen=True)
class Step:
    """One visit of a state.

    Attributes:
        answers: what the task answers to each attempt, in order; empty for a state that is no Task.
        given: what the task must be called with: these fields of its payload, at each attempt.
    """

    state: str
    answers: tuple[Answer, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if strange := _not_of(self.answers, Answer):
            msg = f"{self.state}: an answer is Returns, Raises, Refused or NO_ANSWER, not {strange[0]!r}"
            raise TypeError(msg)


@dataclass(frozen=True)
class Succeeded:
    """The execution ends well.

    Attributes:
        output: what the output must have in it: a part of it, as nested as that.
    """

    output: Mapping[str, Any] = field(default_factory=dict)

    status = "SUCCEEDED"
    error = cause = None


@dataclass(frozen=True)
class Failed:
    """The execution ends with an error.

    Attributes:
        cause: the whole of it; for an exception that nobody catches, `Raises(...).cause`. A time-out has none.
    """

    error: str
    cause: str | Matches | None

    status = "FAILED"


@dataclass(frozen=True)
class Case:
    """One execution.

    Attributes:
        steps: every visit of a state, in order.
        calls: how often a function must have been called, by its name; the others may be called or not.
        waits: seconds of each Wait state.
        pauses: seconds before each retry, jitter at its longest.
        timeouts: the TimeoutSeconds of each attempt that has no answer.

    What is None is not asked for, nor what an engine does not tell.
    """

    name: str
    input: Mapping[str, Any]
    steps: Sequence[Step]
    ends: Succeeded | Failed
    calls: Mapping[str, int] = field(default_factory=dict)
    waits: Sequence[float] | None = None
    pauses: Sequence[float] | None = None
    timeouts: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if strange := _not_of([self.ends], Succeeded | Failed):
            msg = f"{self.name}: it ends Succeeded(...) or Failed(...), not {strange[0]!r}"
            raise TypeError(msg)

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(step.state for step in self.steps)

    def visits(self, state: str) -> list[tuple[Answer, ...]]:
        """The answers at each visit of a state."""
        return [step.answers for step in self.steps if step.state == state]

    def answers(self, state: str) -> list[Answer]:
        """A state's answers at all its visits, in order."""
        return [answer for answers in self.visits(state) for answer in answers]


def task(state: str, given: Mapping[str, Any] | None = None) -> Callable[..., Step]:
    """Name the steps of a Task shortly, as in the example above.

    Args:
        state: its name.
        given: what it must be called with at every step; a step can say more.
    """

    def step(*answers: Answer, given: Mapping[str, Any] = given or {}, more: Mapping[str, Any] | None = None) -> Step:
        return Step(state, answers, _both(given, more or {}))

    return step


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    shared = [name for name in one if isinstance(one[name], Mapping) and isinstance(other.get(name), Mapping)]
    return {**one, **other, **{name: _both(one[name], other[name]) for name in shared}}


def has(whole: Any, part: Any) -> bool:
    """Whether `part` is in `whole`: every field of it, as nested as it is; anything but an object must be equal."""
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(name in whole and has(whole[name], part[name]) for name in part)
    return bool(part == whole) and isinstance(part, bool) == isinstance(whole, bool)
