"""What is in the repository is meant for everybody: no leftovers, and no documents about files that are not there."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import pytest

from tests.deployment.shipped import ROOT

MAKEFILE: Final = (ROOT / "Makefile").read_text("utf-8")
FOLDERS: Final = ("docs", "examples")
DOCUMENTS: Final = [
    *sorted(ROOT.glob("*.md")),
    *(file for name in FOLDERS for file in sorted((ROOT / name).rglob("*.md"))),
]

document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def git_files(*options: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *options], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    return [name for name in listed.stdout.split("\0") if name]


def repository_files() -> list[Path]:
    """What is tracked, or would be after `git add`."""
    return [ROOT / name for name in git_files("--cached", "--others", "--exclude-standard") if (ROOT / name).is_file()]


def test_no_generated_file_is_tracked() -> None:
    assert not git_files("--cached", "--ignored", "--exclude-standard")


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    somebodys = re.compile(rf"(?<![\w.-])(?:/home/\w|/Users/\w|/root/\w|{re.escape(str(ROOT))}(?![\w.-]))")
    found = []
    for path in repository_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # an image
        found += [
            f"{path.relative_to(ROOT)}:{number}"
            for number, line in enumerate(text.splitlines(), 1)
            if somebodys.search(line)
        ]
    assert not found


@document
def test_links_lead_to_files_that_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)", text) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)
    targets = [unquote(link.partition("#")[0]) for link in links if not re.match(r"[a-z]+:|#", link)]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@document
def test_paths_in_code_style_exist(path: Path) -> None:
    """`like/this.py`, where the first part is a folder of the repository."""
    folders = {file.relative_to(ROOT).parts[0] for file in repository_files() if file.parent != ROOT}
    named = [
        name
        for name in re.findall(r"`([\w.-]+/[\w./-]*)`", path.read_text("utf-8"))
        if name.partition("/")[0] in folders
    ]
    assert [name for name in named if not (ROOT / name).exists()] == []


@document
def test_make_targets_in_documents_exist(path: Path) -> None:
    code = re.findall(r"^```.*?^```|`[^`\n]+`|^    .*?$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    named = {target for each in code for target in re.findall(r"\bmake ([a-z][a-z-]*)", each)}
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert named <= targets
