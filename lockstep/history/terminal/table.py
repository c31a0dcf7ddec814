"""The table of `lockstep history --text`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from lockstep.executions import Execution
from lockstep.history.naming import short
from lockstep.history.run import by_name
from lockstep.history.terminal.words import NOTHING, so_far
from lockstep.view import STYLES, visible

_EMPTY: Final = "There is no execution to show. To start one, put an image: lockstep put samples/rocket.jpg"
_COLUMNS: Final = ("started", "object", "event", "outcome", "time", "execution")
_FOLDING: Final = {"object", "event", "execution"}
_NARROWEST: Final = 20  # columns for a key


def table(executions: Sequence[Execution], now: datetime | None = None, among: Iterable[str] = ()) -> RenderableType:
    """A row an execution, newest first. Below them, why some did not end well.

    Its shortened names are those of no others in `among`.
    """
    if not executions:
        return Text(_EMPTY)
    newest_first = sorted(executions, key=lambda each: each.started, reverse=True)
    return _Rows(newest_first, short((each.name for each in executions), among), now or datetime.now(UTC))


@dataclass(frozen=True)
class _Rows:
    """Long keys fold in a terminal; elsewhere a row is a line, whatever is in it."""

    executions: Sequence[Execution]
    names: Mapping[str, str]
    now: datetime

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        rows = [_cells(each, self.names[each.name], self.now) for each in self.executions]
        is_line = not options.is_terminal
        if is_line:
            _make_room(rows, options.max_width)
        found = Table(box=None, pad_edge=False, header_style="bold")
        for title in _COLUMNS:
            is_fixed = is_line or title not in _FOLDING
            found.add_column(title, overflow="fold", no_wrap=is_fixed, justify="right" if title == "time" else "left")
        for each in rows:
            found.add_row(*each)
        yield found
        for execution in self.executions:
            if not execution.outcome.is_good:
                yield from _explanation(execution, self.names[execution.name])


def _cells(execution: Execution, name: str, now: datetime) -> Sequence[Text]:
    return (
        Text(_started(execution.started, now), "dim"),
        Text(visible(execution.key) or NOTHING),
        Text(visible(execution.change)),
        Text(execution.outcome.value, STYLES[execution.outcome]),
        Text(f"{so_far(execution, now):.1f} s"),
        Text(visible(name)),
    )


def _make_room(rows: Sequence[Sequence[Text]], width: int) -> None:
    """Shorten the keys, so that the other columns fit beside them."""
    columns = zip(map(Text, _COLUMNS), *rows, strict=True)
    widths = {column[0].plain: max(each.cell_len for each in column) for column in columns}
    others = sum(widths.values()) - widths["object"] + len("  ") * (len(_COLUMNS) - 1)
    for row in rows:
        row[_COLUMNS.index("object")].truncate(max(_NARROWEST, width - others), overflow="ellipsis")


def _explanation(execution: Execution, name: str) -> Iterator[Text]:
    explanation = by_name(execution.explanation).strip(": ")
    if explanation:
        text = f"{name} {execution.key} {execution.outcome.value}: {' '.join(explanation.split())}"
        yield Text(visible(text), STYLES[execution.outcome])


def _started(at: datetime, now: datetime) -> str:
    """In local time; which day it was matters more than the second."""
    local, today = at.astimezone(), now.astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"
