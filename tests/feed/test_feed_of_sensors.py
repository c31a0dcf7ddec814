"""The general case: a table with a sort key, where the stream keeps no order of the readings of one device."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from sensor_feed.readings import text_of
from tests.feed.machine import PROFILE, FeedMachine, Told
from tests.feed.shipped import sensor_mapping, sensor_view, sensors
from tests.feed.stream import ItemKey, Record, Table
from tests.feed.world import FeedWorld

_DEVICES: Final = st.sampled_from(["sensor-001", "sensor-002"])
_SECONDS: Final = st.lists(st.integers(0, 60), min_size=1, max_size=5)
_START: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)


class SensorFeedMachine(FeedMachine):
    """Readings come in any order of their times, some once more, and old ones are deleted."""

    def begin(self) -> FeedWorld:
        world = FeedWorld(sensors(), sensor_mapping())
        self.table = Table(world.stream, "device_id", "reading_time", world.clock, sensor_view())
        self._told: list[Told] = []
        return world

    @initialize(readings=st.lists(st.tuples(_DEVICES, _SECONDS), min_size=3, max_size=6))
    def readings_have_been_put(self, readings: list[tuple[str, list[int]]]) -> None:
        for device, seconds in readings:
            self.readings_are_put(device, seconds)

    @rule(
        device=_DEVICES,
        seconds=_SECONDS,
    )
    def readings_are_put(self, device: str, seconds: list[int]) -> None:
        for each in seconds:
            item = {
                "device_id": device,
                "reading_time": text_of(_START + timedelta(seconds=each)),
                "room": "ward 1",
                "people": each % 7,
            }
            record = self.table.put(item)
            if record is not None:
                self._told.append(Told(device, (str(item["reading_time"]),), _is(item), record))

    @precondition(lambda self: self.table.items)
    @rule(which=st.integers(0, 20))
    def a_reading_is_deleted(self, which: int) -> None:
        keys: list[ItemKey] = sorted(self.table.items)
        self.table.delete(keys[which % len(keys)])

    def told(self) -> list[Told]:
        """The order that counts is that of the times."""
        return sorted(self._told, key=lambda each: each.watermark)

    def poisoned(self) -> list[Record]:
        return []


def _is(item: Mapping[str, Any]) -> Any:
    return lambda change: change == item


TestSensorFeed = SensorFeedMachine.TestCase
TestSensorFeed.settings = PROFILE
