"""Each promise can be broken, and says so in its own words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from objectlock.conditions import Item
from tests.memory import StoredObject
from tests.simulation import promises, system
from tests.simulation.by_hand import AT_WORK, HELD, KEY, LATER, by, changed, said, settled, started, stored, world
from tests.simulation.lambdas import Call, Invocation
from tests.simulation.world import EPOCH_MS, Doubt, World
from tests.unit.records import without

BEGUN: Final[Item] = {**HELD, "fencing_token": 3}

# --- records -------------------------------------------------------------------------------------------------

OTHER: Final = by("b")
APPLIED: Final = "applied_sequencer"
NO_ATTEMPT: Final = "who frees the lock leaves no attempt on record"
LEASE: Final = "nobody changes another's lease_expires_at"
TAKEN: Final = "nobody changes another's owner"
WORKER: Final = "nobody changes another's worker_until"
WORK_TIME: Final = "an attempt is on record for as long as its Lambda may run, by every clock"


FIRST: Final[Item] = {"newest_sequencer": "1018f"}
LOOKS: Final[dict[str, Any]] = {"detail-type": "Object Reconcile"}


TOLD: Final[Item] = {"record_since": 1, "applied_at": EPOCH_MS, "applied_by": by().arn}


def attempted(**applied: Any) -> Item:
    """A free lock after an attempt that has applied that."""
    return {"fencing_token": 3, **TOLD, **applied}


def only_says(what: str) -> str:
    return f"only the attempt on record says what {what} is"


@pytest.mark.parametrize(
    ("who", "before", "after", "broken"),
    [
        (
            by(token=3),
            {**BEGUN, APPLIED: "1020"},
            {**BEGUN, APPLIED: "1018f"},
            f"{APPLIED} never goes back",
        ),
        (by(token=3), {**BEGUN, APPLIED: "1020"}, BEGUN, f"{APPLIED} never goes back"),
        (by(token=3), {**BEGUN, APPLIED: "1018f"}, {**BEGUN, APPLIED: "102"}, ""),
        (by(), {"newest_sequencer": "1020"}, {"newest_sequencer": "1018f"}, "newest_sequencer never goes back"),
        (by(), {}, {"newest_sequencer": "1018f"}, ""),
        (by(), {}, {"newest_sequencer": "11"}, "newest_sequencer is that of an event"),
        (by(), {"newest_sequencer": "1018f"}, {"newest_sequencer": "11"}, "newest_sequencer is that of an event"),
        (by(token=3), BEGUN, {**BEGUN, APPLIED: "11"}, f"{APPLIED} is that of an event"),
        (
            by(token=3),
            {**BEGUN, **FIRST},
            {**BEGUN, **FIRST, APPLIED: "102"},
            "no event is applied that is not on record",
        ),
        (by(token=3), {**BEGUN, **FIRST}, {**BEGUN, **FIRST, APPLIED: "1018f"}, ""),
        (by(**LOOKS), {}, {"newest_sequencer": "0"}, ""),
        (by(**LOOKS), {}, {"newest_sequencer": "1018f"}, "a reconcile leaves the order of events as it is"),
        (by(**LOOKS), FIRST, {"newest_sequencer": "102"}, "a reconcile leaves the order of events as it is"),
        (by(), {"fencing_token": 3}, {"fencing_token": 2}, "fencing tokens grow"),
        (by(), {"fencing_token": 3}, {}, "fencing tokens grow"),
        (by(), {"fencing_token": 3}, {"fencing_token": 3}, ""),
        (
            by(token=3),
            AT_WORK,
            {"fencing_token": 3, "worker_until": LATER - 1},
            NO_ATTEMPT,
        ),
        (by(), {}, {**HELD, "expires_at": 1}, "a record in use has no TTL"),
        (OTHER, HELD, {**HELD, "owner": "b"}, TAKEN),
        (OTHER, HELD, {}, TAKEN),
        (OTHER, HELD, {**HELD, "lease_expires_at": LATER + 1}, LEASE),
        (OTHER, HELD, {**HELD, "newest_sequencer": "1020"}, ""),
        (by(), HELD, {}, ""),
        (OTHER, {**HELD, "lease_expires_at": EPOCH_MS}, {}, TAKEN),  # up to its last millisecond
        (OTHER, {**HELD, "lease_expires_at": EPOCH_MS - 1}, {}, ""),
        (by("b", skew=2), {**HELD, "lease_expires_at": EPOCH_MS + 1}, {}, ""),  # it is over by its clock
        (by("b", skew=1), {**HELD, "lease_expires_at": EPOCH_MS + 1}, {}, TAKEN),
        (by(token=2), AT_WORK, BEGUN, WORKER),
        (by(), AT_WORK, BEGUN, WORKER),
        (by(token=3), AT_WORK, BEGUN, ""),
        (by(applied={"token": 3}), AT_WORK, attempted(), ""),
        (by(applied={"token": 2}), AT_WORK, attempted(), WORKER),
        (by(), {**AT_WORK, "worker_until": EPOCH_MS - 1}, BEGUN, ""),
        *[
            row
            for name in ("output_etag", "applied_source", "applied_sequencer")
            for row in (
                (by(applied={"token": 3}), BEGUN, attempted(**{name: "1018f"}), ""),
                (by(applied={"token": 2}), BEGUN, attempted(**{name: "1018f"}), only_says(name)),
                (by(), BEGUN, attempted(**{name: "1018f"}), only_says(name)),
                (by("b", token=3), attempted(), attempted(**{name: "1018f"}), only_says(name)),
            )
        ],
    ],
)
def test_what_may_become_of_a_record(who: Invocation, before: Item, after: Item, broken: str) -> None:
    assert said(lambda: promises.record_written(changed("ab"), replace(who), before, after)) == broken


def test_where_a_record_was_lost_an_event_may_be_applied_that_is_not_on_record() -> None:
    """Found by chance: a claim refused for a newer event was granted on the record that had just been lost.

    And a backup was restored under an attempt, from before its event had come.
    """
    applied = attempted(**{APPLIED: "1020", "applied_by": by().arn})
    forced: Item = {**applied, **FIRST}
    found = changed("ab")
    words = "no event is applied that is not on record"
    assert said(lambda: promises.record_written(found, by("b"), applied, forced)) == words
    found.behind = {KEY}
    promises.record_written(found, by("b"), applied, forced)


def begins(found: World, who: Invocation, **change: int) -> str:
    return said(lambda: promises.record_written(found, who, HELD, {**AT_WORK, **change}))


@pytest.mark.parametrize(
    ("skews", "change", "broken"),
    [
        ((0,), {"worker_until": EPOCH_MS + 20_000}, ""),
        ((0,), {"worker_until": EPOCH_MS + 19_999}, WORK_TIME),
        ((0, 5_000), {"worker_until": EPOCH_MS + 24_999}, WORK_TIME),
        ((0, 5_000), {"worker_until": EPOCH_MS + 25_000}, ""),
        ((0,), {"lease_expires_at": LATER - 1}, "a lease outlasts its attempt"),
    ],
)
def test_an_attempt_has_time_enough(skews: tuple[int, ...], change: dict[str, int], broken: str) -> None:
    assert begins(world(skews=skews), by(), **change) == broken


def test_an_attempt_has_a_token_of_its_own() -> None:
    words = "an attempt has a token of its own"
    assert said(lambda: promises.record_written(world(), by(), BEGUN, AT_WORK)) == words


def test_only_one_attempt_is_at_work_on_an_object() -> None:
    found, one, other = world(), by(), by("b", token=2)
    assert begins(found, one) == ""
    assert one.token == 3
    found.invocations = [one, other]
    assert begins(found, one) == "only one attempt is at work on an object, but b is too"
    other.key = "dog.png"
    assert begins(found, one) == ""
    other.key, other.token = KEY, 0
    assert begins(found, one) == ""


def test_a_write_in_doubt_is_at_work_too() -> None:
    found = world()
    found.doubts = [Doubt(Call("output", "write"), by("b", token=2), LATER)]
    assert begins(found, by()) == "only one attempt is at work on an object, but b is too"


def test_but_one_s_own_is_no_other_attempt() -> None:
    found = world()
    found.doubts = [Doubt(Call("output", "write"), by(token=3), LATER)]
    assert begins(found, by()) == ""


def test_who_has_said_that_its_attempt_has_ended_is_not_at_work() -> None:
    one = by(token=3)
    promises.record_written(world(), one, AT_WORK, BEGUN)
    assert one.token == 0


# --- what may say otherwise than the buckets -------------------------------------------------------------------

GIVEN_UP: Final[Item] = {"fencing_token": 3}
RELEASED: Final[Item] = attempted(applied_source="tag", output_etag="etag")


@pytest.mark.parametrize(
    ("who", "after", "has_begun", "is_unsure"),
    [
        (by(applied={"token": 3}), RELEASED, True, False),
        (by(applied={"token": 3}), RELEASED, False, True),  # what it applied was read before
        (by(token=3), RELEASED, True, False),  # it was rejected
        (by(applied={"token": 3}), BEGUN, True, True),
        (by(), GIVEN_UP, True, True),
    ],
)
def test_what_is_applied_after_damage_is_known_again(
    who: Invocation, after: Item, has_begun: bool, is_unsure: bool
) -> None:
    found = changed("ab")
    found.damage(KEY)
    assert found.unsure == {KEY: False}
    if has_begun:
        assert begins(found, by()) == ""
        assert found.unsure == {KEY: True}
    promises.record_written(found, replace(who), BEGUN, after)
    assert (KEY in found.unsure) == is_unsure


def test_who_gives_up_after_its_release_has_failed_applies_nothing() -> None:
    found = changed("ab")
    found.unsure[KEY] = True
    who = by(applied={"token": 3})
    who.payload["caught"] = {}
    promises.record_written(found, who, BEGUN, GIVEN_UP)
    assert found.unsure == {KEY: True}


# --- what the change feed has ------------------------------------------------------------------------------------

RELEASES: Final = by(applied={"token": 3})
ALONE: Final = "only what was applied is told"


@pytest.mark.parametrize(
    ("who", "before", "after", "broken"),
    [
        (RELEASES, BEGUN, RELEASED, ""),
        (RELEASES, BEGUN, GIVEN_UP, "what was applied is told, and by whom"),
        (RELEASES, BEGUN, {**RELEASED, "applied_by": OTHER.arn}, "what was applied is told, and by whom"),
        (RELEASES, BEGUN, without(RELEASED, "record_since"), "what is told says since when its record has been there"),
        (by(), BEGUN, GIVEN_UP, ""),
        (by(), BEGUN, attempted(), ALONE),
        (by(), RELEASED, {**RELEASED, **HELD}, "nothing is told of a record in use"),
        (by("b"), RELEASED, {**RELEASED, **FIRST}, ""),  # told again
        (by("b"), RELEASED, {**RELEASED, "applied_at": 1}, ALONE),
        (
            by("b"),
            {**GIVEN_UP, "record_since": 1},
            {**GIVEN_UP, "record_since": 2},
            "since when a record has been there",
        ),
    ],
)
def test_what_the_feed_tells_of(who: Invocation, before: Item, after: Item, broken: str) -> None:
    assert said(lambda: promises.record_written(changed("ab"), replace(who), before, after)).startswith(broken)
    assert bool(said(lambda: promises.record_written(changed("ab"), replace(who), before, after))) == bool(broken)


@pytest.mark.parametrize(
    ("told", "broken"),
    [
        ({"record_since": 1, "fencing_token": 3}, ""),
        ({"record_since": 0, "fencing_token": 9}, ""),  # of the record before, which has expired
        ({"record_since": 1, "fencing_token": 4}, "what is told never goes back"),
        ({"record_since": 2, "fencing_token": 2}, "what is told never goes back"),
    ],
)
def test_the_feed_never_goes_back(told: Item, broken: str) -> None:
    found = changed("ab")
    found.told[KEY] = told
    assert said(lambda: promises.record_written(found, replace(RELEASES), BEGUN, RELEASED)) == broken
    assert broken or found.told[KEY] == RELEASED


def test_in_the_end_the_feed_tells_what_the_output_is() -> None:
    with system.running():
        found = settled(started())
    assert said(lambda: promises.quiet(found)) == ""
    found.told[KEY] = {**found.told[KEY], "output_etag": "another"}
    assert said(lambda: promises.quiet(found)) == f"in the end the feed tells of {KEY} what the output is"
    del found.told[KEY]
    assert said(lambda: promises.quiet(found)) == f"in the end the feed tells of {KEY} what the output is"


# --- outputs -------------------------------------------------------------------------------------------------

LATE: Final = "no write lands after one with a higher token"


@pytest.mark.parametrize(
    ("highest", "token", "after", "broken"),
    [
        (0, 3, stored(3), ""),
        (2, 3, stored(3), ""),
        (3, 3, None, ""),
        (3, 2, stored(2), LATE),
        (3, 2, None, LATE),
        (0, 0, None, "only an attempt changes an output"),
        (0, 3, stored(2), "an output says which attempt has made it"),
    ],
)
def test_who_may_change_an_output(highest: int, token: int, after: StoredObject | None, broken: str) -> None:
    found, before = world(), stored(1)
    found.highest = {KEY: highest, "dog.png": 9}
    assert said(lambda: promises.output_written(found, by(token=token), before, before)) == ""
    assert said(lambda: promises.output_written(found, by(token=token), before, after)) == broken
    assert broken or found.highest[KEY] == token


# --- where time is not as it must be ---------------------------------------------------------------------------


def test_what_follows_from_time_is_not_promised_of_that_object_then() -> None:
    """Then the second line of defence alone is left: how it ends."""
    found = world()
    found.early = {"dog.png"}
    found.highest = {KEY: 3}
    found.invocations = [by("b", token=2)]
    late = by(token=2)
    assert begins(found, by()) != ""
    assert said(lambda: promises.record_written(found, OTHER, HELD, {})) == TAKEN
    assert said(lambda: promises.output_written(found, late, stored(3), stored(2))) == LATE
    found.early = {KEY}
    assert begins(found, by()) == ""
    assert said(lambda: promises.record_written(found, OTHER, HELD, {})) == ""
    assert said(lambda: promises.output_written(found, late, stored(3), stored(2))) == ""
    assert found.highest == {KEY: 3}
    assert said(lambda: promises.record_written(found, by(), {"fencing_token": 3}, {})) == "fencing tokens grow"


def test_where_only_the_end_is_looked_at_nothing_on_the_way_counts() -> None:
    found = world()
    found.is_watched = False
    assert said(lambda: promises.record_written(found, by(), {"fencing_token": 3}, {})) == ""
    assert said(lambda: promises.output_written(found, by(), None, stored(3))) == ""
