"""Starting what failed, and noting what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from lockstep.batch import Batch, Fate, Item, Start
from lockstep.batch_screen import Bar, Tally
from lockstep.redrive import words
from lockstep.redrive.failure import Failure, Found
from lockstep.stack import Stack
from lockstep.view import say

_LINES: Final = 40  # with more, only what did not come out well has a line


class Starting:
    """Starts each item once, though several failures may have it.

    Args:
        settle: is told of a failure whose execution is there; returns what went wrong, for people, or nothing.
        is_followed: otherwise it is left alone once it has started.

    Attributes:
        has_said: whether anything was printed so far.
    """

    def __init__(self, found: Found, settle: Callable[[Failure], str], *, is_followed: bool = True) -> None:
        self._failures: dict[Item, list[Failure]] = {}
        self._strays = found.strays
        for each in found.failures:
            self._failures.setdefault(each.item, []).append(each)
        self._settle = settle
        self._fates: dict[Item, Fate] = {}
        self._problems: dict[Failure, str] = {}
        self.tally = Tally(is_followed=is_followed)
        self.has_said = False

    @property
    def total(self) -> int:
        """How many executions there will be."""
        return len(self._failures)

    @property
    def counts(self) -> list[int]:
        """How many failures each execution is for."""
        return [len(each) for each in self._failures.values()]

    @property
    def is_silent(self) -> bool:
        """Whether what comes of those that go well is told by their number alone."""
        return self.total > _LINES

    @property
    def is_good(self) -> bool:
        """Whether nobody has to look at any of it, as far as it was followed."""
        return self.tally.is_good and not self._problems

    def run(self, stack: Stack, per_second: float, screen: Console) -> None:
        """Start, and follow to the end if it is to be followed; what came so far is noted whatever is raised.

        Raises: ClientError, BotoCoreError.
        """
        batch = Batch(stack, list(self._failures), per_second=per_second)
        with Bar(screen, batch, self.tally, self.total):
            for fate in batch.run(is_followed=self.tally.is_followed):
                self._note(fate, screen)

    def as_json(self) -> list[dict[str, Any]]:
        """For programs, as far as it has come; what is left in the queue is last."""
        failures = [
            each.as_json(self._fates.get(item), self._problems.get(each, ""))
            for item, failures in self._failures.items()
            for each in failures
        ]
        return [*failures, *(each.as_json() for each in self._strays)]

    def _note(self, fate: Fate, screen: Console) -> None:
        is_new = fate.item not in self._fates
        self._fates[fate.item] = fate
        self.tally.add(fate, is_new=is_new)
        failures = self._failures[fate.item]
        if is_new and fate.start is not Start.REFUSED:
            for each in failures:
                if problem := self._settle(each):
                    self._problems[each] = problem
                    self._say(screen, words.problem(each, problem))
        if fate.is_final and not (self.is_silent and fate.is_good):
            self._say(screen, words.came_of(failures[0], fate))

    def _say(self, screen: Console, line: Text) -> None:
        self.has_said = True
        say(screen, line)
