"""Everything that is installed is named by version and hash, and from whichever registry the user has."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deployment.shipped import ROOT

FUNCTIONS: Final = ROOT / "functions/requirements.txt"
LOCK_FILES: Final = [FUNCTIONS, *sorted((ROOT / "requirements").glob("*.txt"))]
GROUPS: Final[dict[str, list[str | dict[str, str]]]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
    "dependency-groups"
]
HASH: Final = re.compile(r"--hash=sha256:[0-9a-f]{64}")

lock_file = pytest.mark.parametrize("path", LOCK_FILES, ids=lambda path: str(path.relative_to(ROOT)))


def entries(path: Path) -> list[list[str]]:
    """Each requirement of a lock file with its options: continuation lines joined, comments dropped."""
    joined = path.read_text("utf-8").replace("\\\n", " ")
    lines = [line.partition("#")[0].split() for line in joined.splitlines()]
    return [line for line in lines if line]


def locked(path: Path) -> dict[str, str]:
    """Version by name; a name may come twice, for different Pythons, and then has the versions of both."""
    versions: dict[str, str] = {}
    for pinned, *_ in entries(path):
        name, _, version = pinned.partition("==")
        versions[name] = f"{versions[name]} {version}" if name in versions else version
    return versions


def required(group: str) -> list[Requirement]:
    """What pyproject.toml asks for, with included groups."""
    found: list[Requirement] = []
    for each in GROUPS[group]:
        match each:
            case str():
                found.append(Requirement(each))
            case dict():
                found.extend(required(each["include-group"]))
    return found


@lock_file
def test_every_requirement_is_pinned_and_hashed(path: Path) -> None:
    assert entries(path)
    for pinned, *options in entries(path):
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.!+-]+", pinned), f"{pinned} is not one version"
        assert any(HASH.fullmatch(option) for option in options), f"{pinned} has no hash"


@lock_file
def test_lock_file_names_no_registry(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", HASH.sub("", text), re.MULTILINE), "an option, such as --index-url"


@lock_file
def test_lock_file_has_what_pyproject_asks_for(path: Path) -> None:
    """A change of pyproject.toml without `make lock` would otherwise change nothing."""
    group = "functions" if path == FUNCTIONS else path.stem
    versions = locked(path)
    for requirement in required(group):
        name = canonicalize_name(requirement.name)
        assert name in versions, f"{requirement} is not locked: make lock"
        assert all(requirement.specifier.contains(each) for each in versions[name].split()), f"{requirement}: make lock"


def test_every_group_is_locked() -> None:
    assert {"functions"} | {path.stem for path in LOCK_FILES if path != FUNCTIONS} == set(GROUPS)


def test_what_ships_is_what_is_tested() -> None:
    tested = locked(ROOT / "requirements/dev.txt")
    assert {name: tested.get(name) for name in locked(FUNCTIONS)} == locked(FUNCTIONS)


def test_npm_packages_are_pinned_and_hashed_and_name_no_registry() -> None:
    lock: dict[str, Any] = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    packages = {path: package for path, package in lock["packages"].items() if path}
    assert packages
    for path, package in packages.items():
        assert package["version"], path
        assert package["integrity"].startswith("sha512-"), path
        assert "resolved" not in package, path
