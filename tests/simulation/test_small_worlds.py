"""Everything promised is kept in every schedule of worlds that are small enough to go through."""

from __future__ import annotations

import pytest

from tests.simulation import system
from tests.simulation.exhaustive import Exhaustive, Explored
from tests.simulation.search import Finding
from tests.simulation.settings import PASSING, Settings, small

WORLDS = [
    small("aba"),
    small("a-b", versioned=True),
    small("ax", kills=1),
    small("ab", kills=1),
    small("ab", losses=1, errors=1),
    small("ab", doubts=1),
    small("a", doubts=1, delays=1),
    small("ab", duplicates=1, expiries=1),
    small("a", ambiguities=1, delays=1, skews=(0, 5_000)),
    small("a", stops=1, lost_reports=1),
    small("-", timeouts=1, duplicates=1),
]
MILD = [small("a-", jitter=True, **{mishap: 1}) for mishap in sorted(PASSING)]
# The operator reconciles the object at any time, and nobody is the worse for it. `ab` is looked at beside its variants.
RECONCILED = [
    small("a", reconciles=2),
    small("a-", reconciles=1, backfill=1),
    small("a", reconciles=1, duplicates=1),
    small("a", reconciles=1, kills=1),
    small("a", reconciles=1, expiries=1, jitter=True),
]
# Damage that no event tells of: when all is quiet, the operator reconciles what is out of step.
DAMAGED = [
    small("ab", deletions=1),
    small("ab", overwrites=1),
    small("a", deletions=1, overwrites=1),
    small("x", strays=1),
    small("-", strays=1, kills=1),
    small("ab", lost_records=1),
    small("ab", restores=1),
    small("aba", lost_events=1),
    small("a-b", lost_events=2),
    small("ab", backfill=2),
    small("ax", backfill=2, kills=1),
    small("a", deletions=1, kills=1),
    small("-", backfill=1, stops=1, lost_reports=1),
    small("a", lost_records=1, deletions=1),
    small("a", restores=1, deletions=1),
    small("x", lost_records=1),
    small("xa", restores=1),
    small("ax", lost_events=1),
    small("aa", lost_events=1, versioned=True),
]
# The lease and the attempt on record end before the Lambda does: the assumption about time is broken.
EARLY = [small("aba", early=1), small("ab", early=1, kills=1)]


def explored(world: Settings) -> Explored | Finding:
    with system.running(world.environment):
        return Exhaustive(system.shipped(), world).run()


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_everything_promised_is_kept(world: Settings) -> None:
    assert isinstance(explored(world), Explored)


@pytest.mark.parametrize("world", MILD, ids=str)
def test_after_one_thing_that_passes_no_execution_fails_either(world: Settings) -> None:
    assert world.is_mild
    assert isinstance(explored(world), Explored)


@pytest.mark.parametrize("world", RECONCILED, ids=str)
def test_a_reconcile_at_any_time_breaks_nothing(world: Settings) -> None:
    assert isinstance(explored(world), Explored)


@pytest.mark.parametrize("world", DAMAGED, ids=str)
def test_after_damage_one_round_of_reconciles_puts_every_output_right(world: Settings) -> None:
    assert isinstance(explored(world), Explored)


@pytest.mark.parametrize("world", EARLY, ids=str)
def test_conditional_writes_and_a_second_look_make_up_for_a_worker_that_outlives_its_lease(world: Settings) -> None:
    assert isinstance(explored(world), Explored)


def test_but_not_where_nobody_waits_for_it_and_the_output_looks_as_before() -> None:
    """That is why the lease is tied to the time limit of the Lambda."""
    found = explored(small("a-", early=1, ambiguities=1, jitter=True))
    assert isinstance(found, Finding)
    assert found.broken == "in the end every output is that of its input, but cat.png"
