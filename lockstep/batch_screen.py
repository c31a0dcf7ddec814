"""How a batch gets on, for people: a bar while it runs, and one line of what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lockstep.batch import Batch, Fate, Start
from lockstep.executions import Outcome
from lockstep.view import STYLES


@dataclass
class Tally:
    """Counts fates.

    Attributes:
        starts: how many were started, had been before, or were refused.
        outcomes: of the executions that have ended.
        is_followed: otherwise what was started is settled.
    """

    starts: Counter[Start] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    is_followed: bool = True

    def add(self, fate: Fate, *, is_new: bool) -> None:
        """Count it; `is_new` the first time that this item is told of."""
        if is_new:
            self.starts[fate.start] += 1
        if fate.is_final and fate.execution is not None:
            self.outcomes[fate.execution.outcome] += 1

    @property
    def ended(self) -> int:
        """How many are settled, those that were refused too."""
        return self.outcomes.total() + self.starts[Start.REFUSED] if self.is_followed else self.starts.total()

    @property
    def is_good(self) -> bool:
        """Whether nobody has to look at any of them, so far."""
        return not self.starts[Start.REFUSED] and all(outcome.is_good for outcome in self.outcomes)

    @property
    def text(self) -> Text:
        """What came of them, most frequent first: "280 converted, 18 stale, 2 failed"."""
        found = Text(", ").join(
            Text(f"{times:,} {outcome.value}", STYLES[outcome]) for outcome, times in self.outcomes.most_common()
        )
        if refused := self.starts[Start.REFUSED]:
            found += Text.assemble(", " if found else "", (f"{refused:,} not started", STYLES[Outcome.FAILED]))
        return found


class Bar:
    """A bar below what is printed, gone when the block ends; nothing where there is no terminal."""

    def __init__(self, screen: Console, batch: Batch, tally: Tally, total: int | None = None) -> None:
        self._batch = batch
        self._tally = tally
        self._total = total
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(self, console=screen, transient=True, refresh_per_second=10)

    def __enter__(self) -> Bar:
        if self._live.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One line: the bar, how many have ended, and what came of them."""
        tally = self._tally
        line = Table.grid(padding=(0, 1))
        of_all = f"{tally.ended:,}" if self._total is None else f"{tally.ended:,} of {self._total:,}"
        details = Text(" · ", "dim").join(filter(None, (tally.text, self._at_work())))
        bar = ProgressBar(self._total, tally.ended, width=24, complete_style="cyan", finished_style="green")
        line.add_row(self._spinner, bar, Text(of_all, "bold"), details)
        yield line

    def _at_work(self) -> Text:
        text = Text(f"{self._batch.at_work:,} at work" if self._batch.at_work else "", "cyan")
        if self._batch.is_throttled:
            text += Text.assemble(", " if text else "", ("AWS makes us wait", "yellow"))
        return text
