"""Everything promised is kept in schedules at random: the same few here, and fresh ones in `make sim`."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation import system
from tests.simulation.search import Finding, Simulation
from tests.simulation.settings import DAMAGE, MISHAPS, RECONCILES, WITHIN_ASSUMPTIONS, swarm
from tests.simulation.variants import VARIANTS
from tests.workflow.template import ROOT

SCHEDULES = 300


@pytest.fixture(scope="module")
def seen() -> Counter[str]:
    simulation = Simulation(system.shipped(), swarm)
    seen = Counter[str]()
    with system.running():
        for seed, result in simulation.random(range(SCHEDULES)):
            assert not isinstance(result, Finding), f"seed {seed}: {result.broken}"
            seen += result.seen
    return seen


def test_nothing_is_broken(seen: Counter[str]) -> None:
    assert seen["executions"] > SCHEDULES


@pytest.mark.parametrize("mishap", [*WITHIN_ASSUMPTIONS, *DAMAGE, RECONCILES])
def test_each_mishap_happens(seen: Counter[str], mishap: str) -> None:
    assert seen[mishap] > 0


@pytest.mark.parametrize(
    "outcome",
    ["did its work", "STALE", "SUPERSEDED", "SourceRejected", "ABORTED", "LockWaitTimeout", "found out of step"],
)
def test_each_outcome_is_seen(seen: Counter[str], outcome: str) -> None:
    assert seen[outcome] > 0


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_each_variant_is_in_the_documentation(variant: object) -> None:
    name = getattr(variant, "name", "")
    assert f"| `{name}` |" in ROOT.joinpath("docs/reliability.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*MISHAPS, *DAMAGE])
def test_each_mishap_is_in_the_documentation(name: str) -> None:
    what = {**MISHAPS, **DAMAGE}[name]
    assert f"| `{name}` | {what} |" in ROOT.joinpath("docs/reliability.md").read_text(encoding="utf-8")
