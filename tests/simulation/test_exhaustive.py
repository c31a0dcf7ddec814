"""Every schedule of a small world is looked at, and what is found can be repeated."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace

import pytest

import acquire_lock.app
from tests.simulation import moves, system
from tests.simulation.by_hand import SYSTEM, said, world
from tests.simulation.choices import Chance, Record
from tests.simulation.exhaustive import Exhaustive, Explored, fingerprint
from tests.simulation.search import Finding, Simulation
from tests.simulation.settings import Settings, small
from tests.simulation.variants import VARIANTS, Variant
from tests.simulation.world import Execution, World

NAMES = {"waiters-leave", "rash-reaper", "two-attempts", "watermark-first"}
FOUND = [each for each in VARIANTS if each.name in NAMES]


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running(small("a").environment):
        yield


# --- all of it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "explored"),
    [
        (small("a"), Explored(states=9, steps=9, ends=1)),
        (small("a-"), Explored(states=127, steps=187, ends=3)),
        (small("a", kills=1), Explored(states=107, steps=119, ends=4)),
    ],
    ids=str,
)
def test_there_are_so_many_states(settings: Settings, explored: Explored) -> None:
    """As many each time, whatever else was looked at in between."""
    assert Exhaustive(SYSTEM, settings).run() == explored
    assert Exhaustive(SYSTEM, settings).run() == explored


def test_the_one_schedule_in_which_nothing_can_go_wrong_is_all_there_is() -> None:
    """One change, one event, six calls, and the end."""
    found = world("a")
    moves.run(found)
    assert Exhaustive(SYSTEM, small("a")).run() == Explored(states=found.steps + 1, steps=found.steps + 1, ends=1)


@pytest.mark.parametrize(
    "settings",
    [
        small("a-", kills=1),
        small("ab", doubts=1),
        small("a", stops=1, lost_reports=1),
        small("-a", expiries=1),
        small("a", doubts=1, stops=1),
    ],
    ids=str,
)
def test_chance_comes_to_no_state_that_was_not_looked_at(settings: Settings) -> None:
    """It would, if two states were taken for one from which not the same can follow."""
    every = Exhaustive(SYSTEM, settings)
    assert isinstance(every.run(), Explored)
    looked_at = set()
    for seed in range(60):
        found = World(SYSTEM, settings, Chance(seed))
        while moves.step(found):
            looked_at.add(fingerprint(found))
        found.end()
    assert len(looked_at) > 80
    assert looked_at <= set(every._numbers)


def test_no_more_states_than_that_are_looked_at() -> None:
    assert said(Exhaustive(SYSTEM, small("a"), most=9).run) == "there are no more than 9 states"
    assert said(Exhaustive(SYSTEM, small("a"), most=10).run) == ""
    assert gc.isenabled()


# --- what is found -------------------------------------------------------------------------------------------


def repeated(variant: Variant) -> tuple[Finding, Finding]:
    """What is found, and what comes of its decisions."""
    with variant.applied():
        found = variant.every().run()
        assert isinstance(found, Finding)
        again = Simulation(variant.make(), lambda _: variant.world).run(Record(found.decisions))
    assert isinstance(again, Finding)
    return found, again


@pytest.mark.parametrize("variant", FOUND, ids=lambda variant: variant.name)
def test_what_is_found_can_be_repeated(variant: Variant) -> None:
    found, again = repeated(variant)
    assert (again.broken, again.settings) == (found.broken, found.settings)
    assert list(again.decisions) == list(found.decisions)


@pytest.mark.parametrize("variant", FOUND, ids=lambda variant: variant.name)
def test_and_is_as_long_as_is_said(variant: Variant) -> None:
    found, again = repeated(variant)
    assert again.steps == found.steps


def test_what_is_found_of_a_write_in_doubt_can_be_repeated() -> None:
    found, again = repeated(next(each for each in VARIANTS if each.name == "doubt-is-over"))
    assert again.broken == found.broken


def test_it_is_found_by_a_shortest_way() -> None:
    variant = next(each for each in FOUND if each.name == "two-attempts")
    found, _ = repeated(variant)
    with variant.applied():
        simulation = variant.at_random()
        others = [other for _, other in simulation.random(iter(range(40))) if isinstance(other, Finding)]
        shortest = min(simulation.shrunk(other, seconds=300).steps for other in others)
    assert shortest >= found.steps


@pytest.mark.parametrize("settings", [small("a"), small("a", stops=1)], ids=str)
def test_where_it_may_never_get_quiet_that_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started again, it fails again. That it would be quiet if the execution was stopped for good is no way out."""
    stopped = moves.stopped

    def fails() -> None:
        raise RuntimeError

    def stopped_for_good(found: World, execution: Execution) -> None:
        stopped(found, execution)
        found.executions.remove(execution)
        found.source.objects.clear()

    monkeypatch.setattr(acquire_lock.app, "lock_protocol", fails)
    monkeypatch.setattr(moves, "stopped", stopped_for_good)
    nobody_hears = replace(SYSTEM, reaped=frozenset())
    found = Exhaustive(nobody_hears, settings, ends_only=True, most=1000).run()
    assert isinstance(found, Finding)
    assert found.broken == "it gets quiet, if nothing more goes wrong"
