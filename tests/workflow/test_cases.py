"""The state machine's specification holds, on every engine: `--engine`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.workflow.cases import CASES
from tests.workflow.kit.cases import Case


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_execution_goes_as_its_case_says(run_case: Callable[[Case], object], case: Case) -> None:
    run_case(case)
