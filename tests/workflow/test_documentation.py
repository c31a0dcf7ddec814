"""Whoever follows docs/testing-state-machines.md, with a state machine of their own, gets what it shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.workflow.template import ROOT

PAGE: Final = (ROOT / "docs/testing-state-machines.md").read_text(encoding="utf-8")
KIT: Final = ROOT / "tests/workflow/kit"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of somebody else's, with the kit in it and the page's files."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(KIT, folder / "tests/kit", ignore=shutil.ignore_patterns("__pycache__"))
    definition, conftest, table, mutate = *blocks("json"), *blocks("python")
    for name, text in {
        "statemachine/order.asl.json": definition,
        "tests/conftest.py": conftest,
        "tests/test_order.py": table,
        "tests/mutate.py": mutate,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def run(project: Path, *arguments: str) -> str:
    """Run Python in the project, without anything of ours on its path; what it has printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pages_example_passes_in_a_project_of_its_own_and_covers_every_edge(project: Path) -> None:
    printed = run(project, "-m", "pytest", "-p", "no:cacheprovider", "--edges-fail-under", "100")

    (shown,) = re.findall(r"^\$ pytest .*\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
    assert shown in printed
    assert "4 passed" in printed


def test_every_change_of_the_pages_machine_is_noticed_or_told(project: Path) -> None:
    printed = run(project, "tests/mutate.py")

    assert {line.removeprefix("nobody notices: ") for line in printed.splitlines()} == {
        "Charge.TimeoutSeconds is out",
        "Charge.Catch[0].ResultPath is out",
        "Charge.Catch[0].ResultPath is not $.declined",
    }
