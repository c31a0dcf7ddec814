"""A pytest plugin: which engines run the cases, and which edges of the machine they have been over.

In the conftest.py of the project's root or of its tests, `pytest_plugins = ["....kit.plugin"]`; then two fixtures of
your own:

    machine  (session) the Machine under test
    engine   (module) opens the engine that is named by `request.param`: one of those after --engine
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from .coverage import EdgeCoverage
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
        " --sfn-endpoint, which has to know the mock file; test-state asks TestState there, and needs no mock file",
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
        engines = metafunc.config.getoption("--engine") or ["moto"]
        marker = metafunc.definition.get_closest_marker("engines")
        able = [engine for engine in engines if marker is None or engine in marker.args]
        metafunc.parametrize("engine", able, indirect=True, scope="module")


@pytest.fixture(scope="session")
def edge_coverage(pytestconfig: pytest.Config, machine: Machine) -> EdgeCoverage:
    """Add the runs to it that count."""
    return pytestconfig.stash[_KEY].of(machine)


class _Coverage:
    """What was counted in this process, and by the workers of pytest-xdist."""

    def __init__(self) -> None:
        self.counted: EdgeCoverage | None = None

    def of(self, machine: Machine) -> EdgeCoverage:
        self.counted = self.counted or EdgeCoverage(machine)
        return self.counted

    def merge(self, text: str, document: Mapping[str, Any]) -> None:
        self.of(Machine(text)).merge(document)


def pytest_sessionfinish(session: pytest.Session) -> None:
    counted = session.config.stash[_KEY].counted
    if counted is None:
        return
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["state machine"] = counted.machine.text, json.dumps(counted.document())
    elif counted.percentage < session.config.getoption("--edges-fail-under"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist has ended."""
    if found := getattr(node, "workeroutput", {}).get("state machine"):
        text, document = found
        node.config.stash[_KEY].merge(text, json.loads(document))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counted = config.stash[_KEY].counted
    folder = config.getoption("--edges-report")
    least = config.getoption("--edges-fail-under")
    if counted is None or not (folder or least or config.option.verbose > 0):
        return
    terminalreporter.section("state machine")
    terminalreporter.write_line(counted.text(colour=terminalreporter.hasmarkup))
    for line in _written(counted, folder) if folder else ():
        terminalreporter.write_line(line)
    if counted.percentage < least:
        terminalreporter.write_line(
            f"FAILED: {counted.percentage:.1f} % of the edges covered, {least:g} % wanted", red=True
        )


def _written(counted: EdgeCoverage, folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "edges.json").write_text(json.dumps(counted.document(), indent=2), encoding="utf-8")
    yield f"wrote {folder / 'edges.json'}"
    try:
        (folder / "edges.svg").write_text(svg(counted.machine, counted.edges), encoding="utf-8")
        yield f"wrote {folder / 'edges.svg'}"
    except CannotDrawError as error:
        yield f"no picture: {error}"
