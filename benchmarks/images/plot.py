"""The results as a picture: what each contender is on each input, beside plain Pillow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.images.contenders import BASELINE, OURS
from benchmarks.images.results import Measured, Report
from benchmarks.images.tables import TITLES, ratio_text

# Okabe and Ito's colours, which people tell apart whatever they see of colour; and a shape each.
COLOURS: Final = {"ours": "#d55e00", "vips": "#0072b2", "opencv": "#009e73", "sharp": "#56b4e9", "rust": "#cc79a7"}
SHAPES: Final = {"ours": "o", "vips": "s", "opencv": "^", "sharp": "D", "rust": "v"}
INK, FAINT, BAND, GRID = "#1f2328", "#6e7781", "#f6f8fa", "#d8dee4"
FINE: Final = tuple(digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5))
COARSE: Final = tuple(digit * 10.0**power for power in range(-4, 5) for digit in (1, 3))
EDGE: Final = 0.035  # of a panel's width, left free on each side
NEAR: Final = 0.026  # of a panel's width: closer points are moved apart, up and down
LANES: Final = {1: (0.0,), 2: (-0.17, 0.17), 3: (-0.27, 0.0, 0.27)}  # parts of a line, for so many points in one place
STYLE: Final = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.hashsalt": "lockstep",
    "svg.fonttype": "path",
    "text.color": INK,
    "xtick.color": FAINT,
    "axes.edgecolor": GRID,
}


def draw(report: Report, *paths: Path) -> None:
    """Write the picture to files, in the format that their names say."""
    with mpl.rc_context(STYLE):
        height = 1.75 + 0.42 * len(report.cases)
        figure, (speed, memory) = plt.subplots(1, 2, sharey=True, figsize=(11.5, height), width_ratios=(1.55, 1))
        figure.subplots_adjust(left=0.215, right=0.95, top=1 - 1.12 / height, bottom=0.52 / height, wspace=0.14)
        _panel(speed, report, Measured.speed, "Speed", "faster →")
        _panel(memory, report, Measured.memory, "Peak memory", "← less")
        speed.set_yticks(range(len(report.cases)), [case.title for case in report.cases], color=INK)
        speed.set_ylim(len(report.cases) - 0.5, -0.5)
        _legend(figure, report, height)
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=150, facecolor="white", metadata=_metadata(path))
        plt.close(figure)


def _panel(axes: Any, report: Report, ratio: Callable[[Measured, str], float | None], title: str, better: str) -> None:
    axes.set_xscale("log")
    low, high = _range(report, ratio)
    axes.set_xlim(low, high)
    for number, case in enumerate(report.cases):
        if number % 2 == 0:
            axes.axhspan(number - 0.5, number + 0.5, color=BAND, lw=0, zorder=0)
        points = sorted(_points(case, report, ratio), key=lambda point: point[1])
        lifts = _lifts([math.log(value) for _, value, _ in points], NEAR * math.log(high / low))
        for (name, value, is_right), lift in zip(points, lifts, strict=True):
            is_ours = name == OURS
            axes.plot(
                value,
                number + lift,
                SHAPES[name],
                ms=10 if is_ours else 7.5,
                mfc=COLOURS[name] if is_right else "white",
                mec="white" if is_right else COLOURS[name],
                mew=0.8 if is_right else 1.3,
                zorder=4 if is_ours else 3 if is_right else 2,
                clip_on=False,
            )
        ours = ratio(case, OURS)
        if ours is not None:
            mine = next(lift for (name, _, _), lift in zip(points, lifts, strict=True) if name == OURS)
            axes.hlines(number + mine, *sorted((1, ours)), color=COLOURS[OURS], lw=2, alpha=0.4, zorder=1)
        text = "–" if ours is None else ratio_text(ours)
        place = axes.get_yaxis_transform()
        axes.text(
            1.015, number, text, transform=place, va="center", color=COLOURS[OURS], fontweight="bold", fontsize=9.5
        )
    axes.axvline(1, color=INK, lw=1, zorder=1)
    ticks = [tick for tick in (FINE if high / low < 60 else COARSE) if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.grid(axis="x", color=GRID, lw=0.6, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=8)
    axes.set_title(better, loc="right", fontsize=9, color=FAINT, pad=8)


def _range(report: Report, ratio: Callable[[Measured, str], float | None]) -> tuple[float, float]:
    values = [1.0, *(value for case in report.cases for _, value, _ in _points(case, report, ratio))]
    low, high = min(values) / 1.1, max(values) * 1.1
    room = (high / low) ** EDGE
    return low / room, high * room


def _lifts(places: list[float], near: float) -> list[float]:
    """How far up or down each of some points on a line goes, so that no one hides its neighbour."""
    crowds: list[list[float]] = []
    for number, place in enumerate(places):
        if number and place - places[number - 1] < near:
            crowds[-1].append(place)
        else:
            crowds.append([place])
    return [lane for crowd in crowds for lane in (LANES[min(3, len(crowd))] * len(crowd))[: len(crowd)]]


def _points(
    case: Measured, report: Report, ratio: Callable[[Measured, str], float | None]
) -> Iterator[tuple[str, float, bool]]:
    for name in report.versions:
        value = ratio(case, name)
        if name != BASELINE and value is not None:
            yield name, value, case.results[name].is_right


def _legend(figure: Any, report: Report, height: float) -> None:
    handles = [
        plt.Line2D([], [], ls="", marker=SHAPES[name], ms=9, mfc=COLOURS[name], mec="white", label=TITLES[name])
        for name in report.versions
        if name != BASELINE
    ]
    handles.append(
        plt.Line2D([], [], ls="", marker="o", ms=8, mfc="white", mec=FAINT, mew=1.3, label="output not right")
    )
    handles.append(plt.Line2D([], [], ls="", marker="|", ms=13, mec=INK, label="plain Pillow"))
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.012, 1 - 0.36 / height),
        ncols=len(handles),
        frameon=False,
        fontsize=9.5,
        handletextpad=0.25,
        columnspacing=1.5,
    )
    title = "Grayscale of one image, beside plain Pillow"
    figure.text(0.018, 1 - 0.31 / height, title, fontsize=13.5, fontweight="bold")
    note = "Orange numbers: Lockstep. One thread on one processor, medians; logarithmic scales."
    figure.text(0.985, 0.13 / height, note, ha="right", fontsize=8.5, color=FAINT)


def _metadata(path: Path) -> dict[str, None]:
    """Nothing that would change from run to run."""
    return {"Date": None, "Creator": None} if path.suffix == ".svg" else {}
