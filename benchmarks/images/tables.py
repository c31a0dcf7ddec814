"""The results as tables, each with a line for an input and a column for a contender."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.images.contenders import BASELINE, CONTENDERS, OURS
from benchmarks.images.results import MEGABYTE, Measured, Report, Result

NOTHING: Final = "-"
TITLES: Final = {each.name: each.title for each in CONTENDERS}


@dataclass(frozen=True)
class Cell:
    """One number.

    Attributes:
        is_best: of those whose output is right.
        is_wrong: the output is not right, so the number says little.
        is_missing: there is none.
    """

    text: str
    is_best: bool = False
    is_wrong: bool = False
    is_missing: bool = False


@dataclass(frozen=True)
class Line:
    """An input."""

    title: str
    cells: list[Cell]


@dataclass(frozen=True)
class Table:
    """What is measured, in words."""

    title: str
    about: str
    columns: list[str]
    lines: list[Line]


@dataclass(frozen=True)
class Measure:
    """One of the things that are measured.

    Attributes:
        number: of a contender on an input; the baseline's is 1 where it is a ratio.
        text: how it is shown.
        sign: what is best: 1 for the most, -1 for the least, 0 where it would be no merit.
    """

    title: str
    about: str
    number: Callable[[Measured, str], float | None]
    text: Callable[[float, Result], str]
    sign: int


def ratio_text(number: float) -> str:
    """Three digits."""
    if number >= 99.5:
        return f"{number:.0f}×"
    return f"{number:.1f}×" if number >= 9.95 else f"{number:.2f}×"


def _decibels(number: float) -> str:
    return "exact" if math.isinf(number) else f"{number:.1f}"


def _psnr(case: Measured, name: str) -> float | None:
    return case.results[name].psnr


MEASURES: Final = (
    Measure(
        "Speed",
        "How many times as fast as plain Pillow, in processor time; for plain Pillow the milliseconds too.",
        Measured.speed,
        lambda number, result: (
            f"{ratio_text(number)} ({result.milliseconds:,.0f} ms)"
            if result.contender == BASELINE
            else ratio_text(number)
        ),
        1,
    ),
    Measure(
        "Peak memory",
        "How many times plain Pillow's, and the megabytes; over what is resident once the library is imported and the "
        "input read.",
        Measured.memory,
        lambda number, result: f"{ratio_text(number)} ({result.memory / MEGABYTE:,.0f} MB)",
        -1,
    ),
    Measure(
        "Size of the output",
        "How many times plain Pillow's. Keeping a JPEG's own quality makes more bytes than lowering it to 75.",
        Measured.size_ratio,
        lambda number, _: ratio_text(number),
        0,
    ),
    Measure(
        "Nearness to the source",
        "PSNR of the output's luma to the source's (ITU-R BT.601), in dB, over all frames that are there.",
        _psnr,
        lambda number, _: _decibels(number),
        0,
    ),
)


def tables(report: Report) -> Iterator[Table]:
    """Whether the outputs are right, then a table for each thing measured."""
    names = list(report.versions)
    yield Table(
        "Is the output right?",
        "Same format, size, frames, timing, transparency, bits a channel and upright, and gray.",
        [TITLES[name] for name in names],
        [Line(case.title, [_verdict(case.results[name]) for name in names]) for case in report.cases],
    )
    for measure in MEASURES:
        yield Table(
            measure.title,
            measure.about,
            [*(TITLES[name] for name in names), *(["Lockstep, a pixel"] if measure.title == "Peak memory" else [])],
            [Line(case.title, _cells(measure, case, names)) for case in report.cases],
        )


def reasons(report: Report) -> list[str]:
    """Why there is a "-", once each."""
    found: dict[tuple[str, str], list[str]] = {}
    for case in report.cases:
        for name, result in case.results.items():
            if result.cannot:
                found.setdefault((TITLES[name], result.cannot), []).append(case.title)
    return [f"{title}, {'; '.join(cases)}: {why}" for (title, why), cases in found.items()]


def _verdict(result: Result) -> Cell:
    if result.cannot:
        return Cell("rejected" if result.cannot.startswith("rejected") else NOTHING, is_missing=True)
    return Cell("yes") if result.is_right else Cell(", ".join(result.flaws), is_wrong=True)


def _is_as_good(number: float, best: float) -> bool:
    """As far as is shown."""
    return ratio_text(number) == ratio_text(abs(best))


def _cells(measure: Measure, case: Measured, names: list[str]) -> list[Cell]:
    numbers = {name: measure.number(case, name) for name in names}
    right = [number for name, number in numbers.items() if number is not None and case.results[name].is_right]
    best = max((measure.sign * number for number in right), default=None)
    cells = []
    for name, number in numbers.items():
        result = case.results[name]
        if number is None:
            cells.append(Cell(NOTHING, is_missing=True))
            continue
        is_best = measure.sign != 0 and result.is_right and best is not None and _is_as_good(number, best)
        cells.append(Cell(measure.text(number, result), is_best=is_best, is_wrong=bool(result.flaws)))
    if measure.title == "Peak memory":
        ours = case.results.get(OURS)
        cells.append(Cell(f"{ours.memory / case.pixels:.1f} B") if ours and not ours.cannot else Cell(NOTHING))
    return cells
