"""What a Lambda answers follows from what it has seen, by AWS's rule."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objectlock.conditions import Item
from objectlock.record import Outcome
from tests.simulation import promises
from tests.simulation.by_hand import AT_WORK, HELD, LATER, A, by, changed, said, world
from tests.simulation.lambdas import EXECUTIONS, Heard
from tests.simulation.promises import is_newer
from tests.simulation.world import EPOCH_MS
from tests.workflow.kit.cases import Raises, Returns

# --- verdicts ------------------------------------------------------------------------------------------------


def seen(accepted: bool = False, /, **item: Any) -> Heard:
    return "value", Outcome(accepted, item)


def looked(tag: str | None) -> Heard:
    return "value", tag


NEWER: Final = {"applied_sequencer": "102", "applied_source": "tag", "newest_sequencer": "102"}
OLDER: Final = {"applied_sequencer": "1018f", "applied_source": "tag", "newest_sequencer": "1018f"}
GONE: Final = {**NEWER, "applied_source": "absent"}
RULE: Final = "a stale verdict follows AWS's rule"
CONFIRMED: Final = "a stale verdict is confirmed by a look at the input"
RECORDED: Final = "who leaves leaves a newer event on record"
NO_WRITE: Final = "a stale event causes no write"


@pytest.mark.parametrize(
    ("work", "sequencer", "heard", "broken"),
    [
        ("STALE", "1018F", [seen(**NEWER), looked("tag")], ""),
        ("STALE", "1020", [seen(**NEWER), looked("tag")], ""),  # the very event
        ("STALE", "1018F", [seen(**GONE), looked(None)], ""),
        ("STALE", "103", [seen(**NEWER), looked("tag")], RULE),
        ("STALE", "1018F", [seen(**NEWER)], CONFIRMED),
        ("STALE", "1018F", [seen(**NEWER), looked("another")], CONFIRMED),
        ("STALE", "1018F", [seen(**GONE), looked("tag")], CONFIRMED),
        ("STALE", "1018F", [seen(**NEWER), looked("tag"), seen(**NEWER), looked("another")], CONFIRMED),
        ("SUPERSEDED", "1018F", [seen(newest_sequencer="102")], ""),
        ("SUPERSEDED", "1020", [seen(newest_sequencer="102")], RECORDED),
        ("SUPERSEDED", "1020", [seen()], RECORDED),
        ("SUPERSEDED", "1018F", [seen(), seen(newest_sequencer="102")], ""),  # the last answer counts
        ("SUPERSEDED", "1018F", [seen(newest_sequencer="102"), seen()], RECORDED),
        ("GRAYSCALE", "1020", [seen(True, **OLDER), looked("tag")], ""),
        ("GRAYSCALE", "1020", [seen(True), looked("tag")], ""),
        ("GRAYSCALE", "1018F", [seen(True, **NEWER), looked("tag")], NO_WRITE),
        ("DELETE", "1018F", [seen(True, **NEWER), looked(None)], NO_WRITE),
        ("GRAYSCALE", "1020", [seen(True, **NEWER), looked("tag")], NO_WRITE),
        # It looked before it took the lock: what was applied is not what is there.
        ("GRAYSCALE", "1018F", [seen(**NEWER), looked("b"), seen(True, **NEWER), looked("b")], ""),
        # It had the lock, and did not know.
        ("GRAYSCALE", "1018F", [seen(owner=A, **NEWER), seen(True, **NEWER), looked("tag")], ""),
        ("GRAYSCALE", "1018F", [seen(owner=EXECUTIONS + "b", **NEWER), seen(True, **NEWER), looked("tag")], NO_WRITE),
    ],
)
def test_a_verdict_follows_from_what_was_seen(work: str, sequencer: str, heard: list[Heard], broken: str) -> None:
    who = by(detail={"object": {"sequencer": sequencer}})
    who.function = promises.ACQUIRE
    who.heard = [("time", EPOCH_MS), *heard]
    found = changed("abc")
    assert said(lambda: promises.answered(found, who, Returns({"work": work}))) == broken
    assert said(lambda: promises.answered(found, who, Raises("Error"))) == ""
    who.payload["state"]["look_again"] = {}
    if broken == NO_WRITE:
        assert said(lambda: promises.answered(found, who, Returns({"work": work}))) == ""


@pytest.mark.parametrize("work", ["STALE", "SUPERSEDED", "FOLDER"])
def test_a_reconcile_always_looks(work: str) -> None:
    told: dict[str, Any] = {"detail-type": "Object Reconcile", "detail": {"object": {}}}
    who = by(**told)
    who.function, who.heard = promises.ACQUIRE, [seen(**NEWER), looked("tag")]
    found = changed("abc")
    assert said(lambda: promises.answered(found, who, Returns({"work": work}))) == "a reconcile always looks"
    assert said(lambda: promises.answered(found, who, Returns({"work": "GRAYSCALE"}))) == ""


@pytest.mark.parametrize(("says", "is_kept"), [(EXECUTIONS + "b", True), (EXECUTIONS + "c", False), (None, False)])
def test_who_takes_a_lock_over_says_from_whom(says: str | None, is_kept: bool) -> None:
    found, who = changed("abc"), by(detail={"object": {"sequencer": "1020"}})
    over: Item = {"owner": EXECUTIONS + "b", "lease_expires_at": EPOCH_MS - 1}
    promises.record_written(found, who, over, HELD)
    who.function, who.heard = promises.ACQUIRE, [seen(True, **HELD), looked("tag")]
    answer = Returns({"work": "GRAYSCALE", "taken_from": says})
    assert said(lambda: promises.answered(found, who, answer)) == (
        "" if is_kept else "who takes a lock over says from whom"
    )


def test_but_not_where_another_record_was_put_in_its_place() -> None:
    """Whom it finds is not whom it takes the lock from, if a backup is restored in between."""
    found, who = changed("abc"), by(detail={"object": {"sequencer": "1020"}})
    found.behind.add(who.key)
    who.function, who.took_from = promises.ACQUIRE, EXECUTIONS + "b"
    who.heard = [seen(True, **HELD), looked("tag")]
    answer = Returns({"work": "GRAYSCALE", "taken_from": EXECUTIONS + "c"})
    assert said(lambda: promises.answered(found, who, answer)) == ""


def test_who_takes_a_free_lock_has_nobody_to_name() -> None:
    found, who = changed("abc"), by(detail={"object": {"sequencer": "1020"}})
    for before in ({}, HELD):
        promises.record_written(found, who, before, HELD)
    assert who.took_from == ""


# --- AWS's rule ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("2", "1"),
        ("2", "10"),  # not as numbers
        ("11", "1"),
        ("1001", "1"),
        ("B", "a"),
        ("b", "A"),
        ("69a5", "0069a5"),
        ("0069a50", "0069a4ff"),
        ("1", "0"),
        ("1", ""),
    ],
)
def test_the_newer_one(newer: str, older: str) -> None:
    assert is_newer(newer, older)
    assert not is_newer(older, newer)


@pytest.mark.parametrize(("one", "other"), [("1", "10"), ("aB", "Ab000"), ("0", ""), ("000", "0"), ("1f", "1F")])
def test_neither_is_newer(one: str, other: str) -> None:
    assert not is_newer(one, other)
    assert not is_newer(other, one)


HEX = st.text("01aF", min_size=1, max_size=8)


def as_fraction(text: str) -> Fraction:
    return Fraction(int(text, 16), 16 ** len(text))


@settings(max_examples=200, deadline=None)
@given(HEX, HEX)
def test_it_is_the_order_of_fractions(one: str, other: str) -> None:
    assert is_newer(one, other) == (as_fraction(one) > as_fraction(other))


# --- waiting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "since", "says", "broken"),
    [
        ("b", 0, 0, ""),
        ("b", None, 0, ""),
        ("b", -600_000 - 20_000, -600_000 - 20_000, ""),
        ("b", -600_000 - 20_001, -600_000 - 20_001, "waiting has an end"),
        ("b", -1000, 0, "who waits remembers since when"),
        ("a", 0, 0, "who waits waits for another"),
        ("", 0, 0, "who waits waits for another"),
    ],
)
def test_who_waits(owner: str, since: int | None, says: int, broken: str) -> None:
    state: dict[str, Any] = {"detail": {"object": {"sequencer": "1018F"}}}
    if since is not None:
        state["lock"] = {"waiting_since": EPOCH_MS + since}
    who = by(**state)
    who.function, who.heard = promises.ACQUIRE, [seen(**({"owner": EXECUTIONS + owner} if owner else {}))]
    answer = Returns({"work": "HELD", "waiting_since": EPOCH_MS + says})
    assert said(lambda: promises.answered(world(), who, answer)) == broken


# --- giving up -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "is_kept"),
    [
        ({}, True),
        ({**HELD, "owner": EXECUTIONS + "b"}, True),
        (HELD, False),
        ({**AT_WORK, "lease_expires_at": LATER + 4_999}, True),
        ({**AT_WORK, "lease_expires_at": LATER + 5_000}, False),
    ],
)
@pytest.mark.parametrize("is_reaper", [False, True])
def test_who_has_given_up_holds_no_lock_for_longer_than_a_worker_may_need_it(
    is_reaper: bool, record: Item, is_kept: bool
) -> None:
    found, who = world(), by()
    if is_reaper:
        who.function = found.system.reaper
    else:
        who.payload["caught"] = {}
    words = "who has given up holds no lock for longer than a worker may need it"
    who.heard = [seen(True, **HELD), seen(False, **record)]
    assert said(lambda: promises.answered(found, who, Returns({}))) == ("" if is_kept else words)
    assert said(lambda: promises.answered(found, who, Raises("Error"))) == ""
    who.heard.clear()
    assert said(lambda: promises.answered(found, who, Returns({}))) == ""
