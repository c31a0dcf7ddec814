"""Starting repairs, following them, and noting what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rich.console import Console, Group, RenderableType

from lockstep.batch import Batch, Fate, Item
from lockstep.batch_screen import Bar, Tally
from lockstep.reconcile.repairs import is_in_step, repair
from lockstep.reconcile.wanted import AT_ONCE, Manner
from lockstep.stack import Stack
from lockstep.view import showing
from objectlock.comparison import Finding


class Repairing:
    """The repairs of one run.

    Args:
        ended: is told of each that has ended.

    Attributes:
        not_in_step: how many did not come out well.
    """

    def __init__(self, stack: Stack, run: str, manner: Manner, ended: Callable[[Finding, Fate], None]) -> None:
        self._stack = stack
        self._run = run
        self._manner = manner
        self._ended = ended
        self._under_way: dict[Item, Finding] = {}
        self._told: set[Item] = set()
        self.tally = Tally()
        self.not_in_step = 0

    @property
    def at_work(self) -> int:
        """How many are started and have not ended, as far as is known."""
        return len(self._told)

    def run(
        self, found: Iterable[Finding], screen: Console, *, total: int | None = None, above: RenderableType = ""
    ) -> None:
        """Repair all. Who asks for the next finding has had the last one started.

        Raises: ClientError, BotoCoreError, and whatever `found` raises. What was started goes on by itself.
        """
        batch = Batch(
            self._stack, self._items(found), per_second=self._manner.rate, at_once=self._manner.at_once or AT_ONCE
        )
        bar = Bar(screen, batch, self.tally, total)
        with showing(screen, Group(above, bar) if above else bar):
            for fate in batch.run():
                self._note(fate)

    def _items(self, found: Iterable[Finding]) -> Iterator[Item]:
        for each in found:
            item = repair(self._stack, self._run, each)
            self._under_way[item] = each
            yield item

    def _note(self, fate: Fate) -> None:
        self.tally.add(fate, is_new=fate.item not in self._told)
        self._told.add(fate.item)
        if fate.is_final:
            self._told.remove(fate.item)
            self.not_in_step += not is_in_step(fate)
            self._ended(self._under_way.pop(fate.item), fate)
