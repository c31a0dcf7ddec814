"""What each way of an event through the system uses, counted while the shipped machine and handlers go it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from benchmarks.cost.assumptions import DEFAULTS, Assumptions
from benchmarks.cost.clockwork import TimedWorld, counted
from benchmarks.cost.usage import Usage
from benchmarks.cost.watching import watched
from objectlock.record import LEASE_EXPIRES_AT, NEWEST_SEQUENCER, OBJECT_ID, OWNER
from tests.simulation import system
from tests.simulation.lambdas import EXECUTIONS
from tests.simulation.settings import DELETE, NO_IMAGE
from tests.simulation.user import picture
from tests.simulation.world import Event

KEY: Final = "photos/2026/11/IMG_0001.jpg"
SOMEBODY: Final = f"{EXECUTIONS}{'0' * 73}"
RECONCILE: Final = "Object Reconcile"  # our own: it has no sequencer
CREATION: Final = "Object Created"
DELETION: Final = "Object Deleted"
ROUND_MS: Final = 2_000  # RetryIntervalSeconds

CREATED: Final = "created"
DELETED: Final = "deleted"
FIRST_ROUND: Final = "a round of waiting, the first"
ROUND: Final = "a round of waiting, each further"
STALE: Final = "stale"
REJECTED: Final = "rejected, not an image"


@dataclass(frozen=True)
class Measured:
    """All ways, and what they have in common.

    Attributes:
        ways: what each uses, by its name.
        metrics: names of the custom metrics that they wrote.
    """

    ways: Mapping[str, Usage]
    metrics: frozenset[str]


class Bench:
    """One world, in which one thing after the other happens, and what it used."""

    def __init__(self, assumptions: Assumptions) -> None:
        self.usage, self.metrics = Usage(), set[str]()
        self.world = TimedWorld(counted(system.shipped(), self.usage), assumptions, self.usage)
        self._number = 0

    def change(self, change: str) -> Event:
        """The user changes the object; the event is not delivered yet."""
        self._number += 1
        world = self.world
        if change == DELETE:
            world.source.delete(world.system.input_bucket, KEY)
        else:
            world.source.put(world.system.input_bucket, KEY, picture(change))
        return event(world.system.input_bucket, KEY, self._number, DELETION if change == DELETE else CREATION)

    def hear(self, told: Event) -> None:
        """The event is delivered, and all that comes of it."""
        with watched(self.usage) as log:
            self.world.tell_of(told, is_from_s3=told.input["detail-type"] != RECONCILE)
            self.world.run()
        self.metrics |= log.metrics

    def hold(self, *, newest: int = 0, until_ms: float | None = None) -> None:
        """Somebody else holds the lock; until that many milliseconds from now."""
        world = self.world
        object_id = f"{world.system.input_bucket}/{KEY}"
        world.locks.items[object_id] = {
            OBJECT_ID: object_id,
            OWNER: SOMEBODY,
            LEASE_EXPIRES_AT: world.now + 600_000,
            NEWEST_SEQUENCER: sequencer(newest),
        }
        if until_ms is not None:
            world.after(until_ms, partial(world.locks.items.pop, object_id))

    def forget_so_far(self) -> Usage:
        return copy.deepcopy(self.usage)


def sequencer(number: int) -> str:
    """As long as S3's, and in order."""
    return f"006{number:013X}AB"


def event(bucket: str, key: str, number: int, what: str) -> Event:
    """As EventBridge delivers it."""
    about: dict[str, Any] = {"key": key, "size": 0 if key.endswith("/") else 2_000_000}
    if what != RECONCILE:
        about["sequencer"] = sequencer(number)
    detail = {"bucket": {"name": bucket}, "object": about}
    return Event(key, sequencer(number), {"source": "aws.s3", "detail-type": what, "detail": detail})


# --- the ways ------------------------------------------------------------------------------------------------

_Way = Callable[[Bench], Usage]


def _last(bench: Bench, told: Event) -> Usage:
    """What only the last event uses."""
    before = bench.forget_so_far()
    bench.hear(told)
    return bench.usage - before


def _created(bench: Bench) -> Usage:
    return _last(bench, bench.change("a"))


def _deleted(bench: Bench) -> Usage:
    bench.hear(bench.change("a"))
    return _last(bench, bench.change(DELETE))


def _duplicate(bench: Bench) -> Usage:
    told = bench.change("a")
    bench.hear(told)
    return _last(bench, told)


def _stale(bench: Bench) -> Usage:
    older, newer = bench.change("a"), bench.change("b")
    bench.hear(newer)
    return _last(bench, older)


def _superseded(bench: Bench) -> Usage:
    told = bench.change("a")
    bench.hold(newest=9)
    return _last(bench, told)


def _waits(bench: Bench, rounds: int) -> Usage:
    told = bench.change("a")
    bench.hold(until_ms=ROUND_MS * (rounds - 0.5))
    return _last(bench, told)


def _first_round(bench: Bench) -> Usage:
    return _waits(bench, 1) - _created(Bench(bench.world.assumptions))


def _round(bench: Bench) -> Usage:
    return _waits(bench, 2) - _waits(Bench(bench.world.assumptions), 1)


def _gives_up(bench: Bench) -> Usage:
    told = bench.change("a")
    bench.hold()
    return _last(bench, told)


def _rejected(bench: Bench) -> Usage:
    return _last(bench, bench.change(NO_IMAGE))


def _folder(bench: Bench) -> Usage:
    return _last(bench, event(bench.world.system.input_bucket, "photos/", 1, CREATION))


def _in_step(bench: Bench) -> Usage:
    bench.hear(bench.change("a"))
    return _last(bench, event(bench.world.system.input_bucket, KEY, 0, RECONCILE))


def _repaired(bench: Bench) -> Usage:
    bench.hear(bench.change("a"))
    bench.world.output.objects.pop(KEY)
    return _last(bench, event(bench.world.system.input_bucket, KEY, 0, RECONCILE))


def _backfilled(bench: Bench) -> Usage:
    bench.change("a")
    return _last(bench, event(bench.world.system.input_bucket, KEY, 0, RECONCILE))


WAYS: Final[Mapping[str, _Way]] = {
    CREATED: _created,
    DELETED: _deleted,
    FIRST_ROUND: _first_round,
    ROUND: _round,
    "gives up after 60 s of waiting": _gives_up,
    STALE: _stale,
    "a duplicate": _duplicate,
    "superseded": _superseded,
    "a folder": _folder,
    REJECTED: _rejected,
    "reconcile: in step after all": _in_step,
    "reconcile: its output was lost": _repaired,
    "reconcile: never seen before": _backfilled,
}


def measured(assumptions: Assumptions = DEFAULTS) -> Measured:
    """Go every way once."""
    _created(Bench(assumptions))  # the first invocation in a process logs that it is
    metrics: set[str] = set()
    ways: dict[str, Usage] = {}
    for name, way in WAYS.items():
        bench = Bench(assumptions)
        ways[name] = way(bench)
        metrics |= bench.metrics
    return Measured(ways, frozenset(metrics))
