"""Lockstep's own feed: the lock table under the real protocol, the shipped filter, the shipped exporter and loader."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from objectlock.record import APPLIED_AT, APPLIED_BY, OBJECT_ID
from tests.feed.locks import NO_IMAGE, AppliedChange, lock_world
from tests.feed.machine import PROFILE, FeedMachine, Told, in_order
from tests.feed.stream import Record, sequence_number
from tests.feed.world import FeedWorld, running

Change = tuple[str, bytes | None, int, bool]  # object, content, how far its execution gets at once, of which version

_OBJECTS = st.sampled_from(["a.jpg", "b/ä.jpg", "c.jpg"])
_PAUSES = st.sampled_from([0, 0, 1, 40])
_WHICH = st.integers(0, 5)
_STEPS = ["goes on", "goes on", "goes on", "is upgraded", "fails", "is stopped", "is reaped"]
_CHANGES = st.tuples(
    _OBJECTS,
    st.sampled_from([b"1", b"2", b"3", NO_IMAGE, None]),
    st.sampled_from([9, 9, 9, 9, 2, 1, 0]),
    st.sampled_from([False, False, False, True]),
)
_BY_HAND: list[dict[str, Any]] = [
    {},
    {"fencing_token": 1},
    {"record_since": 1, "fencing_token": 1},
    {"record_since": {"a": "map"}, "fencing_token": 1},
]


class LockFeedMachine(FeedMachine):
    """Users, executions that get into each other's way, and all that may happen to the feed meanwhile."""

    has_an_order = True  # one item for an object

    def begin(self) -> FeedWorld:
        world, self.lockstep = lock_world()
        self._poisoned: list[Record] = []
        self._months = 0
        return world

    # --- users and executions ---

    @initialize(changes=st.lists(_CHANGES, min_size=4, max_size=12), seconds=_PAUSES)
    def objects_have_changed(self, changes: list[Change], seconds: int) -> None:
        self.objects_change(changes, seconds)

    @rule(changes=st.lists(_CHANGES, min_size=2, max_size=8), seconds=_PAUSES)
    def objects_change(self, changes: list[Change], seconds: int) -> None:
        """How far their executions get at once: most of them to the end."""
        for key, body, steps, version_before in changes:
            execution = self.lockstep.change(key, body, version_before=version_before)
            for _ in range(steps):
                if execution in self.lockstep.running and execution.waiting_since is None:
                    self.lockstep.step(execution)
            self.world.clock.advance(seconds=seconds)

    @rule(steps=st.lists(st.tuples(_WHICH, st.sampled_from(_STEPS)), min_size=1, max_size=6))
    def executions_go_on(self, steps: list[tuple[int, str]]) -> None:
        for which, step in steps:
            if not self.lockstep.running:
                return
            execution = self.lockstep.running[which % len(self.lockstep.running)]
            match step:
                case "fails" if execution.is_granted and execution.applied is None:
                    self.lockstep.fail(execution)
                case "is upgraded":  # as an execution that does not name versions of its functions
                    execution.is_of_version_before = False
                    self.lockstep.step(execution)
                case "is stopped":
                    self.lockstep.abandon(execution, reaped=False)
                case "is reaped":
                    self.lockstep.abandon(execution, reaped=True)
                case _:
                    self.lockstep.step(execution)

    @precondition(lambda self: any(each.applied for each in self.lockstep.running))
    @rule()
    def a_waiting_event_goes_on_record_just_after_a_release(self) -> None:
        """The one write without a release that passes the filter."""
        holder = next(each for each in self.lockstep.running if each.applied)
        visitor = self.lockstep.change(holder.event.key, b"3")
        self.lockstep.store.before_register = lambda: self.lockstep.release(holder)
        self.lockstep.acquire(visitor)
        self.lockstep.store.before_register = None

    @precondition(lambda self: len(self._poisoned) < 3)
    @rule(item=st.sampled_from(_BY_HAND))
    def somebody_puts_a_lock_record_by_hand(self, item: dict[str, Any]) -> None:
        by_hand = {OBJECT_ID: f"by-hand-{len(self._poisoned)}", APPLIED_AT: 1, APPLIED_BY: "me", **item}
        record = self.lockstep.store.put_by_hand(by_hand)
        assert record is not None
        self._poisoned.append(record)

    @precondition(lambda self: self._months < 2 and self.lockstep.has_tombstone)
    @rule()
    def a_month_passes(self) -> None:
        """A stream keeps its records for a day, so that all that is in it has been delivered, or given up."""
        self._months += 1
        self.world.settle()
        self.lockstep.a_month_passes()

    # --- what the feed is to tell ---

    def told(self) -> list[Told]:
        return [Told(each.key, each.watermark, _matches(each), each.record) for each in self.lockstep.store.applied]

    def poisoned(self) -> list[Record]:
        return self._poisoned


def _matches(applied: AppliedChange) -> Any:
    def matches(change: Any) -> bool:
        return {**applied.change, **change} == {**change, **applied.change}

    return matches


TestLockFeed = LockFeedMachine.TestCase
TestLockFeed.settings = PROFILE


def test_changes_of_one_second_in_files_of_their_own_are_in_order_though_their_numbers_grow_by_a_digit() -> None:
    world, lockstep = lock_world()
    with running():
        for number in range(12):
            lockstep.run(lockstep.change("a.jpg", b"%d" % number))
            world.deliver(world.mapping.ready()[0])
    assert len(world.files) == len(world.lines) == 12
    assert len({len(sequence_number(record)) for record in world.stream.records}) == 2
    in_order(world.lines)
