"""Each promise can be broken, and says so in its own words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from objectlock.conditions import Item
from tests.memory import StoredObject
from tests.simulation import promises
from tests.simulation.by_hand import AT_WORK, HELD, KEY, LATER, by, changed, said, stored, world
from tests.simulation.lambdas import Call, Invocation
from tests.simulation.world import EPOCH_MS, Doubt, World

BEGUN: Final[Item] = {**HELD, "fencing_token": 3}

# --- records -------------------------------------------------------------------------------------------------

OTHER: Final = by("b")
APPLIED: Final = "applied_sequencer"
NO_ATTEMPT: Final = "who frees the lock leaves no attempt on record"
LEASE: Final = "nobody changes another's lease_expires_at"
TAKEN: Final = "nobody changes another's owner"
WORKER: Final = "nobody changes another's worker_until"
WORK_TIME: Final = "an attempt is on record for as long as its Lambda may run, by every clock"


def attempted(**applied: Any) -> Item:
    """A free lock after an attempt that has applied that."""
    return {"fencing_token": 3, **applied}


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
