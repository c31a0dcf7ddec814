"""What `lockstep reconcile` shows."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lockstep.batch import Fate, Start
from lockstep.batch_screen import Tally
from lockstep.executions import Outcome
from lockstep.reconcile.comparing import Seen
from lockstep.reconcile.wanted import Wanted
from lockstep.view import STYLES, line, number, visible
from objectlock.comparison import Kind

SHOWN: Final = 5  # keys of each kind
STYLE: Final = {Kind.MISSING: "yellow", Kind.OUTDATED: "yellow", Kind.ORPHANED: "yellow", Kind.REJECTED: "magenta"}
MEANING: Final = {
    Kind.MISSING: "inputs without output",
    Kind.OUTDATED: "outputs of another input",
    Kind.ORPHANED: "outputs without input",
    Kind.REJECTED: "inputs that cannot be converted",
}


@dataclass
class Progress:
    """One line that tells how far a comparison has come; it reads what is being counted."""

    seen: Seen

    def __post_init__(self) -> None:
        self._spinner = Spinner("dots", style="cyan")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Drawn again and again while it runs."""
        row = Table.grid(padding=(0, 1))
        text = Text.assemble(("comparing  ", "bold"), compared(self.seen.inputs, self.seen.outputs))
        for kind, count in self.seen.kinds.items():
            text.append(f" · {count:,} {kind.value}", STYLE[kind])
        if self.seen.until:
            text.append(f" · {visible(self.seen.until)}", "dim")
        text.truncate(max(options.max_width - 2, 1), overflow="ellipsis")
        row.add_row(self._spinner, text)
        yield row


def compared(inputs: int, outputs: int) -> str:
    """So many, in words."""
    return f"{number(inputs, 'input')}, {number(outputs, 'output')}"


def found(seen: Seen, first: Mapping[Kind, Sequence[str]], wanted: Wanted) -> RenderableType:
    """What there is of each kind, and the first of them."""
    heading = Text.assemble("compared ", compared(seen.inputs, seen.outputs))
    if not seen.kinds:
        return heading
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for kind in (each for each in Kind if seen.kinds[each]):
        keys = [visible(each) for each in first[kind]]
        more = seen.kinds[kind] - len(keys)
        about = Text(MEANING[kind] + ("" if kind in wanted.kinds else _left_alone(kind)), "dim")
        about.append("\n" + "\n".join(keys), "default not dim")
        about.append(f"\n… and {more:,} more" if more > 0 else "")
        table.add_row(f"{seen.kinds[kind]:,}", Text(kind.value, STYLE[kind]), about)
    return Group(heading, table)


def _left_alone(kind: Kind) -> str:
    return ", left alone; --rejected tries again" if kind is Kind.REJECTED else ", left alone"


def came_of(key: str, fate: Fate) -> Text:
    """What has come of one repair, as a line."""
    if fate.execution is not None:
        return line(fate.execution)
    return Text.assemble(
        (f"{Start.REFUSED.value}  ", STYLES[Outcome.FAILED]), f"{visible(key)}: {visible(fate.problem)}"
    )


def counted(inputs: int, outputs: int, kinds: Mapping[Kind, int]) -> Text:
    """What there is of each kind."""
    text = Text.assemble("compared ", compared(inputs, outputs))
    for kind in Kind:
        if kinds.get(kind):
            text.append(": " if text.plain.endswith("s") else ", ").append(f"{kinds[kind]:,} {kind.value}", STYLE[kind])
    return text


def summary(tally: Tally) -> Text:
    """What came of all."""
    return Text.assemble(number(tally.starts.total(), "repair"), ": ", tally.text)


def ending(*, is_in_step: bool, left_alone: int = 0) -> Text:
    """The last line; so many findings were not asked for."""
    if not is_in_step:
        return Text("not all is in step", "bold red")
    if left_alone:
        return Text(
            f"what was asked for is in step; {number(left_alone, 'finding')} of other kinds left alone", "bold yellow"
        )
    return Text("in step", "bold green")


def nothing_there(prefix: str) -> Text:
    """A prefix may be mistyped."""
    return Text(f"no key of either bucket begins with {prefix!r}", "yellow")


def repaired(repairs: int, not_well: int) -> Text:
    """How many there were in a run by Step Functions; which of them did not come out well is told by then."""
    return Text(number(repairs, "repair") + (f", {not_well:,} of them failed or were rejected" if not_well else ""))


def broken_off(tally: Tally, at_work: int, command: str) -> Text:
    """How far it came, and how to go on."""
    text = f"stopped: {number(tally.starts.total(), 'repair')} started"
    if at_work:
        text += f", {at_work:,} of them at work or waiting: `lockstep watch` shows what comes of them"
    return Text(f"{text}\nto go on from here: {command}", "yellow")


def command(wanted: Wanted, start_after: str, more: str) -> str:
    """The command line that goes on after a key."""
    words = [
        "lockstep reconcile",
        wanted.options(),
        more,
        f"--start-after {quoted(start_after)}" if start_after else "",
    ]
    return " ".join(filter(None, words))


def quoted(text: str) -> str:
    """As a shell takes it; what cannot be seen is written out."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(each if _is_plain(each) else f"\\U{ord(each):08x}" for each in text) + "'"


def _is_plain(letter: str) -> bool:
    return letter.isprintable() and letter not in "\\'"
