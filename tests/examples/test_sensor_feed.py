"""The example on the emulator: deployed by the real SAM CLI, its function under its own role."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from unittest import mock

import pytest
from botocore.awsrequest import AWSRequest
from rich.console import Console
from rich.status import Status
from typer import Typer
from typer.testing import CliRunner, Result

from lockstep import paths
from lockstep.cli import app
from lockstep.feed.file import lines
from sensor_feed import loaders, table
from sensor_feed.__main__ import BATCH_SIZES, wait_for
from sensor_feed.generate import main as generate
from sensor_feed.naive import NaiveLoader
from sensor_feed.readings import Reading, readings, text_of
from sensor_feed.shards import FeedInMemory, records, through_shards
from sensor_feed.stack import SensorStack, temporary_stack
from tests.e2e.gateway import BY_TLS, Gateway

pytestmark = pytest.mark.e2e

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
READINGS = list(readings(50, 1000, seed=1, start=START))
DEVICES = sorted({each.device_id for each in READINGS})


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with Gateway() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def stack(gateway: Gateway) -> Iterator[SensorStack]:
    """With 1,000 readings of 50 devices in its table, and in its feed. Its IAM is in force."""
    directory = paths.LOCAL / f"sensor-feed-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    variables = {"AUTH": "true", "AWS_ENDPOINT_URL_S3": gateway.url}  # there the function's calls come by TLS
    with mock.patch.dict(os.environ), temporary_stack(lambda _: None, directory, variables) as stack:
        gateway.target = stack.endpoint_url
        stack.s3.meta.events.register("before-sign.s3", by_tls)
        table.put(stack.dynamodb, stack.table, READINGS, per_second=500)
        arrived(stack, len(READINGS))
        yield stack


def by_tls(request: AWSRequest, **_: object) -> None:
    """The bucket refuses whoever comes without."""
    for name, value in BY_TLS.items():
        request.headers[name] = value


def arrived(stack: SensorStack, count: int) -> None:
    """Wait until so many readings are in the feed."""
    wait_for(stack.feed, count, Status("", console=Console(quiet=True)))


def lines_in(stack: SensorStack) -> int:
    return sum(1 for name in stack.feed.names("") for _ in lines(name, stack.feed.body(name)))


def put_one_more(stack: SensorStack, reading: Reading) -> None:
    """And wait until it is in the feed."""
    count = lines_in(stack)
    table.put(stack.dynamodb, stack.table, [reading], per_second=25)
    arrived(stack, count + 1)


@pytest.fixture
def _commands_find_it(stack: SensorStack, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """As AWS, by the usual environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.endpoint_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", gateway.url)
    monkeypatch.setattr("lockstep.command.signal.signal", lambda *_: None)  # the test runner's own


@pytest.fixture
def files(stack: SensorStack) -> FeedInMemory:
    """What is in the feed now."""
    return FeedInMemory({name: stack.feed.body(name) for name in stack.feed.names("")})


def truth(stack: SensorStack) -> dict[str, Reading]:
    """The latest reading of each device, as the table has it."""
    return table.latest(stack.dynamodb, stack.table, DEVICES)


def test_every_reading_is_in_the_feed_once_with_its_device_and_its_time_to_order_it(files: FeedInMemory) -> None:
    told = [line for name in files.names("") for _, line in lines(name, files.body(name))]
    assert [Reading(**each.change) for each in told] == READINGS
    assert [(each.key, each.watermark) for each in told] == [
        (each.device_id, (each.reading_time,)) for each in READINGS
    ]


def test_what_is_loaded_is_the_tables_latest_reading_of_each_device(stack: SensorStack, tmp_path: Path) -> None:
    assert len(truth(stack)) == 50
    assert loaders.by_watermark(stack.feed, tmp_path / "latest.sqlite") == truth(stack)


@pytest.mark.parametrize("times", [1, 2])
def test_files_in_reverse_and_twice_give_the_same(stack: SensorStack, files: FeedInMemory, times: int) -> None:
    assert loaders.by_watermark(Delivered(files, list(files.names(""))[::-1] * times)) == truth(stack)


def test_where_files_come_late_the_naive_loader_goes_wrong_and_the_watermark_does_not(
    stack: SensorStack, files: FeedInMemory
) -> None:
    order = list(files.names(""))
    assert len(order) > 2
    Random(1).shuffle(order)
    order.append(order.pop(order.index(min(order))))  # the first comes last
    naive, come = NaiveLoader(), FeedInMemory()
    for name in order:
        come.put(name, files.body(name))
        naive.load(come)
    has = {device: Reading(**line["change"]) for device, line in naive.latest.items()}
    assert has != truth(stack)
    assert loaders.by_watermark(Delivered(files, order)) == truth(stack)


def test_through_several_shards_the_naive_loader_goes_wrong_and_the_watermark_does_not(stack: SensorStack) -> None:
    sharded = through_shards(records(stack.streams, stack.stream_arn), BATCH_SIZES)
    naive = loaders.naively(sharded)
    assert sum(naive[device] != reading for device, reading in truth(stack).items()) == 9, "so many by this seed"
    assert loaders.by_watermark(sharded) == truth(stack)


class Delivered(FeedInMemory):
    """Files in the order in which they are delivered."""

    def __init__(self, files: FeedInMemory, order: list[str]) -> None:
        super().__init__(files.files)
        self._order = order

    def names(self, start_after: str) -> Iterator[str]:
        return (name for name in self._order if name > start_after)


# --- these put more, so they come last ---------------------------------------------------------------------


def test_a_reading_that_a_device_sends_late_does_not_replace_a_newer_one(stack: SensorStack) -> None:
    before = truth(stack)
    late = replace(before[DEVICES[0]], reading_time=text_of(START - timedelta(hours=1)), people=99)
    put_one_more(stack, late)
    assert loaders.naively(stack.feed)[DEVICES[0]] == late, "here one shard is enough for the naive loader to go wrong"
    assert loaders.by_watermark(stack.feed) == truth(stack) == before


def test_a_removed_reading_is_no_change_of_the_feed(stack: SensorStack) -> None:
    names = list(stack.feed.names(""))
    gone = READINGS[0]
    key = {"device_id": {"S": gone.device_id}, "reading_time": {"S": gone.reading_time}}
    stack.dynamodb.delete_item(TableName=stack.table, Key=key)
    newest = replace(READINGS[-1], reading_time=text_of(START + timedelta(days=1)))
    put_one_more(stack, newest)
    (name,) = set(stack.feed.names("")) - set(names)
    ((_, line),) = lines(name, stack.feed.body(name))
    assert Reading(**line.change) == newest
    assert stack.feed.set_aside() == (0, False), "the function has not even seen it"


def run_generate(*arguments: str) -> Result:
    alone = Typer()
    alone.command()(generate)
    return CliRunner().invoke(alone, arguments)


@pytest.mark.usefixtures("_commands_find_it")
def test_the_generator_puts_what_it_says(stack: SensorStack) -> None:
    count = lines_in(stack)
    result = run_generate(stack.table, "--devices", "3", "--readings", "40", "--per-second", "1000")
    assert (result.exit_code, result.output) == (0, f"40 readings of 3 sensors are in {stack.table}\n")
    arrived(stack, count + 40)


@pytest.mark.usefixtures("_commands_find_it")
def test_a_table_that_does_not_exist_is_one_message() -> None:
    result = run_generate("nowhere")
    assert (result.exit_code, result.stderr) == (2, "error: there is no table 'nowhere' in us-east-1\n")


@pytest.mark.usefixtures("_commands_find_it")
def test_the_shipped_command_loads_the_same(stack: SensorStack, tmp_path: Path) -> None:
    into = tmp_path / "latest.sqlite"
    options = ("--bucket", stack.feed_bucket, "--region", "us-east-1", "--into", f"sqlite:{into}")
    result = CliRunner().invoke(app, ["feed", "load", *options])
    assert result.exit_code == 0, result.output
    with closing(sqlite3.connect(into)) as database:
        rows = database.execute("SELECT key, change ->> 'reading_time' FROM latest").fetchall()
    assert dict(rows) == {device: reading.reading_time for device, reading in truth(stack).items()}


def test_the_demonstration_ends_well_and_shows_who_was_wrong(tmp_path: Path) -> None:
    """`make example`."""
    ended = subprocess.run(
        [sys.executable, "-m", "sensor_feed"],
        env=os.environ | {"LOCKSTEP_BUILD": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    one, four = (line for line in ended.stdout.splitlines() if "shard" in line)
    assert one.count("✓ all 20 right") == 2
    assert "✗ 9 of 20 wrong" in four
    assert "✓ all 20 right" in four
    assert (tmp_path / "sensor-feed/latest.sqlite").exists()
