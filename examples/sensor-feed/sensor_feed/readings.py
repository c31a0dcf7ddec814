"""What the sensors see: each is at the door of a room, and tells how many people are in it when one comes or goes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_ROOMS: Final = ("reception", "pharmacy", "kitchen", "laboratory", "theatre", "office", "ward", "store")
_LONGEST_PAUSE: Final = timedelta(seconds=10)  # between two readings, of any two sensors


@dataclass(frozen=True)
class Reading:
    """One item of the table.

    Attributes:
        reading_time: in UTC, all of one length: as texts they have the order that they have as times.
    """

    device_id: str
    reading_time: str
    room: str
    people: int


def readings(devices: int, count: int, *, seed: int, start: datetime) -> Iterator[Reading]:
    """So many readings of so many sensors, in the order of their times. The same arguments give the same readings.

    `start` is in UTC.
    """
    chance = random.Random(seed)  # noqa: S311  # not for secrets
    inside = [chance.randint(0, 9) for _ in range(devices)]
    time = start
    for _ in range(count):
        time += chance.random() * _LONGEST_PAUSE + timedelta(milliseconds=1)  # two of one sensor never have one time
        device = chance.randrange(devices)
        inside[device] += 1 if inside[device] == 0 else chance.choice((-1, 1))
        yield Reading(f"sensor-{device + 1:03}", text_of(time), _room(device), inside[device])


def text_of(time: datetime) -> str:
    """A time in UTC, to the millisecond: 2026-11-22T09:00:00.000Z."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def _room(device: int) -> str:
    floor, room = divmod(device, len(_ROOMS))
    return f"{_ROOMS[room]} {floor + 1}"
