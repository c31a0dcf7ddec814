"""The history in the terminal: a table of executions, and the way of one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from lockstep.executions import Execution
from lockstep.history.run import Run, reason
from lockstep.history.run import row as row_of
from lockstep.history.visits import Failure, Span, Spent, Visit
from lockstep.view import STYLES

_EMPTY: Final = "There is no execution to show. To start one, put an image: lockstep put samples/rocket.jpg"
_AGAIN: Final = "To start it again, open it in `lockstep history`: its page has a button for that."
_NONE: Final = "–"
_COLUMNS: Final = ("started", "object", "event", "outcome", "time", "execution")
_FOLDING: Final = {"object", "event", "execution"}
_SHORTEST: Final = 8  # characters of a name: enough to be told apart tomorrow as well
_LONGEST_CAUSE: Final = 300  # characters; Lambda's may have thousands
_LONGEST_BAR: Final = 48
_NARROWEST: Final = 20  # columns for words
_CELL: Final = 1_000_000  # parts of a character of a bar
_INDENT: Final = 11  # the track is right of the times
_BARS: Final = {
    Spent.WORKING: ("█", "cyan"),
    Spent.WAITING: ("░", "yellow"),
    Spent.FAILED: ("╳", "red"),
    Spent.MACHINE: ("·", "dim"),
}
_MEANINGS: Final = {**{each: each.value for each in Spent}, Spent.MACHINE: "Step Functions"}
_FEWEST_ROUNDS: Final = 4  # the first and the last are shown: there have to be some between them
_LONGEST_LOOP: Final = 12
_MOST_REASONS: Final = 3


def table(executions: Sequence[Execution], now: datetime | None = None) -> RenderableType:
    """A row an execution, newest first. Below them, why some did not end well."""
    if not executions:
        return Text(_EMPTY)
    return _Rows(sorted(executions, key=lambda each: each.started, reverse=True), now or datetime.now(UTC))


def way(run: Run, now: datetime | None = None) -> RenderableType:
    """The way of an execution through the machine: each visit to a state on a line, on one scale of time."""
    scene = _Scene(run, now or datetime.now(UTC))
    return Group(_headline(scene), Text(), _Track(scene), Text(), _totals(scene), *_words(run))


# --- the table ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """Long keys fold in a terminal; elsewhere a row is a line, whatever is in it."""

    executions: Sequence[Execution]
    now: datetime

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console
        names = _short(each.name for each in self.executions)
        rows = [_cells(each, names[each.name], self.now) for each in self.executions]
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
                yield from _explanation(execution, names[execution.name])


def _cells(execution: Execution, name: str, now: datetime) -> Sequence[Text]:
    return (
        Text(_started(execution.started, now), "dim"),
        Text(_visible(execution.key) or _NONE),
        Text(_visible(execution.change)),
        Text(execution.outcome.value, STYLES[execution.outcome]),
        Text(f"{_so_far(execution, now):.1f} s"),
        Text(_visible(name)),
    )


def _make_room(rows: Sequence[Sequence[Text]], width: int) -> None:
    """Shorten the keys, so that the other columns fit beside them."""
    columns = zip(map(Text, _COLUMNS), *rows, strict=True)
    widths = {column[0].plain: max(each.cell_len for each in column) for column in columns}
    others = sum(widths.values()) - widths["object"] + len("  ") * (len(_COLUMNS) - 1)
    for row in rows:
        row[_COLUMNS.index("object")].truncate(max(_NARROWEST, width - others), overflow="ellipsis")


def _explanation(execution: Execution, name: str) -> Iterator[Text]:
    explanation = str(row_of(execution)["explanation"]).strip(": ")
    if explanation:
        text = f"{name} {execution.key} {execution.outcome.value}: {' '.join(explanation.split())}"
        yield Text(_visible(text), STYLES[execution.outcome])


def _short(names: Iterable[str]) -> Mapping[str, str]:
    """Of each name the shortest beginning that no other one has: `lockstep show` takes it."""
    ordered = sorted(set(names))
    found = {}
    for before, name, after in zip(["", *ordered], ordered, [*ordered[1:], ""], strict=False):
        shared = max(_shared(name, other) for other in (before, after))
        found[name] = name[: max(_SHORTEST, shared + 1)]
    return found


def _shared(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _started(at: datetime, now: datetime) -> str:
    """In local time; which day it was matters more than the second."""
    local, today = at.astimezone(), now.astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"


def _so_far(execution: Execution, now: datetime) -> float:
    """How long it took, or has taken. The clocks of AWS and of this computer may differ."""
    return max(0.0, ((execution.stopped or now) - execution.started).total_seconds())


# --- the way of one ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scene:
    """An execution, looked at from a point in time."""

    run: Run
    now: datetime

    @property
    def begin(self) -> datetime:
        return self.run.execution.started

    @property
    def seconds(self) -> float:
        return _so_far(self.run.execution, self.now)

    def is_current(self, visit: Visit) -> bool:
        return not self.run.way.is_over and visit is self.run.way.visits[-1]

    def is_last_of_a_failure(self, visit: Visit) -> bool:
        return not self.run.execution.outcome.is_good and visit is self.run.way.visits[-1]

    def spent(self, visits: Iterable[Visit]) -> float:
        return sum(max(0.0, ((each.exited or self.now) - each.entered).total_seconds()) for each in visits)


def _headline(scene: _Scene) -> RenderableType:
    execution = scene.run.execution
    took = f"{'in' if execution.outcome.is_final else 'for'} {scene.seconds:.1f} s"
    title = [
        (_visible(execution.key) or _NONE, "bold"),
        (_visible(execution.change), ""),
        (execution.outcome.value, STYLES[execution.outcome]),
        (took if execution.outcome.is_final else f"{took} so far", ""),
    ]
    names = Text.assemble(
        ("started    ", "dim"),
        f"{execution.started.astimezone():%Y-%m-%d %H:%M:%S}\n",
        ("execution  ", "dim"),
        _visible(execution.name),
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
class _Rounds:
    """Rounds of a loop that are not shown one by one.

    Attributes:
        around: the visits that are shown, of the rounds before and after.
    """

    visits: Sequence[Visit]
    around: Sequence[Visit]
    length: int


@dataclass(frozen=True)
class _Track:
    """The visits from top to bottom."""

    scene: _Scene

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        stops = list(_stops(self.scene))
        name = max(each.name.cell_len for each in stops)
        time = max(len(each.time) for each in stops)
        beside = max(len(each.beside) for each in stops)
        bar = min(_LONGEST_BAR, options.max_width - _INDENT - len("● ") - name - time - beside - len("  ") * 3)
        words = max(_NARROWEST, options.max_width - _INDENT - len("│ "))
        for stop in stops:
            yield self._line(stop, name, bar, time)
            for note in stop.notes:
                for each in note.wrap(console, words):
                    yield Text.assemble(" " * _INDENT, ("  " if stop is stops[-1] else "│ ", "dim"), each)

    def _line(self, stop: _Stop, name: int, bar: int, time: int) -> Text:
        """One stop; the numbers are widths."""
        offset = _duration((stop.at - self.scene.begin).total_seconds())
        padded = stop.name.copy()
        padded.pad_right(name - padded.cell_len)
        line = Text.assemble((f"{offset:>{_INDENT - 2}}  ", "dim"), (f"{stop.mark} ", stop.style), padded, "  ")
        if stop.visits:
            line.append(_bar(self.scene, stop.visits, max(0, bar)))
            line.append(f"  {stop.time:>{time}}").append(f"  {stop.beside}", "yellow")
        line.rstrip()
        line.no_wrap, line.overflow = True, "ellipsis"  # in a terminal that is too narrow
        return line


def _stops(scene: _Scene) -> Iterator[_Stop]:
    said = ""
    for each in _folded(scene.run.way.visits):
        if isinstance(each, _Rounds):
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


def _stop(scene: _Scene, visit: Visit, why: str) -> _Stop:
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
        Text(_visible(visit.state), style if mark != "●" else ""),
        [visit],
        _duration(scene.spent([visit])),
        ", ".join(filter(None, ("so far" if is_current else "", attempts))),
        list(_notes(scene, visit, why)),
    )


def _notes(scene: _Scene, visit: Visit, why: str) -> Iterator[Text]:
    """Why it took several attempts, and why the execution went on as it did."""
    before = visit.failures[:-1] if visit.has_failed else visit.failures
    if before:
        yield Text(_visible(f"tried again after {_counted(each.error for each in before)}"), "yellow")
    if not visit.has_failed or not visit.failures:
        yield from ([Text(_visible(why), "dim")] if why else [])
        return
    failure = visit.failures[-1]
    what_then = "caught" if visit.output is not None else "failed"  # what ends the execution has no output
    yield Text.assemble((f"{what_then}: ", "bold red"), (_error(failure, scene.run.way.failure), "red"))


def _error(failure: Failure, last: Failure | None) -> str:
    """In short; the cause that the execution ended with is told in full below the way."""
    text = _visible(" ".join((failure.error if failure == last and failure.error else str(failure)).split()))
    return text if len(text) <= _LONGEST_CAUSE else f"{text[:_LONGEST_CAUSE]}…"


def _rounds(scene: _Scene, rounds: _Rounds) -> _Stop:
    count = len(rounds.visits) // rounds.length
    failures = [each.error for visit in rounds.visits for each in visit.failures]
    known = {reason(each) for each in rounds.around}
    others = dict.fromkeys(why for each in rounds.visits if (why := reason(each)) not in known and not each.has_failed)
    notes = [
        Text(f"of {' › '.join(_visible(each.state) for each in rounds.visits[: rounds.length])}", "dim"),
        *(Text(_visible(each), "dim") for each in islice(others, _MOST_REASONS)),
    ]
    if len(others) > _MOST_REASONS:
        notes.append(Text(f"and {len(others) - _MOST_REASONS} more", "dim"))
    if failures:
        notes.append(Text(_visible(f"failed: {_counted(failures)}"), "red"))
    return _Stop(
        rounds.visits[0].entered,
        "┊",
        "dim",
        Text(f"… {count} more rounds", "yellow"),
        rounds.visits,
        _duration(scene.spent(rounds.visits)),
        notes=notes,
    )


def _folded(visits: Sequence[Visit]) -> Iterator[Visit | _Rounds]:
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
        yield _Rounds(visits[first:last], [*visits[at:first], *visits[last:end]], length)
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


# --- time --------------------------------------------------------------------------------------------------


def _bar(scene: _Scene, visits: Sequence[Visit], width: int) -> Text:
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


def _totals(scene: _Scene) -> Text:
    """What the characters of the bars mean, and how much there was of each."""
    visits = scene.run.way.visits
    spent = {each: sum(max(0.0, visit.seconds(each, scene.now)) for visit in visits) for each in Spent}
    # Also what was between the states, and before the first one: so it adds up to the duration.
    spent[Spent.MACHINE] = max(0.0, scene.seconds - sum(spent.values()) + spent[Spent.MACHINE])
    shown = [each for each in _BARS if spent[each]]
    legend = Text("  ").join(
        Text.assemble(_BARS[each], f" {_MEANINGS[each]} ", (_duration(spent[each]), "bold")) for each in shown
    )
    # Step Functions counts each entry of a state and each retry: https://aws.amazon.com/step-functions/pricing/
    transitions = sum(max(1, each.attempts) for each in visits)
    return Text.assemble(legend, f"\n{transitions} state transition{'' if transitions == 1 else 's'}")


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


# --- words -------------------------------------------------------------------------------------------------


def _words(run: Run) -> Iterator[RenderableType]:
    """What came of it, for somebody new, and what to do about it."""
    plain, failure, outcome = run.plain, run.way.failure, run.execution.outcome
    if plain:
        yield Text(f"\n{plain.title}", f"bold {STYLES[outcome]}")
        yield from (Text(each) for each in (plain.text, plain.advice) if each)
    if failure:
        found = Table.grid(padding=(0, 2))
        found.add_row(Text("error", "dim"), Text(_visible(failure.error)))
        found.add_row(Text("cause", "dim"), Text("\n".join(_visible(each) for each in failure.cause.splitlines())))
        yield from (Text(), found)
    if not outcome.is_good:
        yield Text(f"\n{_AGAIN}")


def _counted(errors: Iterable[str]) -> str:
    return ", ".join(f"{each} ×{times}" if times > 1 else each for each, times in Counter(errors).items())


def _visible(text: str) -> str:
    """What somebody else wrote: it cannot move the cursor, start a new line or turn letters round."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
