"""Fixtures for the tests of the workflow and for those of the engines: a plugin, so that they share an emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workflow.engines import Emulator, running_emulator
from tests.workflow.kit.machine import Machine
from tests.workflow.machine import shipped_machine


@pytest.fixture(scope="session")
def machine() -> Machine:
    return shipped_machine()


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as emulator:
        yield emulator
