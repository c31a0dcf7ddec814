"""Schedule after schedule, until one is found in which something promised is not kept; and then a short one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.simulation import moves
from tests.simulation.choices import Chance, Chooser, Record
from tests.simulation.promises import Violation
from tests.simulation.settings import Settings
from tests.simulation.timeline import Timeline
from tests.simulation.world import System, World

Draw = Callable[[Chooser], Settings]  # a world


@dataclass(frozen=True)
class Finding:
    """A schedule in which something promised is not kept.

    Attributes:
        broken: the promise.
        decisions: everything that was left to chance, from which it can be repeated.
        steps: how many things happened in it.
    """

    broken: str
    decisions: Sequence[int]
    steps: int
    settings: Settings


@dataclass(frozen=True)
class Simulation:
    """Runs schedules of one kind of world.

    Attributes:
        draw: makes the settings of a world, by the same chooser that goes on deciding in it.
        ends_only: look only at how a schedule ends, and not at what is promised on the way.
    """

    system: System
    draw: Draw
    ends_only: bool = False

    def run(self, chooser: Chance | Record, timeline: Timeline | None = None) -> Finding | World:
        """One schedule to its end."""
        settings = self.draw(chooser)
        world = World(self.system, settings, chooser, timeline)
        world.is_watched = not self.ends_only
        try:
            moves.run(world)
        except Violation as violation:
            if timeline is not None:
                timeline(world.now, "not kept", str(violation))
            return Finding(str(violation), chooser.made, world.steps, settings)
        except Exception as error:  # noqa: BLE001  # the simulation's own mistake, or one that it has not thought of
            return Finding(f"{type(error).__name__}: {error}", chooser.made, world.steps, settings)
        return world

    def random(self, seeds: Iterable[int]) -> Iterator[tuple[int, Finding | World]]:
        """One schedule after the other: the seed, and what came of it."""
        for seed in seeds:
            yield seed, self.run(Chance(seed))

    def timeline(self, decisions: Sequence[int]) -> Timeline:
        """What happens in a schedule."""
        timeline = Timeline()
        self.run(Record(decisions), timeline)
        return timeline

    def shrunk(self, finding: Finding, *, seconds: float = 20) -> Finding:
        """A shorter schedule in which the same promise is not kept: as short as is found in that time."""
        return Shrinking(self, finding, time.monotonic() + seconds).run()


# From large to small: what a schedule can do without is mostly in one piece.
_PIECES: Final = (64, 32, 16, 8, 4, 2, 1)


@dataclass
class Shrinking:
    """Leaves out decisions, and takes the first possibility in place of others, as long as the promise stays broken.

    The first possibility is always the one at which nothing goes wrong, and a record that has come to its end goes on
    with that one: less is simpler.
    """

    simulation: Simulation
    best: Finding
    deadline: float

    def run(self) -> Finding:
        before = None
        while before is not self.best and time.monotonic() < self.deadline:
            before = self.best
            for size in _PIECES:
                self._leave_out(size)
            self._simplify()
        return self.best

    def _leave_out(self, size: int) -> None:
        at = len(self.best.decisions)
        while (at := at - size) > -size and time.monotonic() < self.deadline:
            start = max(at, 0)
            self._try([*self.best.decisions[:start], *self.best.decisions[start + size :]])

    def _simplify(self) -> None:
        for at in range(len(self.best.decisions)):
            for simpler in range(min(self.best.decisions[at], 3) if at < len(self.best.decisions) else 0):
                decisions = list(self.best.decisions)
                decisions[at] = simpler
                if self._try(decisions) or time.monotonic() > self.deadline:
                    break

    def _try(self, decisions: list[int]) -> bool:
        """Whether it is simpler, and breaks the same promise."""
        found = self.simulation.run(Record(decisions))
        if not isinstance(found, Finding) or _kind(found.broken) != _kind(self.best.broken):
            return False
        if _size(found) >= _size(self.best):
            return False
        self.best = found
        return True


def _kind(broken: str) -> str:
    """The promise, whichever object it is that it was not kept for."""
    return re.sub(r"\b[a-z]+\.png\b|, but .*", "", broken)


def _size(finding: Finding) -> tuple[int, int, int]:
    """Few steps, then few decisions that are not the first possibility."""
    return finding.steps, sum(map(bool, finding.decisions)), sum(finding.decisions)
