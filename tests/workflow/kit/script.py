"""The functions of one case: each attempt at a state gets the answer that the case has for it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any, Final

from .cases import Answer, Case, Raises
from .machine import function_name

UNSCRIPTED: Final = "Unscripted"


class Answers:
    """The answers of a case, handed out state by state."""

    def __init__(self, case: Case) -> None:
        self._left: defaultdict[str, deque[Answer]] = defaultdict(deque)
        for step in case.steps:
            self._left[step.state] += step.answers

    def next(self, state: str) -> Answer:
        """The answer to the next attempt at a state; an error where the case has none."""
        left = self._left[state]
        return left.popleft() if left else Raises(UNSCRIPTED, f"{state} is tried more often than the case says")

    @property
    def unasked(self) -> dict[str, int]:
        """How many are left, by state."""
        return {state: len(left) for state, left in self._left.items() if left}


class Script:
    """Answers calls as a case says.

    Attributes:
        answers: those that the case has.
        calls: how often each function was called.
        given: what was asked, in order: the state that asked, and the payload.
    """

    def __init__(self, case: Case, current_state: Callable[[], str]) -> None:
        self.answers = Answers(case)
        self.calls: Counter[str] = Counter()
        self.given: list[tuple[str, Any]] = []
        self._current_state = current_state

    def __call__(self, function: str, payload: bytes) -> Answer:
        """A function's name does not say which state calls it, so the engine is asked."""
        state = self._current_state()
        self.calls[function_name(function)] += 1
        self.given.append((state, json.loads(payload or b"null")))
        return self.answers.next(state)
