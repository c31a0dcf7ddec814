"""Files that come long after the time in their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.feed.locks import lock_world
from tests.feed.machine import latest_of
from tests.feed.mapping import given_up
from tests.feed.reading import Follower, InDatabase, InDirectory, Place, lookback, read
from tests.feed.world import HOUR, running

CHANGES = 12
KEYS = "abcdefgh"


@pytest.fixture(autouse=True)
def _running() -> Iterator[None]:
    with running():
        yield


@pytest.fixture(params=[InDatabase, InDirectory])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    made: Place = request.param(tmp_path / "catalogue")
    return made


def test_a_shard_that_is_half_a_day_behind_is_still_loaded_and_shown(place: Place) -> None:
    world, lockstep = lock_world()
    follower, looks = Follower(world.clock), lookback(world.clock)
    behind, _ = world.stream.split(world.stream.shards[0])
    for number in range(CHANGES):
        for key in KEYS:
            lockstep.run(lockstep.change(f"{key}.jpg", b"%d" % number))
        world.clock.advance(seconds=HOUR - 60)  # so that the oldest is just not given up
        for lane in world.mapping.ready():
            if lane.shard is not behind:
                world.deliver(lane)
        for _ in range(2):  # all the way back, and then not
            loaded = read(world.files, place, now_ms=world.clock(), start_after=looks.start_after())
            assert loaded is not None
            looks.note(loaded.newest)
        follower.poll(world.files, world.put_at)
    keys_before = len(follower.state)

    world.settle()
    read(world.files, place, now_ms=world.clock())
    world.clock.advance(seconds=600)  # it looks all the way back now and then
    follower.poll(world.files, world.put_at)

    latest = {key: (line.watermark, line.change) for key, line in latest_of(world.lines).items()}
    assert given_up(world.mapping) == []
    assert 0 < keys_before < len(latest) == len(KEYS)
    assert place.state() == follower.state == latest


def test_a_mapping_that_is_made_anew_tells_the_last_day_again_and_nobody_goes_back(place: Place) -> None:
    world, lockstep = lock_world()
    follower = Follower(world.clock)
    for number in range(CHANGES):
        lockstep.run(lockstep.change("a.jpg", b"%d" % number))
        world.clock.advance(seconds=HOUR)
        world.deliver(world.mapping.ready()[0])
    read(world.files, place, now_ms=world.clock())
    follower.poll(world.files, world.put_at)
    files = len(world.files)

    world.mapping.make_anew(parallelization=2)
    while world.mapping.ready():
        world.deliver(world.mapping.ready()[0], size=5)
        loaded = read(world.files, place, now_ms=world.clock())
        follower.poll(world.files, world.put_at)
        assert loaded is not None
        assert loaded.applied == 0

    assert len(world.files) > files
    assert place.state() == follower.state
