"""Many events on one object, simulated: the shipped machine and handlers, and what Lockstep is compared with."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from PIL import Image

from benchmarks.cost import rivals
from benchmarks.cost.assumptions import DEFAULTS, Assumptions
from benchmarks.cost.clockwork import TimedWorld, counted
from benchmarks.cost.paths import CREATION, DELETION, KEY, event
from benchmarks.cost.usage import Usage
from benchmarks.cost.watching import watched
from tests.simulation import system
from tests.simulation.world import System

WITHIN_MS: Final = 10_000
DELAY_MS: Final = (200, 2_000)  # until an event is delivered: S3 says "typically in seconds"
SPREAD: Final = 0.5
SIZES: Final = (1, 10, 50, 100, 500, 1000)
WORK_MS: Final = (150, 5_000)  # of a conversion: a photo, and a long film
SEEDS: Final = 100  # bursts that are looked at for their end
DELETED: Final = 0.3  # share of the changes that delete the object, where some do

LOCKSTEP: Final = "Lockstep"
SLEEPING: Final = "sleeping Lambda"
PLAIN: Final = "plain trigger"


@dataclass(frozen=True)
class Burst:
    """What came of one.

    Attributes:
        quiet_after: seconds from the last change until nothing was left to do.
        outcomes: how many executions ended how.
        most_at_once: the most Lambdas that ran at the same time.
        is_right: the output is that of the last change.
    """

    events: int
    usage: Usage
    quiet_after: float
    outcomes: Mapping[str, int]
    most_at_once: int
    is_right: bool


def burst(name: str, events: int, *, seed: int = 0, deleted: float = 0, assumptions: Assumptions = DEFAULTS) -> Burst:
    """Let a user change one object so many times, at random moments; the same seed makes the same moments.

    Args:
        name: of the system.
        events: how many changes.
        seed: of all that is left to chance.
        deleted: share of the changes that delete the object; the others overwrite it.
        assumptions: how long things take; a conversion, up to a half more or less where there are several.
    """
    usage = Usage()
    spread = SPREAD if events > 1 else 0
    world = TimedWorld(SYSTEMS[name](usage), assumptions, usage, seed=seed, spread=spread)
    random = Random(seed)  # noqa: S311  # nothing is secret
    moments = sorted(random.uniform(0, WITHIN_MS) for _ in range(events))
    for number, moment in enumerate(moments):
        change = _delete if random.random() < deleted else _put
        world.at(moment, partial(change, world, number, random.uniform(*DELAY_MS)))
    with watched(usage):
        world.run()
    if name != LOCKSTEP:  # S3 calls the function itself, which has no log lines of its own and is not traced
        usage.events = usage.executions = usage.log_bytes = 0
    outcomes = {each: count for each, count in world.seen.items() if each not in _NO_OUTCOMES}
    quiet_after = (world.elapsed_ms - moments[-1]) / 1000
    return Burst(events, usage, quiet_after, outcomes, world.most_at_once, _is_right(world))


def wrong_ends(name: str, events: int, *, assumptions: Assumptions, deleted: float, seeds: int = SEEDS) -> int:
    """Of so many bursts, how many leave an output that is not that of the last change."""
    bursts = (burst(name, events, seed=seed, assumptions=assumptions, deleted=deleted) for seed in range(seeds))
    return sum(not each.is_right for each in bursts)


def _put(world: TimedWorld, number: int, delay_ms: float) -> None:
    """The user puts another photo, and S3 tells of it a while later."""
    out = io.BytesIO()
    Image.new("RGB", (1, 1), (number % 256, number // 256, 0)).save(out, "BMP")
    world.source.put(world.system.input_bucket, KEY, out.getvalue())
    _tell(world, number, delay_ms, CREATION)


def _delete(world: TimedWorld, number: int, delay_ms: float) -> None:
    world.source.delete(world.system.input_bucket, KEY)
    _tell(world, number, delay_ms, DELETION)


def _tell(world: TimedWorld, number: int, delay_ms: float, what: str) -> None:
    told = event(world.system.input_bucket, KEY, number + 1, what)
    world.after(delay_ms, partial(world.tell_of, told))


def _is_right(world: TimedWorld) -> bool:
    """Whether the output is of the input as it is, and as that is absent where that is."""
    stored, last = world.output.objects.get(KEY), world.source.tag(world.system.input_bucket, KEY)
    return (stored and stored.label.source) == last


def _lockstep(usage: Usage) -> System:
    return counted(system.shipped(), usage)


SYSTEMS: Final[Mapping[str, Callable[[Usage], System]]] = {
    LOCKSTEP: _lockstep,
    SLEEPING: lambda _: rivals.sleeping(),
    PLAIN: lambda _: rivals.plain(),
}
_NO_OUTCOMES: Final = Counter({"executions": 1, "invocations": 1, "calls": 1})
