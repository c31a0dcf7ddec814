"""Projects of somebody else's, with the kit in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.workflow.template import ROOT


def new_project(folder: Path, files: Mapping[str, str]) -> Path:
    """Copy the kit into a folder, and write these files there."""
    shutil.copytree(ROOT / "tests/workflow/kit", folder / "tests/kit", ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def python(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a project, without anything of ours on its path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
