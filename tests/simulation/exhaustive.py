"""Every schedule of a small world, each state of it looked at once."""

from __future__ import annotations

import gc
import hashlib
from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from objectlock.conditions import Item
from objectlock.record import APPLIED_AT, APPLIED_BY, EXPIRES_AT, OUTPUT_ETAG, RECORD_SINCE, Outcome
from tests.simulation import moves
from tests.simulation.choices import Record, every_way
from tests.simulation.lambdas import Invocation
from tests.simulation.promises import Violation, promise
from tests.simulation.search import Finding, Simulation
from tests.simulation.settings import Settings
from tests.simulation.world import TIME, System, World


@dataclass(frozen=True)
class Explored:
    """What there was to see.

    Attributes:
        states: how many.
        steps: from one to another.
        ends: those in which nothing more happens.
    """

    states: int
    steps: int
    ends: int

    def __str__(self) -> str:
        return f"{self.states:,} states, {self.steps:,} steps, {self.ends:,} ends"


@dataclass
class Exhaustive:
    """Goes through every state, nearest first, so that what is found is found by a shortest way.

    Attributes:
        ends_only: look only at how schedules end, and not at what is promised on the way.
        most: how many states at most.
    """

    system: System
    settings: Settings
    ends_only: bool = False
    most: int = 5_000_000
    _numbers: dict[bytes, int] = field(default_factory=dict)
    _parents: array[int] = field(default_factory=lambda: array("l"))
    _decisions: list[bytes] = field(default_factory=list)
    _smooth: array[int] = field(default_factory=lambda: array("l"))  # from, to, ...: the steps that are no mishaps

    def run(self) -> Explored | Finding:
        """Look at all of them."""
        gc.disable()  # nothing here is in a cycle, and it is too much to look through time and again
        try:
            return self._run()
        finally:
            gc.enable()

    def _run(self) -> Explored | Finding:
        waiting = deque[World]()
        first = World(self.system, self.settings, Record([]))
        first.is_watched = not self.ends_only
        self._number(first, -1, [], waiting)
        ends, number, steps = bytearray(), 0, 0
        while waiting:
            world = waiting.popleft()
            ends.append(False)
            for decisions, after, violation in self._following(world):
                steps += 1
                if violation is not None:
                    return self._finding(str(violation), number, decisions)
                if after is None:
                    ends[number] = True
                    continue
                target = self._number(after, number, decisions, waiting)
                if after.left == world.left:
                    self._smooth.extend((number, target))
            number += 1
            promise(number < self.most, f"there are no more than {self.most} states")
        stuck = self._stuck(bytearray(ends))
        if stuck is not None:
            words = "it gets quiet, if nothing more goes wrong"
            return replace(self._finding(words, stuck, []), steps=len(self._path(stuck)) - 1)
        return Explored(number, steps, sum(ends))

    def _following(self, world: World) -> Iterator[tuple[list[int], World | None, Violation | None]]:
        """Every way to go on from a state: what was decided, and the state after it; None at the end."""
        for chooser in every_way():
            after = world.copy(chooser)
            try:
                goes_on = moves.step(after)
            except Violation as violation:
                yield chooser.made, None, violation
                return
            yield chooser.made, after if goes_on else None, None

    def _number(self, world: World, parent: int, decisions: list[int], waiting: deque[World]) -> int:
        """Of a state; a new one waits to be looked at."""
        key = fingerprint(world)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._parents.append(parent)
            self._decisions.append(bytes(decisions))
            waiting.append(world.parked())
        return self._numbers[key]

    def _finding(self, broken: str, number: int, last: list[int]) -> Finding:
        decisions = [each for passed in self._path(number) for each in self._decisions[passed]] + last
        again = Simulation(self.system, lambda _: self.settings, self.ends_only).run(Record(decisions))
        return Finding(broken, decisions, again.steps, self.settings)

    def _path(self, number: int) -> list[int]:
        """The states on a shortest way to a state, the first one and itself among them."""
        path = [number]
        while (parent := self._parents[path[-1]]) >= 0:
            path.append(parent)
        return path[::-1]

    def _stuck(self, quiet: bytearray) -> int | None:
        """A state from which no end can be reached without a mishap. Going backwards, few rounds are needed."""
        changed = True
        while changed:
            changed = False
            backwards = reversed(self._smooth)
            for target, source in zip(backwards, backwards, strict=True):
                if quiet[target] and not quiet[source]:
                    quiet[source] = changed = True
        return quiet.index(0) if 0 in quiet else None


# --- when two states are one -----------------------------------------------------------------------------------


def fingerprint(world: World) -> bytes:
    """The same for two worlds in which the same can happen from now on.

    What the user has done follows from how far the plan is. Times count from now, and those that are over are one, if
    no Lambda remembers an earlier one.
    """
    running = {each.number: _lambda(each) for each in world.invocations}
    awaited = {each.waits_for for each in world.executions}
    parts = (
        world.done,
        sorted(world.undelivered),
        [each.deliveries > 0 for each in world.events] if "duplicates" in world.left else "",
        sorted(world.left.items()),
        _records(world.locks.items),
        (sorted(world.early), sorted(world.behind)),
        (sorted(world.damaged.items()), sorted(world.unsure.items())),
        _records(world.backups) if "restores" in world.left else "",
        sorted(world.highest.items()),
        [(key, each.get(OUTPUT_ETAG)) for key, each in sorted(world.told.items())],
        [(key, each.label, each.picture.body) for key, each in sorted(world.output.objects.items())],
        sorted(
            (
                each.name,
                each.status,
                each.is_outdone,
                each.position.state,
                each.position.retries,
                type(each.position.wants).__name__,
                repr({name: value for name, value in each.position.data.items() if name not in _OF_THE_EVENT}),
                each.until,
                each.ends_at if each.is_running else 0,
                running.get(each.waits_for or 0, ""),
            )
            for each in world.executions
        ),
        sorted(text for number, text in running.items() if number not in awaited),
        sorted((repr(each.call), each.invocation.caller, each.invocation.token, each.until) for each in world.doubts),
        sorted(world.reports),
    )
    remembered = [time for each in world.invocations for kind, time in each.heard if kind == "time"]
    waiting = [each.position.data.get("lock", {}).get("waiting_since") for each in world.executions]
    remembered += [time for time in waiting if time is not None]
    floor = min([world.now, *remembered]) - world.now - 1
    text = TIME.sub(lambda found: str(max(int(found[0]) - world.now, floor)), repr(parts))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


_OF_THE_EVENT: Final = frozenset({"detail", "detail-type", "source"})


def _records(items: Mapping[str, Item]) -> object:
    return [(key, sorted(_kept(item).items())) for key, item in sorted(items.items())]


def _kept(item: Item) -> Mapping[str, object]:
    """When a tombstone expires makes no difference, nor when and by whom what is told was done."""
    told = {name: 0 for name in (EXPIRES_AT, APPLIED_AT) if name in item}
    return {name: each for name, each in {**item, **told}.items() if name not in _TOLD_ALONE}


_TOLD_ALONE: Final = frozenset({APPLIED_BY, RECORD_SINCE})


def _lambda(invocation: Invocation) -> str:
    state = invocation.payload.get("state", {})
    about = {name: value for name, value in state.items() if name not in _OF_THE_EVENT}
    heard = [(kind, _in_order(content)) for kind, content in invocation.heard]
    times = invocation.skew, invocation.ends_at
    return repr((invocation.caller, invocation.function, about, *times, invocation.token, heard))


def _in_order(heard: object) -> object:
    """A record says the same in whatever order its attributes were written."""
    return (heard.accepted, sorted(_kept(heard.item).items())) if isinstance(heard, Outcome) else heard
