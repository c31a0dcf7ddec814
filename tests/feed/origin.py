"""The second origin, in the model: a table with a sort key, a stream that splits under load, a naive loader."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from lockstep.feed.database import sqlite_catalogue
from lockstep.feed.loading import load
from sensor_feed.naive import NaiveLoader
from sensor_feed.readings import Reading, readings
from tests.feed.mapping import MappingSettings
from tests.feed.reading import FEED, Files
from tests.feed.shipped import sensor_mapping, sensor_view, sensors
from tests.feed.stream import Record, Shard, Stream, Table
from tests.feed.world import FeedWorld, running

_START: Final = datetime(2026, 11, 22, 9, tzinfo=UTC)
_SECONDS: Final = 60
_SPLITS_AFTER: Final = 30  # records in a shard: few, as all is small here
_DEVICES: Final = 8


@dataclass(frozen=True)
class Outcome:
    """What two loaders make of the same files.

    Attributes:
        latest: reading time of each device's latest reading in the table.
        naive: the same, in the eyes of the loader that trusts the names of the files.
        watermark: the same, in those of Lockstep's.
    """

    shards: int
    latest: dict[str, str]
    naive: dict[str, str]
    watermark: dict[str, str]

    @property
    def gone_back(self) -> set[str]:
        """The devices whose latest reading the naive loader has replaced by an older one."""
        return {device for device, time in self.latest.items() if self.naive[device] < time}


@dataclass
class Sensors:
    """The example's table and feed, and both loaders, which come by now and then.

    Attributes:
        rounds: the files that there were each time the loaders came.
    """

    settings: MappingSettings = field(default_factory=sensor_mapping)
    stream: Stream = field(default_factory=Stream)
    rounds: list[dict[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = FeedWorld(sensors(), self.settings, self.stream)
        self.table = Table(self.stream, "device_id", "reading_time", self.world.clock, sensor_view())

    def put(self, reading: Reading) -> Record:
        record = self.table.put(asdict(reading))
        assert record is not None
        return record

    def deliver(self, shard: Shard) -> None:
        """Lambda reads what is in a shard."""
        for lane in self.world.mapping.ready():
            if lane.shard is shard:
                self.world.deliver(lane)

    def loaders_come(self) -> None:
        self.rounds.append(self.world.files)

    def outcome(self) -> Outcome:
        """Once all is delivered and loaded."""
        self.world.settle()
        self.loaders_come()
        latest: dict[str, str] = {}
        for device, time in self.table.items:
            latest[str(device)] = max(str(time), latest.get(str(device), ""))
        return Outcome(len(self.stream.shards), latest, self._naive(), self._watermark(latest))

    def _naive(self) -> dict[str, str]:
        loader = NaiveLoader()
        for files in self.rounds:
            loader.load(Files(files))
        return {device: str(line["change"]["reading_time"]) for device, line in loader.latest.items()}

    def _watermark(self, devices: dict[str, str]) -> dict[str, str]:
        with sqlite_catalogue(None, FEED) as catalogue:
            for files in self.rounds:
                load(Files(files), catalogue)
            return {device: str(mark[0]) for device in devices if (mark := catalogue.watermark(device))}


def under_load(count: int, *, seed: int, lanes: int = 1, splits: bool = True) -> Outcome:
    """So many readings in a minute: the more there are, the more shards the stream has. Nothing goes wrong.

    Lambda reads each shard at a pace of its own, and the loaders come ten times.
    """
    chance = random.Random(seed)
    model = Sensors(
        replace(sensor_mapping(), parallelization=lanes), Stream(splits_after=_SPLITS_AFTER if splits else None)
    )
    with running():
        for number, reading in enumerate(readings(_DEVICES, count, seed=seed, start=_START), 1):
            model.world.clock.advance(seconds=_SECONDS / count)
            model.put(reading)
            if number % (count // 10) == 0:
                for lane in model.world.mapping.ready():
                    if chance.random() < 1 / 2:
                        model.world.deliver(lane)
                model.loaders_come()
        return model.outcome()
