"""The two loaders beside each other, where the changes come as DynamoDB promises, and no better."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lockstep.feed.file import lines
from sensor_feed import loaders
from sensor_feed.naive import NaiveLoader
from sensor_feed.readings import Reading, readings
from sensor_feed.shards import ORDERING, FeedInMemory, through_shards
from tests.deployment.shipped import ROOT, load_template

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
BEHIND = (5, 10, 20, 80)
TEMPLATE = load_template(ROOT / "examples/sensor-feed/template.yaml")


def made(count: int = 600, *, devices: int = 20, seed: int = 1) -> list[Reading]:
    return list(readings(devices, count, seed=seed, start=START))


def latest(some: Sequence[Reading]) -> dict[str, Reading]:
    """Of readings in the order of their times."""
    return {each.device_id: each for each in some}


def record(number: int, reading: Reading) -> dict[str, Any]:
    """As Lambda gets it."""
    key = {"device_id": {"S": reading.device_id}, "reading_time": {"S": reading.reading_time}}
    return {
        "eventID": str(number),
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": int(START.timestamp()) + number // 200,
            "Keys": key,
            "NewImage": {**key, "room": {"S": reading.room}, "people": {"N": str(reading.people)}},
            "SequenceNumber": str(10**20 + number),
        },
    }


def feed(some: Sequence[Reading], batch_sizes: Sequence[int]) -> FeedInMemory:
    return through_shards([record(number, each) for number, each in enumerate(some)], batch_sizes)


def file(*some: tuple[str, int]) -> bytes:
    """Lines of keys and what they say."""
    said = ({"key": key, "watermark": [0], "sequence_number": "1", "change": {"said": said}} for key, said in some)
    return gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in said))


# --- the naive loader --------------------------------------------------------------------------------------


def test_the_naive_loader_keeps_the_last_line_of_each_key_by_the_files_names() -> None:
    loader = NaiveLoader()
    loader.load(FeedInMemory({"b": file(("x", 2), ("x", 3)), "a": file(("x", 1), ("y", 1))}))
    assert {key: line["change"]["said"] for key, line in loader.latest.items()} == {"x": 3, "y": 1}


def test_the_naive_loader_loads_no_file_twice() -> None:
    loader, files = NaiveLoader(), FeedInMemory({"b": file(("x", 2))})
    loader.load(files)
    files.put("a", file(("x", 1)))
    loader.load(files)
    assert loader.latest["x"]["change"] == {"said": 1}, "the late one wins, and the earlier is not loaded again"


# --- the incident, and its cure ----------------------------------------------------------------------------


def test_one_shard_keeps_the_order_and_both_loaders_are_right() -> None:
    files = feed(made(), [25])
    assert loaders.naively(files) == loaders.by_watermark(files) == latest(made())


def test_several_shards_lose_the_order_the_naive_loader_goes_wrong_and_the_watermark_does_not() -> None:
    files = feed(made(), BEHIND)
    naive = loaders.naively(files)
    wrong = [device for device, reading in latest(made()).items() if naive[device] != reading]
    assert len(wrong) == 9, "so many by this seed"
    assert all(naive[device].reading_time < latest(made())[device].reading_time for device in wrong)
    assert loaders.by_watermark(files) == latest(made())


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_delivery_the_watermark_is_right(seed: int) -> None:
    chance = Random(seed)
    some = made(200, devices=7, seed=seed)
    files = feed(some, [chance.randint(1, 40) for _ in range(chance.randint(1, 6))])
    assert loaders.by_watermark(Shuffled(files, chance)) == latest(some)


class Shuffled(FeedInMemory):
    """Lists its files in a wrong order, and half of them twice: the second time under another name."""

    def __init__(self, files: FeedInMemory, chance: Random) -> None:
        super().__init__(dict(files.files))
        self._chance = chance
        for name, body in files.files.items():
            if chance.random() < 0.5:
                digest = name.removesuffix(".ndjson.gz").rpartition("-")[2]
                self.put(name.replace(digest, f"{chance.getrandbits(48):012x}"), body)

    def names(self, start_after: str) -> Iterator[str]:
        names = list(super().names(start_after))
        self._chance.shuffle(names)
        return iter(names)


def test_a_catalogue_that_is_kept_goes_on_where_it_was(tmp_path: Path) -> None:
    files = feed(made(), BEHIND)
    half = FeedInMemory({name: files.body(name) for name in list(files.names(""))[::2]})
    loaders.by_watermark(half, tmp_path / "latest.sqlite")
    assert loaders.by_watermark(files, tmp_path / "latest.sqlite") == latest(made())


# --- the model of shards -----------------------------------------------------------------------------------


def test_the_model_of_shards_keeps_order_within_a_shard_and_loses_nothing() -> None:
    """Within a shard, so also per item: that is what DynamoDB promises."""
    files = feed(made(), BEHIND)
    told = [line for name in files.names("") for _, line in lines(name, files.body(name))]
    assert sorted((Reading(**each.change) for each in told), key=lambda each: each.reading_time) == made()
    for name in files.names(""):
        numbers = [int(line.sequence_number) for _, line in lines(name, files.body(name))]
        assert numbers == sorted(numbers)


def test_a_devices_readings_are_in_more_than_one_shard() -> None:
    alone = [feed([each], [1, 1, 1, 1]) for each in made(40, devices=1)]
    assert all(len(each.files) == 1 for each in alone)
    together = feed(made(40, devices=1), [40, 40, 40, 40])
    assert len(together.files) == 4, "one file of each shard"


# --- the template ------------------------------------------------------------------------------------------


def test_the_template_has_the_settings_that_the_model_has() -> None:
    variables = TEMPLATE["Resources"]["ExportReadingsFunction"]["Properties"]["Environment"]["Variables"]
    assert (variables["ORDERING_KEY"], tuple(variables["WATERMARK"].split())) == (ORDERING.key, ORDERING.watermark)


def test_the_tables_sort_key_is_the_watermark_so_its_stream_keeps_no_order_per_device() -> None:
    schema = TEMPLATE["Resources"]["Readings"]["Properties"]["KeySchema"]
    names = {kind: [each["AttributeName"] for each in schema if each["KeyType"] == kind] for kind in ("HASH", "RANGE")}
    assert names == {"HASH": [ORDERING.key], "RANGE": list(ORDERING.watermark)}


def test_the_exporter_is_the_shipped_one() -> None:
    function = TEMPLATE["Resources"]["ExportReadingsFunction"]["Properties"]
    shipped = load_template(ROOT / "template.yaml")["Globals"]["Function"]
    assert (ROOT / "examples/sensor-feed" / function["CodeUri"]).resolve() == (ROOT / shipped["CodeUri"]).resolve()
    assert function["Handler"] == "changefeed.app.handler"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("StartingPosition", "TRIM_HORIZON"),
        ("FunctionResponseTypes", ["ReportBatchItemFailures"]),
        ("BisectBatchOnFunctionError", True),
        ("DestinationConfig", {"OnFailure": {"Destination": "FeedBucket.Arn"}}),
    ],
)
def test_nothing_is_lost_and_nobody_is_held_up_for_good(setting: str, value: object) -> None:
    events = TEMPLATE["Resources"]["ExportReadingsFunction"]["Properties"]["Events"]
    assert events["Readings"]["Properties"][setting] == value
