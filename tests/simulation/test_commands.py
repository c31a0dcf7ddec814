"""The command line: what it exits with, what it prints for people and programs, and what it says to a mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partialmethod
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.simulation.__main__ import app
from tests.simulation.search import Simulation
from tests.simulation.variants import VARIANTS

SMALL = ("--keys", "1", "--changes", "2")


def run(*command: str) -> Result:
    result = CliRunner().invoke(app, command, env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The shipped system with its protocol broken, and little time to make short what is found."""
    monkeypatch.setattr(Simulation, "shrunk", partialmethod(Simulation.shrunk, seconds=1))
    variant = next(each for each in VARIANTS if each.name == "waiters-leave")
    with variant.apply():
        yield variant.broken


# --- search ----------------------------------------------------------------------------------------------------


def test_a_search_that_finds_nothing_says_what_has_happened() -> None:
    result = run("search", "--seconds", "0", "--seed", "1", "--processes", "1", *SMALL)
    assert result.exit_code == 0
    assert "first seed 1" in result.output
    assert "did its work" in result.output
    assert "broken" not in result.output


def test_a_search_tells_programs_the_same() -> None:
    result = run("search", "--json", "--seconds", "0", "--seed", "1", "--processes", "1", *SMALL)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert set(told) == {"first_seed", "schedules", "steps", "seconds", "seen", "broken"}
    assert (told["first_seed"], told["broken"]) == (1, None)
    assert told["schedules"] == 50
    assert told["seen"]["executions"] > 50
    assert "did its work" in result.stderr


def test_without_a_seed_a_search_begins_anew() -> None:
    first_seeds = {
        json.loads(run("search", "--json", "--seconds", "0", "--processes", "1", *SMALL).stdout)["first_seed"]
        for _ in range(2)
    }
    assert len(first_seeds) == 2


def test_what_is_found_is_printed_with_the_commands_that_repeat_it(broken: str) -> None:
    result = run("search", "--seconds", "60", "--seed", "0", "--processes", "1", "--exactly", *SMALL)
    assert result.exit_code == 1
    assert f"broken {broken}" in result.output
    commands = [line.partition("python -m tests.simulation ")[2] for line in result.output.splitlines()]
    commands = [command for command in commands if command]
    assert len(commands) == 2
    for command in commands:
        again = run(*command.split())
        assert again.exit_code == 1
        assert again.output.splitlines()[-1].endswith(broken)


def test_and_programs_are_told_the_seed(broken: str) -> None:
    result = run("search", "--json", "--seconds", "60", "--seed", "0", "--processes", "1", "--exactly", *SMALL)
    assert result.exit_code == 1
    told: dict[str, Any] = json.loads(result.stdout)
    assert told["broken"]["promise"] == broken
    assert run("replay", "--seed", str(told["broken"]["seed"]), "--exactly", *SMALL).exit_code == 1


# --- replay ----------------------------------------------------------------------------------------------------


def test_a_replay_prints_all_that_happens() -> None:
    result = run("replay", "--seed", "3", *SMALL)
    assert result.exit_code == 0
    world, *lines = result.output.splitlines()
    assert world.startswith("in cat.png")
    assert [int(line.split()[0]) for line in lines] == list(range(1, len(lines) + 1))
    assert run("replay", "--seed", "3", *SMALL).output == result.output
    assert run("replay", "--seed", "4", *SMALL).output != result.output


def test_a_replay_of_no_decisions_is_the_schedule_in_which_nothing_goes_wrong() -> None:
    result = run("replay", *SMALL)
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].rstrip().endswith("SUCCEEDED")


# --- every -----------------------------------------------------------------------------------------------------


def test_every_schedule_of_a_small_world() -> None:
    result = run("every", "a", "kills=1")
    assert result.exit_code == 0
    assert result.output == "cat.png a; kills=1: 107 states, 119 steps, 4 ends\n"


@pytest.mark.parametrize("option", ["--versioned", "--skewed", "--jitter"])
def test_an_option_makes_it_another_world(option: str) -> None:
    plain = run("every", "a", "errors=1").output.partition(": ")[2]
    other = run("every", "a", "errors=1", option)
    assert other.exit_code == 0
    assert (other.output.partition(": ")[2] == plain) == (option == "--versioned")


def test_what_is_found_is_printed_step_by_step(broken: str) -> None:
    result = run("every", "ab")
    assert result.exit_code == 1
    assert f"broken {broken}" in result.output
    assert result.output.splitlines()[-1].endswith(broken)


# --- mistakes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["replay", "1xq"], "wrong '1xq': decisions look like 3.0x12.1"),
        (["replay", "[red]"], "wrong '[red]': decisions look like 3.0x12.1"),
        (["replay", "1", "--seed", "1"], "decisions or a seed"),
        (["every", "aQ"], "wrong 'aQ'"),
        (["every", ""], "wrong ''"),
        (["every", "av"], "wrong 'av'"),
        (["every", "a", "kill=1"], "wrong 'kill=1': one of duplicates, errors, losses"),
        (["every", "a", "kills"], "wrong 'kills': one of duplicates"),
        (["every", "a", "kills=many"], "wrong 'kills=many': one of duplicates"),
        (["search", "--keys", "5"], "Invalid value for '--keys'"),
        (["search", "--seconds", "long"], "Invalid value for '--seconds'"),
        (["search", "--processes", "0"], "Invalid value for '--processes'"),
        (["replay", "--seed", "x"], "Invalid value for '--seed'"),
        (["every"], "Missing argument"),
        (["look"], "No such command 'look'"),
    ],
)
def test_a_mistake_is_one_sentence(command: list[str], sentence: str) -> None:
    result = run(*command)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_without_a_command_there_is_help() -> None:
    result = run()
    assert "search" in result.output
    assert "every" in result.output
