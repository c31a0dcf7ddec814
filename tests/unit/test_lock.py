import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from objectlock.conditions import Item
from objectlock.lock import (
    Applied,
    Claim,
    Kept,
    Refusal,
    cut_lease,
    give_up,
    give_up_tombstone,
    grant,
    grant_overtaken,
    is_only_behind,
    is_registered,
    register,
    release,
    release_behind,
    was_released,
    why_kept,
    why_refused,
)
from objectlock.record import (
    ABSENT,
    APPLIED_AT,
    APPLIED_BY,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    EXPIRES_AT,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OUTPUT_ETAG,
    OWNER,
    RECORD_SINCE,
    RECORD_VERSION,
    WORKER_UNTIL,
    Outcome,
)
from tests.contract.lock_requests import requests
from tests.memory import InMemoryLockStore
from tests.unit.records import ID, LEASE, NOW, TOKEN, applied_to, at_work, free, held_by, seq

PHOTO = Applied("etag-in", "etag-out", TOKEN, seq("05"))
GONE = Applied(ABSENT, None, TOKEN, seq("05"))
NO_IMAGE = Applied("etag-of-what-is-no-image", None, TOKEN, seq("05"))
TOLD: Item = {APPLIED_AT: NOW, APPLIED_BY: "me", RECORD_SINCE: NOW}  # to the change feed
IN_30_DAYS = 1_772_442_904 + 30 * 24 * 3600  # in SECONDS, as DynamoDB's TTL takes them; milliseconds never expire


def claim(owner: str, sequencer: str, *, forced: bool = False, takes_over: bool = False) -> Claim:
    return Claim(owner, seq(sequencer), forced, takes_over)


# --- acquire -----------------------------------------------------------------------------------------------


def test_a_grant_sets_owner_lease_and_newest_and_nothing_else() -> None:
    before = free(applied_sequencer="01", applied_source="a", newest_sequencer="01", output_etag="b")
    outcome = applied_to(before, grant(claim("me", "02"), now=NOW, lease_ms=LEASE))
    assert outcome.accepted
    mine = {OWNER: "me", LEASE_EXPIRES_AT: NOW + LEASE, NEWEST_SEQUENCER: "02", RECORD_VERSION: 1, RECORD_SINCE: NOW}
    assert outcome.item == {**before, **mine}


def test_a_grant_takes_back_what_was_told_of_the_change_before() -> None:
    """The change feed has each write to a record with `applied_at`: what comes now is no change until a release."""
    before = free(applied_sequencer="01", applied_source="a", applied_at=NOW - 1, applied_by="other")
    for transition in (grant, grant_overtaken):
        after = applied_to(before, transition(claim("me", "02"), now=NOW, lease_ms=LEASE)).item
        assert not {APPLIED_AT, APPLIED_BY} & after.keys()


def test_a_record_says_since_when_it_has_been_there() -> None:
    """Tokens begin anew with the next record: this is what orders them all the same."""
    before = free(applied_sequencer="01", record_since=NOW - 1_000)
    for transition in (grant, grant_overtaken):
        assert (
            applied_to(before, transition(claim("me", "02"), now=NOW, lease_ms=LEASE)).item[RECORD_SINCE] == NOW - 1_000
        )
        assert applied_to({}, transition(claim("me", "02"), now=NOW, lease_ms=LEASE)).item[RECORD_SINCE] == NOW
    for done in (release, release_behind):
        assert applied_to(at_work("me", record_since=1), done("me", PHOTO, now=NOW)).item[RECORD_SINCE] == 1
        # A version from before the feed has made the record, and taken the lock.
        assert applied_to(at_work("me"), done("me", PHOTO, now=NOW)).item[RECORD_SINCE] == NOW


def test_a_grant_works_without_a_record() -> None:
    outcome = applied_to({}, grant(claim("me", "02"), now=NOW, lease_ms=LEASE))
    assert outcome.accepted
    assert outcome.item == held_by("me", newest_sequencer="02", record_version=1, record_since=NOW)


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
    assert outcome.item == held_by(
        "me", newest_sequencer="09", applied_sequencer="01", record_version=1, record_since=NOW
    )


@pytest.mark.parametrize(
    ("item", "accepted"),
    [
        pytest.param(held_by("other", until=NOW - 1), True, id="its lease has ended"),
        pytest.param(held_by("other", until=NOW), False, id="its lease ends in this very millisecond"),
        pytest.param(held_by("other", until=NOW - 1, newest_sequencer="06"), False, id="a newer event is on record"),
        pytest.param(held_by("other", until=NOW - 1, applied_sequencer="05"), False, id="applied already"),
        pytest.param(free(), True, id="released meanwhile"),
        pytest.param(held_by("me"), True, id="mine: the answer was lost"),
    ],
)
def test_a_lock_is_taken_over_only_when_its_lease_has_ended(item: Item, accepted: bool) -> None:
    taking_over = grant(claim("me", "05", takes_over=True), now=NOW, lease_ms=LEASE)
    assert applied_to(item, taking_over).accepted is accepted


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
        pytest.param(held_by("other", until=NOW - 1), Refusal.EXPIRED, Refusal.EXPIRED, id="lease expired"),
        pytest.param(
            held_by("other", until=NOW - 1, newest_sequencer="06"),
            Refusal.EXPIRED,
            Refusal.EXPIRED,
            id="lease expired, newer seen",
        ),
        pytest.param(
            held_by("other", until=NOW - 1, applied_sequencer="05"),
            Refusal.STALE,
            Refusal.EXPIRED,
            id="lease expired, applied",
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
    assert is_registered(claim("me", "05"), before)  # so that nobody tries


# --- release -----------------------------------------------------------------------------------------------


def test_a_release_records_what_was_applied_and_frees_the_lock_in_one_write() -> None:
    before = at_work("me", newest_sequencer="07", applied_sequencer="04", applied_source="old", output_etag="old")
    outcome = applied_to(before, release("me", PHOTO, now=NOW))
    assert outcome.accepted
    assert outcome.item == free(
        newest_sequencer="07",
        applied_sequencer="05",
        applied_source="etag-in",
        output_etag="etag-out",
        fencing_token=TOKEN,
        **TOLD,
    )


def test_a_record_expires_only_when_the_object_is_gone() -> None:
    gone = applied_to(at_work("me", output_etag="old"), release("me", GONE, now=NOW)).item
    record: Item = {"applied_sequencer": "05", "applied_source": ABSENT, "fencing_token": TOKEN, **TOLD}
    assert gone == free(expires_at=IN_30_DAYS, **record)
    for applied in (PHOTO, NO_IMAGE):
        assert EXPIRES_AT not in applied_to(at_work("me"), release("me", applied, now=NOW)).item


def test_a_rejected_input_leaves_no_output_on_record() -> None:
    outcome = applied_to(at_work("me", output_etag="old"), release("me", NO_IMAGE, now=NOW))
    assert outcome.item == free(applied_sequencer="05", applied_source=NO_IMAGE.source, fencing_token=TOKEN, **TOLD)


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({}, id="no record"),
        pytest.param(free(applied_sequencer="04", fencing_token=TOKEN), id="free"),
        pytest.param(held_by("other", fencing_token=TOKEN), id="taken over, not yet at work"),
        pytest.param(at_work("other", token=TOKEN + 1), id="another is at work"),
        pytest.param(at_work("other", until=0), id="the other's lease has ended too"),
        pytest.param(at_work("me", token=TOKEN + 1), id="a later attempt of the same execution"),
        pytest.param(held_by("me"), id="no attempt at all"),
    ],
)
def test_only_the_owner_and_its_latest_attempt_release(item: Item) -> None:
    """A lease that ended early must not free the next owner's lock, nor an abandoned attempt speak for the next."""
    for transition in (release("me", PHOTO, now=NOW), release_behind("me", PHOTO, now=NOW)):
        assert applied_to(item, transition) == Outcome(accepted=False, item=item)
    assert not is_only_behind("me", PHOTO, item)


@pytest.mark.parametrize("watermark", ["05", "06"])
def test_a_release_never_takes_the_watermark_back(watermark: str) -> None:
    """An older event, granted by force, records what it saw, but as the state of the newer event."""
    before = at_work("me", applied_sequencer=watermark, applied_source="old")
    refused = applied_to(before, release("me", PHOTO, now=NOW))
    assert not refused.accepted
    assert is_only_behind("me", PHOTO, refused.item)
    behind = applied_to(before, release_behind("me", PHOTO, now=NOW))
    assert behind.accepted
    assert behind.item == free(
        applied_sequencer=watermark, applied_source="etag-in", output_etag="etag-out", fencing_token=TOKEN, **TOLD
    )


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(free(applied_sequencer="05", applied_source="etag-in", fencing_token=TOKEN), True, id="this one"),
        pytest.param(
            free(applied_sequencer="06", applied_source="etag-in", fencing_token=TOKEN), True, id="behind the watermark"
        ),
        pytest.param({}, False, id="no record"),
        pytest.param(
            free(applied_sequencer="04", applied_source="etag-in", fencing_token=TOKEN), False, id="watermark is older"
        ),
        pytest.param(
            free(applied_sequencer="05", applied_source="other", fencing_token=TOKEN),
            False,
            id="another input was applied",
        ),
        pytest.param(
            free(applied_sequencer="05", applied_source="etag-in", fencing_token=TOKEN + 1),
            False,
            id="a later attempt has found the same",
        ),
        pytest.param(
            at_work("other", applied_sequencer="05", applied_source="etag-in"), False, id="the next owner is at work"
        ),
        pytest.param(
            at_work("me", applied_sequencer="05", applied_source="etag-in"), False, id="not released: only behind"
        ),
    ],
)
def test_was_released(item: Item, expected: bool) -> None:
    """A retry whose first answer was lost must tell its own release from another's."""
    assert was_released(PHOTO, item) is expected


# --- giving up ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(free(newest_sequencer="05", applied_sequencer="04", applied_source="a", output_etag="b"), id="b"),
        pytest.param(free(newest_sequencer="05"), id="nothing was ever applied"),
    ],
)
def test_giving_up_frees_the_lock_and_keeps_everything_else(kept: Item) -> None:
    """Nothing was applied, so the event can be tried again."""
    outcome = applied_to({**held_by("me"), **kept}, give_up(ID, "me", now=NOW))
    assert outcome == Outcome(accepted=True, item=kept)


@pytest.mark.parametrize("until", [NOW - 1, 0])
def test_what_is_given_up_is_freed_once_its_worker_cannot_be_running_any_more(until: int) -> None:
    outcome = applied_to(at_work("me", until=until), give_up(ID, "me", now=NOW))
    assert outcome == Outcome(accepted=True, item=free(fencing_token=TOKEN))


@pytest.mark.parametrize("until", [NOW - 1, 0])
def test_a_deleted_object_is_given_up_with_a_record_that_expires(until: int) -> None:
    """The grant has taken its expiry away; without one, the record of every such object would stay for ever."""
    tombstone = at_work("me", until=until, applied_sequencer="04", applied_source=ABSENT)
    refused = applied_to(tombstone, give_up(ID, "me", now=NOW))
    assert not refused.accepted
    assert why_kept("me", refused.item, now=NOW) is Kept.TOMBSTONE
    outcome = applied_to(tombstone, give_up_tombstone(ID, "me", now=NOW))
    assert outcome.accepted
    assert outcome.item == free(
        applied_sequencer="04", applied_source=ABSENT, expires_at=IN_30_DAYS, fencing_token=TOKEN
    )


@pytest.mark.parametrize("item", [held_by("me"), held_by("me", applied_source="etag")])
def test_the_record_of_an_object_that_is_there_never_gets_to_expire(item: Item) -> None:
    assert applied_to(item, give_up_tombstone(ID, "me", now=NOW)) == Outcome(accepted=False, item=item)
    assert why_kept("me", item, now=NOW) is Kept.PRESENT


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({}, id="no record"),
        pytest.param(free(applied_sequencer="04"), id="free"),
        pytest.param(held_by("other"), id="held"),
        pytest.param(held_by("other", until=0), id="lease expired"),
        pytest.param(at_work("other"), id="at work"),
        pytest.param(held_by("other", applied_source=ABSENT), id="a tombstone, held"),
    ],
)
def test_nothing_is_given_up_for_another_owner(item: Item) -> None:
    for transition in (give_up(ID, "me", now=NOW), give_up_tombstone(ID, "me", now=NOW)):
        assert applied_to(item, transition) == Outcome(accepted=False, item=item)
    assert why_kept("me", item, now=NOW) is Kept.NOT_OURS


@pytest.mark.parametrize("until", [NOW, NOW + 1])
@pytest.mark.parametrize("source", [{}, {"applied_source": "etag"}, {"applied_source": ABSENT}])
def test_nothing_is_given_up_while_a_worker_may_be_running(until: int, source: dict[str, str]) -> None:
    """Its execution was stopped, it was not: the next owner would work beside it."""
    item = {**at_work("me", until=until), **source}
    for transition in (give_up(ID, "me", now=NOW), give_up_tombstone(ID, "me", now=NOW)):
        assert applied_to(item, transition) == Outcome(accepted=False, item=item)
    assert why_kept("me", item, now=NOW) is Kept.AT_WORK


def test_a_lease_is_cut_to_end_after_the_worker() -> None:
    item = at_work("me", until=NOW + 3_000, lease_expires_at=NOW + 300_000)
    outcome = applied_to(item, cut_lease(ID, "me", NOW + 3_000))
    assert outcome == Outcome(accepted=True, item={**item, LEASE_EXPIRES_AT: NOW + 3_000 + 5_000})


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({}, id="no record"),
        pytest.param(at_work("other", until=NOW + 3_000), id="of another owner"),
        pytest.param(at_work("me", until=NOW + 9_000), id="of a later attempt"),
        pytest.param(held_by("me"), id="of an attempt that may begin"),
    ],
)
def test_the_lease_of_what_has_begun_since_is_not_cut(item: Item) -> None:
    assert applied_to(item, cut_lease(ID, "me", NOW + 3_000)) == Outcome(accepted=False, item=item)


# --- always ------------------------------------------------------------------------------------------------


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
@given(st.data())
def test_whatever_is_asked_the_marks_only_rise_and_a_lease_has_an_owner(data: st.DataObject) -> None:
    store = InMemoryLockStore()
    for _ in range(15):
        before = store.items.get(ID, {})
        transition = data.draw(requests(ID, before))
        outcome = store.apply(transition)
        after = outcome.item
        for mark in (APPLIED_SEQUENCER, NEWEST_SEQUENCER):
            assert str(before.get(mark, "")) <= str(after.get(mark, ""))
        assert int(before.get(FENCING_TOKEN, 0)) <= int(after.get(FENCING_TOKEN, 0))
        assert (OWNER in after) == (LEASE_EXPIRES_AT in after)
        assert OWNER in after or WORKER_UNTIL not in after, "only an owner has a worker"
        assert not (OWNER in after and EXPIRES_AT in after), "a held lock must not expire as a record"
        assert EXPIRES_AT not in after or after[APPLIED_SOURCE] == ABSENT, "only a tombstone expires"
        if outcome.accepted and transition.put.get(APPLIED_SOURCE) == ABSENT:
            assert OUTPUT_ETAG not in after, "no input, no output"
