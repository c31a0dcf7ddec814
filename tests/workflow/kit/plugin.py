"""A pytest plugin: which engines run the cases, and which edges of the machine they have been over.

In the conftest.py of the project's root or of its tests, `pytest_plugins = ["....kit.plugin"]`; then two fixtures of
your own:

    machine  the Machine under test
    engine   (module) opens the engine that is named by `request.param`: one of those after --engine

Then a test is `def test_it(run_case, case): run_case(case)`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from .cases import Case
from .checks import differences, mistakes
from .coverage import EdgeCoverage
from .engines.base import Engine
from .history import Run
from .machine import Machine
from .picture import CannotDrawError, svg

ENGINES: Final = ("moto", "ministack", "stepfunctions-local", "endpoint", "test-state")
_KEY: Final = pytest.StashKey["_Coverage"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("state machine")
    group.addoption(
        "--engine",
        action="append",
        choices=ENGINES,
        help="what runs the cases; moto if nothing is said, can be given more than once. endpoint starts executions at"
        " --sfn-endpoint, a local server that was given the mock file; test-state asks TestState there, as on AWS",
    )
    group.addoption("--sfn-endpoint", metavar="URL", help="address of a Step Functions API")
    group.addoption("--edges-report", type=Path, metavar="DIR", help="write the edges covered there: JSON, and an SVG")
    group.addoption(
        "--edges-fail-under", type=float, default=0, metavar="PERCENT", help="fail when fewer of the edges are covered"
    )


def pytest_configure(config: pytest.Config) -> None:
    somewhere = {"endpoint", "test-state"} & set(config.getoption("--engine") or ())
    if somewhere and not config.getoption("--sfn-endpoint"):
        msg = f"--engine {somewhere.pop()} needs --sfn-endpoint, the address of a Step Functions API"
        raise pytest.UsageError(msg)
    config.addinivalue_line("markers", "engines(*names): the only engines that these tests are for")
    config.stash[_KEY] = _Coverage()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        engines = dict.fromkeys(metafunc.config.getoption("--engine") or ["moto"])
        marker = metafunc.definition.get_closest_marker("engines")
        able = [engine for engine in engines if marker is None or engine in marker.args]
        metafunc.parametrize("engine", able, indirect=True, scope="module")


@pytest.fixture
def run_case(engine: Engine, machine: Machine, pytestconfig: pytest.Config) -> Callable[[Case], Run]:
    """Run a case: skip it where the engine cannot, fail where it is not as it says, and count its edges."""

    def run(case: Case) -> Run:
        if wrong := mistakes(machine, case):
            pytest.fail("\n".join([f"the case {case.name!r} cannot be right:", *wrong]), pytrace=False)
        if reason := engine.cannot(machine, case):
            pytest.skip(reason)
        run = engine.run(machine, case)
        pytestconfig.stash[_KEY].of(machine).add(run)
        if found := differences(machine, case, run, exact=engine.exact):
            pytest.fail("\n".join([f"{case.name}:", *found]), pytrace=False)
        return run

    return run


class _Coverage:
    """What was counted, by machine: in this process, and by the workers of pytest-xdist."""

    def __init__(self) -> None:
        self.counted: dict[str, EdgeCoverage] = {}

    def of(self, machine: Machine) -> EdgeCoverage:
        if machine.text not in self.counted:
            self.counted[machine.text] = EdgeCoverage(machine)
        return self.counted[machine.text]

    def documents(self) -> list[tuple[str, str]]:
        return [(text, json.dumps(counted.document())) for text, counted in self.counted.items()]

    def merge(self, documents: list[tuple[str, str]]) -> None:
        for text, document in documents:
            self.of(Machine(text)).merge(json.loads(document))

    def failures(self, least: float) -> list[str]:
        if least and not self.counted:
            return ["no test has run a case, so no edge is covered"]
        return [
            f"{counted.percentage:.1f} % of the edges covered, {least:g} % wanted"
            for counted in self.counted.values()
            if counted.percentage < least
        ]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    coverage = session.config.stash[_KEY]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["state machines"] = coverage.documents()
    elif coverage.failures(session.config.getoption("--edges-fail-under")) and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist has ended."""
    node.config.stash[_KEY].merge(getattr(node, "workeroutput", {}).get("state machines", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    coverage = config.stash[_KEY]
    folder = config.getoption("--edges-report")
    failures = coverage.failures(config.getoption("--edges-fail-under"))
    if not (folder or config.getoption("--edges-fail-under") or config.option.verbose > 0):
        return
    if coverage.counted or failures:
        terminalreporter.section("state machine")
    for number, counted in enumerate(coverage.counted.values(), 1):
        terminalreporter.write_line(counted.text(colour=terminalreporter.hasmarkup))
        name = "edges" if number == 1 else f"edges-{number}"
        for line in _written(counted, folder / name, config.rootpath) if folder else ():
            terminalreporter.write_line(line)
    for failure in failures:
        terminalreporter.write_line(f"FAILED: {failure}", red=True)


def _written(counted: EdgeCoverage, stem: Path, root: Path) -> Iterator[str]:
    stem.parent.mkdir(parents=True, exist_ok=True)
    report, picture = stem.with_suffix(".json"), stem.with_suffix(".svg")
    report.write_text(json.dumps(counted.document(), indent=2), encoding="utf-8")
    yield f"wrote {report}"
    try:
        picture.write_text(svg(counted.machine, counted.edges, root), encoding="utf-8")
        yield f"wrote {picture}"
    except CannotDrawError as error:
        yield f"no picture: {error}"
