from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from objectlock.attempts import Attempt, OutputObject
from objectlock.conditions import Item
from objectlock.errors import (
    AttemptInFlight,
    InputChanged,
    LeaseLost,
    OutputChanged,
    ServiceUnavailable,
    SourceRejected,
    WriteInDoubt,
)
from objectlock.events import ObjectEvent
from objectlock.lock import Applied
from objectlock.ports import Label, Picture
from objectlock.protocol import LockProtocol, Work
from objectlock.record import (
    ABSENT,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    FENCING_TOKEN,
    NEWEST_SEQUENCER,
    OUTPUT_ETAG,
    OWNER,
    WORKER_UNTIL,
    Outcome,
    Transition,
)
from objectlock.work import Worker
from tests.memory import HandClock, InMemoryLockStore, InMemoryOutput, InMemorySource, StoredObject
from tests.sample_events import BUCKET, KEY, created, deleted

ID = f"{BUCKET}/{KEY}"
LEFT_MS = 20_000
BY_HAND = Picture(b"by hand", "image/test")


def gray(body: bytes) -> Picture:
    return Picture(b"gray " + body, "image/test")


def reject(_body: bytes) -> Picture:
    raise SourceRejected("not an image")


class FlakyStore(InMemoryLockStore):
    """A lock table that can be out of reach."""

    is_down = False

    def apply(self, transition: Transition) -> Outcome:
        if self.is_down:
            raise ServiceUnavailable("the table is down")
        return super().apply(transition)


class FlakyOutput(InMemoryOutput):
    """An output bucket that can be out of reach for a look, or give no answer to a write."""

    cannot_look = False
    is_silent = False

    def look(self, key: str) -> OutputObject | None:
        if self.cannot_look:
            raise ServiceUnavailable("the bucket is down")
        return super().look(key)

    def _check(self, key: str, replaces: str | None) -> None:
        if self.is_silent:
            raise WriteInDoubt("read timed out")
        found = InMemoryOutput.look(self, key)
        if (found and found.etag) != replaces:
            raise OutputChanged(key)


@dataclass
class World:
    """One object, its lock and its output."""

    store: FlakyStore = field(default_factory=FlakyStore)
    source: InMemorySource = field(default_factory=InMemorySource)
    output: FlakyOutput = field(default_factory=FlakyOutput)
    clock: HandClock = field(default_factory=HandClock)

    @property
    def lock(self) -> LockProtocol:
        return LockProtocol(self.store, self.source, BUCKET, 30_000, 60_000, self.clock)

    @property
    def worker(self) -> Worker:
        return Worker(self.lock, self.source, self.output)

    @property
    def record(self) -> Item:
        return self.store.items[ID]

    @property
    def body(self) -> bytes | None:
        """Of the output."""
        found = self.output.objects.get(KEY)
        return found.picture.body if found else None

    def by_hand(self, token: int = 0) -> str:
        """Somebody puts another output there, under whatever token; the ETag."""
        self.output.objects[KEY] = StoredObject(BY_HAND, Label("", "", token))
        return self.output.objects[KEY].etag

    def convert(
        self,
        event: ObjectEvent,
        owner: str = "me",
        to_grayscale: Callable[[bytes], Picture] = gray,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Applied:
        """What the handler does."""
        with self.worker.attempt(event, owner, LEFT_MS) as attempt:
            meanwhile()
            return self.worker.convert(event, attempt, to_grayscale)

    def remove(self, event: ObjectEvent, owner: str = "me", meanwhile: Callable[[], object] = lambda: None) -> Applied:
        with self.worker.attempt(event, owner, LEFT_MS) as attempt:
            meanwhile()
            return self.worker.remove(event, attempt)

    def keep_in_step(self, event: ObjectEvent, owner: str = "me") -> None:
        """A whole execution that nothing comes between."""
        due = self.lock.acquire(event, owner).work
        self.lock.release(owner, self.convert(event, owner) if due is Work.GRAYSCALE else self.remove(event, owner))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def replacing(world: World) -> World:
    """There is an output of a first upload, and a second one to be converted, event 05, with the lock taken."""
    world.source.put(BUCKET, KEY, b"one")
    world.keep_in_step(created("01"), "first")
    world.source.put(BUCKET, KEY, b"two")
    world.lock.acquire(created("05"), "me")
    return world


@pytest.fixture
def removing(world: World) -> World:
    """There is an output of an upload that is deleted, event 05, with the lock taken."""
    world.source.put(BUCKET, KEY, b"one")
    world.keep_in_step(created("01"), "first")
    world.source.delete(BUCKET, KEY)
    world.lock.acquire(deleted("05"), "me")
    return world


# --- convert -----------------------------------------------------------------------------------------------


def test_the_output_is_the_counterpart_of_the_input_as_it_is_now(world: World) -> None:
    """Whatever the event said: its size and ETag may be those of an older upload."""
    world.source.put(BUCKET, KEY, b"as it was")
    event = created("05A0")
    world.lock.acquire(event, "me")
    tag = world.source.put(BUCKET, KEY, b"as it is")
    applied = world.convert(event)
    stored = StoredObject(gray(b"as it is"), Label(tag, "05a", 1))
    assert world.output.objects == {KEY: stored}
    assert applied == Applied(tag, stored.etag, 1, event.sequencer)


def test_an_older_output_is_replaced(replacing: World) -> None:
    first = replacing.output.objects[KEY]
    second = replacing.convert(created("05"))
    assert replacing.body == b"gray two"
    assert second.output_etag != first.etag
    assert (first.label.token, second.token, replacing.output.objects[KEY].label.token) == (1, 2, 2)


def test_an_input_that_is_gone_by_now_takes_its_output_with_it(replacing: World) -> None:
    """Between the grant and the worker's read. A failure here would leave the old output behind."""
    replacing.source.delete(BUCKET, KEY)
    assert replacing.convert(created("05")) == Applied(ABSENT, None, 2, created("05").sequencer)
    assert replacing.output.objects == {}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_conversion_covers_the_newest_event_on_record_as_it_began(world: World, is_there: bool) -> None:
    """What is read after that shows its effect, so that its own execution has nothing left to do."""
    if is_there:
        world.source.put(BUCKET, KEY, b"one")
    world.lock.acquire(created("05"), "me")
    world.lock.acquire(created("06"), "early")
    applied = world.convert(created("05"), meanwhile=lambda: world.lock.acquire(created("07"), "late"))
    assert applied.sequencer == created("06").sequencer
    assert world.record[NEWEST_SEQUENCER] == "07"
    if is_there:
        assert world.output.objects[KEY].label.sequencer == "06"


# --- remove ------------------------------------------------------------------------------------------------


def test_removing_leaves_other_keys_alone(removing: World) -> None:
    removing.output.write("another.jpg", BY_HAND, Label("", "", 1), replaces=None)
    assert removing.remove(deleted("05")) == Applied(ABSENT, None, 2, deleted("05").sequencer)
    assert removing.output.objects.keys() == {"another.jpg"}


def test_removing_what_is_not_there_is_a_success(world: World) -> None:
    """The worker may be started again after it has removed the output."""
    world.lock.acquire(deleted("01"), "me")
    assert world.remove(deleted("01")) == Applied(ABSENT, None, 1, deleted("01").sequencer)


def test_a_removal_covers_every_event_on_record_when_it_began(removing: World) -> None:
    """It looks at the input after that, so what waits has nothing left to do."""
    removing.lock.acquire(deleted("06"), "newer")
    removing.lock.release("me", removing.remove(deleted("05")))
    assert removing.lock.acquire(deleted("06"), "newer").work is Work.STALE


def test_an_input_that_is_there_again_is_not_taken_for_gone(removing: World) -> None:
    """A removal may be tried again minutes after AcquireLock has looked, and whoever waited may have given up."""
    removing.source.put(BUCKET, KEY, b"two")
    before = removing.record[OUTPUT_ETAG]
    with pytest.raises(InputChanged, match=f"^{ID}: the input that was gone is there again$"):
        removing.remove(deleted("05"))
    assert removing.body == b"gray one"
    assert removing.record[OUTPUT_ETAG] == before
    assert WORKER_UNTIL not in removing.record


@pytest.fixture
def seen(replacing: World) -> World:
    """The first upload's execution has seen the second one already; that one's, event 05, has the lock."""
    replacing.lock.release("me", replacing.convert(created("05")))
    replacing.lock.acquire(created("07"), "next")
    return replacing


def in_vain(_body: bytes) -> Picture:
    pytest.fail("converted although it is known that this cannot be written")


def test_what_the_output_shows_already_is_not_converted_again(seen: World) -> None:
    before = dict(seen.output.objects)
    applied = seen.convert(created("07"), "next", in_vain)
    assert seen.output.objects == before
    assert (applied.source, applied.output_etag) == (seen.record[APPLIED_SOURCE], before[KEY].etag)
    seen.lock.release("next", applied)
    assert seen.record[APPLIED_SEQUENCER] == "07"


def test_an_output_that_was_removed_since_is_made_again_and_once(seen: World) -> None:
    """Its uploader may upload the photo once more to get it back, and a reconcile looks."""
    seen.output.objects.clear()
    with pytest.raises(OutputChanged):
        seen.convert(created("07"), "next", in_vain)
    seen.convert(created("07"), "next")
    assert seen.body == b"gray two"


def test_an_output_that_was_replaced_since_is_made_again_and_once(seen: World) -> None:
    seen.by_hand()
    with pytest.raises(OutputChanged):
        seen.convert(created("07"), "next", in_vain)
    seen.convert(created("07"), "next")
    assert seen.body == b"gray two"


# --- rejected ----------------------------------------------------------------------------------------------


def test_a_rejected_input_removes_the_older_output_and_names_the_object(replacing: World) -> None:
    """The output of an image that was replaced by what is no image is out of date."""
    with pytest.raises(SourceRejected, match=f"^{ID}: not an image$"):
        replacing.convert(created("05"), to_grayscale=reject)
    assert replacing.output.objects == {}


def test_a_rejected_input_frees_the_lock_and_is_not_tried_again(replacing: World) -> None:
    """The event has had its effect, which is no output, and so have those that waited when the input was read."""
    replacing.lock.acquire(created("06"), "newer")
    tag = replacing.source.tag(BUCKET, KEY)
    with pytest.raises(SourceRejected):
        replacing.convert(created("05"), to_grayscale=reject)
    assert not replacing.record.keys() & {OWNER, WORKER_UNTIL, OUTPUT_ETAG}
    assert replacing.record[APPLIED_SEQUENCER] == "06"
    assert replacing.record[APPLIED_SOURCE] == tag
    assert replacing.lock.acquire(created("06"), "newer").work is Work.STALE


def test_a_rejection_that_cannot_be_recorded_is_a_lost_lease(replacing: World) -> None:
    """Another has taken over, and may have converted what came since."""

    def lease_ends_and_another_takes_over() -> None:
        replacing.clock.advance(seconds=31)
        replacing.lock.acquire(created("06"), "other")

    with pytest.raises(LeaseLost, match="its owner is other"):
        replacing.convert(created("05"), to_grayscale=reject, meanwhile=lease_ends_and_another_takes_over)
    assert replacing.record[OWNER] == "other"
    assert replacing.record[APPLIED_SEQUENCER] == "01"


def test_a_rejection_is_not_recorded_while_an_unknown_output_is_there(world: World) -> None:
    world.source.put(BUCKET, KEY, b"text")
    world.by_hand()
    world.lock.acquire(created("05"), "me")
    with pytest.raises(OutputChanged):
        world.convert(created("05"), to_grayscale=reject)
    assert APPLIED_SEQUENCER not in world.record
    assert world.record[OWNER] == "me"
    with pytest.raises(SourceRejected):
        world.convert(created("05"), to_grayscale=reject)
    assert world.output.objects == {}
    assert world.record[APPLIED_SEQUENCER] == "05"


def test_an_input_that_is_too_large_to_be_read_is_rejected_all_the_same(replacing: World) -> None:
    replacing.source.max_bytes = 2
    with pytest.raises(SourceRejected, match=f"^{ID}: 3 bytes, more than 2$"):
        replacing.convert(created("05"))
    assert replacing.output.objects == {}
    assert replacing.record[APPLIED_SOURCE] == replacing.source.tag(BUCKET, KEY)


# --- another output than expected --------------------------------------------------------------------------


def test_what_an_attempt_has_not_seen_it_does_not_overwrite(replacing: World) -> None:
    etag = replacing.by_hand()
    with pytest.raises(OutputChanged):
        replacing.convert(created("05"))
    assert replacing.body == b"by hand"
    assert replacing.record[OUTPUT_ETAG] == etag


def test_what_an_attempt_has_not_seen_it_does_not_remove(removing: World) -> None:
    etag = removing.by_hand()
    with pytest.raises(OutputChanged):
        removing.remove(deleted("05"))
    assert removing.body == b"by hand"
    assert removing.record[OUTPUT_ETAG] == etag


@pytest.mark.parametrize("body", [b"two", None])
def test_an_output_that_has_vanished_is_no_longer_on_record(replacing: World, body: bytes | None) -> None:
    """Whatever was to be done with it."""
    if body is None:
        replacing.source.delete(BUCKET, KEY)
    replacing.output.objects.clear()
    with pytest.raises(OutputChanged):
        replacing.convert(created("05"))
    assert OUTPUT_ETAG not in replacing.record
    replacing.convert(created("05"))
    assert replacing.body == (None if body is None else b"gray two")


@pytest.mark.parametrize("body", [b"two", None])
def test_an_output_that_the_record_does_not_know_of_is_found(world: World, body: bytes | None) -> None:
    """The record was lost, or the bucket was not empty to begin with."""
    if body is not None:
        world.source.put(BUCKET, KEY, body)
    etag = world.by_hand()
    world.lock.acquire(created("05"), "me")
    with pytest.raises(OutputChanged):
        world.convert(created("05"))
    assert world.body == b"by hand"
    assert world.record[OUTPUT_ETAG] == etag
    world.convert(created("05"))
    assert world.body == (None if body is None else b"gray two")


def test_an_output_to_be_removed_that_the_record_does_not_know_of_is_found(world: World) -> None:
    etag = world.by_hand()
    world.lock.acquire(deleted("05"), "me")
    with pytest.raises(OutputChanged, match=f"^{ID}: there is an output that the lock record does not know of$"):
        world.remove(deleted("05"))
    assert world.record[OUTPUT_ETAG] == etag
    world.remove(deleted("05"))
    assert world.output.objects == {}


def test_after_a_changed_output_the_next_attempt_begins_at_once_and_reads_anew(replacing: World) -> None:
    """What was read before must not be written over what came since."""
    replacing.by_hand()
    with pytest.raises(OutputChanged):
        replacing.convert(created("05"))
    replacing.source.put(BUCKET, KEY, b"three")
    assert replacing.lock.acquire(created("05"), "me", forced=True).work is Work.GRAYSCALE
    replacing.lock.release("me", replacing.convert(created("05")))
    assert replacing.body == b"gray three"
    assert replacing.output.objects[KEY].label.token == 3


def test_a_write_whose_answer_was_lost_is_found_by_the_next_attempt(replacing: World) -> None:
    """The output is ours, but not the one that the record knows of."""
    replacing.convert(created("05"))
    replacing.clock.advance(seconds=26)
    with pytest.raises(OutputChanged):
        replacing.convert(created("05"))
    replacing.lock.release("me", replacing.convert(created("05")))
    assert replacing.body == b"gray two"
    assert replacing.record[OUTPUT_ETAG] == replacing.output.objects[KEY].etag


def test_tokens_go_on_from_an_output_with_a_higher_one(world: World) -> None:
    """Its record was lost. A lower token would pass for older."""
    world.source.put(BUCKET, KEY, b"one")
    world.by_hand(token=40)
    world.lock.acquire(created("05"), "me")
    with pytest.raises(OutputChanged):
        world.convert(created("05"))
    assert world.convert(created("05")).token == 41


def test_an_attempt_that_was_overtaken_has_lost_its_lease(replacing: World) -> None:
    """The later one has written; what it has found is no output to be put on record by us."""

    def the_next_attempt_comes_and_goes() -> None:
        replacing.clock.advance(seconds=26)
        replacing.convert(created("05"))

    with pytest.raises(LeaseLost, match="a later attempt has begun"):
        replacing.convert(created("05"), meanwhile=the_next_attempt_comes_and_goes)
    assert replacing.output.objects[KEY].label.token == 3
    assert replacing.record[FENCING_TOKEN] == 3
    assert WORKER_UNTIL in replacing.record, "the next one may still be at work"


# --- attempts ----------------------------------------------------------------------------------------------


def test_whoever_does_not_hold_the_lock_does_nothing(world: World) -> None:
    world.source.put(BUCKET, KEY, b"one")
    with pytest.raises(LeaseLost):
        world.convert(created("05"))
    assert world.output.objects == {}


def test_of_two_attempts_at_once_the_second_does_nothing(replacing: World) -> None:
    """And does not end the first: the block is never entered."""

    def ambiguous_invocation() -> None:
        with pytest.raises(AttemptInFlight):
            replacing.convert(created("05"))

    applied = replacing.convert(created("05"), meanwhile=ambiguous_invocation)
    assert applied.token == replacing.record[FENCING_TOKEN] == 2
    assert WORKER_UNTIL in replacing.record


@pytest.mark.parametrize("error", [ServiceUnavailable("S3 is down"), MemoryError("too large"), LeaseLost("released")])
def test_an_attempt_that_fails_lets_the_next_one_begin_at_once(replacing: World, error: Exception) -> None:
    def fail(_body: bytes) -> Picture:
        raise error

    with pytest.raises(type(error)) as raised:
        replacing.convert(created("05"), to_grayscale=fail)
    assert raised.value is error
    assert WORKER_UNTIL not in replacing.record
    assert replacing.record[OWNER] == "me"
    assert replacing.convert(created("05")).token == 3


def test_an_attempt_whose_write_is_in_doubt_counts_as_running(replacing: World) -> None:
    """S3 may carry the write out when the next attempt has found nothing to remove, and nobody comes after that."""
    replacing.output.is_silent = True
    with pytest.raises(WriteInDoubt, match="read timed out"):
        replacing.convert(created("05"))
    replacing.output.is_silent = False
    with pytest.raises(AttemptInFlight):
        replacing.convert(created("05"))
    replacing.clock.advance(seconds=26)
    assert replacing.convert(created("05")).token == 3


def test_an_attempt_whose_removal_is_in_doubt_counts_as_running(removing: World) -> None:
    removing.output.is_silent = True
    with pytest.raises(WriteInDoubt, match="read timed out"):
        removing.remove(deleted("05"))
    removing.output.is_silent = False
    with pytest.raises(AttemptInFlight):
        removing.remove(deleted("05"))


def test_an_attempt_that_was_killed_says_nothing(replacing: World) -> None:
    """The next one waits until it cannot be running any more."""

    class Killed(BaseException):
        pass

    def kill(_body: bytes) -> Picture:
        raise Killed

    with pytest.raises(Killed):
        replacing.convert(created("05"), to_grayscale=kill)
    with pytest.raises(AttemptInFlight):
        replacing.convert(created("05"))


def test_an_attempt_that_succeeds_stays_on_record_until_the_release(replacing: World) -> None:
    """Its answer may get lost: what a second one may do is for the release, or for time, to say."""
    applied = replacing.convert(created("05"))
    assert WORKER_UNTIL in replacing.record
    replacing.lock.release("me", applied)
    assert WORKER_UNTIL not in replacing.record


def test_the_first_error_is_the_one_to_report(replacing: World) -> None:
    """That of clearing up after it would hide what was wrong with the input."""

    def fail(_body: bytes) -> Picture:
        replacing.store.is_down = True
        raise MemoryError("too large")

    with pytest.raises(MemoryError, match="too large"):
        replacing.convert(created("05"), to_grayscale=fail)
    assert WORKER_UNTIL in replacing.record


def test_a_changed_output_is_reported_also_when_it_cannot_be_looked_at(replacing: World) -> None:
    """The record stays as it was: whoever comes next finds out again."""
    replacing.by_hand()
    replacing.output.cannot_look = True
    before = replacing.record[OUTPUT_ETAG]
    with pytest.raises(OutputChanged):
        replacing.convert(created("05"))
    assert replacing.record[OUTPUT_ETAG] == before
    assert WORKER_UNTIL in replacing.record


def test_only_a_changed_output_is_looked_at(replacing: World) -> None:
    """Any other failure says nothing about it, and another's write must not pass for known."""
    replacing.by_hand()
    before = replacing.record[OUTPUT_ETAG]

    def fail(_body: bytes) -> Picture:
        raise MemoryError

    with pytest.raises(MemoryError):
        replacing.convert(created("05"), to_grayscale=fail)
    assert replacing.record[OUTPUT_ETAG] == before


def test_the_attempt_lasts_as_long_as_lambda_lets_it(replacing: World) -> None:
    with replacing.worker.attempt(created("05"), "me", 7_000) as attempt:
        etag, source = replacing.output.objects[KEY].etag, str(replacing.record[APPLIED_SOURCE])
        assert attempt == Attempt(ID, "me", 2, created("05").sequencer, etag, source)
        assert replacing.record[WORKER_UNTIL] == replacing.clock.now + 7_000 + 5_000
