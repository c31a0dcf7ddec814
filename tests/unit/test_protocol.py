from collections.abc import Callable

import pytest

from objectlock.conditions import Item
from objectlock.errors import InvalidEvent, LeaseLost, LockWaitTimeout, SourceRejected
from objectlock.events import ObjectEvent
from objectlock.lock import (
    ABSENT,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    EXPIRES_AT,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OUTPUT_ETAG,
    OWNER,
    Applied,
    Outcome,
    Transition,
)
from objectlock.protocol import LockProtocol, Work
from tests.memory import HandClock, InMemoryLockStore, InMemorySource
from tests.sample_events import BUCKET, KEY, created, deleted

LEASE_SECONDS = 30
WAIT_LIMIT_SECONDS = 60
GONE = Applied(ABSENT, None)


class InterruptedStore(InMemoryLockStore):
    """A lock store in which others may act between two writes of one call."""

    def __init__(self) -> None:
        super().__init__()
        self.before_write: list[Callable[[], object] | None] = []

    def apply(self, transition: Transition) -> Outcome:
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
def photo(source: InMemorySource) -> Applied:
    """An input object, and what a worker that converted it would say."""
    return Applied(source.put(BUCKET, KEY, b"photo"), "etag-out")


def record(store: InMemoryLockStore) -> Item:
    return store.items.get(f"{BUCKET}/{KEY}", {})


# --- granted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [created("05"), deleted("05")])
def test_work_follows_from_an_input_that_is_there(lock: LockProtocol, photo: Applied, event: ObjectEvent) -> None:
    """A deletion that was undone, or of an old version only, still means: convert what is there."""
    decision = lock.acquire(event, "me")
    assert decision.work is Work.GRAYSCALE
    assert decision.source == photo.source
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
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: Applied
) -> None:
    """The retry must not wait for itself until its own lease ends."""
    first = lock.acquire(created("05"), "me")
    clock.advance(seconds=3)
    assert lock.acquire(created("05"), "me") == first
    assert first.source == photo.source
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
    lock.give_up(created("09"), "failed")
    assert lock.acquire(created("05"), "me").work is Work.DELETE
    assert record(store)[NEWEST_SEQUENCER] == "09"


# --- stale -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequencer", ["05", "0500", "04"])
def test_an_event_that_was_applied_is_stale(
    lock: LockProtocol, store: InterruptedStore, photo: Applied, sequencer: str
) -> None:
    """Delivered twice or late, it costs one look at the input, and no work and no lock."""
    lock.acquire(created("05"), "first")
    lock.release(created("05"), "first", photo)
    before = record(store)
    assert lock.acquire(created(sequencer), "second").work is Work.STALE
    assert record(store) == before


def test_an_event_that_looks_stale_is_granted_when_the_input_has_changed(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource, photo: Applied
) -> None:
    """Sequencers are documented per key, not across versions: the input has the last word."""
    lock.acquire(created("05"), "first")
    lock.release(created("05"), "first", photo)
    changed = source.put(BUCKET, KEY, b"another photo")
    decision = lock.acquire(created("04"), "me")
    assert (decision.work, decision.source) == (Work.GRAYSCALE, changed)
    lock.release(created("04"), "me", Applied(changed, "etag-2"))
    assert record(store)[APPLIED_SEQUENCER] == "05", "the watermark never goes back"
    assert record(store)[APPLIED_SOURCE] == changed
    assert lock.acquire(created("04"), "again").work is Work.STALE


def test_an_event_that_looks_stale_is_granted_when_the_input_is_gone(
    lock: LockProtocol, source: InMemorySource, photo: Applied
) -> None:
    lock.acquire(created("05"), "first")
    lock.release(created("05"), "first", photo)
    source.delete(BUCKET, KEY)
    assert lock.acquire(deleted("04"), "me").work is Work.DELETE


def test_an_event_that_looks_stale_waits_for_the_lock_when_the_input_has_changed(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource, photo: Applied
) -> None:
    """It is not superseded: sequencers did not tell the whole story, so they must not send it away."""
    lock.acquire(created("05"), "first")
    lock.release(created("05"), "first", photo)
    lock.acquire(created("06"), "holder")
    source.put(BUCKET, KEY, b"another photo")
    assert lock.acquire(created("04"), "me").work is Work.HELD
    assert record(store)[NEWEST_SEQUENCER] == "06"


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
    assert lock.acquire(created("06"), "me", waiting_since=first.waiting_since) == first


def test_an_event_delivered_twice_at_once_is_done_once(lock: LockProtocol, photo: Applied) -> None:
    """Its twin waits, as the first may still fail, and then finds the work done."""
    lock.acquire(created("05"), "first")
    assert lock.acquire(created("05"), "twin").work is Work.HELD
    lock.release(created("05"), "first", photo)
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
    lock.give_up(created("05"), "first")
    granted = lock.acquire(created("06"), "me", waiting_since=waited.waiting_since)
    assert granted.work is Work.DELETE
    clock.advance(seconds=WAIT_LIMIT_SECONDS)  # at work; the lease ends, another takes over
    lock.acquire(created("07"), "next")
    with pytest.raises(LeaseLost):
        lock.release(created("06"), "me", GONE)
    again = lock.acquire(created("06"), "me", forced=True, waiting_since=granted.waiting_since)
    assert again.work is Work.HELD


# --- release -----------------------------------------------------------------------------------------------


def test_a_release_whose_answer_was_lost_can_be_repeated(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: Applied
) -> None:
    lock.acquire(created("05"), "me")
    lock.release(created("05"), "me", photo)
    before = record(store)
    clock.advance(seconds=3)
    lock.release(created("05"), "me", photo)
    assert record(store) == before


def test_a_release_behind_the_watermark_can_be_repeated(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource, photo: Applied
) -> None:
    lock.acquire(created("05"), "first")
    lock.release(created("05"), "first", photo)
    changed = Applied(source.put(BUCKET, KEY, b"another photo"), "etag-2")
    lock.acquire(created("04"), "me")
    lock.release(created("04"), "me", changed)
    before = record(store)
    lock.release(created("04"), "me", changed)
    assert record(store) == before


def test_a_release_after_another_took_over_is_refused(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: Applied
) -> None:
    """What was written may be older than what the new owner has read: the lock stays, and we look again."""
    lock.acquire(created("05"), "me")
    clock.advance(seconds=LEASE_SECONDS + 1)
    lock.acquire(created("06"), "other")
    before = record(store)
    with pytest.raises(LeaseLost, match=f"{BUCKET}/{KEY}: .*other"):
        lock.release(created("05"), "me", photo)
    assert record(store) == before


def test_a_release_after_another_has_come_and_gone_is_refused(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: Applied
) -> None:
    lock.acquire(created("05"), "me")
    clock.advance(seconds=LEASE_SECONDS + 1)
    lock.acquire(deleted("06"), "other")
    lock.release(deleted("06"), "other", GONE)
    before = record(store)
    with pytest.raises(LeaseLost, match="nobody"):
        lock.release(created("05"), "me", photo)
    assert record(store) == before


def test_a_late_release_counts_when_nobody_took_over(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: Applied
) -> None:
    """The lease ended, but the work is still the last that was done."""
    lock.acquire(created("05"), "me")
    clock.advance(seconds=LEASE_SECONDS + 1)
    lock.release(created("05"), "me", photo)
    assert record(store)[APPLIED_SEQUENCER] == "05"


def test_what_was_never_locked_cannot_be_released(lock: LockProtocol, store: InterruptedStore, photo: Applied) -> None:
    with pytest.raises(LeaseLost):
        lock.release(created("05"), "me", photo)
    assert record(store) == {}


def test_after_a_lost_lease_the_input_is_looked_at_again_whatever_the_watermark(
    lock: LockProtocol, clock: HandClock, photo: Applied
) -> None:
    """Another execution has applied the newest input before we wrote ours: only a forced look repairs the output."""
    lock.acquire(created("05"), "me")
    clock.advance(seconds=LEASE_SECONDS + 1)
    lock.acquire(created("06"), "other")
    lock.release(created("06"), "other", photo)
    decision = lock.acquire(created("05"), "me", forced=True)
    assert (decision.work, decision.source) == (Work.GRAYSCALE, photo.source)


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
    lock.acquire(deleted("05"), "one")
    lock.release(deleted("05"), "one", GONE)
    assert record(store)[EXPIRES_AT] == clock.now // 1000 + 30 * 24 * 3600
    tag = source.put(BUCKET, KEY, b"photo")
    lock.acquire(created("06"), "two")
    lock.release(created("06"), "two", Applied(tag, "etag-out"))
    assert EXPIRES_AT not in record(store)


# --- after a failure ---------------------------------------------------------------------------------------


def test_giving_up_frees_the_lock_and_the_event_can_be_tried_again(lock: LockProtocol, store: InterruptedStore) -> None:
    lock.acquire(created("05"), "me")
    lock.give_up(created("05"), "me")
    assert OWNER not in record(store)
    assert APPLIED_SEQUENCER not in record(store)
    assert lock.acquire(created("05"), "again").work is Work.DELETE


def test_giving_up_does_not_touch_the_lock_of_another(lock: LockProtocol, store: InterruptedStore) -> None:
    lock.acquire(created("05"), "other")
    before = record(store)
    lock.give_up(created("06"), "me")
    assert record(store) == before


def test_giving_up_what_is_not_locked_leaves_no_record(lock: LockProtocol, store: InterruptedStore) -> None:
    lock.give_up(created("05"), "me")
    assert store.items == {}


def test_a_rejected_input_is_not_tried_again(
    lock: LockProtocol, store: InterruptedStore, source: InMemorySource
) -> None:
    """It would be rejected again: the event has had its effect, which is no output."""
    tag = source.put(BUCKET, KEY, b"no image")
    lock.acquire(created("05"), "me")
    lock.release(created("05"), "me", Applied(tag, None))
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
    lock: LockProtocol, source: InMemorySource, photo: Applied
) -> None:
    """Answered STALE, it would leave without releasing, and its own lock would block the object for a lease."""
    lock.acquire(created("05"), "first")
    lock.release(created("05"), "first", photo)
    source.delete(BUCKET, KEY)
    assert lock.acquire(deleted("04"), "me").work is Work.DELETE
    source.put(BUCKET, KEY, b"photo")
    assert lock.acquire(deleted("04"), "me").work is Work.GRAYSCALE


# --- races between the writes of one call ------------------------------------------------------------------


def test_another_takes_the_lock_between_our_two_tries(lock: LockProtocol, store: InterruptedStore) -> None:
    """Our first write finds the lock free but a newer event on record; before our second, that one is back."""
    lock.acquire(created("09"), "newer")
    lock.give_up(created("09"), "newer")
    store.before_write = [None, lambda: lock.acquire(created("09"), "newer")]
    assert lock.acquire(created("05"), "me").work is Work.SUPERSEDED
    assert record(store)[OWNER] == "newer"


def test_the_work_is_done_between_our_two_tries(lock: LockProtocol, store: InterruptedStore) -> None:
    def newer_comes_and_goes() -> None:
        lock.acquire(created("09"), "newer")
        lock.release(created("09"), "newer", GONE)

    lock.acquire(created("09"), "failed")
    lock.give_up(created("09"), "failed")
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
    store.before_write = [None, lambda: lock.release(created("05"), "holder", GONE)]
    assert lock.acquire(created("06"), "me").work is Work.HELD
    assert OWNER not in record(store)
    assert lock.acquire(created("06"), "me").work is Work.DELETE


def test_another_takes_over_while_we_release_behind_the_watermark(
    lock: LockProtocol, store: InterruptedStore, clock: HandClock, photo: Applied
) -> None:
    """Between our first write, refused for the watermark, and our second."""

    def lease_ends_and_another_takes_over() -> None:
        clock.advance(seconds=LEASE_SECONDS + 1)
        lock.acquire(created("06"), "other")

    lock.acquire(created("05"), "first")
    lock.release(created("05"), "first", photo)
    lock.acquire(created("04"), "me", forced=True)
    store.before_write = [None, lease_ends_and_another_takes_over]
    with pytest.raises(LeaseLost, match="other"):
        lock.release(created("04"), "me", photo)
    assert record(store)[OWNER] == "other"
