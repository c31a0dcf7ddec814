"""The way of one execution through the machine, for `lockstep show`."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from lockstep.history.run import Run, reason
from lockstep.history.terminal.bars import Scene, bar, totals
from lockstep.history.terminal.loops import Rounds, folded
from lockstep.history.terminal.words import NOTHING, counted, duration
from lockstep.history.visits import Failure, Visit
from lockstep.view import STYLES, visible

_ITS_PAGE: Final = "its page in `lockstep history` has a button for that"
_LONGEST_CAUSE: Final = 300  # characters; Lambda's may have thousands
_LONGEST_BAR: Final = 48
_NARROWEST: Final = 20  # columns for words
_INDENT: Final = 11  # the track is right of the times
_MOST_REASONS: Final = 3


def way(run: Run, now: datetime | None = None, started_again_as: str = "") -> RenderableType:
    """The way of an execution through the machine: each visit to a state on a line, on one scale of time.

    `started_again_as` is the name of the execution that followed it with the same input; empty if none is known.
    """
    scene = Scene(run, now or datetime.now(UTC))
    again = _again(scene, started_again_as)
    return Group(_headline(scene), Text(), _Track(scene), Text(), totals(scene), *_words(run), *again)


def _headline(scene: Scene) -> RenderableType:
    execution = scene.run.execution
    took = f"{'in' if execution.outcome.is_final else 'for'} {scene.seconds:.1f} s"
    title = [
        (visible(execution.key) or NOTHING, "bold"),
        (visible(execution.change), ""),
        (execution.outcome.value, STYLES[execution.outcome]),
        (took if execution.outcome.is_final else f"{took} so far", ""),
    ]
    names = Text.assemble(
        ("started    ", "dim"),
        f"{execution.started.astimezone():%Y-%m-%d %H:%M:%S}\n",
        ("execution  ", "dim"),
        visible(execution.name),
    )
    return Group(Text("  ").join(Text(*each) for each in title if each[0]), names)


@dataclass(frozen=True)
class _Stop:
    """A line of the track, and what there is to say below it.

    Attributes:
        at: when; it is shown as the time since the start.
        visits: what its bar is of: one, or those that are folded away; none at the end.
    """

    at: datetime
    mark: str
    style: str
    name: Text
    visits: Sequence[Visit] = ()
    time: str = ""
    beside: str = ""
    notes: Sequence[Text] = field(default_factory=tuple)


@dataclass(frozen=True)
class _Track:
    """The visits from top to bottom."""

    scene: Scene

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        stops = list(_stops(self.scene))
        name = max(each.name.cell_len for each in stops)
        time = max(len(each.time) for each in stops)
        beside = max(len(each.beside) for each in stops)
        length = min(_LONGEST_BAR, options.max_width - _INDENT - len("● ") - name - time - beside - len("  ") * 3)
        words = max(_NARROWEST, options.max_width - _INDENT - len("│ "))
        for stop in stops:
            yield self._line(stop, name, length, time)
            for note in stop.notes:
                for each in note.wrap(console, words):
                    yield Text.assemble(" " * _INDENT, ("  " if stop is stops[-1] else "│ ", "dim"), each)

    def _line(self, stop: _Stop, name: int, length: int, time: int) -> Text:
        """One stop; the numbers are widths."""
        offset = duration((stop.at - self.scene.begin).total_seconds())
        padded = stop.name.copy()
        padded.pad_right(name - padded.cell_len)
        line = Text.assemble((f"{offset:>{_INDENT - 2}}  ", "dim"), (f"{stop.mark} ", stop.style), padded, "  ")
        if stop.visits:
            line.append(bar(self.scene, stop.visits, max(0, length)))
            line.append(f"  {stop.time:>{time}}").append(f"  {stop.beside}", "yellow")
        line.rstrip()
        line.no_wrap, line.overflow = True, "ellipsis"  # in a terminal that is too narrow
        return line


def _stops(scene: Scene) -> Iterator[_Stop]:
    said = ""
    for each in folded(scene.run.way.visits):
        if isinstance(each, Rounds):
            yield _rounds(scene, each)
            continue
        why = reason(each)
        yield _stop(scene, each, "" if why == said else why)
        said = why
    execution = scene.run.execution
    if execution.stopped is not None:
        style = STYLES[execution.outcome]
        yield _Stop(execution.stopped, "■", style, Text(execution.outcome.value, style))
    elif not scene.run.way.visits:
        yield _Stop(scene.begin, "●", "cyan", Text("started, and in no state yet"))


def _stop(scene: Scene, visit: Visit, why: str) -> _Stop:
    is_current = scene.is_current(visit)
    if is_current:
        mark, style = "▶", "bold cyan"
    elif visit.has_failed or scene.is_last_of_a_failure(visit):
        mark, style = "✗", "bold red"
    else:
        mark, style = "●", "yellow" if visit.type == "Wait" else "green"
    attempts = f"{visit.attempts} attempts" if visit.attempts > 1 else ""
    return _Stop(
        visit.entered,
        mark,
        style,
        Text(visible(visit.state), style if mark != "●" else ""),
        [visit],
        duration(scene.spent([visit])),
        ", ".join(filter(None, ("so far" if is_current else "", attempts))),
        list(_notes(scene, visit, why)),
    )


def _notes(scene: Scene, visit: Visit, why: str) -> Iterator[Text]:
    """Why it took several attempts, and why the execution went on as it did."""
    before = visit.failures[:-1] if visit.has_failed else visit.failures
    if before:
        yield Text(visible(f"tried again after {counted(each.error for each in before)}"), "yellow")
    if not visit.has_failed or not visit.failures:
        yield from ([Text(visible(why), "dim")] if why else [])
        return
    failure = visit.failures[-1]
    what_then = "caught" if visit.output is not None else "failed"  # what ends the execution has no output
    yield Text.assemble((f"{what_then}: ", "bold red"), (_error(failure, scene.run.way.failure), "red"))


def _error(failure: Failure, last: Failure | None) -> str:
    """In short; the cause that the execution ended with is told in full below the way."""
    text = visible(" ".join((failure.error if failure == last and failure.error else str(failure)).split()))
    return text if len(text) <= _LONGEST_CAUSE else f"{text[:_LONGEST_CAUSE]}…"


def _rounds(scene: Scene, rounds: Rounds) -> _Stop:
    count = len(rounds.visits) // rounds.length
    failures = [each.error for visit in rounds.visits for each in visit.failures]
    known = {reason(each) for each in rounds.around}
    others = dict.fromkeys(why for each in rounds.visits if (why := reason(each)) not in known and not each.has_failed)
    notes = [
        Text(f"of {' › '.join(visible(each.state) for each in rounds.visits[: rounds.length])}", "dim"),
        *(Text(visible(each), "dim") for each in islice(others, _MOST_REASONS)),
    ]
    if len(others) > _MOST_REASONS:
        notes.append(Text(f"and {len(others) - _MOST_REASONS} more", "dim"))
    if failures:
        notes.append(Text(visible(f"failed: {counted(failures)}"), "red"))
    return _Stop(
        rounds.visits[0].entered,
        "┊",
        "dim",
        Text(f"… {count} more rounds", "yellow"),
        rounds.visits,
        duration(scene.spent(rounds.visits)),
        notes=notes,
    )


def _words(run: Run) -> Iterator[RenderableType]:
    """What came of it, for somebody new, and what to do about it."""
    plain, failure, outcome = run.plain, run.way.failure, run.execution.outcome
    if plain:
        yield Text(f"\n{plain.title}", f"bold {STYLES[outcome]}")
        yield from (Text(each) for each in (plain.text, plain.advice) if each)
    if failure:
        found = Table.grid(padding=(0, 2))
        found.add_row(Text("error", "dim"), Text(visible(failure.error)))
        found.add_row(Text("cause", "dim"), Text("\n".join(visible(each) for each in failure.cause.splitlines())))
        yield from (Text(), found)


def _again(scene: Scene, started_again_as: str) -> Iterator[RenderableType]:
    """How to start it again; not where that would end the same way."""
    run = scene.run
    if started_again_as:
        yield Text(f"\nIt was started again as {visible(started_again_as)}")
        return
    is_no_event = run.way.failure is not None and run.way.failure.error == "InvalidEvent"
    if not run.execution.outcome.may_be_started_again or is_no_event:
        return
    command = f"`{_redrive(scene)}`, or " if run.execution.key else ""
    yield Text(f"\nTo start it again: {command}{_ITS_PAGE}.")


def _redrive(scene: Scene) -> str:
    """The command; it looks back for a day unless told otherwise, and takes a key with *, ? or [ for a pattern."""
    days = (scene.now - scene.begin).days
    since = f" --since {days + 1}d" if days else ""
    return f"lockstep redrive --key {visible(shlex.quote(glob.escape(scene.run.execution.key)))}{since}"
