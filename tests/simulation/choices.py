"""Who decides what happens next: chance, a record of what was decided before, or a search of every way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, Protocol

_PART: Final = re.compile(r"[0-9]{1,3}(x[0-9]{1,5})?")


class Chooser(Protocol):
    """Decides. The first of several is always the one at which nothing goes wrong."""

    def choose(self, weights: Sequence[float]) -> int:
        """One of so many, whose weight is not 0; the weights say how likely each is to be."""
        ...


class Chance:
    """Decides at random, the same way for the same seed.

    Attributes:
        made: what was decided, in order.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.made: list[int] = []

    def choose(self, weights: Sequence[float]) -> int:
        (chosen,) = self._random.choices(range(len(weights)), weights)
        self.made.append(chosen)
        return chosen


class Record:
    """Decides as was decided before, and where there is nothing on record, or nothing that is possible, for the first.

    Attributes:
        made: what was decided, in order.
    """

    def __init__(self, decisions: Sequence[int]) -> None:
        self._decisions = iter(decisions)
        self.made: list[int] = []

    def choose(self, weights: Sequence[float]) -> int:
        wanted = next(self._decisions, 0)
        if wanted >= len(weights) or not weights[wanted]:
            wanted = next(number for number, weight in enumerate(weights) if weight)
        self.made.append(wanted)
        return wanted


class Prefix:
    """Decides as told at first and then for the first of what is possible, and remembers what else there was."""

    def __init__(self, decisions: Sequence[int]) -> None:
        self._decisions = decisions
        self.made: list[int] = []
        self._others: list[list[int]] = []

    def choose(self, weights: Sequence[float]) -> int:
        possible = [number for number, weight in enumerate(weights) if weight]
        at = len(self.made)
        chosen = self._decisions[at] if at < len(self._decisions) else possible[0]
        self.made.append(chosen)
        self._others.append(possible[possible.index(chosen) + 1 :])
        return chosen

    def following(self) -> list[int] | None:
        """The decisions that come next, in order; None after the last."""
        for at in reversed(range(len(self.made))):
            if self._others[at]:
                return [*self.made[:at], self._others[at][0]]
        return None


def every_way() -> Iterator[Prefix]:
    """A chooser for each way that there is, one after the other: the next depends on what the last one was asked."""
    decisions: list[int] | None = []
    while decisions is not None:
        chooser = Prefix(decisions)
        yield chooser
        decisions = chooser.following()


# --- decisions as text ---------------------------------------------------------------------------------------


def written(decisions: Sequence[int]) -> str:
    """Short enough for a command line: `3.0x12.1`, without the zeros at its end."""
    parts: list[tuple[int, int]] = []
    for each in decisions:
        if parts and parts[-1][0] == each:
            parts[-1] = each, parts[-1][1] + 1
        else:
            parts.append((each, 1))
    if parts and parts[-1][0] == 0:
        parts.pop()
    return ".".join(f"{each}x{times}" if times > 1 else str(each) for each, times in parts)


def read(text: str) -> list[int]:
    """What `written` has written. Raises: ValueError."""
    found: list[int] = []
    for part in text.split(".") if text else ():
        if not _PART.fullmatch(part):
            msg = f"decisions are numbers, each with how often it comes, and not {part!r}"
            raise ValueError(msg)
        each, _, times = part.partition("x")
        found += [int(each)] * int(times or 1)
    return found
