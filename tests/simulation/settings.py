"""What a simulated world is made of: what the user does, what may go wrong, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.simulation.choices import Chooser

# What may go wrong. Each has a number in a world: how often it may happen there.
MISHAPS: Final[Mapping[str, str]] = {
    "duplicates": "an event is delivered again, or two executions are started for one delivery",
    "errors": "a call to AWS fails, without effect",
    "losses": "a call to AWS has its effect, but fails",
    "repeats": "the answer of a call to DynamoDB is lost, and the client makes the call again",
    "doubts": "a write to S3 has no answer, and takes effect later or never",
    "refusals": "a call to AWS is refused for good",
    "kills": "a Lambda ends, before or after a call",
    "throttles": "a Lambda is not run, and its execution is told so",
    "ambiguities": "an execution is told that its Lambda has failed, but that goes on",
    "silences": "an execution hears nothing of its Lambda, which goes on",
    "failures": "an execution is told of an error that is not tried again, and its Lambda goes on",
    "stops": "an execution is stopped, and its Lambda goes on",
    "timeouts": "an execution reaches the time limit of the state machine, and its Lambda goes on",
    "lost_reports": "the reaper does not hear of an execution that ended",
    "delays": "time passes although somebody could go on",
    "expiries": "the record of a deleted object is deleted by its TTL",
    "early": "a lease and the attempt on record end before the worker does, which must not be",
}
WITHIN_ASSUMPTIONS: Final = tuple(mishap for mishap in MISHAPS if mishap != "early")

# What no event tells of. It stays as it is until somebody compares the buckets and reconciles what is out of step.
DAMAGE: Final[Mapping[str, str]] = {
    "deletions": "an output is deleted by hand",
    "overwrites": "an output is overwritten by hand",
    "strays": "an output appears where there is none, put by hand",
    "lost_records": "a lock record is lost, whoever holds the lock",
    "restores": "a lock record is what it was at an earlier time, as from a backup, whoever holds the lock",
    "lost_events": "an event is lost for good",
}
# Not a mishap: what the operator does besides, whatever is going on.
RECONCILES: Final = "reconciles"
LIMITED: Final[Mapping[str, str]] = {**MISHAPS, **DAMAGE, RECONCILES: "the operator reconciles an object"}

# After one of these, once, no execution fails; after damage the operator has to reconcile, and that is all.
PASSING: Final = frozenset(
    {"errors", "losses", "repeats", "doubts", "kills", "throttles", "ambiguities", "silences", "duplicates", "expiries"}
    | {*DAMAGE, RECONCILES}
)

KEYS: Final = ("cat.png", "dog.png", "owl.png", "fox.png")
PUTS: Final = "abc"  # pictures; an old one may come back
NO_IMAGE: Final = "x"
DELETE: Final = "-"
DELETE_NEWEST: Final = "v"  # the newest version, or the delete marker: what was before is back
DELETE_OLDER: Final = "w"  # a version that is not the newest: nothing changes but that there is an event


@dataclass(frozen=True)
class Settings:
    """One kind of world.

    Attributes:
        plan: key and change, in the order in which the user makes them.
        mishaps: how often each may happen, of damage and reconciles too; those left out never do.
        backfill: how many of the changes the user has made before there was anybody to tell of them.
        skews: by how many ms the clocks of Lambdas may be fast.
        tick_ms: how long a call to AWS takes.
        in_order: whether sequencers follow the order of changes across versions too, as S3 documents it per key.
        calm: whether an event is delivered only when no execution of its object runs.
        uneven: whether some Lambdas are much slower than others.
        user_pace: how fast the user is, against the others.
        likely: how likely a mishap is at a call to AWS, as long as one may happen there.
        retry_interval_seconds: how long an execution waits before it asks for a held lock again.
        wait_limit_seconds: how long it may find the lock held.
        jitter: whether a retry may come at once as well as after its whole interval.
    """

    plan: tuple[tuple[str, str], ...]
    mishaps: Mapping[str, int] = field(default_factory=dict)
    backfill: int = 0
    versioned: bool = False
    skews: tuple[int, ...] = (0,)
    tick_ms: int = 0
    in_order: bool = True
    calm: bool = False
    uneven: bool = False
    user_pace: float = 1
    likely: float = 0.15
    retry_interval_seconds: int = 2
    wait_limit_seconds: int = 60
    jitter: bool = True

    @property
    def environment(self) -> dict[str, str]:
        """What the functions find in their environment, beside the template's defaults."""
        return {
            "RETRY_INTERVAL_SECONDS": str(self.retry_interval_seconds),
            "LOCK_WAIT_SECONDS": str(self.wait_limit_seconds),
        }

    @property
    def is_mild(self) -> bool:
        """Whether at most one thing goes wrong, and one that passes: then no execution fails."""
        return sum(self.mishaps.values()) <= 1 and self.mishaps.keys() <= PASSING and not self.tick_ms

    def __str__(self) -> str:
        """In words."""
        keys = dict.fromkeys(key for key, _ in self.plan)
        plan = ", ".join(f"{key} {''.join(change for of, change in self.plan if of == key)}" for key in keys)
        words = [plan, "versioned" if self.versioned else "", f"{self.tick_ms} ms a call" if self.tick_ms else ""]
        words += ["sequencers out of order" if not self.in_order else "", "calm" if self.calm else ""]
        words += ["skewed clocks" if any(self.skews) else "", f"backfill={self.backfill}" if self.backfill else ""]
        words += [f"{name}={most}" for name, most in self.mishaps.items() if most]
        return "; ".join(word for word in words if word)


def script(changes: str, key: str = KEYS[0]) -> tuple[tuple[str, str], ...]:
    """The plan of one object."""
    return tuple((key, change) for change in changes)


def small(changes: str, *, jitter: bool = False, **more: Any) -> Settings:
    """A world of one object, small enough to go through all of it: who waits does so until things have changed.

    `more` are mishaps, damage and reconciles, how often they may happen, and other settings, by their names.
    """
    mishaps = {name: more.pop(name) for name in LIMITED if name in more}
    return Settings(script(changes), mishaps, retry_interval_seconds=60, wait_limit_seconds=600, jitter=jitter, **more)


def swarm(
    chooser: Chooser, *, keys: int = 3, changes: int = 6, most: int = 3, exactly: bool = False, **fixed: object
) -> Settings:
    """A world in which each kind of mishap is on or off at random (Groce and others, "Swarm Testing", 2012).

    In half of the worlds the operator reconciles objects at any time. In a third there is damage, and the operator
    compares the buckets once it is quiet.

    Args:
        chooser: decides.
        keys: how many objects at most.
        changes: how many changes of each at most.
        most: how often a mishap that is on may happen.
        exactly: as many keys and changes as that.
        fixed: settings that are not left to chance.
    """

    def up_to(number: int) -> int:
        return number if exactly else 1 + chooser.choose([1] * number)

    names = KEYS[: up_to(keys)]
    versioned = bool(chooser.choose([1, 1]))
    kinds = [*PUTS, DELETE, NO_IMAGE, DELETE_NEWEST, DELETE_OLDER]
    weights = [4, 4, 2, 4, 1, *([2, 1] if versioned else [0, 0])]
    left = {name: up_to(changes) for name in names}
    plan = []
    while left:
        name = list(left)[chooser.choose([1] * len(left))]
        plan.append((name, kinds[chooser.choose(weights)]))
        left[name] -= 1
        if not left[name]:
            del left[name]
    mishaps = {mishap: 1 + chooser.choose([1] * most) for mishap in _kinds(chooser)}
    skews = [(0,), (0, 2500, 5000)][chooser.choose([1, 1])]
    tick_ms = [0, 20, 200, 1000][chooser.choose([2, 1, 1, 1])]
    user_pace, uneven = [1, 0.1, 0.01][chooser.choose([2, 1, 1])], bool(chooser.choose([1, 1]))
    mishaps |= {RECONCILES: 1 + chooser.choose([1] * most)} if chooser.choose([1, 1]) else {}
    backfill = 0
    if chooser.choose([2, 1]):
        mishaps |= {damage: 1 + chooser.choose([1] * most) for damage in DAMAGE if chooser.choose([2, 1])}
        backfill = chooser.choose([1] * (len(plan) + 1)) if chooser.choose([3, 1]) else 0
    drawn = {
        "backfill": backfill,
        "user_pace": user_pace,
        "uneven": uneven,
        "versioned": versioned,
        "mishaps": mishaps,
        "skews": skews,
        "tick_ms": tick_ms,
    }
    return Settings(tuple(plan), **{**drawn, **fixed})  # type: ignore[arg-type]  # by their names


def _kinds(chooser: Chooser) -> list[str]:
    """Which kinds of mishap are on: seldom none, sometimes one, mostly each by chance."""
    match chooser.choose([1, 2, 17]):
        case 0:
            return []
        case 1:
            return [WITHIN_ASSUMPTIONS[chooser.choose([1] * len(WITHIN_ASSUMPTIONS))]]
        case _:
            return [mishap for mishap in WITHIN_ASSUMPTIONS if chooser.choose([3, 2])]
