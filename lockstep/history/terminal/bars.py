"""Bars of time, and what they add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.text import Text

from lockstep.history.run import Run
from lockstep.history.terminal.words import duration, so_far
from lockstep.history.visits import Span, Spent, Visit

_CELL: Final = 1_000_000  # parts of a character of a bar
_BARS: Final = {
    Spent.WORKING: ("█", "cyan"),
    Spent.WAITING: ("░", "yellow"),
    Spent.FAILED: ("╳", "red"),
    Spent.MACHINE: ("·", "dim"),
}
_MEANINGS: Final = {**{each: each.value for each in Spent}, Spent.MACHINE: "Step Functions"}


@dataclass(frozen=True)
class Scene:
    """An execution, looked at from a point in time."""

    run: Run
    now: datetime

    @property
    def begin(self) -> datetime:
        return self.run.execution.started

    @property
    def seconds(self) -> float:
        return so_far(self.run.execution, self.now)

    def is_current(self, visit: Visit) -> bool:
        return not self.run.way.is_over and visit is self.run.way.visits[-1]

    def is_last_of_a_failure(self, visit: Visit) -> bool:
        return not self.run.execution.outcome.is_good and visit is self.run.way.visits[-1]

    def spent(self, visits: Iterable[Visit]) -> float:
        return sum(max(0.0, ((each.exited or self.now) - each.entered).total_seconds()) for each in visits)


def bar(scene: Scene, visits: Sequence[Visit], width: int) -> Text:
    """When these visits were, and what their time was spent on. However short they were, there is something."""
    cells: list[Counter[Spent]] = [Counter() for _ in range(width)]
    per_second = width / max(scene.seconds, 0.001)
    for visit in visits:
        for span in visit.spans or [Span(Spent.MACHINE, visit.entered, visit.entered)]:
            begin = (span.begin - scene.begin).total_seconds() * per_second
            _fill(cells, span.spent, begin, begin + span.seconds(scene.now) * per_second)
    least = min(_CELL // 2, max((cell.total() for cell in cells), default=0))
    bar = Text()
    for cell in cells:
        bar.append(*(_BARS[_most(cell)] if cell and cell.total() >= least else (" ", "")))
    return bar


def _fill(cells: Sequence[Counter[Spent]], spent: Spent, begin: float, end: float) -> None:
    """Add a stretch of time to the cells that it is in."""
    first, last = (max(0, min(int(each), len(cells) - 1)) for each in (begin, end))
    for place, cell in enumerate(cells[first : last + 1], start=first):
        share = round((min(end, place + 1) - max(begin, place)) * _CELL)
        if share > 0 or first == last:
            cell[spent] += max(1, share)


def _most(cell: Counter[Spent]) -> Spent:
    """What a cell shows: a failure, however short, or else what took most of it."""
    return Spent.FAILED if cell[Spent.FAILED] else cell.most_common(1)[0][0]


def totals(scene: Scene) -> Text:
    """What the characters of the bars mean, and how much there was of each."""
    visits = scene.run.way.visits
    spent = {each: sum(max(0.0, visit.seconds(each, scene.now)) for visit in visits) for each in Spent}
    # Also what was between the states, and before the first one: so it adds up to the duration.
    spent[Spent.MACHINE] = max(0.0, scene.seconds - sum(spent.values()) + spent[Spent.MACHINE])
    shown = [each for each in _BARS if spent[each]]
    legend = Text("  ").join(
        Text.assemble(_BARS[each], f" {_MEANINGS[each]} ", (duration(spent[each]), "bold")) for each in shown
    )
    # Step Functions counts each entry of a state and each retry: https://aws.amazon.com/step-functions/pricing/
    transitions = sum(max(1, each.attempts) for each in visits)
    return Text.assemble(legend, f"\n{transitions} state transition{'' if transitions == 1 else 's'}")
