"""What is promised for the end, when nothing more happens, and when it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from objectlock.conditions import Item
from tests.memory import StoredObject
from tests.simulation import moves, promises, system
from tests.simulation.by_hand import KEY, SYSTEM, changed, only, said, settled, started, stored
from tests.simulation.world import EPOCH_MS, World

OWNER: Final = "arn-a"
REST: Final = EPOCH_MS + moves.REST_MS


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running():
        yield


def rested(plan: str = "a") -> World:
    """A world in which all has gone well."""
    found = settled(started(plan))
    found.undelivered.clear()
    return moves.rested(found)


@pytest.mark.parametrize("plan", ["a", "-", "x"])
def test_where_all_has_gone_well_everything_is_kept(plan: str) -> None:
    promises.quiet(rested(plan))


@pytest.mark.parametrize(
    ("plan", "change", "broken"),
    [
        ("a", {"owner": OWNER, "lease_expires_at": REST + 1}, "in the end no lock is held, but that of cat.png"),
        (
            "a",
            {"owner": OWNER, "lease_expires_at": REST},
            "in the end no lock is held, but that of cat.png",
        ),
        ("a", {"owner": OWNER, "lease_expires_at": REST - 1}, ""),
        ("a", {"applied_source": "another"}, "the record of cat.png says what was applied"),
        ("-", {"applied_source": "tag"}, "the record of cat.png says what was applied"),
        ("a", {"output_etag": "another"}, "the record of cat.png says what the output is"),
        ("-", {"output_etag": "etag"}, "the record of cat.png says what the output is"),
        ("x", {"output_etag": "etag"}, "the record of cat.png says what the output is"),
        ("a", {"newest_sequencer": "102"}, "in the end the newest event of cat.png is the one applied"),
        ("a", {"expires_at": 1}, "the record of cat.png does not expire, as it is no tombstone"),
        ("a", {"fencing_token": 0}, "the output of cat.png says what it was made from"),
    ],
)
def test_what_is_on_record_in_the_end(plan: str, change: Item, broken: str) -> None:
    found = rested(plan)
    (object_id,) = found.locks.items
    found.locks.items[object_id] = {**found.record(KEY), **change}
    assert said(lambda: promises.quiet(found)) == broken


def test_where_a_record_was_lost_its_token_and_its_order_may_be_behind() -> None:
    found = rested()
    (object_id,) = found.locks.items
    lost = {**found.record(KEY), "fencing_token": 0}
    del lost["newest_sequencer"]
    found.locks.items[object_id] = lost
    assert said(lambda: promises.quiet(found)) == "in the end the newest event of cat.png is the one applied"
    found.behind = {KEY}
    promises.quiet(found)
    found.locks.items[object_id] = {**lost, "newest_sequencer": "102"}
    promises.quiet(found)


def test_what_a_record_says_that_no_one_has_seen_to_since_the_damage_is_not_promised() -> None:
    found = rested()
    (object_id,) = found.locks.items
    found.locks.items[object_id] = {**found.record(KEY), "applied_source": "another"}
    found.damage(KEY)
    promises.quiet(found)
    found.output.objects.clear()
    assert said(lambda: promises.quiet(found)) == "in the end every output is that of its input, but cat.png"


def test_an_output_says_what_it_was_made_from() -> None:
    found = rested()
    stored_now = found.output.objects[KEY]
    found.output.objects[KEY] = replace(stored_now, label=replace(stored_now.label, source="another"))
    words = "the output of cat.png says what it was made from"
    assert said(lambda: promises.quiet(found)) == words
    found.early = {KEY}
    assert said(lambda: promises.quiet(found)) == words
    found.early, found.behind = set(), {KEY}
    assert said(lambda: promises.quiet(found)) == words
    found.early = {KEY}  # its record was replaced under an attempt
    promises.quiet(found)


def test_a_flag_that_is_set_is_a_lock_that_is_held() -> None:
    found = rested()
    (object_id,) = found.locks.items
    found.locks.items[object_id] = {**found.record(KEY), "flag": 1}
    promises.quiet(found)
    found.system = replace(SYSTEM, flag="flag")
    assert said(lambda: promises.quiet(found)) == "in the end no lock is held, but that of cat.png"


@pytest.mark.parametrize(("plan", "output"), [("a", None), ("a", stored(1)), ("-", stored(1)), ("x", stored(1))])
def test_in_the_end_every_output_is_that_of_its_input(plan: str, output: StoredObject | None) -> None:
    found = rested(plan)
    found.output.objects = {KEY: output} if output else {}
    found.is_watched = False
    assert said(lambda: promises.quiet(found)) == "in the end every output is that of its input, but cat.png"


def ends(found: World, error: str | None, state: str = "Failed") -> str:
    execution, _ = only(found)
    execution.position = replace(execution.position, state=state)
    return said(lambda: promises.ended(found, execution, error))


@pytest.mark.parametrize(
    ("error", "more", "is_kept"),
    [
        ("LockWaitTimeout", {}, False),
        ("LockWaitTimeout", {"kills": 1}, False),
        ("LockWaitTimeout", {"kills": 2}, True),
        ("LockWaitTimeout", {"kills": 1, "errors": 1}, True),
        ("LockWaitTimeout", {"stops": 1}, True),
        ("LockWaitTimeout", {"tick_ms": 200}, True),
        ("SourceRejected", {}, True),
    ],
)
def test_where_at_most_one_thing_goes_wrong_nothing_fails(error: str, more: dict[str, int], is_kept: bool) -> None:
    assert ends(started(**more), error) == ("" if is_kept else "where at most one thing goes wrong nothing fails")


@pytest.mark.parametrize("error", ["LeaseLost", "KeyError", "AttemptInFlight", "States.Runtime"])
def test_what_the_machine_has_an_answer_to_ends_no_execution(error: str) -> None:
    assert ends(started(stops=1), error) == f"no execution ends by {error}"


def test_who_fails_has_given_up_its_lock() -> None:
    assert ends(started(stops=1), "AccessDenied") == ""
    assert ends(started(stops=1), "AccessDenied", "AcquireLock") == "who fails has given up its lock"


@pytest.mark.parametrize(
    ("applied", "state", "is_kept"),
    [
        ({}, "ReleaseLock", False),
        ({"applied_sequencer": "1018"}, "ReleaseLock", False),
        ({"applied_sequencer": "1018f"}, "ReleaseLock", True),
        ({"applied_sequencer": "102"}, "ReleaseLock", True),
        ({}, "Skipped", True),
    ],
)
def test_who_succeeds_has_its_event_on_record(applied: Item, state: str, is_kept: bool) -> None:
    found = started("ab")
    found.locks.items[f"{SYSTEM.input_bucket}/{KEY}"] = applied
    assert ends(found, None, state) == ("" if is_kept else "who succeeds has its event on record")


def test_unless_its_record_was_lost_since() -> None:
    found = started("ab")
    found.damage(KEY)
    found.unsure[KEY] = True
    assert ends(found, None, "ReleaseLock") == "who succeeds has its event on record"
    found.behind = {KEY}
    assert ends(found, None, "ReleaseLock") == ""


@pytest.mark.parametrize(("applied", "is_kept"), [({}, False), ({"applied_sequencer": "0"}, True)])
def test_a_reconcile_that_succeeds_has_applied_something(applied: Item, is_kept: bool) -> None:
    found = changed("a")
    found.reconcile(KEY)
    found.locks.items[f"{SYSTEM.input_bucket}/{KEY}"] = applied
    assert ends(found, None, "ReleaseLock") == ("" if is_kept else "who succeeds has its event on record")


def test_a_world_asks_at_each_write_and_each_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the record and of outputs, of what Lambdas answer, of executions, and when nothing more happens."""
    asked: list[str] = []
    for name in ("record_written", "output_written", "answered", "ended", "quiet"):
        monkeypatch.setattr(promises, name, lambda *_, name=name: asked.append(name))
    moves.run(started())
    acquire, release = ["record_written", "answered"], ["record_written", "answered", "ended"]
    assert asked == [*acquire, "record_written", "output_written", "answered", *release, "quiet"]


def test_and_of_a_lambda_that_ends_without_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(promises, "answered", lambda _world, by, _answer: asked.append(by.function))
    answer = dict.fromkeys(("reason", "source", "waiting_since", "waited_ms", "wait_seconds")) | {"work": "STALE"}
    found = changed()
    found.system = replace(SYSTEM, functions={**SYSTEM.functions, promises.ACQUIRE: lambda *_: answer})
    moves.delivers(found, 0)
    assert asked == [promises.ACQUIRE]
    assert found.executions == []
