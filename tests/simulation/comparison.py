"""The operator, who compares both buckets once it is quiet, and has reconciled what is out of step.

What is out of step the shipped comparison says. Only objects that were damaged are looked at: the others must come
right by themselves.
"""

from __future__ import annotations

from typing import Final

from objectlock.comparison import Comparison, Finding, Kind
from tests.simulation.promises import promise
from tests.simulation.world import World

MOST_ROUNDS: Final = 1  # after the last damage; a comparison follows each


def due(world: World) -> list[str]:
    """What is to be reconciled. An object is forgotten as damaged once it is not, rejected ones among them.

    Raises: Violation where an object stays out of step however often it is reconciled.
    """
    for key in [key for key in world.damaged if not _is_to_be_repaired(found(world, key))]:
        del world.damaged[key]
    for key, rounds in sorted(world.damaged.items()):
        words = f"what was reconciled is in step after {MOST_ROUNDS} round"
        promise(rounds < MOST_ROUNDS, f"{words}, but {key}")
    return sorted(world.damaged)


def reconciles(world: World, keys: list[str]) -> None:
    """One round: an execution for each."""
    world.say("operator", f"compares the buckets: {', '.join(keys)} out of step")
    for key in keys:
        world.seen["found out of step"] += 1
        world.damaged[key] += 1
        world.reconcile(key)


def at_any_time(world: World, key: str) -> None:
    """Without any comparison, and whatever is going on."""
    world.spend("reconciles")
    world.reconcile(key)


def found(world: World, key: str) -> Finding | None:
    """What the shipped comparison says of the object, by the listing of the bucket that has it."""
    shipped = Comparison(world.source, world.output, world.locks, world.system.input_bucket)
    return shipped.compare_output(key) if world.input(key) is None else shipped.compare(key)


def _is_to_be_repaired(finding: Finding | None) -> bool:
    """As without `--rejected`."""
    return finding is not None and finding.kind is not Kind.REJECTED
