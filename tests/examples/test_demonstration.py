"""What `make example` says, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from rich.console import Console, RenderableType
from typer import Typer
from typer.testing import CliRunner

from sensor_feed import __main__ as demonstration
from sensor_feed.readings import Reading, readings
from sensor_feed.screen import Way, comparison, mistakes

TRUTH = {each.device_id: each for each in readings(20, 400, seed=1, start=datetime(2026, 11, 22, tzinfo=UTC))}


def old(reading: Reading) -> Reading:
    return replace(reading, reading_time="2026-11-22T00:00:00.000Z")


def shown(what: RenderableType) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def test_it_says_how_many_sensors_each_loader_has_right() -> None:
    naive = TRUTH | {device: old(TRUTH[device]) for device in list(TRUTH)[:7]}
    text = shown(comparison([Way("some way", naive, TRUTH)], TRUTH))
    assert "✗ 7 of 20 wrong" in text
    assert "✓ all 20 right" in text


def test_each_sensor_that_is_wrong_is_one_line_of_eighty_columns_and_the_others_have_none() -> None:
    wrong = {device: old(TRUTH[device]) for device in list(TRUTH)[:3]}
    _, *rows = shown(mistakes(TRUTH | wrong, TRUTH)).splitlines()
    assert [row.split()[0] for row in rows] == sorted(wrong)
    assert all("00:00:00" in row and row.rstrip().endswith("old") for row in rows)


def test_a_sensor_that_the_loader_knows_nothing_of_is_wrong_too() -> None:
    device, *_ = TRUTH
    assert "nothing" in shown(mistakes({name: each for name, each in TRUTH.items() if name != device}, TRUTH))


def test_of_many_mistakes_some_are_shown_and_the_rest_counted() -> None:
    _, *rows, last = shown(mistakes({device: old(each) for device, each in TRUTH.items()}, TRUTH)).splitlines()
    assert len(rows) == 8
    assert last.strip() == "and 12 more"


@pytest.mark.parametrize(("is_right", "exit_code"), [(True, 0), (False, 1)])
def test_it_fails_when_the_watermark_does(monkeypatch: pytest.MonkeyPatch, *, is_right: bool, exit_code: int) -> None:
    def temporary_stack(_say: Callable[[str], None]) -> nullcontext[SimpleNamespace]:
        return nullcontext(SimpleNamespace(endpoint_url="nowhere"))

    monkeypatch.setattr("lockstep.command.signal.signal", lambda *_: None)  # the test runner's own
    monkeypatch.setattr(demonstration, "temporary_stack", temporary_stack)
    monkeypatch.setattr(demonstration, "play", lambda *_: is_right)
    app = Typer()
    app.command()(demonstration.main)
    assert CliRunner().invoke(app).exit_code == exit_code
