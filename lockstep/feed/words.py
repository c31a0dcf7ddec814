"""What `lockstep feed` shows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lockstep.executions import Outcome
from lockstep.feed.comparing import Difference, Kind
from lockstep.feed.file import time_of
from lockstep.feed.line import Line
from lockstep.feed.loading import Loaded
from lockstep.feed.s3 import SetAside
from lockstep.view import STYLES, number, visible

SHOWN: Final = 5  # keys of each kind
STYLE: Final = {Kind.UNKNOWN: "yellow", Kind.MISSING: "bold red", Kind.DIFFERENT: "bold red"}
MEANING: Final = {
    Kind.UNKNOWN: "in the bucket, not in the feed",
    Kind.MISSING: "in the feed, not in the bucket",
    Kind.DIFFERENT: "with another ETag than the feed says",
}
_OPERATIONS: Final = {"PUT": "green", "DELETE": "yellow"}


@dataclass
class Progress:
    """One line that tells how far a load has come; it reads what is being counted.

    Attributes:
        instead: what else goes on, if anything does.
    """

    loaded: Loaded
    instead: Callable[[], str] = lambda: ""

    def __post_init__(self) -> None:
        self._spinner = Spinner("dots", style="cyan")
        self._first = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Drawn again and again while it runs."""
        row = Table.grid(padding=(0, 1))
        if text := self.instead():
            row.add_row(self._spinner, Text(text, "dim", overflow="ellipsis", no_wrap=True))
        elif self.loaded.name:
            row.add_row(self._spinner, "loading", self._bar(), Text(counts(self.loaded), "dim", no_wrap=True))
        else:
            row.add_row(self._spinner, "loading")
        yield row

    def _bar(self) -> ProgressBar:
        """From the time of the first file to now."""
        self._first = self._first or self.loaded.name
        first, latest = time_of(self._first), time_of(self.loaded.name)
        seconds = (datetime.now(UTC) - first).total_seconds()
        return ProgressBar(max(seconds, 1), (latest - first).total_seconds(), width=24)


def change(line: Line) -> Text:
    """A change as a line."""
    found = line.change
    if not isinstance(found.get("object"), str) or found.get("operation") not in _OPERATIONS:  # of another table
        watermark, rest = (json.dumps(each, ensure_ascii=False) for each in (line.watermark, found))
        return Text.assemble(visible(line.key), (f"  {visible(watermark)}  ", "cyan"), (visible(rest), "dim"))
    operation = str(found["operation"])
    is_rejected = operation == "DELETE" and found.get("source_etag") is not None
    execution = str(found.get("execution") or "").rpartition(":")[2]
    return Text.assemble(
        (f"{_clock(found.get('time'))}  ", "dim"),
        (f"{operation:<6}  ", _OPERATIONS[operation]),
        f"{visible(found['object'])}  ",
        ("rejected  " if is_rejected else "", STYLES[Outcome.REJECTED]),
        (f"token {found.get('fencing_token')}  {visible(execution)}".rstrip(), "dim"),
    )


def _clock(time: object) -> str:
    """Of day, here; of what is no time, as it is."""
    with suppress(ValueError):
        return f"{datetime.fromisoformat(str(time)).astimezone():%H:%M:%S}"
    return visible(str(time))


def counts(loaded: Loaded, into: str = "") -> str:
    """What was loaded, in words, and where to, if that is to be told."""
    text = f"{number(loaded.files, 'file')}, {number(loaded.applied + loaded.dropped, 'change')}"
    text += f" into {visible(into)}" if into else ""
    return text + (f", {loaded.dropped:,} of them late or told of again" if loaded.dropped else "")


def summary(loaded: Loaded, where: str, into: str) -> Text:
    """What came of a load that was done."""
    if loaded.files:
        return Text.assemble(("loaded ", "bold green"), counts(loaded, into))
    if not loaded.newest:
        return Text(f"there is no file yet in {visible(where)}", "yellow")
    return Text.assemble(("nothing new", "bold green"), f" in {visible(where)}")


def interrupted(loaded: Loaded) -> Text:
    """How far it came before Ctrl-C."""
    return Text(f"stopped: {counts(loaded)} loaded; the same command goes on from here", "yellow")


def failed(loaded: Loaded) -> Text:
    """How far it came before an error."""
    return Text(f"stopped after {number(loaded.files, 'file')}; what was loaded is kept", "yellow")


def strays(loaded: Loaded) -> Text | None:
    """That there is something among the files which is none; None if there is not."""
    if not loaded.strays:
        return None
    first = visible(min(loaded.strays))
    return Text(
        f"{number(len(loaded.strays), 'object')} left alone, as no file of a feed is named so: {first}", "yellow"
    )


def left_out(dropped: int) -> Text | None:
    """That changes were not shown; None if all were."""
    return (
        Text(f"{number(dropped, 'change')} left out: shown before, or older than what was", "dim") if dropped else None
    )


def set_aside(found: SetAside | None, bucket: str) -> Text | None:
    """That somebody has to look at something; None if nobody has to, or it is not known."""
    if found is None or not found.objects:
        return None
    return Text(
        f"{number(found.objects, 'object')}{' or more' if found.has_more else ''} under unreadable/ or aws/lambda/ in "
        f"s3://{bucket}: changes that could not be put into the feed, and are not in it",
        "yellow",
    )


def differences(kinds: Mapping[Kind, int], first: Mapping[Kind, Sequence[Difference]]) -> Table:
    """What there is of each kind, and the first of them."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for kind in (each for each in Kind if kinds.get(each)):
        about = Text(MEANING[kind], "dim")
        about.append("\n" + "\n".join(visible(each.key) for each in first[kind]), "default not dim")
        more = kinds[kind] - len(first[kind])
        about.append(f"\n… and {more:,} more; --json lists all" if more > 0 else "")
        table.add_row(f"{kinds[kind]:,}", Text(kind.value, STYLE[kind]), about)
    return table


def verdict(objects: int, kinds: Counter[Kind], moving: int) -> Text:
    """What came of the comparison."""
    text = Text(f"compared {number(objects, 'object')}: ")
    if moving:
        were = "it was" if moving == 1 else "they were"
        text.append(f"{moving:,} changed while {were} compared (run it again), ", "yellow")
    if kinds:
        return text.append(f"{kinds.total():,} differ", "bold red")
    return text.append("the rest agrees" if moving else "bucket and feed agree", "bold green")


def advice(kinds: Counter[Kind]) -> Text | None:
    """What to do about differences, if there are any."""
    if not kinds:
        return None
    text = "next: `lockstep reconcile` puts right what was changed or lost by hand"
    return Text(text + ("; what is unknown may be older than the feed" if kinds[Kind.UNKNOWN] else ""), "dim")


def as_json(difference: Difference) -> dict[str, Any]:
    """For programs."""
    return {
        "event": "difference",
        "kind": difference.kind.value,
        "object": difference.key,
        "etag_in_bucket": difference.output,
        "etag_in_feed": difference.in_feed,
    }
