from collections.abc import Callable
from dataclasses import replace

import pytest

from objectlock.attempts import Attempt, OutputObject
from objectlock.conditions import Item
from objectlock.errors import (
    AttemptInFlight,
    InvalidEvent,
    LeaseLost,
    LockWaitTimeout,
    SourceRejected,
    UnknownRecordVersion,
)
from objectlock.events import ObjectEvent
from objectlock.lock import Applied, Claim, grant
from objectlock.protocol import Decision, GaveUp, LockProtocol, Work
from objectlock.record import (
    ABSENT,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    EXPIRES_AT,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OBJECT_ID,
    OUTPUT_ETAG,
    OWNER,
    RECORD_VERSION,
    WORKER_UNTIL,
    Outcome,
    Transition,
)
from tests.memory import HandClock, InMemoryLockStore, InMemorySource
from tests.sample_events import BUCKET, KEY, created, deleted, reconcile

ID = f"{BUCKET}/{KEY}"
EVENT = created("05")
LEASE_SECONDS = 30
WAIT_LIMIT_SECONDS = 60
LEFT_MS = 20_000  # of a worker's time limit, as it begins


class InterruptedStore(InMemoryLockStore):
    """A lock store in which others may act between two writes of one call.

    Attributes:
        writes: how many were asked for; each one costs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before_write: list[Callable[[], object] | None] = []
        self.writes = 0

    def apply(self, transition: Transition) -> Outcome:
        self.writes += 1
        if self.before_write and (act := self.before_write.pop(0)):
            act()
        return super().apply(transition)


@pytest.fixture
def store() -> InterruptedStore:
    return InterruptedStore()


@pytest.fixture
def source() -> InMemorySource:
    return InMemorySource()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def lock(store: InterruptedStore, source: InMemorySource, clock: HandClock) -> LockProtocol:
    return LockProtocol(store, source, BUCKET, LEASE_SECONDS * 1000, WAIT_LIMIT_SECONDS * 1000, clock)


@pytest.fixture
def photo(source: InMemorySource) -> str:
    """The tag of an input object."""
    return source.put(BUCKET, KEY, b"photo")


def record(store: InMemoryLockStore) -> Item:
    return store.items.get(ID, {})


def converted(attempt: Attempt, source: str, etag: str = "etag-out") -> Applied:
    """What a worker says that has written an output."""
    return Applied(source, etag, attempt.token, attempt.newest)


def removed(attempt: Attempt) -> Applied:
    """What a worker says that has found no input."""
    return Applied(ABSENT, None, attempt.token, attempt.newest)


def work_done(lock: LockProtocol, owner: str, source: str = ABSENT) -> Applied:
    """The owner has done its work, and only the release is to come."""
    attempt = lock.begin_work(EVENT, owner, LEFT_MS)
    return removed(attempt) if source == ABSENT else converted(attempt, source)


def apply(lock: LockProtocol, event: ObjectEvent, owner: str, source: str = ABSENT) -> None:
    """The whole of an execution that nothing comes between."""
    assert lock.acquire(event, owner).is_grant
    lock.release(owner, work_done(lock, owner, source))


# --- granted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [created("05"), deleted("05")])
def test_work_follows_from_an_input_that_is_there(lock: LockProtocol, photo: str, event: ObjectEvent) -> None:
    """A deletion that was undone, or of an old version only, still means: convert what is there."""
    decision = lock.acquire(event, "me")
    assert decision.work is Work.GRAYSCALE
    assert decision.source == photo
    assert decision.waiting_since is None


@pytest.mark.parametrize("event", [created("05"), deleted("05")])
def test_work_follows_from_an_input_that_is_gone(lock: LockProtocol, event: ObjectEvent) -> None:
    """An upload that was deleted meanwhile must not be converted from memory."""
    decision = lock.acquire(event, "me")
    assert decision.work is Work.DELETE
    assert decision.source == ABSENT


def test_the_lease_starts_now(lock: LockProtocol, store: InterruptedStore, clock: HandClock) -> None:
    lock.acquire(created("05"), "me")
    assert record(store)[LEASE_EXPIRES_AT] == clock.now + LEASE_SECONDS * 1000


def test_an_acquire_whose_answer_was_lost_can_be_repeated(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: str
) -> None:
    """The retry must not wait for itself until its own lease ends."""
    first = lock.acquire(created("05"), "me")
    clock.advance(seconds=3)
    assert lock.acquire(created("05"), "me") == first
    assert first.source == photo
    assert record(store)[LEASE_EXPIRES_AT] == clock.now + LEASE_SECONDS * 1000


def test_a_repeated_acquire_is_granted_although_a_newer_event_waits(lock: LockProtocol) -> None:
    """Were the holder superseded by its own waiter, it would leave without releasing, and both would be stuck."""
    lock.acquire(created("05"), "me")
    assert lock.acquire(created("06"), "other").work is Work.HELD
    assert lock.acquire(created("05"), "me").work is Work.DELETE


def test_keys_are_locked_one_by_one(lock: LockProtocol) -> None:
    lock.acquire(created("05"), "me")
    assert lock.acquire(created("05", key="another.jpg"), "other").work is Work.DELETE


def test_an_expired_lease_is_taken_over(lock: LockProtocol, store: InterruptedStore, clock: HandClock) -> None:
    """An execution that was aborted blocks its object for one lease, not for good. Not a millisecond less."""
    lock.acquire(created("05"), "aborted")
    clock.advance(seconds=LEASE_SECONDS)
    assert lock.acquire(created("06"), "me").work is Work.HELD
    clock.advance(seconds=0.001)
    assert lock.acquire(created("06"), "me").work is Work.DELETE
    assert record(store)[OWNER] == "me"


def test_an_older_event_does_the_work_of_a_newer_one_that_failed(lock: LockProtocol, store: InterruptedStore) -> None:
    """Nothing newer is at work, so skipping would leave the object undone; the newer mark stays on record."""
    lock.acquire(created("09"), "failed")
    lock.give_up(ID, "failed")
    assert lock.acquire(created("05"), "me").work is Work.DELETE
    assert record(store)[NEWEST_SEQUENCER] == "09"


# --- stale -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequencer", ["05", "0500", "04"])
def test_an_event_that_was_applied_is_stale(
    lock: LockProtocol, store: InterruptedStore, photo: str, sequencer: str
) -> None:
    """Delivered twice or late, it costs one look at the input, and no work and no lock."""
    apply(lock, created("05"), "first", photo)
    before = record(store)
    assert lock.acquire(created(sequencer), "second").work is Work.STALE
    assert record(store) == before


def test_an_event_that_looks_stale_is_granted_when_the_input_has_changed(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource, photo: str
) -> None:
    """Sequencers are documented per key, not across versions: the input has the last word."""
    apply(lock, created("05"), "first", photo)
    changed = source.put(BUCKET, KEY, b"another photo")
    decision = lock.acquire(created("04"), "me")
    assert (decision.work, decision.source) == (Work.GRAYSCALE, changed)
    lock.release("me", work_done(lock, "me", changed))
    assert record(store)[APPLIED_SEQUENCER] == "05", "the watermark never goes back"
    assert record(store)[APPLIED_SOURCE] == changed
    assert lock.acquire(created("04"), "again").work is Work.STALE


def test_an_event_that_looks_stale_is_granted_when_the_input_is_gone(
    lock: LockProtocol, source: InMemorySource, photo: str
) -> None:
    apply(lock, created("05"), "first", photo)
    source.delete(BUCKET, KEY)
    assert lock.acquire(deleted("04"), "me").work is Work.DELETE


def test_an_event_that_looks_stale_waits_for_the_lock_when_the_input_has_changed(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource, photo: str
) -> None:
    """It is not superseded: sequencers did not tell the whole story, so they must not send it away."""
    apply(lock, created("05"), "first", photo)
    lock.acquire(created("06"), "holder")
    source.put(BUCKET, KEY, b"another photo")
    assert lock.acquire(created("04"), "me").work is Work.HELD
    assert record(store)[NEWEST_SEQUENCER] == "06"


def test_the_lease_of_an_event_that_looked_stale_starts_after_the_look(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource, clock: HandClock, photo: str
) -> None:
    """Looking at the input takes time, which would be missing from it."""

    class SlowSource(InMemorySource):
        def tag(self, bucket: str, key: str) -> str | None:
            clock.advance(seconds=4)
            return super().tag(bucket, key)

    apply(lock, created("05"), "first", photo)
    slow = SlowSource(objects={(BUCKET, KEY): source.objects[BUCKET, KEY]})
    slow.put(BUCKET, KEY, b"another photo")
    before = clock.now
    assert replace(lock, source=slow).acquire(created("04"), "me").is_grant
    assert record(store)[LEASE_EXPIRES_AT] == before + 4_000 + LEASE_SECONDS * 1000


# --- held and superseded -----------------------------------------------------------------------------------


def test_a_newer_event_waits_and_is_put_on_record(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    lock.acquire(created("05"), "holder")
    decision = lock.acquire(created("06"), "me")
    assert decision.work is Work.HELD
    assert "holder" in decision.reason
    assert decision.waiting_since == clock.now
    assert decision.source is None
    assert (record(store)[OWNER], record(store)[NEWEST_SEQUENCER]) == ("holder", "06")


def test_waiting_is_counted_from_the_first_visit(lock: LockProtocol, clock: HandClock) -> None:
    lock.acquire(created("05"), "holder")
    first = lock.acquire(created("06"), "me")
    clock.advance(seconds=10)
    again = lock.acquire(created("06"), "me", waiting_since=first.waiting_since)
    assert again == replace(first, waited_ms=10_000)


def test_whoever_waits_is_put_on_record_once(lock: LockProtocol, store: InterruptedStore) -> None:
    """Every further visit costs one write, which tells all."""
    lock.acquire(created("05"), "holder")
    lock.acquire(created("06"), "me")
    store.writes = 0
    lock.acquire(created("06"), "me")
    assert store.writes == 1


def test_an_event_delivered_twice_at_once_is_done_once(lock: LockProtocol, photo: str) -> None:
    """Its twin waits, as the first may still fail, and then finds the work done."""
    lock.acquire(created("05"), "first")
    assert lock.acquire(created("05"), "twin").work is Work.HELD
    lock.release("first", work_done(lock, "first", photo))
    assert lock.acquire(created("05"), "twin").work is Work.STALE


def test_an_older_event_is_superseded_by_the_holder(lock: LockProtocol, store: InterruptedStore) -> None:
    lock.acquire(created("06"), "holder")
    before = record(store)
    assert lock.acquire(created("05"), "me").work is Work.SUPERSEDED
    assert record(store) == before


def test_an_older_event_is_superseded_by_a_newer_one_that_waits(lock: LockProtocol) -> None:
    """Of many events that come while one is at work, only the newest has to wait."""
    lock.acquire(created("05"), "holder")
    assert lock.acquire(created("06"), "early").work is Work.HELD
    assert lock.acquire(created("07"), "late").work is Work.HELD
    assert lock.acquire(created("06"), "early").work is Work.SUPERSEDED


def test_waiting_ends_at_the_limit_and_names_the_holder(lock: LockProtocol, clock: HandClock) -> None:
    lock.acquire(created("05"), "holder")
    since = lock.acquire(created("06"), "me").waiting_since
    for _ in range(3):
        clock.advance(seconds=WAIT_LIMIT_SECONDS / 3 - 0.001)
        lock.acquire(created("05"), "holder")  # still alive
    assert lock.acquire(created("06"), "me", waiting_since=since).work is Work.HELD
    clock.advance(seconds=0.003)
    with pytest.raises(LockWaitTimeout, match=rf"{BUCKET}/{KEY}: held by holder, given up after 60 s"):
        lock.acquire(created("06"), "me", waiting_since=since)


def test_the_time_spent_at_work_does_not_count_as_waiting(lock: LockProtocol, clock: HandClock) -> None:
    """Whoever loses its lease after long work has to look again; it must be allowed to wait for that."""
    lock.acquire(created("05"), "first")
    waited = lock.acquire(created("06"), "me")
    lock.give_up(ID, "first")
    granted = lock.acquire(created("06"), "me", waiting_since=waited.waiting_since)
    assert granted.work is Work.DELETE
    done = work_done(lock, "me")
    clock.advance(seconds=WAIT_LIMIT_SECONDS)  # at work; the lease ends, another takes over
    lock.acquire(created("07"), "next")
    with pytest.raises(LeaseLost):
        lock.release("me", done)
    again = lock.acquire(created("06"), "me", forced=True, waiting_since=granted.waiting_since)
    assert again.work is Work.HELD


def test_how_long_was_waited_is_told_with_the_grant(lock: LockProtocol, clock: HandClock) -> None:
    lock.acquire(created("05"), "first")
    waited = lock.acquire(created("06"), "me")
    clock.advance(seconds=7)
    lock.give_up(ID, "first")
    granted = lock.acquire(created("06"), "me", waiting_since=waited.waiting_since)
    assert granted == Decision(
        Work.DELETE, "the input object does not exist", source=ABSENT, waiting_since=None, waited_ms=7_000
    )
    assert lock.acquire(created("06"), "me").waited_ms == 0


@pytest.mark.parametrize("work", Work)
def test_only_work_to_be_done_is_a_grant(work: Work) -> None:
    assert Decision(work, "because").is_grant == (work in {Work.GRAYSCALE, Work.DELETE})


# --- taken over --------------------------------------------------------------------------------------------


def test_who_takes_over_says_from_whom(lock: LockProtocol, store: InterruptedStore, clock: HandClock) -> None:
    """Nobody has freed that lock, neither the machine nor the reaper: somebody should hear of it."""
    lock.acquire(created("05"), "crashed")
    clock.advance(seconds=LEASE_SECONDS + 0.001)
    store.writes = 0
    assert lock.acquire(created("06"), "me").taken_from == "crashed"
    assert store.writes == 2
    assert lock.acquire(created("06"), "me").taken_from is None


def test_an_older_event_takes_over_without_lowering_the_newest(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    lock.acquire(created("06"), "crashed")
    clock.advance(seconds=LEASE_SECONDS + 0.001)
    store.writes = 0
    assert lock.acquire(created("05"), "me").taken_from == "crashed"
    assert (record(store)[NEWEST_SEQUENCER], store.writes) == (created("06").sequencer.value, 3)


@pytest.mark.parametrize("writes", [1, 2])
def test_who_comes_too_late_to_take_over_waits(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, writes: int
) -> None:
    lock.acquire(created("06"), "crashed")
    clock.advance(seconds=LEASE_SECONDS + 0.001)
    store.before_write = [*[None] * writes, lambda: lock.acquire(created("07"), "faster")]
    decision = lock.acquire(created("08" if writes == 1 else "05"), "me")
    assert decision.work is (Work.HELD if writes == 1 else Work.SUPERSEDED)
    assert (record(store)[OWNER], decision.taken_from) == ("faster", None)


# --- reconcile ---------------------------------------------------------------------------------------------


def test_a_reconcile_looks_although_the_watermark_says_that_all_is_done(
    lock: LockProtocol, store: InterruptedStore, photo: str
) -> None:
    """The output may have been changed by hand. The order of events is none of its business."""
    apply(lock, created("05"), "first", photo)
    before = record(store)
    assert lock.acquire(reconcile(), "me").work is Work.GRAYSCALE
    lock.release("me", work_done(lock, "me", photo))
    after = record(store)
    assert (after[APPLIED_SEQUENCER], after[NEWEST_SEQUENCER]) == (before[APPLIED_SEQUENCER], before[NEWEST_SEQUENCER])
    assert OWNER not in after


@pytest.mark.parametrize("newest", ["05", "07"])
def test_a_reconcile_waits_its_turn_and_is_never_superseded(lock: LockProtocol, newest: str) -> None:
    """Whoever is at work may have written its output before that was changed by hand."""
    lock.acquire(created("05"), "holder")
    lock.acquire(created(newest), "waiting")
    assert lock.acquire(reconcile(), "me").work is Work.HELD


def test_a_reconcile_keeps_no_event_from_its_work(lock: LockProtocol, store: InterruptedStore, photo: str) -> None:
    """Not even the oldest there can be, of an object without a record."""
    assert lock.acquire(reconcile(), "one").is_grant
    assert lock.acquire(created("0001"), "two").work is Work.HELD
    lock.release("one", converted(lock.begin_work(reconcile(), "one", LEFT_MS), photo))
    assert lock.acquire(created("0001"), "three").work is Work.STALE  # on record before the photo was read
    apply(lock, created("0002"), "four", photo)
    assert record(store)[APPLIED_SEQUENCER] == "0002"


def test_a_reconcile_of_an_object_without_a_record_starts_one(
    lock: LockProtocol, store: InterruptedStore, photo: str
) -> None:
    lock.acquire(reconcile(), "me")
    lock.release("me", converted(lock.begin_work(reconcile(), "me", LEFT_MS), photo))
    assert record(store)[APPLIED_SOURCE] == photo
    assert lock.acquire(created("0001"), "later").is_grant


def test_two_reconciles_of_an_object_take_turns(lock: LockProtocol, photo: str) -> None:
    assert lock.acquire(reconcile(), "one").is_grant
    assert lock.acquire(reconcile(), "two").work is Work.HELD
    lock.release("one", work_done(lock, "one", photo))
    assert lock.acquire(reconcile(), "two").is_grant


def test_a_reconcile_of_a_deleted_object_lets_its_record_expire_again(
    lock: LockProtocol, store: InterruptedStore
) -> None:
    apply(lock, deleted("05"), "first")
    assert lock.acquire(reconcile(), "me").work is Work.DELETE
    assert EXPIRES_AT not in record(store)
    lock.release("me", work_done(lock, "me"))
    assert EXPIRES_AT in record(store)


# --- versions ----------------------------------------------------------------------------------------------


def test_a_record_says_its_version(lock: LockProtocol, store: InterruptedStore) -> None:
    apply(lock, created("05"), "me")
    assert record(store)[RECORD_VERSION] == 1


def test_a_record_from_before_there_were_versions_gets_one(lock: LockProtocol, store: InterruptedStore) -> None:
    apply(lock, created("05"), "me")
    store.items[ID] = {name: value for name, value in record(store).items() if name != RECORD_VERSION}
    apply(lock, created("06"), "me")
    assert record(store)[RECORD_VERSION] == 1


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda lock, _: lock.acquire(created("09"), "another"), id="acquire"),
        pytest.param(lambda lock, _: lock.acquire(created("01"), "another"), id="acquire, stale"),
        pytest.param(lambda lock, _: lock.acquire(reconcile(), "another"), id="reconcile"),
        pytest.param(lambda lock, _: lock.begin_work(EVENT, "me", LEFT_MS), id="begin_work"),
        pytest.param(lambda lock, attempt: lock.end_work(attempt), id="end_work"),
        pytest.param(lambda lock, attempt: lock.note_output(attempt, None), id="note_output"),
        pytest.param(lambda lock, attempt: lock.release("me", removed(attempt)), id="release"),
        pytest.param(lambda lock, _: lock.give_up(ID, "me"), id="give_up"),
    ],
)
def test_a_record_of_an_unknown_version_is_refused_and_left_alone(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, ask: Callable[[LockProtocol, Attempt], object]
) -> None:
    """As after a rollback. Free or held, or past its lease: nobody here knows what it means."""
    lock.acquire(created("05"), "me")
    attempt = lock.begin_work(EVENT, "me", LEFT_MS)
    store.items[ID] = {**record(store), RECORD_VERSION: 2}
    before = record(store)
    for seconds in (0, 3600):
        clock.advance(seconds=seconds)
        with pytest.raises(UnknownRecordVersion, match=f"^{ID}: the lock record has version 2, and .* knows 1$"):
            ask(lock, attempt)
    assert record(store) == before


@pytest.mark.parametrize("event", [created("05"), reconcile()])
def test_a_free_lock_of_an_unknown_version_is_not_taken(
    lock: LockProtocol, store: InterruptedStore, event: ObjectEvent
) -> None:
    store.items[ID] = {OBJECT_ID: ID, RECORD_VERSION: 2}
    with pytest.raises(UnknownRecordVersion):
        lock.acquire(event, "me")
    assert record(store) == {OBJECT_ID: ID, RECORD_VERSION: 2}


# --- work --------------------------------------------------------------------------------------------------


def test_the_lease_outlasts_the_attempt(lock: LockProtocol, store: InterruptedStore, clock: HandClock) -> None:
    """By two margins of 5 seconds, whatever it was before."""
    lock.acquire(created("05"), "me")
    clock.advance(seconds=LEASE_SECONDS)
    attempt = lock.begin_work(EVENT, "me", LEFT_MS)
    assert attempt == Attempt(ID, "me", 1, created("05").sequencer, None, None)
    assert record(store)[WORKER_UNTIL] == clock.now + 25_000
    clock.advance(seconds=30)
    assert lock.acquire(created("06"), "other").work is Work.HELD
    clock.advance(seconds=0.001)
    assert lock.acquire(created("06"), "other").is_grant


def test_every_attempt_has_a_higher_token_whoever_makes_it(lock: LockProtocol, photo: str) -> None:
    apply(lock, created("05"), "one", photo)
    lock.acquire(created("06"), "two")
    first = lock.begin_work(EVENT, "two", LEFT_MS)
    lock.end_work(first)
    second = lock.begin_work(EVENT, "two", LEFT_MS)
    assert (first.token, second.token) == (2, 3)
    assert second.output_etag == "etag-out"


def test_a_second_attempt_waits_for_one_that_may_be_running(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    """Its answer may have been lost; it is not until it cannot run any more that the next one begins."""
    lock.acquire(created("05"), "me")
    lock.begin_work(EVENT, "me", LEFT_MS)
    clock.advance(seconds=13)
    before = record(store)
    with pytest.raises(AttemptInFlight, match=f"^{ID}: an earlier attempt may be at work for another 12 s$"):
        lock.begin_work(EVENT, "me", LEFT_MS)
    assert record(store) == before
    clock.advance(seconds=12)
    with pytest.raises(AttemptInFlight):
        lock.begin_work(EVENT, "me", LEFT_MS)
    clock.advance(seconds=0.001)
    assert lock.begin_work(EVENT, "me", LEFT_MS).token == 2


def test_whoever_takes_over_too_early_waits_for_the_worker_all_the_same(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    """An AcquireLock that was given up on writes late, and takes from the lease what its retry had added to it."""
    late = grant(Claim("me", created("05").sequencer), now=clock.now, lease_ms=LEASE_SECONDS * 1000)
    clock.advance(seconds=11)
    lock.acquire(created("05"), "me")
    lock.begin_work(EVENT, "me", LEFT_MS)
    assert store.apply(late).accepted
    clock.advance(seconds=LEASE_SECONDS - 11 + 0.001)
    assert lock.acquire(created("06"), "other").is_grant
    with pytest.raises(AttemptInFlight):
        lock.begin_work(EVENT, "other", LEFT_MS)
    clock.advance(seconds=6)
    assert lock.begin_work(EVENT, "other", LEFT_MS).token == 2


def test_an_attempt_that_has_ended_is_not_waited_for(lock: LockProtocol) -> None:
    lock.acquire(created("05"), "me")
    lock.end_work(lock.begin_work(EVENT, "me", LEFT_MS))
    assert lock.begin_work(EVENT, "me", LEFT_MS).token == 2


def test_an_execution_that_lost_its_lock_does_not_begin(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    lock.acquire(created("05"), "me")
    clock.advance(seconds=LEASE_SECONDS + 0.001)
    with pytest.raises(LeaseLost, match=f"^{ID}: .*, its lease has ended, or a later attempt has begun$"):
        lock.begin_work(EVENT, "me", LEFT_MS)
    lock.acquire(created("06"), "other")
    before = record(store)
    with pytest.raises(LeaseLost, match=f"^{ID}: .*, its owner is other$"):
        lock.begin_work(EVENT, "me", LEFT_MS)
    assert record(store) == before


def test_an_execution_that_comes_back_after_the_work_was_done_does_not_begin(lock: LockProtocol) -> None:
    """As when it is redriven: the lock is free, but it has to ask for it."""
    apply(lock, created("05"), "me")
    with pytest.raises(LeaseLost, match=f"^{ID}: .*, its owner is nobody$"):
        lock.begin_work(EVENT, "me", LEFT_MS)


def test_what_was_never_locked_is_not_worked_at(lock: LockProtocol, store: InterruptedStore) -> None:
    with pytest.raises(LeaseLost):
        lock.begin_work(EVENT, "me", LEFT_MS)
    assert store.items == {}


def test_an_abandoned_attempt_does_not_end_the_next_one(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    """It would let a third one begin beside it."""
    lock.acquire(created("05"), "me")
    abandoned = lock.begin_work(EVENT, "me", LEFT_MS)
    clock.advance(seconds=26)
    lock.begin_work(EVENT, "me", LEFT_MS)
    before = record(store)
    lock.end_work(abandoned)
    assert record(store) == before


def test_the_next_attempt_replaces_what_was_found(lock: LockProtocol, photo: str) -> None:
    apply(lock, created("05"), "one", photo)
    lock.acquire(created("06"), "me")
    lock.note_output(lock.begin_work(EVENT, "me", LEFT_MS), OutputObject("by hand", 0))
    noted = lock.begin_work(EVENT, "me", LEFT_MS)
    assert noted.output_etag == "by hand"
    lock.note_output(noted, None)
    assert lock.begin_work(EVENT, "me", LEFT_MS).output_etag is None


def test_what_an_abandoned_attempt_has_found_is_none_of_its_business(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    """The next one may have written it, and will say so itself."""
    lock.acquire(created("05"), "me")
    abandoned = lock.begin_work(EVENT, "me", LEFT_MS)
    clock.advance(seconds=26)
    lock.begin_work(EVENT, "me", LEFT_MS)
    before = record(store)
    with pytest.raises(LeaseLost, match=f"^{ID}: .* a later attempt has begun$"):
        lock.note_output(abandoned, OutputObject("of the next one", 2))
    assert record(store) == before


# --- release -----------------------------------------------------------------------------------------------


def test_a_release_whose_answer_was_lost_can_be_repeated(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: str
) -> None:
    lock.acquire(created("05"), "me")
    done = work_done(lock, "me", photo)
    lock.release("me", done)
    before = record(store)
    clock.advance(seconds=3)
    lock.release("me", done)
    assert record(store) == before


def test_a_release_behind_the_watermark_can_be_repeated(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource, photo: str
) -> None:
    apply(lock, created("05"), "first", photo)
    changed = source.put(BUCKET, KEY, b"another photo")
    lock.acquire(created("04"), "me")
    done = work_done(lock, "me", changed)
    lock.release("me", done)
    before = record(store)
    lock.release("me", done)
    assert record(store) == before


def test_a_release_of_an_older_event_covers_the_newest_that_the_worker_has_seen(
    lock: LockProtocol, store: InterruptedStore, photo: str
) -> None:
    """It was on record before the input was read: the one that waits finds its work done."""
    lock.acquire(created("05"), "me")
    assert lock.acquire(created("06"), "early").work is Work.HELD
    attempt = lock.begin_work(EVENT, "me", LEFT_MS)
    assert lock.acquire(created("07"), "late").work is Work.HELD
    lock.release("me", converted(attempt, photo))
    assert record(store)[APPLIED_SEQUENCER] == "06"
    assert lock.acquire(created("06"), "early").work is Work.STALE
    assert lock.acquire(created("07"), "late").work is Work.GRAYSCALE


def test_a_release_after_another_took_over_is_refused(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: str
) -> None:
    """What was written may be older than what the new owner has read: the lock stays, and we look again."""
    lock.acquire(created("05"), "me")
    done = work_done(lock, "me", photo)
    clock.advance(seconds=LEASE_SECONDS + 1)
    lock.acquire(created("06"), "other")
    before, store.writes = record(store), 0
    with pytest.raises(LeaseLost, match=f"^{ID}: the lock is no longer ours, its owner is other$"):
        lock.release("me", done)
    assert record(store) == before
    assert store.writes == 1, "the refusal tells why; there is nothing to be tried again"


def test_a_release_after_another_has_come_and_gone_is_refused(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: str
) -> None:
    lock.acquire(created("05"), "me")
    done = work_done(lock, "me", photo)
    clock.advance(seconds=LEASE_SECONDS + 1)
    apply(lock, deleted("06"), "other")
    before = record(store)
    with pytest.raises(LeaseLost, match="its owner is nobody"):
        lock.release("me", done)
    assert record(store) == before


def test_a_release_after_another_has_found_the_same_is_refused(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: str
) -> None:
    """It has read the same input, but may have written before us: only a look tells."""
    lock.acquire(created("05"), "me")
    done = work_done(lock, "me", photo)
    clock.advance(seconds=LEASE_SECONDS + 1)
    apply(lock, created("06"), "other", photo)
    before = record(store)
    with pytest.raises(LeaseLost, match="its owner is nobody"):
        lock.release("me", done)
    assert record(store) == before


def test_a_release_of_an_abandoned_attempt_is_refused(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: str
) -> None:
    """The next attempt of the same execution may be writing at this moment."""
    lock.acquire(created("05"), "me")
    abandoned = work_done(lock, "me", photo)
    clock.advance(seconds=26)
    lock.begin_work(EVENT, "me", LEFT_MS)
    before = record(store)
    with pytest.raises(LeaseLost, match=f"^{ID}: .* its lease has ended, or a later attempt has begun$"):
        lock.release("me", abandoned)
    assert record(store) == before


def test_a_late_release_counts_when_nobody_took_over(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: str
) -> None:
    """The lease ended, but the work is still the last that was done."""
    lock.acquire(created("05"), "me")
    done = work_done(lock, "me", photo)
    clock.advance(seconds=LEASE_SECONDS + 1)
    lock.release("me", done)
    assert record(store)[APPLIED_SEQUENCER] == "05"


def test_what_was_never_locked_cannot_be_released(lock: LockProtocol, store: InterruptedStore, photo: str) -> None:
    with pytest.raises(LeaseLost):
        lock.release("me", Applied(photo, "etag-out", 1, created("05").sequencer))
    assert record(store) == {}


def test_after_a_lost_lease_the_input_is_looked_at_again_whatever_the_watermark(
    lock: LockProtocol, clock: HandClock, photo: str
) -> None:
    """Another execution has applied the newest input before we wrote ours: only a forced look repairs the output."""
    lock.acquire(created("05"), "me")
    clock.advance(seconds=LEASE_SECONDS + 1)
    apply(lock, created("06"), "other", photo)
    decision = lock.acquire(created("05"), "me", forced=True)
    assert (decision.work, decision.source) == (Work.GRAYSCALE, photo)


def test_after_a_lost_lease_nobody_supersedes(lock: LockProtocol, clock: HandClock) -> None:
    """The newer holder may have read before our late write; it will not look again, so we must."""
    lock.acquire(created("05"), "me")
    clock.advance(seconds=LEASE_SECONDS + 1)
    lock.acquire(created("06"), "other")
    assert lock.acquire(created("05"), "me", forced=True).work is Work.HELD


def test_a_deletion_leaves_a_tombstone_and_an_upload_takes_it_away(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource, clock: HandClock
) -> None:
    """The watermark of a deleted object outlives any replay; that of an object that is there never expires."""
    apply(lock, deleted("05"), "one")
    assert record(store)[EXPIRES_AT] == clock.now // 1000 + 30 * 24 * 3600
    tag = source.put(BUCKET, KEY, b"photo")
    lock.acquire(created("06"), "two")
    lock.release("two", work_done(lock, "two", tag))
    assert EXPIRES_AT not in record(store)


# --- after a failure ---------------------------------------------------------------------------------------


def test_giving_up_frees_the_lock_and_the_event_can_be_tried_again(lock: LockProtocol, store: InterruptedStore) -> None:
    lock.acquire(created("05"), "me")
    assert lock.give_up(ID, "me") is GaveUp.FREED
    assert OWNER not in record(store)
    assert APPLIED_SEQUENCER not in record(store)
    assert lock.acquire(created("05"), "again").work is Work.DELETE


def test_giving_up_does_not_touch_the_lock_of_another(lock: LockProtocol, store: InterruptedStore) -> None:
    lock.acquire(created("05"), "other")
    before = record(store)
    assert lock.give_up(ID, "me") is GaveUp.HELD_NOTHING
    assert record(store) == before


def test_giving_up_what_is_not_locked_leaves_no_record(lock: LockProtocol, store: InterruptedStore) -> None:
    assert lock.give_up(ID, "me") is GaveUp.HELD_NOTHING
    assert store.items == {}


def test_giving_up_twice_is_giving_up_once(lock: LockProtocol, store: InterruptedStore) -> None:
    """The machine's own release and the reaper both come."""
    lock.acquire(created("05"), "me")
    lock.give_up(ID, "me")
    before = record(store)
    assert lock.give_up(ID, "me") is GaveUp.HELD_NOTHING
    assert record(store) == before


def test_an_attempt_that_has_ended_does_not_keep_the_lock(lock: LockProtocol, store: InterruptedStore) -> None:
    lock.acquire(created("05"), "me")
    lock.end_work(lock.begin_work(EVENT, "me", LEFT_MS))
    assert lock.give_up(ID, "me") is GaveUp.FREED
    assert WORKER_UNTIL not in record(store)
    assert record(store)[FENCING_TOKEN] == 1


def test_a_lock_is_not_freed_while_a_worker_may_be_running(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    """Its execution was stopped, it was not. The lease ends right after it anyway, so nothing is written."""
    lock.acquire(created("05"), "me")
    lock.begin_work(EVENT, "me", LEFT_MS)
    clock.advance(seconds=25)
    before, store.writes = record(store), 0
    assert lock.give_up(ID, "me") is GaveUp.WILL_FREE_ITSELF
    assert record(store) == before
    assert store.writes == 1
    clock.advance(seconds=0.001)
    assert lock.give_up(ID, "me") is GaveUp.FREED


def test_a_lease_that_is_longer_than_the_worker_is_cut(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    """The lock was asked for once more, as after a changed output, while the attempt before may be running."""
    lock.acquire(created("05"), "me")
    lock.begin_work(EVENT, "me", LEFT_MS)
    until = clock.now + 25_000
    clock.advance(seconds=20)
    lock.acquire(created("05"), "me")
    before = record(store)
    assert before[LEASE_EXPIRES_AT] == clock.now + LEASE_SECONDS * 1000
    assert lock.give_up(ID, "me") is GaveUp.WILL_FREE_ITSELF
    assert record(store) == {**before, LEASE_EXPIRES_AT: until + 5_000}


def test_the_lock_of_an_attempt_that_ends_meanwhile_is_freed(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    """Its lease is longer, as the lock was asked for once more: it would stay held for no worker at all."""
    lock.acquire(created("05"), "me")
    attempt = lock.begin_work(EVENT, "me", LEFT_MS)
    clock.advance(seconds=20)
    lock.acquire(created("05"), "me")
    store.before_write = [None, lambda: lock.end_work(attempt)]
    assert lock.give_up(ID, "me") is GaveUp.FREED
    assert OWNER not in record(store)


def test_the_lease_of_an_attempt_that_begins_meanwhile_is_not_cut(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    """A reaper that comes late finds the execution redriven."""
    lock.acquire(created("05"), "me")
    lock.begin_work(EVENT, "me", LEFT_MS)
    clock.advance(seconds=25)
    lock.acquire(created("05"), "me")

    def redriven() -> None:
        clock.advance(seconds=1)
        lock.begin_work(EVENT, "me", LEFT_MS)

    store.before_write = [None, redriven]
    assert lock.give_up(ID, "me") is GaveUp.WILL_FREE_ITSELF
    assert record(store)[LEASE_EXPIRES_AT] == clock.now + LEFT_MS + 10_000


def test_the_record_of_a_deleted_object_expires_also_when_given_up(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    apply(lock, deleted("05"), "one")
    lock.acquire(deleted("06"), "me")
    clock.advance(seconds=3)
    assert lock.give_up(ID, "me") is GaveUp.FREED
    assert OWNER not in record(store)
    assert record(store)[EXPIRES_AT] == clock.now // 1000 + 30 * 24 * 3600


def test_the_record_of_a_deleted_object_stays_while_a_worker_may_be_running(
    lock: LockProtocol, store: InterruptedStore
) -> None:
    apply(lock, deleted("05"), "one")
    lock.acquire(deleted("06"), "me")
    lock.begin_work(EVENT, "me", LEFT_MS)
    before = record(store)
    assert lock.give_up(ID, "me") is GaveUp.WILL_FREE_ITSELF
    assert record(store) == before
    assert EXPIRES_AT not in before


def test_another_takes_the_lock_of_a_deleted_object_while_we_give_up(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock
) -> None:
    """Between our first write, refused because its record is to expire, and our second."""

    def lease_ends_and_another_takes_over() -> None:
        clock.advance(seconds=LEASE_SECONDS + 1)
        lock.acquire(deleted("07"), "other")

    apply(lock, deleted("05"), "one")
    lock.acquire(deleted("06"), "me")
    store.before_write = [None, lease_ends_and_another_takes_over]
    assert lock.give_up(ID, "me") is GaveUp.HELD_NOTHING
    assert record(store)[OWNER] == "other"
    assert EXPIRES_AT not in record(store)


def test_an_object_that_is_there_again_while_we_give_up_is_given_up(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource
) -> None:
    """A reaper that comes late: redriven, the execution has applied the new object and freed the lock.

    A Lambda of before, for which nobody waits any more, has then taken it once again.
    """

    def applied_and_taken_once_again() -> None:
        tag = source.put(BUCKET, KEY, b"photo")
        lock.release("me", work_done(lock, "me", tag))
        lock.acquire(created("06"), "me", forced=True)

    apply(lock, deleted("05"), "one")
    lock.acquire(created("06"), "me")
    store.before_write = [None, applied_and_taken_once_again]
    assert lock.give_up(ID, "me") is GaveUp.FREED
    assert OWNER not in record(store)
    assert EXPIRES_AT not in record(store)


def test_a_rejected_input_is_not_tried_again(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource
) -> None:
    """It would be rejected again: the event has had its effect, which is no output."""
    tag = source.put(BUCKET, KEY, b"no image")
    lock.acquire(created("05"), "me")
    attempt = lock.begin_work(EVENT, "me", LEFT_MS)
    lock.release("me", Applied(tag, None, attempt.token, attempt.newest))
    assert OWNER not in record(store)
    assert OUTPUT_ETAG not in record(store)
    assert record(store)[APPLIED_SEQUENCER] == "05"
    assert lock.acquire(created("05"), "twin").work is Work.STALE


# --- folders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [created("05", key="photos/", size=0), deleted("06", key="photos/")])
def test_a_folder_is_no_work_and_leaves_no_record(
    lock: LockProtocol, store: InterruptedStore, event: ObjectEvent
) -> None:
    assert lock.acquire(event, "me").work is Work.FOLDER
    assert store.items == {}


def test_an_object_in_place_of_a_folder_is_rejected_before_anything_is_locked(
    lock: LockProtocol, store: InterruptedStore
) -> None:
    event = created("05", key="photos/", size=12)
    with pytest.raises(SourceRejected, match=f"{BUCKET}/photos/: .*12 bytes"):
        lock.acquire(event, "me")
    assert store.items == {}


def test_an_event_of_another_bucket_is_refused_before_anything_is_locked(
    store: InterruptedStore, source: InMemorySource, clock: HandClock
) -> None:
    """Output keys do not name the bucket: an event of another one would delete the counterpart of a namesake."""
    lock = LockProtocol(store, source, "another", LEASE_SECONDS * 1000, WAIT_LIMIT_SECONDS * 1000, clock)
    with pytest.raises(InvalidEvent, match=f"detail.bucket.name: expected 'another', got '{BUCKET}'"):
        lock.acquire(created("05"), "me")
    assert store.items == {}


def test_an_acquire_that_was_forced_is_not_stale_when_its_answer_was_lost_and_the_input_has_changed_back(
    lock: LockProtocol, source: InMemorySource, photo: str
) -> None:
    """Answered STALE, it would leave without releasing, and its own lock would block the object for a lease."""
    apply(lock, created("05"), "first", photo)
    source.delete(BUCKET, KEY)
    assert lock.acquire(deleted("04"), "me").work is Work.DELETE
    source.put(BUCKET, KEY, b"photo")
    assert lock.acquire(deleted("04"), "me").work is Work.GRAYSCALE


# --- races between the writes of one call ------------------------------------------------------------------


def test_another_takes_the_lock_between_our_two_tries(lock: LockProtocol, store: InterruptedStore) -> None:
    """Our first write finds the lock free but a newer event on record; before our second, that one is back."""
    lock.acquire(created("09"), "newer")
    lock.give_up(ID, "newer")
    store.before_write = [None, lambda: lock.acquire(created("09"), "newer")]
    assert lock.acquire(created("05"), "me").work is Work.SUPERSEDED
    assert record(store)[OWNER] == "newer"


def test_the_work_is_done_between_our_two_tries(lock: LockProtocol, store: InterruptedStore) -> None:
    def newer_comes_and_goes() -> None:
        apply(lock, created("09"), "newer")

    lock.acquire(created("09"), "failed")
    lock.give_up(ID, "failed")
    store.before_write = [None, newer_comes_and_goes]
    assert lock.acquire(created("05"), "me").work is Work.STALE
    assert OWNER not in record(store)


def test_a_newer_event_is_registered_before_ours(lock: LockProtocol, store: InterruptedStore) -> None:
    """Between our refusal and our entry; the newer mark stays, and our next visit is superseded by it."""
    lock.acquire(created("05"), "holder")
    store.before_write = [None, lambda: lock.acquire(created("07"), "newer")]
    first = lock.acquire(created("06"), "me")
    assert first.work is Work.HELD
    assert record(store)[NEWEST_SEQUENCER] == "07"
    assert lock.acquire(created("06"), "me", waiting_since=first.waiting_since).work is Work.SUPERSEDED


def test_the_holder_leaves_before_we_are_registered(lock: LockProtocol, store: InterruptedStore) -> None:
    """We wait once for nothing, and take the lock on the next visit."""
    lock.acquire(created("05"), "holder")
    done = work_done(lock, "holder")
    store.before_write = [None, lambda: lock.release("holder", done)]
    assert lock.acquire(created("06"), "me").work is Work.HELD
    assert OWNER not in record(store)
    assert lock.acquire(created("06"), "me").work is Work.DELETE


def test_another_takes_over_while_we_release_behind_the_watermark(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: str
) -> None:
    """Between our first write, refused for the watermark, and our second."""

    def lease_ends_and_another_takes_over() -> None:
        clock.advance(seconds=LEASE_SECONDS + 1)
        lock.acquire(created("06"), "other")

    apply(lock, created("05"), "first", photo)
    lock.acquire(created("04"), "me", forced=True)
    done = work_done(lock, "me", photo)
    store.before_write = [None, lease_ends_and_another_takes_over]
    with pytest.raises(LeaseLost, match="other"):
        lock.release("me", done)
    assert record(store)[OWNER] == "other"
