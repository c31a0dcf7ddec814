"""The protocol, broken on purpose in one place. The simulation has to notice each, or to show what covers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Final

import reaper.app
import release_lock.app
from objectlock import attempts, comparison, lock, protocol, work
from objectlock.clauses import token_is
from objectlock.events import ObjectEvent
from objectlock.protocol import LockProtocol
from objectlock.sequencer import Sequencer
from tests.memory import InMemoryOutput
from tests.simulation import origin, system
from tests.simulation.breaks import (
    ALWAYS,
    MARKED,
    UNCONDITIONAL,
    UNFORCED,
    UNMARKED,
    Break,
    NeverRaised,
    applied_is_enough,
    begins_for,
    gives_up_at_once,
    impatient,
    instead,
    last_of_all,
    leaves,
    lowers,
    names_alone,
    no_output_is_enough,
    numeric,
    together,
    trusting,
    unlocked,
    untold,
    watermark_first,
)
from tests.simulation.exhaustive import Exhaustive, Explored
from tests.simulation.search import Finding, Simulation
from tests.simulation.settings import Settings, small
from tests.simulation.world import System

WRONG: Final = "in the end every output is that of its input"
HELD: Final = "in the end no lock is held"
OUT_OF_STEP: Final = "what was reconciled is in step after 1 round"


_AS_SHIPPED: Final[dict[str, Explored | Finding]] = {}


@dataclass(frozen=True)
class Variant:
    """One way in which the protocol might be wrong.

    Attributes:
        what: what is wrong, in words.
        apply: breaks it, for as long as the block lasts.
        world: what it is looked at in.
        broken: the promise that is not kept then; empty where all are.
        ends: the promise that is not kept in the end; empty where all are.
        covered_by: where all are kept in the end, the guarantee that stands in.
        within: after how many schedules at random it has been found.
        user_pace: in those, how fast the user is against the others.
        likely: in those, how likely a mishap is at a call to AWS.
    """

    name: str
    what: str
    apply: Break
    world: Settings
    broken: str
    ends: str = ""
    covered_by: str = ""
    within: int = 100
    user_pace: float = 0.1
    likely: float = 0.15
    make: Callable[[], System] = system.shipped

    @contextmanager
    def applied(self) -> Iterator[None]:
        """It is broken, and its functions run."""
        with system.running(self.world.environment), self.apply():
            yield

    def as_shipped(self) -> Explored | Finding:
        """What there is to see in its world where nothing is broken."""
        world = repr(self.world)  # several are looked at in the same one
        if world not in _AS_SHIPPED:
            with system.running(self.world.environment):
                _AS_SHIPPED[world] = Exhaustive(system.shipped(), self.world).run()
        return _AS_SHIPPED[world]

    def at_random(self, *, ends_only: bool = False) -> Simulation:
        """Schedules of its world, in which some Lambdas are slow, and the user may be."""
        world = replace(self.world, uneven=True, user_pace=self.user_pace, likely=self.likely)
        return Simulation(self.make(), lambda _: world, ends_only)

    def every(self, *, ends_only: bool = False) -> Exhaustive:
        """Every schedule of its world."""
        return Exhaustive(self.make(), self.world, ends_only)


VARIANTS: Final = (
    Variant(
        "origin-older-state",
        "the protocol that Lockstep comes from, as published: its condition does not look at the sequencer",
        nullcontext,
        small("a-b"),
        WRONG,
        WRONG,
        make=origin.published,
    ),
    Variant(
        "origin-stuck",
        "the same: an error in the work leaves the flag set, and every retry says that the sequencer is old",
        nullcontext,
        small("a", errors=1),
        HELD,
        HELD,
        make=origin.published,
    ),
    Variant(
        "release-any-owner",
        "release does not check the owner",
        instead(lock, "attempt_is", lambda _owner, token: token_is(token)),
        small("a", silences=1, duplicates=1, delays=1),
        "nobody changes another's owner",
        covered_by="the fencing token in the same condition: the new owner has not begun, and begin_work sends it back",
        within=2_000,
    ),
    Variant(
        "no-sequencer-clause",
        "the lock is granted whatever the watermark says",
        instead(lock, "event_is_new", lambda _: ALWAYS),
        small("ab", duplicates=1),
        "a stale event causes no write",
        covered_by="level-triggered work: whoever is granted the lock reads the input as it is; only work is lost",
    ),
    Variant(
        "numeric-sequencers",
        "sequencers are compared as numbers, not padded on the right",
        instead(Sequencer, "parse", staticmethod(numeric)),
        small("ab"),
        "who leaves leaves a newer event on record",
        WRONG,
    ),
    Variant(
        "stale-on-trust",
        "a stale verdict is not confirmed by a look at the input",
        trusting,
        small("abv", versioned=True, in_order=False, calm=True),
        "a stale verdict is confirmed by a look at the input",
        WRONG,
    ),
    Variant(
        "waiters-leave",
        "who finds the lock held leaves, also where no newer event is on record",
        instead(protocol, "why_refused", leaves),
        small("ab"),
        "who leaves leaves a newer event on record",
        WRONG,
    ),
    Variant(
        "two-attempts",
        "an attempt begins although another may be running",
        instead(attempts, "no_attempt_in_flight", lambda _: ALWAYS),
        small("a-", ambiguities=1, jitter=True),
        "only one attempt is at work on an object",
        WRONG,
    ),
    Variant(
        "short-lease",
        "the lease, and the attempt on record, end before the worker does",
        instead(protocol, "begin_work", begins_for(3_000)),
        small("ab", delays=1),
        "an attempt is on record for as long as its Lambda may run",
        covered_by="the conditional write and the forced second look, but for the gap that protocol.md names",
    ),
    Variant(
        "rash-failure-release",
        "ReleaseLockAfterFailure frees the lock under a running worker",
        gives_up_at_once(release_lock.app),
        small("a-", failures=1),
        "nobody changes another's worker_until",
        WRONG,
    ),
    Variant(
        "rash-reaper",
        "the reaper frees the lock under a running worker",
        gives_up_at_once(reaper.app),
        small("a-", stops=1),
        "nobody changes another's worker_until",
        WRONG,
    ),
    Variant(
        "watermark-first",
        "the watermark moves when the attempt begins, before the write",
        instead(LockProtocol, "begin_work", watermark_first),
        small("a", refusals=1),
        WRONG,
        WRONG,
    ),
    Variant(
        "unconditional-write",
        "the output is written whatever is there",
        UNCONDITIONAL,
        small("ab", early=1),
        "",
        covered_by="the forced second look: who has lost its lease makes the output anew",
    ),
    Variant(
        "no-forced-acquire",
        "who has lost its lease asks for the lock as if nothing had happened",
        UNFORCED,
        small("ab", early=1),
        "",
        covered_by="the conditional write, which refuses to write over what is newer",
    ),
    Variant(
        "unconditional-and-unforced",
        "both of these",
        together(UNCONDITIONAL, UNFORCED),
        small("ab", early=1),
        WRONG,
        WRONG,
        within=2_000,
    ),
    Variant(
        "doubt-is-over",
        "a write that got no answer counts as over",
        instead(work, "WriteInDoubt", NeverRaised),
        small("a-", doubts=1),
        "only one attempt is at work on an object",
        WRONG,
        within=2_000,
        user_pace=0.3,
        likely=0.6,
    ),
    Variant(
        "reconcile-invents-order",
        "a reconcile has a sequencer, later than all, as if made from the time",
        instead(Sequencer, "before_all", staticmethod(last_of_all)),
        small("ab", reconciles=1),
        "newest_sequencer is that of an event",
        WRONG,
    ),
    Variant(
        "reconcile-lowers-the-mark",
        "a reconcile puts itself on record as the newest",
        instead(protocol, "grant", lowers),
        small("a", reconciles=1),
        "newest_sequencer never goes back",
        "in the end the newest event of cat.png is the one applied",
    ),
    Variant(
        "reconcile-unforced",
        "a reconcile obeys the watermark, like an event",
        instead(ObjectEvent, "is_reconcile", property(lambda _: False)),
        small("a", deletions=1),
        "a reconcile always looks",
        OUT_OF_STEP,
    ),
    Variant(
        "reconcile-does-not-wait",
        "a reconcile takes the lock whoever holds it",
        instead(lock, "_may_be_taken", impatient),
        small("ab", reconciles=1),
        "nobody changes another's owner",
        covered_by="one attempt at a time: it waits for the worker, whose execution is told that its lease is lost",
    ),
    Variant(
        "reconcile-behind-its-back",
        "a reconcile writes the output itself, without the lock",
        instead(LockProtocol, "acquire", unlocked),
        small("ab", reconciles=1),
        "a reconcile always looks",
        WRONG,
    ),
    Variant(
        "done-on-record",
        "what the record says is done is done, and nobody looks at the output",
        instead(InMemoryOutput, "shows", lambda *_: True),
        small("a", deletions=1),
        OUT_OF_STEP,
        OUT_OF_STEP,
    ),
    Variant(
        "compares-names-alone",
        "the operator compares what there is, and not what it was made from",
        instead(comparison, "_kind", names_alone),
        small("a", overwrites=1),
        WRONG,
        WRONG,
    ),
    Variant(
        "lost-taken-for-rejected",
        "an input that was applied and has no output is taken for rejected, although an output is on record",
        instead(comparison, "_is_rejected", applied_is_enough),
        small("a", deletions=1),
        WRONG,
        WRONG,
    ),
    Variant(
        "unseen-taken-for-rejected",
        "an input is taken for rejected if no output is on record, whichever input was applied, or none",
        instead(comparison, "_is_rejected", no_output_is_enough),
        small("a", backfill=1),
        WRONG,
        WRONG,
    ),
    Variant(
        "taken-over-unsaid",
        "who takes a lock over from an owner whose lease has ended does not say so",
        instead(LockProtocol, "_take", untold),
        small("a", stops=1, lost_reports=1),
        "who takes a lock over says from whom",
        covered_by="the lock itself, which is taken all the same: only nobody hears of it",
    ),
    Variant(
        "told-while-held",
        "who takes the lock leaves the mark of what was applied, so that the change feed has its writes too",
        MARKED,
        small("ab"),
        "nothing is told of a record in use",
        covered_by="the exporter, which leaves records in use out; and its readers, as a release has the last word",
    ),
    Variant(
        "applied-untold",
        "a release does not mark what was applied, so that the change feed has nothing",
        UNMARKED,
        small("a"),
        "what was applied is told, and by whom",
        "in the end the feed tells of",
    ),
)
