"""A load that is killed at any call, and between two changes. Any effect inside a catalogue is for the unit tests."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from tests.feed.locks import lock_world
from tests.feed.machine import latest_of
from tests.feed.reading import InDatabase, InDirectory, State, read
from tests.feed.world import FeedWorld, running


def two_shards() -> FeedWorld:
    """A few files, several changes of each object, and none of them twice: what is lost here stays lost."""
    world, lockstep = lock_world()
    world.stream.split(world.stream.shards[0])
    with running():
        for number in range(3):
            for key in "abcd":
                lockstep.run(lockstep.change(key, b"%d" % number))
            for lane in world.mapping.ready():
                world.deliver(lane)
    return world


@pytest.mark.parametrize("kind", [InDatabase, InDirectory])
def test_wherever_a_load_is_killed_nothing_goes_back_and_the_next_one_ends_with_the_latest(
    kind: type[InDatabase] | type[InDirectory], tmp_path: Path
) -> None:
    world = two_shards()
    latest: State = {key: (line.watermark, line.change) for key, line in latest_of(world.lines).items()}
    for calls in count():
        place = kind(tmp_path / f"{calls}")
        early = dict([*world.files.items()][:2])
        read(early, place, now_ms=world.clock())
        before = place.state()
        is_done = read(world.files, place, now_ms=world.clock(), calls=calls) is not None
        after = place.state()
        assert all(after[key][0] >= watermark for key, (watermark, _) in before.items())
        read(world.files, place, now_ms=world.clock())
        assert place.state() == latest, f"after a kill before call {calls}"
        if is_done:
            break
    assert calls > 20
