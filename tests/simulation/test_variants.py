"""The simulation can fail: the protocol, broken on purpose in one place, is noticed, or it is shown what covers it."""

from __future__ import annotations

from itertools import count

import pytest

from tests.simulation.exhaustive import Explored
from tests.simulation.search import Finding
from tests.simulation.variants import VARIANTS, Variant

NOTICED = [each for each in VARIANTS if each.broken]
WRONG_IN_THE_END = [each for each in VARIANTS if each.ends]
COVERED = [each for each in VARIANTS if not each.ends]


@pytest.mark.parametrize("variant", NOTICED, ids=lambda variant: variant.name)
def test_it_is_noticed_within_so_many_schedules_at_random(variant: Variant) -> None:
    with variant.applied():
        simulation = variant.at_random()
        seed = next(seed for seed, result in simulation.random(count()) if isinstance(result, Finding))
    assert seed < variant.within


@pytest.mark.parametrize("variant", NOTICED, ids=lambda variant: variant.name)
def test_the_shortest_way_to_notice_it_breaks_this_promise(variant: Variant) -> None:
    with variant.applied():
        found = variant.every().run()
    assert isinstance(found, Finding)
    assert found.broken.startswith(variant.broken)


@pytest.mark.parametrize("variant", WRONG_IN_THE_END, ids=lambda variant: variant.name)
def test_nobody_looking_on_the_way_it_ends_wrong(variant: Variant) -> None:
    with variant.applied():
        found = variant.every(ends_only=True).run()
    assert isinstance(found, Finding)
    assert found.broken.startswith(variant.ends)


@pytest.mark.parametrize("variant", COVERED, ids=lambda variant: variant.name)
def test_or_another_guarantee_covers_it_from_every_state(variant: Variant) -> None:
    assert variant.covered_by
    with variant.applied():
        assert isinstance(variant.every(ends_only=True).run(), Explored)


@pytest.mark.parametrize("variant", NOTICED, ids=lambda variant: variant.name)
def test_as_it_ships_nothing_is_broken_in_that_world(variant: Variant) -> None:
    assert isinstance(variant.as_shipped(), Explored)
