"""The plugin as pytest's own user meets it: in a project of somebody else's, by exit codes and what is printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from tests.kit.projects import new_project, python

# An engine that does what a case says, so that nothing is tested here but the plugin.
CONFTEST: Final = """
import json
import pytest
from kit.history import Run, Visit
from kit.machine import Machine

pytest_plugins = ["kit.plugin"]


class Obedient:
    exact = False

    def __init__(self, name):
        self.name = name

    def cannot(self, machine, case):
        return f"{self.name} cannot do that" if case.name == "impossible" else None

    def run(self, machine, case):
        visits = [Visit(step.state) for step in case.steps]
        status = "ABORTED" if case.name == "disobeyed" else case.ends.status
        return Run(status, case.ends.error, case.ends.cause, {}, visits)


def machine_of(name):
    rules = [{"Variable": "$.x", "IsPresent": True, "Next": "Left"}]
    return Machine(json.dumps({"StartAt": name, "States": {
        name: {"Type": "Choice", "Choices": rules, "Default": "Right"},
        "Left": {"Type": "Succeed"},
        "Right": {"Type": "Succeed"},
    }}))


@pytest.fixture
def machine(request):
    return machine_of(getattr(request, "param", "Fork"))


@pytest.fixture(scope="module")
def engine(request):
    return Obedient(request.param)
"""

IMPORTS: Final = """
import pytest
from kit.cases import Case, Returns, Step, Succeeded


def case(name, *states):
    return Case(name, {}, [Step(state) for state in states], Succeeded())
"""
LEFT: Final = """
def test_left(run_case):
    run_case(case("left", "Fork", "Left"))
"""
RIGHT: Final = LEFT.replace("left", "right").replace("Left", "Right")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_project(tmp_path_factory.mktemp("project"), {"tests/conftest.py": CONFTEST})


def run(project: Path, tests: str, *arguments: str) -> tuple[int, str]:
    """Run pytest in the project; its exit code, and what it has printed."""
    (project / "tests/test_it.py").write_text(IMPORTS + tests, encoding="utf-8")
    done = python(project, "-m", "pytest", "-p", "no:cacheprovider", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_an_edge_that_no_case_goes_over_fails_the_session_and_is_named(kit: Path) -> None:
    code, printed = run(kit, LEFT, "--edges-fail-under=100")

    assert code == pytest.ExitCode.TESTS_FAILED
    assert "1 passed" in printed
    assert "  missing: Default -> Right\n" in printed
    assert "FAILED: 60.0 % of the edges covered, 100 % wanted" in printed


def test_a_session_without_a_case_has_covered_nothing(kit: Path) -> None:
    code, printed = run(kit, "def test_other(): pass", "--edges-fail-under=1")

    assert code == pytest.ExitCode.TESTS_FAILED
    assert "FAILED: no test has run a case, so no edge is covered" in printed


def test_workers_count_together_each_of_two_machines_for_itself(kit: Path) -> None:
    """And that is more than the least that is asked for, of each."""
    other = """
@pytest.mark.parametrize("machine", ["Crossing"], indirect=True)
def test_crossing(run_case):
    run_case(case("crossing", "Crossing", "Left"))
"""

    code, printed = run(kit, LEFT + RIGHT + other, "-n", "2", "--edges-fail-under=60", "--edges-report=build/deep")

    assert code == pytest.ExitCode.OK, printed
    assert "state machine edges: 5 of 5 covered (2 executions)" in printed
    assert "state machine edges: 3 of 5 covered (1 execution)" in printed
    assert "FAILED" not in printed
    reports = [json.loads(each.read_text(encoding="utf-8")) for each in sorted(kit.glob("build/deep/*.json"))]
    assert sorted(path.name for path in kit.glob("build/deep/*.json")) == ["edges-2.json", "edges.json"]
    assert sorted(tuple(each["missing"]) for each in reports) == [
        (),
        ("Crossing.Default -> Right", "Right.Succeed -> (end)"),
    ]
    assert printed.count(f"wrote {Path('build/deep/edges')}") == 2 + printed.count(".svg")
    assert printed.count(".svg") + printed.count("no picture: ") == 2


def test_an_engine_at_an_address_wants_the_address(kit: Path) -> None:
    code, printed = run(kit, LEFT, "--engine", "endpoint")

    assert code == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --engine endpoint needs --sfn-endpoint, the address of a Step Functions API" in printed


def test_each_case_is_run_skipped_or_failed_on_each_engine_that_is_asked_for_and_able(kit: Path) -> None:
    tests = """
@pytest.mark.parametrize("states", [["Frok", "Left"], ["Fork", "Left"]], ids=" ".join)
def test_it(run_case, states):
    run_case(case("spelt", *states))

def test_impossible(run_case):
    run_case(case("impossible", "Fork", "Left"))

@pytest.mark.engines("moto", "test-state")
def test_disobeyed(run_case):
    run_case(case("disobeyed", "Fork", "Right"))

@pytest.mark.engines("test-state")
def test_of_no_engine(run_case):
    run_case(case("elsewhere", "Fork", "Left"))
"""

    code, printed = run(kit, tests, "-vv", "--engine", "moto", "--engine", "ministack", "--strict-markers", "-rs")

    assert code == pytest.ExitCode.TESTS_FAILED
    assert "3 failed, 2 passed, 3 skipped" in printed
    mistake = "the case 'spelt' cannot be right:\nthe machine has no state Frok, but Fork\n"
    assert printed.count(mistake) == 2, "as such, and without a traceback"
    assert "disobeyed:\nstatus: expected SUCCEEDED, got ABORTED\n" in printed
    assert "ministack cannot do that" in printed
    assert "test_disobeyed[moto]" in printed
    assert "test_disobeyed[ministack]" not in printed
    assert "state machine edges: 4 of 5 covered (3 executions)" in printed, (
        "what failed was run, and what was skipped not"
    )
    assert "Traceback" not in printed


def test_without_a_word_of_edges_the_cases_run_on_moto_and_nothing_is_said_of_them(kit: Path) -> None:
    code, printed = run(kit, LEFT.replace("(run_case)", "(run_case, engine)") + '    assert engine.name == "moto"\n')

    assert code == pytest.ExitCode.OK, printed
    assert "1 passed" in printed
    assert "state machine" not in printed
