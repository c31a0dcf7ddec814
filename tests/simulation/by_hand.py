"""Worlds for unit tests, in which things happen one by one, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from objectlock.conditions import Item
from objectlock.ports import Label, Picture
from tests.memory import StoredObject
from tests.simulation import moves, system, user
from tests.simulation.choices import Record
from tests.simulation.lambdas import EXECUTIONS, Invocation
from tests.simulation.promises import Violation
from tests.simulation.settings import KEYS, small
from tests.simulation.timeline import Timeline
from tests.simulation.world import EPOCH_MS, Execution, World

KEY: Final = KEYS[0]
SYSTEM: Final = system.shipped()


def world(plan: str = "a", /, *decisions: int, **more: Any) -> World:
    """A small one in which nothing has happened yet."""
    return World(SYSTEM, small(plan, **more), Record(decisions), Timeline())


def changed(plan: str = "a", /, **more: Any) -> World:
    """One in which the user has done all, and no event is delivered yet."""
    found = world(plan, **more)
    for _ in plan:
        user.changes(found)
    return found


def started(plan: str = "a", /, **more: Any) -> World:
    """One in which the user has done all, and an execution has started for the first event."""
    found = changed(plan, **more)
    moves.delivers(found, 0)
    return found


def only(found: World) -> tuple[Execution, Invocation]:
    """The one execution that there is, and the one Lambda."""
    (execution,), (invocation,) = found.executions, found.invocations
    return execution, invocation


def call(found: World, *decisions: int) -> Invocation:
    """The one Lambda that there is makes its next call; the first decision is on what goes wrong there."""
    found.chooser = Record(decisions)
    (invocation,) = found.invocations
    moves.goes_on(found, invocation)
    return invocation


def until(found: World, state: str, method: str = "") -> World:
    """As soon as its one execution waits in that state, before such a call of its Lambda, all going well."""
    while found.executions[0].position.state != state or method not in str(found.invocations[0].stands_before):
        call(found)
    return found


def settled(found: World) -> World:
    """All who can go on have, one after the other, and nothing went wrong."""
    found.chooser = Record([])
    while found.invocations:
        moves.goes_on(found, found.invocations[0])
    return found


# --- for promises --------------------------------------------------------------------------------------------


A: Final = EXECUTIONS + "a"
LATER: Final = EPOCH_MS + 30_000
HELD: Final[Item] = {"owner": A, "lease_expires_at": LATER}
AT_WORK: Final[Item] = {**HELD, "worker_until": LATER - 1, "fencing_token": 3}


def by(caller: str = "a", /, *, token: int = 0, skew: int = 0, **state: Any) -> Invocation:
    """A Lambda of that execution, at work on that attempt."""
    payload = {"owner": EXECUTIONS + caller, "state": state}
    return Invocation(
        1, "ReleaseLockFunction", lambda *_: None, payload, KEY, caller, skew, EPOCH_MS + 20_000, 20_000, token=token
    )


def stored(token: int) -> StoredObject:
    """An output of that attempt, of no picture that there is."""
    return StoredObject(Picture(b"gray", "image/png"), Label("tag", "1018f", token))


def said(check: Callable[[], object]) -> str:
    """What a check says is broken; nothing where all is kept."""
    try:
        check()
    except Violation as violation:
        return str(violation)
    return ""
