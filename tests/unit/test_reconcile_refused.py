"""`lockstep reconcile` where this machine refuses: a full disk, an output that is full, closed, or lacks letters."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final

import pytest

from lockstep import paths
from tests.unit.full_disk import room_for
from tests.unit.reconcile_account import ReconcileAccount, lines, new_reconcile_account, reconcile, use


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> ReconcileAccount:
    use(monkeypatch, terminal=True)
    return new_reconcile_account()


@pytest.mark.parametrize("findings", [100, 900], ids=["at the end", "midway"])
def test_without_room_for_the_findings_it_says_where_and_how_to_go_on(
    account: ReconcileAccount, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, findings: int
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for number in range(findings):
        account.put(f"{number:03}")

    with room_for(1000):
        result = reconcile("--json", "--start-after", "010", typed="y\n")

    assert result.exit_code == 2
    assert f"error: {tmp_path}: File too large" in result.stderr
    assert "TMPDIR" in result.stderr
    assert "to go on from here: lockstep reconcile --json --start-after 010\n" in result.stderr
    assert lines(result)[-1]["start_after"] == "010"
    assert account.starts == []


def test_without_a_place_for_the_findings_it_is_named(
    account: ReconcileAccount,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    result = reconcile(typed="y\n")

    assert result.exit_code == 2
    assert re.search(f"error: {tmp_path / 'gone'}.*: No such file or directory\n", result.stderr)


LOOK: Final = """
import sys
import pytest
from lockstep.cli import app
from tests.unit.reconcile_account import new_reconcile_account, use

use(pytest.MonkeyPatch())
account = new_reconcile_account()
for number in range(9):
    account.put(f"\u65e5\u672c {number}")
app(["reconcile", *sys.argv[1:]])
"""


def looking(
    into: IO[Any] | int, *options: str, errors: IO[Any] | int = subprocess.PIPE, more: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """A process that looks for what is out of step, and says so there; its exit code, and what it says of errors."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | dict(
        more or {}
    )
    command = [sys.executable, "-c", LOOK, *options]
    done = subprocess.run(
        command, stdout=into, stderr=errors, env=environment, cwd=paths.ROOT, text=True, timeout=60, check=False
    )
    assert "Traceback" not in (done.stderr or "")
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("options", "variables"),
    [(["--dry-run"], {}), (["--yes", "--json"], {"PYTHONUNBUFFERED": "1"})],
    ids=["for people", "for programs, unbuffered"],
)
def test_what_nobody_can_be_told_of_is_not_told_as_out_of_step(options: list[str], variables: dict[str, str]) -> None:
    """The exit code is that of a mistake, though Python would try once more at its end and have one of its own."""
    with Path("/dev/full").open("w") as full:
        code, told = looking(full, *options, more=variables)

    assert code == 2
    assert told.endswith("No space left on device\n")
    assert variables or told.endswith("error: standard output: No space left on device\n")
    assert ("to go on from here: lockstep reconcile" in told) == ("--json" in options)


def test_it_ends_so_too_where_errors_cannot_be_told_either() -> None:
    with Path("/dev/full").open("w") as full:
        code, _ = looking(full, "--dry-run", "--json", errors=full)

    assert code == 2


def test_a_terminal_that_has_not_all_letters_is_told_of() -> None:
    code, told = looking(subprocess.DEVNULL, "--dry-run", more={"PYTHONIOENCODING": "ascii"})

    assert code == 2
    assert "cannot be written in ascii: set PYTHONIOENCODING=utf-8" in told


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    """As `head` is one."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        _, told = looking(writing, "--dry-run", "--json")
    finally:
        os.close(writing)

    assert "error" not in told
    assert "to go on" not in told
