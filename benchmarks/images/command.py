"""The command line."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Final, NoReturn

from rich.console import Console
from rich.markup import escape

from benchmarks.images import plot
from benchmarks.images.cases import CASES, Case
from benchmarks.images.contenders import BASELINE, CONTENDERS, Contender
from benchmarks.images.markdown import markdown, written
from benchmarks.images.measure import Unusable, measured
from benchmarks.images.places import BUILD, DRAWING, PAGE, RAW, ROOT
from benchmarks.images.results import Report
from benchmarks.images.terminal import show

ROUNDS: Final = 11
QUICK: Final = 3
WIDE: Final = 150  # columns, where there is no terminal to ask
console: Final = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def main() -> None:
    """Measure, show, and keep the result."""
    options = _options()
    if options.last:
        if not RAW.exists():
            _mistake(f"there is no {RAW.relative_to(ROOT)} yet: run it without --last")
        report = Report.read(RAW.read_text(encoding="utf-8"))
    else:
        report = _run(_cases(options), _contenders(options), options.rounds or (QUICK if options.quick else ROUNDS))
    if options.write and [case.name for case in report.cases] != [case.name for case in CASES]:
        _mistake("--write wants every case: run it without --quick and --case")
    show(console, report)
    _keep(report, is_for_docs=options.write)


def _run(cases: list[Case], contenders: list[Contender], rounds: int) -> Report:
    report = Report(_machine(), rounds, {}, [])
    for number, case in enumerate(cases):
        place = f"{number + 1} of {len(cases)}: {case.title}"
        try:
            with console.status(place) if console.is_terminal else nullcontext() as status:
                found, versions = measured(case, contenders, rounds, _progress(status, place))
        except Unusable as reason:
            _mistake(str(reason))
        report.cases.append(found)
        report.versions |= versions
        console.print(f"[green]measured[/] {escape(place)}")
    console.print()
    return report


def _progress(status: object, place: str) -> Callable[[str], None]:
    def tell(what: str) -> None:
        update = getattr(status, "update", None)
        if update:
            update(f"{escape(place)}: {escape(what)}")

    return tell


def _keep(report: Report, *, is_for_docs: bool) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    RAW.write_text(report.written(), encoding="utf-8")
    paths = [RAW, RAW.with_suffix(".md"), RAW.with_suffix(".svg"), RAW.with_suffix(".png")]
    paths[1].write_text(markdown(report), encoding="utf-8")
    if is_for_docs:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), report), encoding="utf-8")
        paths += [PAGE, DRAWING]
    plot.draw(report, *(path for path in paths if path.suffix in {".svg", ".png"}))
    console.print(f"written: {', '.join(str(path.relative_to(ROOT)) for path in paths)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.images",
        description="Measure the conversion beside other libraries; the result goes into build/bench.",
    )
    parser.add_argument("--quick", action="store_true", help=f"a case of most formats, {QUICK} rounds")
    parser.add_argument(
        "--case", action="append", metavar="NAME", help="only this one; again for more; png means all png-…"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help=f"how often each is asked; {ROUNDS} if left out")
    parser.add_argument(
        "--without", action="append", metavar="CONTENDER", default=[], help="leave one out; again for more"
    )
    parser.add_argument("--last", action="store_true", help="measure nothing, show and draw the last result again")
    parser.add_argument("--write", action="store_true", help="put the result into docs/performance.md as well")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1:
        _mistake("--rounds: at least 1")
    return options


def _cases(options: argparse.Namespace) -> list[Case]:
    chosen = [case for case in CASES if case.quick or not options.quick]
    if options.case:
        chosen = [case for case in CASES if any(_is_meant(name, case) for name in options.case)]
        unknown = [name for name in options.case if not any(_is_meant(name, case) for case in CASES)]
        if unknown:
            _mistake(f"--case {unknown[0]}: one of {', '.join(case.name for case in CASES)}")
    return chosen


def _is_meant(name: str, case: Case) -> bool:
    return name in {case.name, case.name.partition("-")[0]}


def _contenders(options: argparse.Namespace) -> list[Contender]:
    names = [each.name for each in CONTENDERS if each.name != BASELINE]
    for name in options.without:
        if name not in names:
            _mistake(f"--without {name}: one of {', '.join(names)}")
    return [each for each in CONTENDERS if each.name not in options.without]


def _machine() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.*)", text)
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} processors"


def _mistake(what: str) -> NoReturn:
    console.print(f"[red]wrong[/] {escape(what)}", soft_wrap=True)
    sys.exit(2)
