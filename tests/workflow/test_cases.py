"""Every case of the table, on moto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workflow.cases import CASES
from tests.workflow.kit.cases import Case
from tests.workflow.kit.checks import differences
from tests.workflow.kit.engines.moto import MotoEngine
from tests.workflow.kit.machine import Machine
from tests.workflow.template import Template


@pytest.fixture(scope="module")
def engine() -> Iterator[MotoEngine]:
    with MotoEngine() as engine:
        yield engine


@pytest.fixture(scope="session")
def machine(template: Template) -> Machine:
    return Machine(template.definition())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_execution_goes_as_the_case_says(engine: MotoEngine, machine: Machine, case: Case) -> None:
    run = engine.run(machine, case)

    assert differences(machine, case, run, exact=engine.exact) == []
