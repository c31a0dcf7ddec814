"""Ways to break the protocol, from outside: a function is replaced for as long as a block lasts.

The shipped code has no switch for any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest import mock

from objectlock import attempts, comparison, lock, protocol
from objectlock.attempts import Attempt
from objectlock.clauses import owner_is
from objectlock.comparison import Kind
from objectlock.conditions import AllOf, Condition, Item
from objectlock.events import ObjectEvent
from objectlock.lock import Applied, Claim, Refusal
from objectlock.ports import Label, SourceObject
from objectlock.protocol import Decision, GaveUp, LockProtocol, Work
from objectlock.record import (
    APPLIED_AT,
    APPLIED_BY,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    LEASE_EXPIRES_AT,
    OUTPUT_ETAG,
    OWNER,
    WORKER_UNTIL,
    Transition,
)
from objectlock.sequencer import Sequencer
from objectlock.task import Task
from tests.memory import InMemoryOutput
from tests.simulation.lambdas import Call, ask, to_grayscale

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

    def taking(self: LockProtocol, claim: Claim, now: int) -> protocol._Taken:
        taken = take(self, claim, now)
        if taken.refusal is Refusal.STALE:
            raise _Trusted
        return taken

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


def unlocked(self: LockProtocol, event: ObjectEvent, owner: str, **more: Any) -> Decision:
    """A reconcile reads the input and writes the output itself, and asks for no lock."""
    if not event.is_reconcile:
        return _ACQUIRE(self, event, owner, **more)
    found = self.source.read(event.bucket, event.key)
    if isinstance(found, SourceObject):
        picture = to_grayscale(found.body)
        ask(Call("output", "put", (event.key, picture, Label(found.tag, event.sequencer.value, 0))))
    else:
        ask(Call("output", "remove", (event.key,)))
    return Decision(Work.STALE, "it was put right behind its back")


_ACQUIRE: Final = LockProtocol.acquire


def last_of_all(object_id: str) -> Sequencer:
    return Sequencer(object_id, "f")


def impatient(claim: Claim, now: int) -> Condition:
    return ALWAYS if _is_reconcile(claim) else _MAY_BE_TAKEN(claim, now)


_MAY_BE_TAKEN: Final = lock._may_be_taken


def lowers(claim: Claim, *, now: int, lease_ms: int) -> Transition:
    right = lock.grant(claim, now=now, lease_ms=lease_ms)
    overtaken = lock.grant_overtaken(claim, now=now, lease_ms=lease_ms)
    return replace(right, condition=overtaken.condition) if _is_reconcile(claim) else right


def _is_reconcile(claim: Claim) -> bool:
    return claim.sequencer == Sequencer.before_all(claim.object_id)


def untold(self: LockProtocol, claim: Claim, now: int) -> protocol._Taken:
    return _TAKE(self, claim, now)._replace(taken_from=None)


_TAKE: Final = LockProtocol._take


def names_alone(tag: str | None, made_from: str | None) -> Kind | None:
    return _KIND(tag, tag if tag is not None and made_from is not None else made_from)


_KIND: Final = comparison._kind


def applied_is_enough(record: Item, tag: str) -> bool:
    return record.get(APPLIED_SOURCE) == tag


def no_output_is_enough(record: Item, _tag: str) -> bool:
    return OUTPUT_ETAG not in record


def marked(claim: Claim, *, now: int, lease_ms: int) -> Transition:
    right = _GRANT_OVERTAKEN(claim, now=now, lease_ms=lease_ms)
    return replace(right, remove=tuple(name for name in right.remove if name not in _MARKS))


_GRANT_OVERTAKEN: Final = lock.grant_overtaken


def unmarked(owner: str, applied: Applied, *, now: int) -> Transition:
    right = _RELEASE_BEHIND(owner, applied, now=now)
    return replace(right, put={name: value for name, value in right.put.items() if name not in _MARKS})


_RELEASE_BEHIND: Final = lock.release_behind
_MARKS: Final = {APPLIED_AT, APPLIED_BY}


class NeverRaised(Exception):
    """In place of an error that is looked out for."""


def _removed(self: InMemoryOutput, key: str, *, replaces: str) -> None:
    del replaces
    self.objects.pop(key, None)


UNCONDITIONAL: Final = together(
    instead(InMemoryOutput, "_check", lambda *_: None), instead(InMemoryOutput, "delete", _removed)
)
MARKED: Final = together(instead(lock, "grant_overtaken", marked), instead(protocol, "grant_overtaken", marked))
UNMARKED: Final = together(instead(lock, "release_behind", unmarked), instead(protocol, "release_behind", unmarked))
UNFORCED: Final = instead(Task, "has_to_look_again", property(lambda _: False))
