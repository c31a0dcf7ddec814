"""What people see of it in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sensor_feed.readings import Reading

State = Mapping[str, Reading]  # the latest reading by device

_MOST_MISTAKES: Final = 8


@dataclass(frozen=True)
class Way:
    """A way for the changes to come, and what the two loaders had at its end."""

    name: str
    naive: State
    watermark: State


def step(done: str) -> Text:
    """Something has been done."""
    return Text.assemble(("✓ ", "green"), done)


def comparison(ways: Sequence[Way], truth: State) -> RenderableType:
    """How many devices each loader has wrong."""
    found = _table("they came through", "naive: last line wins", "watermark: newest reading wins")
    for way in ways:
        found.add_row(way.name, _score(way.naive, truth), _score(way.watermark, truth))
    return found


def mistakes(naive: State, truth: State) -> RenderableType:
    """The devices that the naive loader has an old reading of."""
    found = _table("sensor", "room", "the table has", "naive has", "")
    wrong = [device for device in sorted(truth) if naive.get(device) != truth[device]]
    for device in wrong[:_MOST_MISTAKES]:
        latest, old = truth[device], naive.get(device)
        found.add_row(
            device,
            latest.room,
            _told(latest),
            Text(_told(old) if old else "nothing", "red"),
            Text(f"{_age(old, latest)} old" if old else "", "dim"),
        )
    if more := wrong[_MOST_MISTAKES:]:
        found.add_row(Text(f"and {len(more)} more", "dim"))
    return found


def _table(*columns: str) -> Table:
    found = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        found.add_column(name)
    return found


def _score(state: State, truth: State) -> Text:
    wrong = sum(state.get(device) != reading for device, reading in truth.items())
    return Text(f"✗ {wrong} of {len(truth)} wrong", "red") if wrong else Text(f"✓ all {len(truth)} right", "green")


def _told(reading: Reading) -> str:
    people = "1 person" if reading.people == 1 else f"{reading.people} people"
    return f"{_time(reading):%H:%M:%S} {people}"


def _age(old: Reading, latest: Reading) -> str:
    seconds = (_time(latest) - _time(old)).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _time(reading: Reading) -> datetime:
    return datetime.fromisoformat(reading.reading_time)
