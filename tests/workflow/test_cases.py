"""The state machine's specification holds, on every engine: `--engine`."""

from __future__ import annotations

import pytest

from tests.workflow.cases import CASES
from tests.workflow.kit.cases import Case
from tests.workflow.kit.checks import differences
from tests.workflow.kit.coverage import EdgeCoverage
from tests.workflow.kit.engines.base import Engine
from tests.workflow.kit.machine import Machine


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_execution_goes_as_its_case_says(
    engine: Engine, machine: Machine, edge_coverage: EdgeCoverage, case: Case
) -> None:
    if reason := engine.cannot(machine, case):
        pytest.skip(reason)

    run = engine.run(machine, case)

    edge_coverage.add(run)
    assert differences(machine, case, run, exact=engine.exact) == []
