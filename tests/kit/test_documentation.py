"""Whoever follows docs/testing-state-machines.md, with a state machine of their own, gets what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.kit.projects import new_project, python
from tests.workflow.template import ROOT

PAGE: Final = (ROOT / "docs/testing-state-machines.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of somebody else's, with the kit in it and the page's files."""
    definition, conftest, table, mutate = *blocks("json"), *blocks("python")
    files = {
        "statemachine/order.asl.json": definition,
        "tests/conftest.py": conftest,
        "tests/test_order.py": table,
        "tests/mutate.py": mutate,
    }
    return new_project(tmp_path_factory.mktemp("project"), files)


def run(project: Path, *arguments: str, exit_code: int = 0) -> str:
    """Run Python in the project; what it has printed."""
    done = python(project, *arguments)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout


def test_the_pages_example_passes_in_a_project_of_its_own_as_often_as_one_likes(project: Path) -> None:
    command, shown = re.findall(r"^\$ (pytest .*)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)[0]

    for _ in range(2):
        printed = run(project, "-m", *command.split())

        assert shown in printed
        assert "5 passed" in printed
    assert json.loads((project / "build/edges.json").read_text(encoding="utf-8"))["missing"] == []


def test_the_page_names_every_change_of_its_machine_that_its_table_does_not_notice(project: Path) -> None:
    command, shown = re.findall(r"^\$ python (tests/mutate.py)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)[0]

    assert run(project, command) == shown


def test_another_engine_is_not_taken_for_the_one_that_the_project_opens(project: Path) -> None:
    printed = run(project, "-m", "pytest", "--engine", "ministack", exit_code=1)

    assert "no word here of how to open ministack" in printed
