"""Loops that an execution goes round many times, folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lockstep.history.visits import Visit

_FEWEST_ROUNDS: Final = 4  # the first and the last are shown: there have to be some between them
_LONGEST_LOOP: Final = 12


@dataclass(frozen=True)
class Rounds:
    """Rounds of a loop that are not shown one by one.

    Attributes:
        around: the visits that are shown, of the rounds before and after.
    """

    visits: Sequence[Visit]
    around: Sequence[Visit]
    length: int


def folded(visits: Sequence[Visit]) -> Iterator[Visit | Rounds]:
    """The visits; of a loop that was gone round many times, the first and the last round, and the rest as one."""
    steps = [(each.state, each.has_failed) for each in visits]
    at = 0
    while at < len(visits):
        length, rounds = _loop(steps, at)
        if not rounds:
            yield visits[at]
            at += 1
            continue
        first, end = at + length, at + length * rounds
        last = end - length
        yield from visits[at:first]
        yield Rounds(visits[first:last], [*visits[at:first], *visits[last:end]], length)
        yield from visits[last:end]
        at = end


def _loop(steps: Sequence[object], at: int) -> tuple[int, int]:
    """How many steps the loop has that begins there, and how often it is gone round; zero for none."""
    for length in range(1, min(_LONGEST_LOOP, (len(steps) - at) // _FEWEST_ROUNDS) + 1):
        one, end = steps[at : at + length], at + length
        while steps[end : end + length] == one:
            end += length
        if end - at >= _FEWEST_ROUNDS * length:
            return length, (end - at) // length
    return 0, 0
