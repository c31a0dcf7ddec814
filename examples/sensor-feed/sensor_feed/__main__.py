"""`make example`: readings through the exporter on the emulator, and what two loaders make of the feed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.status import Status

from lockstep import paths, view
from lockstep.command import EXIT_FAILED, guarded
from lockstep.errors import UserError
from lockstep.feed.file import lines
from lockstep.feed.line import Watermark
from lockstep.feed.loading import FeedFiles
from sensor_feed import loaders, table
from sensor_feed.readings import Reading, readings
from sensor_feed.screen import State, Way, comparison, mistakes, step
from sensor_feed.shards import records, through_shards
from sensor_feed.stack import DIRECTORY, SensorStack, temporary_stack

DEVICES: Final = 20
READINGS: Final = 600
PER_SECOND: Final = 200
SEED: Final = 1
START: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)
# Of the batches of four shards: each is further behind than the one before, and hands over more at a time.
BATCH_SIZES: Final = (5, 10, 20, 80)
RESULT: Final = paths.BUILD / "sensor-feed" / "latest.sqlite"
_DEADLINE_SECONDS: Final = 60


@guarded
def main() -> None:
    """Show it, on this machine. Exit code 1 when the loader with the watermark is wrong."""
    screen = view.console()
    with ExitStack() as exits:
        with screen.status("") as progress:
            stack = exits.enter_context(temporary_stack(progress.update))
        screen.print(f"stack sensor-feed on {stack.endpoint_url}", style="dim")
        is_right = play(stack, screen)
    if not is_right:
        raise typer.Exit(EXIT_FAILED)


def play(stack: SensorStack, screen: Console) -> bool:
    """Put readings, wait for the feed, load it in both ways; tell whether the watermark got it right.

    Raises: UserError when the feed does not follow.
    """
    made = list(readings(DEVICES, READINGS, seed=SEED, start=START))
    with screen.status("") as progress:
        table.put(stack.dynamodb, stack.table, _told(made, progress), per_second=PER_SECOND)
        screen.print(step(f"{DEVICES} sensors put {READINGS} readings into the table"))
        wait_for(stack.feed, READINGS, progress)
    names = list(stack.feed.names(""))
    screen.print(step(f"the exporter has written them to {len(names)} files; the last line of the last:"))
    screen.print(_sample(stack.feed, names[-1]), style="dim", no_wrap=True, overflow="ellipsis")
    truth = table.latest(stack.dynamodb, stack.table, sorted({each.device_id for each in made}))
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.unlink(missing_ok=True)
    here = Way("one shard (emulator)", *both(stack.feed, RESULT))
    sharded = through_shards(records(stack.streams, stack.stream_arn), BATCH_SIZES)
    there = Way("four shards (model)", *both(sharded))
    screen.print(step("two loaders have loaded the files in the order of their names"))
    screen.print()
    screen.print(comparison([here, there], truth))
    screen.print()
    screen.print(mistakes(there.naive, truth))
    screen.print(f"\nthe latest readings, loaded by watermark: {paths.relative(RESULT)}", style="dim")
    return here.watermark == there.watermark == truth


def both(files: FeedFiles, into: Path | None = None) -> tuple[State, State]:
    """What the naive loader has in the end, and the one with a watermark."""
    return loaders.naively(files), loaders.by_watermark(files, into)


def wait_for(files: FeedFiles, wanted: int, progress: Status) -> None:
    """Until so many different readings are in the feed. Raises: UserError after a minute."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    found: dict[str, set[tuple[str, Watermark]]] = {}
    while True:
        for name in files.names(""):
            if name not in found:
                found[name] = {(line.key, line.watermark) for _, line in lines(name, files.body(name))}
        exported = len(set().union(*found.values()))
        progress.update(f"exported {exported} of {wanted} readings, to {len(found)} files")
        if exported >= wanted:
            return
        if time.monotonic() > deadline:
            log = paths.relative(DIRECTORY / "emulator.log")
            msg = f"after {_DEADLINE_SECONDS} s only {exported} of {wanted} readings are in the feed; {log} may say why"
            raise UserError(msg)
        time.sleep(0.2)


def _told(made: Iterable[Reading], progress: Status) -> Iterator[Reading]:
    for number, reading in enumerate(made, 1):
        progress.update(f"putting reading {number} of {READINGS}")
        yield reading


def _sample(files: FeedFiles, name: str) -> str:
    """A file's name and its last line."""
    *_, (_, line) = lines(name, files.body(name))
    return f"  {name}\n  {json.dumps(line.as_json(), separators=(',', ':'))}"


if __name__ == "__main__":
    typer.run(main)
