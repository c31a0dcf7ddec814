import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectlock.conditions import Item, Value
from objectlock.lock import (
    ABSENT,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    EXPIRES_AT,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OBJECT_ID,
    OUTPUT_ETAG,
    OWNER,
    Applied,
    Claim,
    Outcome,
    Refusal,
    Transition,
    event_is_new,
    give_up,
    grant,
    grant_overtaken,
    is_registered,
    lock_is_free,
    nothing_newer_seen,
    owner_is,
    register,
    release,
    release_behind,
    was_released,
    why_refused,
)
from objectlock.sequencer import Sequencer
from tests.memory import InMemoryLockStore
from tests.unit.transitions import transitions

ID = "bucket/photo.jpg"
NOW = 1_772_442_904_567
LEASE = 30_000
PHOTO = Applied("etag-in", "etag-out")
GONE = Applied(ABSENT, None)


def seq(text: str) -> Sequencer:
    return Sequencer.parse(ID, text)


def claim(owner: str, sequencer: str, *, forced: bool = False) -> Claim:
    return Claim(owner, seq(sequencer), forced)


def held_by(owner: str, *, until: int = NOW + LEASE, **attributes: Value) -> Item:
    return {OBJECT_ID: ID, OWNER: owner, LEASE_EXPIRES_AT: until, **attributes}


def free(**attributes: Value) -> Item:
    return {OBJECT_ID: ID, **attributes}


def applied_to(item: Item, transition: Transition) -> Outcome:
    """What the store makes of one write to `item`."""
    store = InMemoryLockStore()
    if item:
        store.items[ID] = item
    return store.apply(transition)


# --- clauses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, True, id="no record"),
        pytest.param(free(applied_sequencer="01"), True, id="no owner"),
        pytest.param(held_by("me"), True, id="mine: the answer to a granted acquire was lost"),
        pytest.param(held_by("me", until=NOW - 1), True, id="mine, expired"),
        pytest.param(held_by("other"), False, id="held"),
        pytest.param(held_by("other", until=NOW), False, id="held until this very millisecond"),
        pytest.param(held_by("other", until=NOW - 1), True, id="lease expired"),
    ],
)
def test_lock_is_free(item: Item, expected: bool) -> None:
    assert lock_is_free("me", NOW).holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, True, id="no record"),
        pytest.param(free(newest_sequencer="09"), True, id="nothing applied"),
        pytest.param(free(applied_sequencer="04"), True, id="older applied"),
        pytest.param(free(applied_sequencer="05"), False, id="this one applied"),
        pytest.param(free(applied_sequencer="050001"), False, id="newer applied"),
    ],
)
def test_event_is_new(item: Item, expected: bool) -> None:
    assert event_is_new(seq("0500")).holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, True, id="no record"),
        pytest.param(free(applied_sequencer="09"), True, id="nothing seen"),
        pytest.param(free(newest_sequencer="04"), True, id="older seen"),
        pytest.param(free(newest_sequencer="05"), True, id="this one seen"),
        pytest.param(free(newest_sequencer="050001"), False, id="newer seen"),
    ],
)
def test_nothing_newer_seen(item: Item, expected: bool) -> None:
    assert nothing_newer_seen(seq("0500")).holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [({}, False), (free(), False), (held_by("other"), False), (held_by("me"), True), (held_by("me", until=0), True)],
)
def test_owner_is(item: Item, expected: bool) -> None:
    """Even past its lease the owner may release, as long as nobody took over."""
    assert owner_is("me").holds(item) is expected


# --- acquire -----------------------------------------------------------------------------------------------


def test_a_grant_sets_owner_lease_and_newest_and_nothing_else() -> None:
    before = free(applied_sequencer="01", applied_source="a", newest_sequencer="01", output_etag="b")
    outcome = applied_to(before, grant(claim("me", "02"), now=NOW, lease_ms=LEASE))
    assert outcome.accepted
    assert outcome.item == {**before, OWNER: "me", LEASE_EXPIRES_AT: NOW + LEASE, NEWEST_SEQUENCER: "02"}


def test_a_grant_works_without_a_record() -> None:
    outcome = applied_to({}, grant(claim("me", "02"), now=NOW, lease_ms=LEASE))
    assert outcome.accepted
    assert outcome.item == held_by("me", newest_sequencer="02")


def test_a_grant_keeps_the_record_of_a_deleted_object_from_expiring() -> None:
    """DynamoDB would delete the item with the lock in it."""
    before = free(applied_sequencer="01", applied_source=ABSENT, expires_at=NOW // 1000)
    assert EXPIRES_AT not in applied_to(before, grant(claim("me", "02"), now=NOW, lease_ms=LEASE)).item


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(held_by("other"), id="held"),
        pytest.param(free(applied_sequencer="05"), id="applied"),
        pytest.param(free(applied_sequencer="06"), id="newer applied"),
        pytest.param(free(newest_sequencer="06"), id="newer seen"),
    ],
)
def test_a_grant_is_refused(item: Item) -> None:
    outcome = applied_to(item, grant(claim("me", "05"), now=NOW, lease_ms=LEASE))
    assert outcome == Outcome(accepted=False, item=item)


def test_an_overtaken_event_is_granted_without_lowering_the_newest() -> None:
    """The newer event's execution may have failed: the older one does the work, but must not supersede fewer."""
    before = free(newest_sequencer="09", applied_sequencer="01", expires_at=7)
    outcome = applied_to(before, grant_overtaken(claim("me", "05"), now=NOW, lease_ms=LEASE))
    assert outcome.accepted
    assert outcome.item == held_by("me", newest_sequencer="09", applied_sequencer="01")


@pytest.mark.parametrize("item", [held_by("other", newest_sequencer="09"), free(applied_sequencer="05")])
def test_an_overtaken_event_is_granted_only_a_free_lock_and_new_work(item: Item) -> None:
    transition = grant_overtaken(claim("me", "05"), now=NOW, lease_ms=LEASE)
    assert applied_to(item, transition) == Outcome(accepted=False, item=item)


def test_a_forced_claim_passes_the_watermark_but_not_a_held_lock() -> None:
    forced = grant(claim("me", "05", forced=True), now=NOW, lease_ms=LEASE)
    assert applied_to(free(applied_sequencer="05"), forced).accepted
    assert not applied_to(held_by("other", applied_sequencer="05"), forced).accepted


@pytest.mark.parametrize(
    ("item", "unforced", "forced"),
    [
        pytest.param(free(applied_sequencer="05"), Refusal.STALE, None, id="free, applied"),
        pytest.param(free(applied_sequencer="06"), Refusal.STALE, None, id="free, newer applied"),
        pytest.param(
            free(applied_sequencer="06", newest_sequencer="06"),
            Refusal.STALE,
            Refusal.OVERTAKEN,
            id="free, newer applied and seen",
        ),
        pytest.param(free(newest_sequencer="06"), Refusal.OVERTAKEN, Refusal.OVERTAKEN, id="free, newer seen"),
        pytest.param(
            held_by("other", until=NOW - 1, newest_sequencer="06"),
            Refusal.OVERTAKEN,
            Refusal.OVERTAKEN,
            id="lease expired, newer seen",
        ),
        pytest.param(held_by("other"), Refusal.HELD, Refusal.HELD, id="held"),
        pytest.param(held_by("other", newest_sequencer="04"), Refusal.HELD, Refusal.HELD, id="held, older seen"),
        pytest.param(held_by("other", newest_sequencer="05"), Refusal.HELD, Refusal.HELD, id="held, this one seen"),
        pytest.param(held_by("other", newest_sequencer="06"), Refusal.SUPERSEDED, Refusal.HELD, id="held, newer seen"),
        pytest.param(held_by("other", applied_sequencer="05"), Refusal.STALE, Refusal.HELD, id="held, applied"),
    ],
)
def test_why_a_grant_was_refused(item: Item, unforced: Refusal, forced: Refusal | None) -> None:
    """Told by the returned item alone. A forced claim is never stale and never superseded: it has to look."""
    for a_claim, why in ((claim("me", "05"), unforced), (claim("me", "05", forced=True), forced)):
        outcome = applied_to(item, grant(a_claim, now=NOW, lease_ms=LEASE))
        assert outcome.accepted == (why is None)
        if why is not None:
            assert why_refused(a_claim, outcome.item, now=NOW) is why


def test_a_waiting_event_is_put_on_record_and_the_lock_left_alone() -> None:
    before = held_by("other", newest_sequencer="04")
    outcome = applied_to(before, register(claim("me", "05")))
    assert outcome == Outcome(accepted=True, item={**before, NEWEST_SEQUENCER: "05"})
    assert is_registered(claim("me", "05"), outcome.item)
    assert not is_registered(claim("me", "05"), before)


def test_registering_never_lowers_the_newest() -> None:
    before = held_by("other", newest_sequencer="06")
    assert applied_to(before, register(claim("me", "05"))) == Outcome(accepted=False, item=before)


# --- release -----------------------------------------------------------------------------------------------


def test_a_release_records_what_was_applied_and_frees_the_lock_in_one_write() -> None:
    before = held_by("me", newest_sequencer="07", applied_sequencer="04", applied_source="old", output_etag="old")
    outcome = applied_to(before, release(claim("me", "05"), PHOTO, now=NOW))
    assert outcome.accepted
    assert outcome.item == free(
        newest_sequencer="07", applied_sequencer="05", applied_source="etag-in", output_etag="etag-out"
    )


def test_a_record_expires_only_when_the_object_is_gone() -> None:
    """And then after 30 days, in SECONDS, as DynamoDB's TTL takes them. Milliseconds would never expire."""
    gone = applied_to(held_by("me", output_etag="old"), release(claim("me", "05"), GONE, now=NOW)).item
    assert gone == free(applied_sequencer="05", applied_source=ABSENT, expires_at=1_772_442_904 + 30 * 24 * 3600)
    for applied in (PHOTO, Applied("etag-of-what-is-no-image", None)):
        assert EXPIRES_AT not in applied_to(held_by("me"), release(claim("me", "05"), applied, now=NOW)).item


def test_a_rejected_input_leaves_no_output_on_record() -> None:
    outcome = applied_to(held_by("me", output_etag="old"), release(claim("me", "05"), Applied("bad", None), now=NOW))
    assert outcome.item == free(applied_sequencer="05", applied_source="bad")


@pytest.mark.parametrize("item", [{}, free(applied_sequencer="04"), held_by("other"), held_by("other", until=0)])
def test_nothing_is_released_or_given_up_for_another_owner(item: Item) -> None:
    """A lease that ended early must not free the lock of the next owner, nor speak for it."""
    for transition in (
        release(claim("me", "05"), PHOTO, now=NOW),
        release_behind(claim("me", "05"), PHOTO, now=NOW),
        give_up(ID, "me"),
    ):
        assert applied_to(item, transition) == Outcome(accepted=False, item=item)


@pytest.mark.parametrize("watermark", ["05", "06"])
def test_a_release_never_takes_the_watermark_back(watermark: str) -> None:
    """An older event, granted by force, records what it saw, but as the state of the newer event."""
    before = held_by("me", applied_sequencer=watermark, applied_source="old")
    assert not applied_to(before, release(claim("me", "05"), PHOTO, now=NOW)).accepted
    behind = applied_to(before, release_behind(claim("me", "05"), PHOTO, now=NOW))
    assert behind.accepted
    assert behind.item == free(applied_sequencer=watermark, applied_source="etag-in", output_etag="etag-out")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(free(applied_sequencer="05", applied_source="etag-in"), True, id="this release"),
        pytest.param(free(applied_sequencer="06", applied_source="etag-in"), True, id="behind the watermark"),
        pytest.param({}, False, id="no record"),
        pytest.param(free(applied_sequencer="04", applied_source="etag-in"), False, id="watermark is older"),
        pytest.param(free(applied_sequencer="05", applied_source="other"), False, id="another input was applied"),
        pytest.param(
            held_by("other", applied_sequencer="05", applied_source="etag-in"), False, id="the next owner is at work"
        ),
    ],
)
def test_was_released(item: Item, expected: bool) -> None:
    """A retry whose first answer was lost must tell its own release from another's."""
    assert was_released(claim("me", "05"), PHOTO, item) is expected


def test_giving_up_frees_the_lock_and_keeps_everything_else() -> None:
    """Nothing was applied, so the event can be tried again."""
    before = held_by("me", newest_sequencer="05", applied_sequencer="04", applied_source="a", output_etag="b")
    outcome = applied_to(before, give_up(ID, "me"))
    assert outcome.accepted
    assert outcome.item == free(newest_sequencer="05", applied_sequencer="04", applied_source="a", output_etag="b")


# --- always ------------------------------------------------------------------------------------------------


@given(st.lists(transitions(ID), max_size=25))
def test_whatever_is_asked_the_marks_only_rise_and_a_lease_has_an_owner(asked: list[Transition]) -> None:
    store = InMemoryLockStore()
    for transition in asked:
        before = store.items.get(ID, {})
        after = store.apply(transition).item
        for mark in (APPLIED_SEQUENCER, NEWEST_SEQUENCER):
            assert str(before.get(mark, "")) <= str(after.get(mark, ""))
        assert (OWNER in after) == (LEASE_EXPIRES_AT in after)
        assert not (OWNER in after and EXPIRES_AT in after), "a held lock must not expire as a record"
        assert not (OUTPUT_ETAG in after and after[APPLIED_SOURCE] == ABSENT), "no input, no output"
