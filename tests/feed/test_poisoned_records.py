"""What cannot become a change holds nobody up for good, and is not lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from objectlock.record import APPLIED_AT, APPLIED_BY, OBJECT_ID
from tests.feed.bucket import Trouble
from tests.feed.locks import Lockstep, lock_world
from tests.feed.mapping import given_up
from tests.feed.world import HOUR, FeedWorld, running


@pytest.fixture(autouse=True)
def _running() -> Iterator[None]:
    with running():
        yield


def applied(world: FeedWorld, lockstep: Lockstep, key: str) -> dict[str, Any]:
    """One more change; returns its record."""
    world.clock.advance(seconds=1)
    lockstep.run(lockstep.change(key, key.encode()))
    return lockstep.store.applied[-1].record


def by_hand(lockstep: Lockstep) -> dict[str, Any]:
    record = lockstep.store.put_by_hand({OBJECT_ID: "by/hand", APPLIED_AT: 1, APPLIED_BY: "me"})
    assert record is not None
    return record


def keys(world: FeedWorld) -> list[str]:
    return [line.key.partition("/")[2] for line in world.lines]


def test_an_unreadable_record_is_set_aside_and_costs_the_others_no_second_delivery() -> None:
    world, lockstep = lock_world()
    applied(world, lockstep, "a")
    record = by_hand(lockstep)
    applied(world, lockstep, "b")
    world.deliver(world.mapping.ready()[0])
    assert world.mapping.ready() == []
    assert world.set_aside == [record]
    assert keys(world) == ["a", "b"]


def test_an_unreadable_record_that_cannot_be_set_aside_comes_again_and_nothing_behind_it_is_written_first() -> None:
    world, lockstep = lock_world()
    applied(world, lockstep, "a")
    record = by_hand(lockstep)
    applied(world, lockstep, "b")
    world.deliver(world.mapping.ready()[0], trouble={0: Trouble.REFUSED})
    assert keys(world) == ["a"]
    world.settle()
    assert keys(world) == ["a", "b"]
    assert world.set_aside == [record]


def test_a_record_that_kills_the_function_is_kept_and_its_lane_goes_on() -> None:
    world, lockstep = lock_world()
    for key in "abcde":
        record = applied(world, lockstep, key)
        if key == "c":
            world.deadly.add(record["eventID"])
    for _ in range(30):
        world.deliver(world.mapping.ready()[0])
    assert keys(world) == ["a", "b"]
    world.clock.advance(seconds=13 * HOUR)
    applied(world, lockstep, "f")
    world.settle()
    assert "f" in keys(world)
    assert {each["dynamodb"]["Keys"][OBJECT_ID]["S"][-1] for each in given_up(world.mapping)} == {"c", "d", "e"}


def test_a_bucket_that_is_out_for_eleven_hours_costs_no_change() -> None:
    world, lockstep = lock_world()
    world.bucket.is_out = True
    for hour in range(11):
        applied(world, lockstep, f"{hour}")
        for _ in range(5):
            world.deliver(world.mapping.ready()[0])
        world.clock.advance(seconds=HOUR)
    world.settle()
    assert given_up(world.mapping) == []
    assert sorted(map(int, keys(world))) == [*range(11)]
