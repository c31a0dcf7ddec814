"""Ways to break the protocol, from outside: a function is replaced for as long as a block lasts.

The shipped code has no switch for any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest import mock

from objectlock import attempts, lock
from objectlock.attempts import Attempt
from objectlock.clauses import owner_is
from objectlock.conditions import AllOf, Item
from objectlock.events import ObjectEvent
from objectlock.lock import Claim, Refusal
from objectlock.protocol import Decision, GaveUp, LockProtocol, Work
from objectlock.record import (
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    LEASE_EXPIRES_AT,
    OWNER,
    WORKER_UNTIL,
    Outcome,
    Transition,
)
from objectlock.sequencer import Sequencer
from objectlock.task import Task
from tests.memory import InMemoryOutput

Break = Callable[[], AbstractContextManager[object]]
ALWAYS: Final = AllOf(())  # a clause that holds of everything


def instead(owner: Any, name: str, by: Any) -> Break:
    return lambda: mock.patch.object(owner, name, by)


def together(*breaks: Break) -> Break:
    @contextmanager
    def both() -> Iterator[None]:
        with ExitStack() as stack:
            for each in breaks:
                stack.enter_context(each())
            yield

    return both


# --- the ways ------------------------------------------------------------------------------------------------


def numeric(object_id: str, text: str) -> Sequencer:
    return Sequencer(object_id, f"{int(text, 16):020x}")


def leaves(claim: Claim, item: Item, *, now: int) -> Refusal:
    found = lock.why_refused(claim, item, now=now)
    return Refusal.SUPERSEDED if found is Refusal.HELD else found


class _Trusted(Exception):
    """A stale verdict, and nobody looks."""


def trusting() -> AbstractContextManager[object]:
    take, acquire = LockProtocol._take, LockProtocol.acquire

    def taking(self: LockProtocol, claim: Claim, now: int) -> tuple[Outcome, Refusal | None]:
        outcome, refusal = take(self, claim, now)
        if refusal is Refusal.STALE:
            raise _Trusted
        return outcome, refusal

    def acquiring(self: LockProtocol, event: ObjectEvent, owner: str, **more: Any) -> Decision:
        try:
            return acquire(self, event, owner, **more)
        except _Trusted:
            return Decision(Work.STALE, "nobody has looked")

    return together(instead(LockProtocol, "_take", taking), instead(LockProtocol, "acquire", acquiring))()


def begins_for(milliseconds: int) -> Callable[..., Transition]:
    def begin_work(object_id: str, owner: str, *, now: int, milliseconds_left: int) -> Transition:
        right = attempts.begin_work(object_id, owner, now=now, milliseconds_left=milliseconds_left)
        until = now + milliseconds
        return replace(right, put={WORKER_UNTIL: until, LEASE_EXPIRES_AT: until})

    return begin_work


def watermark_first(self: LockProtocol, event: ObjectEvent, owner: str, milliseconds_left: int) -> Attempt:
    """The record says that the event was applied when its attempt begins."""
    attempt = _BEGIN_WORK(self, event, owner, milliseconds_left)
    applied = {APPLIED_SEQUENCER: attempt.newest.value, APPLIED_SOURCE: self._source_now(event)}
    self.store.apply(Transition(event.object_id, owner_is(owner), put=applied))
    return attempt


_BEGIN_WORK: Final = LockProtocol.begin_work


def gives_up_at_once(app: Any) -> Break:
    """The lock is freed although a worker may be running, when this function gives it up."""
    right = app.lock_protocol

    class Rash(LockProtocol):
        def give_up(self, object_id: str, owner: str) -> GaveUp:
            freed = Transition(object_id, owner_is(owner), remove=(OWNER, LEASE_EXPIRES_AT, WORKER_UNTIL))
            return GaveUp.FREED if self.store.apply(freed).accepted else GaveUp.HELD_NOTHING

    def rash() -> LockProtocol:
        return Rash(*(getattr(right(), name) for name in LockProtocol.__match_args__))

    return instead(app, "lock_protocol", rash)


class NeverRaised(Exception):
    """In place of an error that is looked out for."""


def _removed(self: InMemoryOutput, key: str, *, replaces: str) -> None:
    del replaces
    self.objects.pop(key, None)


UNCONDITIONAL: Final = together(
    instead(InMemoryOutput, "_check", lambda *_: None), instead(InMemoryOutput, "delete", _removed)
)
UNFORCED: Final = instead(Task, "has_to_look_again", property(lambda _: False))
