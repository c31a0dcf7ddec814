"""One attempt at a time at the work on one object: pure functions to ONE conditional write, as in `objectlock.lock`."""

from __future__ import annotations

from dataclasses import dataclass

from objectlock.clauses import attempt_is, lease_is_live, no_attempt_in_flight, owner_is
from objectlock.conditions import AllOf, Item, Value
from objectlock.record import (
    APPLIED_SOURCE,
    CLOCK_MARGIN_MS,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OUTPUT_ETAG,
    WORKER_UNTIL,
    Transition,
)
from objectlock.sequencer import Sequencer


@dataclass(frozen=True, slots=True)
class OutputObject:
    """What is known of an output without reading it.

    Attributes:
        token: fencing token of the attempt that wrote it; 0 where it does not say.
    """

    etag: str
    token: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at the work, as it is on record.

    Attributes:
        token: fencing token; no other attempt at this object has it, and later ones have higher ones.
        newest: the newest event on record as the attempt began; what is read after that shows its effect.
        output_etag: the output that this attempt is to replace; None where there is none.
        source: tag of the input that it was made from, or "absent"; None where nothing was applied yet.
    """

    object_id: str
    owner: str
    token: int
    newest: Sequencer
    output_etag: str | None
    source: str | None

    @classmethod
    def begun(cls, owner: str, sequencer: Sequencer, item: Item) -> Attempt:
        """Read it off the item that `begin_work` has left. Where no event is on record, ours is the newest."""
        newest = Sequencer(sequencer.object_id, str(item.get(NEWEST_SEQUENCER, sequencer.value)))
        etag, source = (None if each is None else str(each) for each in map(item.get, (OUTPUT_ETAG, APPLIED_SOURCE)))
        return cls(sequencer.object_id, owner, int(item[FENCING_TOKEN]), newest, etag, source)


def begin_work(object_id: str, owner: str, *, now: int, milliseconds_left: int) -> Transition:
    """Begin an attempt, the only one, and make the lease outlast it: Lambda ends it in `milliseconds_left`."""
    worker_until = now + milliseconds_left + CLOCK_MARGIN_MS
    return Transition(
        object_id,
        AllOf((owner_is(owner), lease_is_live(now), no_attempt_in_flight(now))),
        put={WORKER_UNTIL: worker_until, LEASE_EXPIRES_AT: worker_until + CLOCK_MARGIN_MS},
        add={FENCING_TOKEN: 1},
    )


def is_only_early(owner: str, item: Item, *, now: int) -> bool:
    """Whether the item refused `begin_work` to its owner because an earlier attempt may be running."""
    return owner_is(owner).holds(item) and not no_attempt_in_flight(now).holds(item)


def end_work(attempt: Attempt) -> Transition:
    """An attempt has ended in an error: the next one need not wait for it. Success is recorded by `release`."""
    return Transition(attempt.object_id, attempt_is(attempt.owner, attempt.token), remove=(WORKER_UNTIL,))


def note_output(attempt: Attempt, found: OutputObject | None, *, now: int) -> Transition:
    """Put on record what was found in place of the output that was to be replaced, and end the attempt.

    From which input that was made is not known: should nobody replace it, no event may be stale for it. A token above
    ours that has no record is of a record that was lost: tokens go on from there.
    """
    put: dict[str, Value] = {FENCING_TOKEN: attempt.token}
    remove = [WORKER_UNTIL, APPLIED_SOURCE]
    if found is None:
        remove.append(OUTPUT_ETAG)
    else:
        put |= {OUTPUT_ETAG: found.etag, FENCING_TOKEN: max(found.token, attempt.token)}
    return Transition(
        attempt.object_id, AllOf((attempt_is(attempt.owner, attempt.token), lease_is_live(now))), put, tuple(remove)
    )
