"""Anything that may happen between a table and those who read its feed, in any order, and what holds all the same."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from lockstep.feed import tailing
from lockstep.feed.line import Line, Watermark
from tests.feed.bucket import Trouble
from tests.feed.mapping import Mishap, given_up
from tests.feed.reading import Follower, InDatabase, InDirectory, Place, State, lookback, read
from tests.feed.stream import Record
from tests.feed.world import HOUR, FeedWorld, running

# The same schedules each time, so that CI says the same of the same code; `python -m tests.feed` has others.
PROFILE: Final = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

_SMALL: Final = st.integers(0, 3)
_LANES: Final = st.sampled_from([1, 2, 3])
_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # files that are synced at once


@dataclass(frozen=True)
class Delivery:
    """One invocation.

    Attributes:
        lane: which of those that are ready.
        size: of the batch, at most.
        trouble: with which put of it.
    """

    lane: int
    size: int
    mishap: Mishap = Mishap.NONE
    trouble: Mapping[int, Trouble] = field(default_factory=dict)


_SIZES: Final = st.sampled_from([1, 2, 3, 100])
_DELIVERIES: Final = st.one_of(
    st.builds(Delivery, _SMALL, _SIZES, st.sampled_from(Mishap)),
    st.builds(Delivery, _SMALL, _SIZES, trouble=st.dictionaries(st.integers(0, 2), st.sampled_from(Trouble))),
    st.builds(Delivery, _SMALL, st.just(100), trouble=st.just({0: Trouble.REFUSED})),
)


@dataclass(frozen=True)
class Told:
    """A change of the table that the feed has to tell.

    Attributes:
        matches: whether that is what a line's change says.
        record: of the stream.
    """

    key: str
    watermark: Watermark
    matches: Callable[[Mapping[str, Any]], bool]
    record: Record


class FeedMachine(RuleBasedStateMachine):
    """What a table and its feed have in common, whatever the table is for.

    Attributes:
        has_an_order: whether the files' names have to be in the order of each key's changes, where all clocks agree.
    """

    has_an_order = False
    _clocks_differ = False
    _times_anew = 0

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(running())
        directory = tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None)
        self._stack.callback(shutil.rmtree, directory)
        self.readers: list[Place] = [InDatabase(Path(directory, "catalogue")), InDirectory(Path(directory, "keys"))]
        self.seen: list[State] = [{}, {}]
        self._stack.enter_context(mock.patch.object(tailing, "in_order", map))  # without its threads
        self.world = self.begin()
        self.follower = Follower(self.world.clock)
        self.lookbacks = [lookback(self.world.clock) for _ in self.readers]

    # --- what a table says of itself ---

    def begin(self) -> FeedWorld:
        raise NotImplementedError

    def told(self) -> list[Told]:
        """Every change so far, in the order of the table."""
        raise NotImplementedError

    def poisoned(self) -> list[Record]:
        """The records that no exporter can read."""
        raise NotImplementedError

    # --- what may happen ---

    @initialize(lanes=_LANES, clocks_differ=st.booleans())
    def a_shard_has_lanes_and_a_clock(self, lanes: int, clocks_differ: bool) -> None:
        self.world.mapping.make_anew(parallelization=lanes)
        self._clocks_differ = clocks_differ

    @precondition(lambda self: self._times_anew < 2)
    @rule(lanes=_LANES)
    def the_mapping_is_made_anew(self, lanes: int) -> None:
        self._times_anew += 1
        self.world.mapping.make_anew(parallelization=lanes)

    @rule(which=_SMALL, children=st.integers(1, 2), slow=st.sampled_from([0, 2, 900]))
    def a_shard_splits(self, which: int, children: int, slow: int) -> None:
        shards = self.world.stream.open_shards
        if len(self.world.stream.shards) < 8:
            slow_seconds = slow if self._clocks_differ else 0
            self.world.stream.split(shards[which % len(shards)], children=children, slow_seconds=slow_seconds)

    @rule(deliveries=st.lists(_DELIVERIES, min_size=2, max_size=8))
    def lanes_deliver(self, deliveries: list[Delivery]) -> None:
        for each in deliveries:
            if lanes := self.world.mapping.ready():
                lane = lanes[each.lane % len(lanes)]
                self.world.deliver(lane, size=each.size, mishap=each.mishap, trouble=each.trouble)

    @rule(seconds=st.sampled_from([1, 10, 300, HOUR, 7 * HOUR]), bucket_is_out=st.sampled_from([False, False, True]))
    def time_passes(self, seconds: int, bucket_is_out: bool) -> None:
        self.world.clock.advance(seconds=seconds)
        self.world.bucket.is_out = bucket_is_out

    @precondition(lambda self: self.world.mapping.ready() and len(self.world.deadly) < 2)
    @rule(which=_SMALL, place=_SMALL)
    def a_record_kills_the_function(self, which: int, place: int) -> None:
        lanes = self.world.mapping.ready()
        waiting = lanes[which % len(lanes)].new
        if waiting:
            self.world.deadly.add(waiting[place % len(waiting)]["eventID"])

    @precondition(lambda self: self.world.files)
    @rule(which=_SMALL)
    def a_file_is_there_twice(self, which: int) -> None:
        names = [*self.world.files]
        name = names[which % len(names)]
        other = name.replace(name[-len("123456789abc.ndjson.gz") :], f"{which:012x}.ndjson.gz")
        self.world.bucket.objects.setdefault(other, self.world.bucket.objects[name])
        self.world.put_at.setdefault(other, self.world.clock())

    @precondition(lambda self: self.world.files)
    @rule(
        reader=st.integers(0, 1),
        calls=st.none() | st.integers(0, 40),
        hidden=st.sets(_SMALL, max_size=3),
        shuffled=st.none() | st.integers(0, 10),
        follows=st.booleans(),
    )
    def somebody_loads(
        self, reader: int, calls: int | None, hidden: set[int], shuffled: int | None, follows: bool
    ) -> None:
        """The files that come while it lists them may not be in the listing. Who follows looks back less, mostly."""
        just_now = sorted(name for name in self.world.files if self.world.put_at.get(name) == self.world.clock())
        late = {just_now[each % len(just_now)] for each in hidden if just_now}

        def order(names: list[str]) -> list[str]:
            found = [name for name in names if name not in late]
            if shuffled is not None:
                found += found[:1]
                random.Random(shuffled).shuffle(found)
            return found

        before, start_after = self.seen[reader], self.lookbacks[reader].start_after() if follows else ""
        loaded = read(
            self.world.files,
            self.readers[reader],
            now_ms=self.world.clock(),
            order=order,
            calls=calls,
            start_after=start_after,
        )
        if follows and loaded:
            self.lookbacks[reader].note(loaded.newest)
        self._has_not_gone_back(reader)
        assert not (loaded and loaded.applied and before == self.seen[reader]), "what is told again counts as a change"

    @rule()
    def the_tail_polls(self) -> None:
        self.follower.poll(self.world.files, self.world.put_at)

    # --- what holds all the time ---

    def _has_not_gone_back(self, reader: int) -> None:
        before, after = self.seen[reader], self.readers[reader].state()
        for key, (watermark, _) in before.items():
            assert after[key][0] >= watermark, f"{key} went back from {watermark} to {after[key][0]}"
        self.seen[reader] = after

    # --- what holds in the end ---

    def teardown(self) -> None:
        try:
            self.world.settle()
            assert not self.world.bucket.clashes, "a file was put anew with another content"
            self._nothing_is_lost()
            self._nothing_else_is_in_the_feed()
            if self.has_an_order and not self._clocks_differ:
                in_order(self.world.lines)
            self._readers_have_the_latest()
        finally:
            self._stack.close()

    def _nothing_is_lost(self) -> None:
        in_feed = {(line.key, line.watermark) for line in self.world.lines}
        gone = {record["eventID"] for record in given_up(self.world.mapping)}
        lost = [
            each
            for each in self.told()
            if (each.key, each.watermark) not in in_feed and each.record["eventID"] not in gone
        ]
        assert not lost, f"lost: {lost}"
        found = gone | {record["eventID"] for record in self.world.set_aside}
        assert {record["eventID"] for record in self.poisoned()} <= found, "a poisoned record is lost"

    def _nothing_else_is_in_the_feed(self) -> None:
        told = {(each.key, each.watermark): each for each in self.told()}
        for line in self.world.lines:
            assert (line.key, line.watermark) in told, f"was never applied: {line}"
            assert told[line.key, line.watermark].matches(line.change), f"was applied otherwise: {line}"
        unreadable = {record["eventID"] for record in self.world.set_aside}
        assert unreadable <= {record["eventID"] for record in self.poisoned()}, "a change was taken for unreadable"

    def _readers_have_the_latest(self) -> None:
        latest = self.latest()
        for reader in range(len(self.readers)):
            read(self.world.files, self.readers[reader], now_ms=self.world.clock())
            self._has_not_gone_back(reader)
            again = read(self.world.files, self.readers[reader], now_ms=self.world.clock())
            assert again is not None
            assert again.files == 0, "what is loaded is loaded again"
        self.world.clock.advance(seconds=HOUR)  # for the tail to look all the way back
        self.the_tail_polls()
        for state in (*self.seen, self.follower.state):
            assert {key: mark for key, (mark, _) in state.items()} == {
                key: each.watermark for key, each in latest.items()
            }
            assert all(latest[key].matches(change) for key, (_, change) in state.items())

    def latest(self) -> dict[str, Told]:
        """Of each key, the last change in the order of the table that was not given up."""
        in_feed = {(line.key, line.watermark) for line in self.world.lines}
        return {each.key: each for each in self.told() if (each.key, each.watermark) in in_feed}


def in_order(lines: Iterable[Line]) -> None:
    """Raises: AssertionError where a change is in the feed after a later one of its key, and was not before."""
    latest: dict[str, Watermark] = {}
    told: set[tuple[str, Watermark]] = set()
    for line in lines:
        if (line.key, line.watermark) in told:
            continue
        assert line.key not in latest or latest[line.key] < line.watermark, f"out of order: {line}"
        told.add((line.key, line.watermark))
        latest[line.key] = line.watermark


def latest_of(lines: Iterable[Line]) -> dict[str, Line]:
    """Of each key, the change with the highest watermark."""
    return {line.key: line for line in sorted(lines, key=lambda line: line.watermark)}
