"""The same seed is the same schedule, everywhere; and what is found is made short, and stays what it is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation import system
from tests.simulation.choices import Chance, Record, read, written
from tests.simulation.search import Finding, Shrinking, Simulation
from tests.simulation.settings import Settings, script, swarm
from tests.simulation.timeline import Timeline
from tests.simulation.variants import VARIANTS, Variant
from tests.simulation.world import World
from tests.workflow.template import ROOT

SHIPPED = Simulation(system.shipped(), swarm)


@pytest.fixture
def running() -> Iterator[None]:
    with system.running():
        yield


def timeline(seed: int) -> str:
    found = Timeline()
    SHIPPED.run(Chance(seed), found)
    return str(found)


# --- the same seed -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("running")
def test_the_same_seed_is_the_same_schedule_whatever_has_run_before() -> None:
    first = timeline(5)
    assert timeline(5) == first
    for seed in range(6, 16):
        timeline(seed)
    assert timeline(5) == first
    assert timeline(6) != first


def test_and_in_functions_that_are_deployed_anew() -> None:
    with system.running():
        first = timeline(5)
    with system.running({"LOCK_WAIT_SECONDS": "1"}):
        timeline(5)
    with system.running():
        assert timeline(5) == first


def test_and_in_another_process_that_hashes_otherwise() -> None:
    """Nothing goes by the order of a set."""
    command = [sys.executable, "-m", "tests.simulation", "replay", "--seed", "5"]
    path = os.pathsep.join([str(ROOT / "functions"), str(ROOT)])
    others = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    with system.running():
        here = timeline(5)
    for other in others:
        out, _ = other.communicate()
        assert out.partition("\n")[2].rstrip("\n") == here


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("seed", range(5))
def test_a_schedule_is_repeated_from_its_decisions(seed: int) -> None:
    chance = Chance(seed)
    there = SHIPPED.run(chance)
    assert isinstance(there, World)
    made = read(written(chance.made))
    again = SHIPPED.run(Record(made))
    assert isinstance(again, World)
    assert (again.settings, again.seen, again.steps) == (there.settings, there.seen, there.steps)
    assert str(SHIPPED.timeline(made)) == timeline(seed)


# --- what is found -------------------------------------------------------------------------------------------

FOUND = [each for each in VARIANTS if each.name in {"no-sequencer-clause", "two-attempts", "watermark-first"}]


def first(simulation: Simulation) -> Finding:
    return next(found for _, found in simulation.random(iter(range(1000))) if isinstance(found, Finding))


@pytest.mark.parametrize("variant", FOUND, ids=lambda variant: variant.name)
def test_what_is_found_is_made_short_and_can_be_repeated(variant: Variant) -> None:
    with variant.applied():
        simulation = variant.at_random()
        found = first(simulation)
        short = simulation.shrunk(found, seconds=300)
        again = simulation.run(Record(read(written(short.decisions))))
        lines = simulation.timeline(short.decisions).lines
        assert simulation.shrunk(found, seconds=300) == short
        assert simulation.shrunk(short, seconds=300) == short
    assert short.steps <= found.steps
    assert sum(map(bool, short.decisions)) < sum(map(bool, found.decisions))
    assert short.broken.partition(",")[0] == found.broken.partition(",")[0] == variant.broken
    assert again == short
    assert "not kept" in lines[-1]
    assert lines[-1].endswith(short.broken)


def test_where_there_is_no_time_it_stays_as_found() -> None:
    variant = FOUND[0]
    with variant.applied():
        simulation = variant.at_random()
        found = first(simulation)
        assert simulation.shrunk(found, seconds=0) is found


def test_where_only_the_end_is_looked_at_only_that_is_found() -> None:
    variant = next(each for each in VARIANTS if each.name == "waiters-leave")
    with variant.applied():
        assert first(variant.at_random()).broken.startswith(variant.broken)
        assert first(variant.at_random(ends_only=True)).broken.startswith(variant.ends)


# --- shrinking, of something simpler than a schedule ----------------------------------------------------------

Run = Callable[[Record], Finding | None]
MOST = 90
PAIRS = {(3, 5): "one", (5, 3): "other", (2, 2): "one"}


def found_in(made: Sequence[int]) -> Finding | None:
    """Two numbers in a row break something."""
    for at, pair in enumerate(pairwise(made)):
        if pair in PAIRS:
            return Finding(PAIRS[pair], made[: at + 2], at + 2, Settings(script("a")))
    return None


def shrunk(run: Run, found: Finding) -> Finding:
    @dataclass
    class Simple:
        run: Run

    simulation: Any = Simple(run)
    return Shrinking(simulation, found, time.monotonic() + 300).run()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=MOST).filter(lambda made: found_in(made) is not None))
def test_the_shortest_is_found_that_breaks_the_same_promise(decisions: list[int]) -> None:
    before = found_in(decisions)
    assert before is not None
    after = shrunk(lambda record: found_in([record.choose([1] * 7) for _ in range(MOST)]), before)
    assert after.broken == before.broken
    assert list(after.decisions) in {"one": ([2, 2], [3, 5]), "other": ([5, 3],)}[before.broken]


def test_what_cannot_be_left_out_is_made_simpler() -> None:
    """The smaller a number, the less goes wrong by it."""

    def run(record: Record) -> Finding | None:
        made = [record.choose([1] * 9) for _ in range(3)]
        return Finding("one", made, 3, Settings(script("a"))) if made[0] > 1 and made[2] else None

    assert shrunk(run, Finding("one", [8, 7, 6], 3, Settings(script("a")))).decisions == [2, 0, 1]


def test_what_was_made_simpler_may_make_more_possible() -> None:
    broken = [[2, 5], [2, 1], [1, 1]]

    def run(record: Record) -> Finding | None:
        made = [record.choose([1] * 9) for _ in range(2)]
        return Finding("one", made, 2, Settings(script("a"))) if made in broken else None

    assert shrunk(run, Finding("one", [2, 5], 2, Settings(script("a")))).decisions == [1, 1]


HELD, WRONG = "in the end no lock is held, but that of", "in the end every output is that of its input, but"
APPLIED, OUTPUT = "the record of {} says what was applied", "the record of {} says what the output is"
ONE_ATTEMPT = "only one attempt is at work on an object, but {} is too"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (f"{HELD} cat.png", f"{HELD} dog.png", True),
        (f"{HELD} cat.png", f"{WRONG} cat.png", False),
        (APPLIED.format("cat.png"), APPLIED.format("dog.png"), True),
        (APPLIED.format("cat.png"), OUTPUT.format("cat.png"), False),
        (ONE_ATTEMPT.format("cat-1020a"), ONE_ATTEMPT.format("cat-1018Fa, cat-1018Fb"), True),
        ("applied_sequencer never goes back", "newest_sequencer never goes back", False),
    ],
)
def test_it_may_be_broken_for_another_object_but_is_no_other_promise(one: str, other: str, is_same: bool) -> None:
    long, short = (Finding(broken, [steps], steps, Settings(script("a"))) for broken, steps in ((one, 2), (other, 1)))
    assert shrunk(lambda record: long if record.choose([1] * 3) == 2 else short, long) is (short if is_same else long)
