"""The incident that the change feed is there for, and that it does not happen where a watermark is kept.

The loader that it happens to is that of examples/sensor-feed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from sensor_feed.naive import NaiveLoader
from sensor_feed.readings import Reading
from tests.feed.locks import lock_world
from tests.feed.mapping import Mishap
from tests.feed.origin import Outcome, Sensors, under_load
from tests.feed.reading import Files
from tests.feed.stream import Shard, place
from tests.feed.world import running

DEVICE = "sensor-001"
SCHEDULES = 20


@pytest.fixture(autouse=True)
def _running() -> Iterator[None]:
    with running():
        yield


@cache
def times(shard: str) -> list[str]:
    """Reading times of the device whose items go to one of two shards of a stream that has split."""
    every = [f"2026-11-22T09:00:{second:02}.000Z" for second in range(60)]
    return [time for time in every if (place((DEVICE, time)) < 2**31) == (shard == "left")]


def after_a_split() -> tuple[Sensors, Shard, Shard]:
    model = Sensors()
    left, right = model.stream.split(model.stream.shards[0])
    return model, left, right


def put(model: Sensors, time: str) -> None:
    model.world.clock.advance(seconds=1)
    model.put(Reading(DEVICE, time, "ward 1", 3))


# --- small scenarios --------------------------------------------------------------------------------------------


def test_the_naive_loader_replaces_a_newer_reading_by_an_older_one() -> None:
    model, left, right = after_a_split()
    older = times("right")[0]
    newer = next(time for time in times("left") if time > older)
    put(model, older)
    put(model, newer)

    model.deliver(left)  # the newer one, while the other shard is still being read
    model.loaders_come()
    model.deliver(right)
    outcome = model.outcome()

    assert outcome.latest == {DEVICE: newer}
    assert outcome.naive == {DEVICE: older}


def test_it_does_so_even_where_it_loads_all_files_at_once_in_the_order_of_their_names() -> None:
    """A file is named by its first change; the shards have gathered theirs over the same time."""
    model, _, _ = after_a_split()
    first = times("left")[0]
    second = next(time for time in times("right") if time > first)
    third = next(time for time in times("left") if time > second)
    for time in (first, second, third):
        put(model, time)

    outcome = model.outcome()

    assert outcome.latest == {DEVICE: third}
    assert outcome.naive == {DEVICE: second}


@pytest.mark.parametrize("reverse", [False, True])
def test_the_loader_with_a_watermark_ends_with_the_newest_reading_in_both(reverse: bool) -> None:
    model, left, right = after_a_split()
    for time in sorted([*times("left")[:3], *times("right")[:3]]):
        put(model, time)
    for shard in (right, left) if reverse else (left, right):
        model.deliver(shard)
        model.loaders_come()
    outcome = model.outcome()
    assert outcome.watermark == outcome.latest


# --- under load -------------------------------------------------------------------------------------------------


@cache
def schedules(count: int, *, lanes: int = 1, splits: bool = True) -> tuple[Outcome, ...]:
    return tuple(under_load(count, seed=seed, lanes=lanes, splits=splits) for seed in range(SCHEDULES))


def share_gone_back(outcomes: tuple[Outcome, ...]) -> float:
    """Of all devices in all schedules."""
    return sum(len(each.gone_back) for each in outcomes) / sum(len(each.latest) for each in outcomes)


def test_while_the_load_is_low_one_shard_keeps_the_order_and_nothing_is_noticed() -> None:
    outcomes = schedules(20)
    assert {each.shards for each in outcomes} == {1}
    assert share_gone_back(outcomes) == 0


def test_the_more_load_the_more_devices_end_with_an_older_reading_under_the_naive_loader() -> None:
    shares = [share_gone_back(schedules(count)) for count in (20, 40, 80, 320)]
    assert shares == sorted(shares)
    assert shares[-1] > 1 / 2, shares


def test_one_shard_read_by_several_lanes_is_as_bad() -> None:
    outcomes = schedules(80, lanes=10, splits=False)
    assert {each.shards for each in outcomes} == {1}
    assert share_gone_back(outcomes) > 1 / 4


@pytest.mark.parametrize("count", [20, 40, 80, 320])
def test_with_a_watermark_every_device_ends_with_its_newest_reading_under_any_load(count: int) -> None:
    assert all(each.watermark == each.latest for each in schedules(count))


def test_with_a_watermark_several_lanes_do_no_harm_either() -> None:
    assert all(each.watermark == each.latest for each in schedules(80, lanes=10, splits=False))


# --- the lock table ---------------------------------------------------------------------------------------------


def test_one_item_for_an_object_keeps_its_order_in_the_feed_however_many_shards_there_are() -> None:
    """So even the naive loader comes out right, as long as nothing comes twice."""
    world, lockstep = lock_world()
    for number in range(60):
        execution = lockstep.change(f"{number % 7}.jpg", b"%d" % number)
        lockstep.run(execution)
        world.clock.advance(seconds=1)
        if number % 10 == 5:
            world.stream.split(world.stream.open_shards[0])
            world.deliver(world.mapping.ready()[-1])
    world.settle()
    loader = NaiveLoader()
    loader.load(Files(world.files))
    assert len(world.stream.shards) > 10
    assert {key: line["watermark"][1] for key, line in loader.latest.items()} == {
        item["object_id"]: item["fencing_token"] for item in lockstep.store.items.values()
    }


def test_a_batch_that_comes_again_in_pieces_takes_a_loader_without_a_watermark_back_there_too() -> None:
    world, lockstep = lock_world()
    for body in (b"1", b"2"):
        lockstep.run(lockstep.change("a.jpg", body))
        world.clock.advance(seconds=1)
    loader = NaiveLoader()
    seen = []
    for mishap in (Mishap.FAILED_AFTERWARDS, Mishap.NONE):
        world.deliver(world.mapping.ready()[0], mishap=mishap)
        loader.load(Files(world.files))
        seen.append([line["change"]["fencing_token"] for line in loader.latest.values()])
    assert seen == [[2], [1]]
