"""What `lockstep redrive` shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lockstep.batch import Fate, Start
from lockstep.batch_screen import Tally
from lockstep.executions import Outcome
from lockstep.redrive.failure import Failure, Found
from lockstep.view import STYLES, line, number, visible

_ROWS: Final = 40
_STYLES: Final = {outcome.value: style for outcome, style in STYLES.items()} | {"undelivered": "bold red"}


def failures(found: Found) -> RenderableType:
    """A row for each that would be started again, oldest first: when, object, change, outcome, why."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("when", style="dim", no_wrap=True)
    table.add_column("object", overflow="fold")
    table.add_column("event", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    table.add_column("why", style="dim")
    for each in found.failures[:_ROWS]:
        table.add_row(
            f"{each.when.astimezone():%Y-%m-%d %H:%M:%S}",
            Text(visible(each.key)),
            Text(visible(each.change)),
            Text(each.outcome, _STYLES[each.outcome]),
            Text(visible(each.why), no_wrap=True, overflow="ellipsis"),  # a line each, however narrow it is
        )
    more = len(found.failures) - _ROWS
    return Group(table, Text(f"… and {more:,} more; --dry-run --json lists all", "dim")) if more > 0 else table


def left(found: Found, heading: str) -> Text:
    """What is not started, and why: a line for each reason."""
    lines = [f"  {count:>4,}  {reason}" for reason, count in found.left.most_common()]
    return Text("\n".join(["", heading, *lines]) if lines else "", "dim")


def strays(found: Found) -> Text:
    """Each message that is no event: its id, and how it begins."""
    lines = [f"  {each.message_id}  {visible(each.body)}" for each in found.strays[:_ROWS]]
    more = len(found.strays) - _ROWS
    return Text("\n".join([*lines, f"  … and {more:,} more; --dry-run --json lists all"] if more > 0 else lines), "dim")


def came_of(failure: Failure, fate: Fate) -> Text:
    """What has come of one, as a line."""
    if fate.execution is not None and fate.start is not Start.REFUSED:
        return line(fate.execution)
    style = STYLES[Outcome.FAILED]
    text = f"          {Start.REFUSED.value:<10}  ", style
    return Text.assemble(text, f"{visible(failure.key)}\n", (f"          {visible(fate.problem)}", "dim"))


def problem(failure: Failure, what: str) -> Text:
    """What went wrong beside the execution."""
    return Text(f"{visible(failure.key)}: {what}", "yellow")


def summary(tally: Tally) -> Text:
    """How many were started, and what came of them."""
    started, before = tally.starts[Start.STARTED], tally.starts[Start.BEFORE]
    counts = [f"{started:,} started", f"{before:,} had been started before" if before else ""]
    text = Text(", ".join(filter(None, counts)), "bold")
    return Text.assemble(text, ": ", tally.text) if tally.text else text


def broken_off(tally: Tally, total: int) -> Text:
    """How far it came, and how to go on."""
    begun = tally.starts[Start.STARTED] + tally.starts[Start.BEFORE]
    text = f"stopped: {begun:,} of {total:,} started"
    if under_way := begun - tally.outcomes.total():
        state = "at work or waiting" if tally.is_followed else "not followed"
        text += f", {under_way:,} of them {state}: `lockstep watch` shows what comes of them"
    return Text(f"{text}\nthe same command goes on where this one stopped; nothing is started twice", "yellow")


def left_alone(tally: Tally) -> Text:
    """How to look later at what was not followed."""
    if tally.is_followed or not tally.starts[Start.STARTED]:
        return Text("")
    return Text("not followed: `lockstep watch` shows them end; what fails again, the same command lists later", "dim")


def repeated(messages: Sequence[int]) -> str:
    """How many messages are for how many executions, given those for each; empty if each has one.

    "5 messages, 4 executions (1 event is there twice)".
    """
    more = [each for each in messages if each > 1]
    if not more:
        return ""
    events = "1 event is" if len(more) == 1 else f"{len(more):,} events are"
    times = "twice" if max(more) == 2 else "more than once"
    return f"{sum(messages):,} messages, {number(len(messages), 'execution')} ({events} there {times})"
