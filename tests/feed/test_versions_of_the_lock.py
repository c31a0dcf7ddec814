"""The feed while executions of the version before it run beside those that know it; and after a restore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from objectlock.record import APPLIED_AT, APPLIED_BY, OUTPUT_ETAG, RECORD_SINCE
from tests.feed.locks import Lockstep, lock_world
from tests.feed.machine import latest_of
from tests.feed.world import HOUR, FeedWorld, running


@pytest.fixture(autouse=True)
def _running() -> Iterator[None]:
    with running():
        yield


def changed(world: FeedWorld, lockstep: Lockstep, body: bytes | None, *, version_before: bool = False) -> None:
    world.clock.advance(seconds=1)
    lockstep.run(lockstep.change("a", body, version_before=version_before))


def told(world: FeedWorld) -> list[Any]:
    """Token and output of each change, in the order of the feed."""
    world.settle()
    return [(line.change["fencing_token"], line.change["output_etag"]) for line in world.lines]


def outputs(lockstep: Lockstep) -> list[str | None]:
    return [each.etag for each in lockstep.output.objects.values()] or [None]


def test_while_an_execution_of_the_version_before_holds_the_lock_nothing_is_told() -> None:
    """It leaves `applied_at` of the change before in the record, and its attempt has a token of its own."""
    world, lockstep = lock_world()
    changed(world, lockstep, b"1")
    (before,) = told(world)
    execution = lockstep.change("a", b"2", version_before=True)
    lockstep.step(execution)
    lockstep.step(execution)
    assert told(world) == [before]
    lockstep.step(execution)
    assert told(world) == [before, (2, *outputs(lockstep))]


def test_a_lock_that_the_version_before_has_taken_and_this_one_frees_is_told() -> None:
    world, lockstep = lock_world()
    execution = lockstep.change("a", b"1", version_before=True)
    lockstep.step(execution)
    execution.is_of_version_before = False
    lockstep.run(execution)
    assert told(world) == [(1, *outputs(lockstep))]
    assert world.set_aside == []


def test_a_change_by_the_version_before_hides_no_later_one() -> None:
    world, lockstep = lock_world()
    for body, version_before in [(b"1", True), (b"2", False), (b"3", True), (None, True), (b"4", False)]:
        changed(world, lockstep, body, version_before=version_before)
    world.settle()
    (line,) = latest_of(world.lines).values()
    assert [line.change["output_etag"]] == outputs(lockstep)


def test_a_lock_of_the_version_before_that_the_reaper_frees_is_told_as_what_was_applied_last() -> None:
    world, lockstep = lock_world()
    changed(world, lockstep, b"1")
    execution = lockstep.change("a", b"2", version_before=True)
    lockstep.step(execution)
    lockstep.fail(execution)
    lockstep.abandon(execution, reaped=True)
    assert told(world) == [(token, *outputs(lockstep)) for token in (1, 2)]


@pytest.mark.parametrize("is_begun_anew", [False, True])
def test_after_a_restore_the_feed_goes_on_where_the_record_begins_anew(is_begun_anew: bool) -> None:
    """Tokens go back with the record; docs/runbook.md says what to change in it. Otherwise the change is dropped."""
    world, lockstep = lock_world()
    changed(world, lockstep, b"1")
    (backup,) = lockstep.store.items.values()
    for body in (b"2", None):
        changed(world, lockstep, body)
    world.clock.advance(seconds=HOUR)
    (object_id,) = lockstep.store.items
    restored = {name: value for name, value in backup.items() if name != OUTPUT_ETAG}  # as the output is gone
    if is_begun_anew:
        restored = {name: value for name, value in restored.items() if name not in {APPLIED_AT, APPLIED_BY}}
        restored[RECORD_SINCE] = int(backup[RECORD_SINCE]) + HOUR * 1000
    lockstep.store.items[object_id] = restored
    changed(world, lockstep, b"3")
    world.settle()
    (line,) = latest_of(world.lines).values()
    assert ([line.change["output_etag"]] == outputs(lockstep)) is is_begun_anew
