"""The command line."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields
from math import isfinite
from typing import Final, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.cost.assumptions import DEFAULTS, Assumptions
from benchmarks.cost.bills import Bill, bill
from benchmarks.cost.paths import CREATED, DELETED, FIRST_ROUND, REJECTED, STALE, Measured, measured
from benchmarks.cost.prices import DATE, METRIC, REGION
from benchmarks.cost.tables import dollars, everything, written
from tests.workflow.template import ROOT

PAGE: Final = ROOT / "docs/cost.md"
SHARES: Final = {
    "deletes": (DELETED, "are deletions"),
    "stale": (STALE, "are duplicates or come after a newer one"),
    "rejected": (REJECTED, "can never be converted"),
}
_AT_MOST_ONE: Final = frozenset({*SHARES, "cold_share", "traced"})
console: Final = Console(highlight=False, soft_wrap=True)
progress: Final = Console(highlight=False, stderr=True)


def main(arguments: list[str] | None = None) -> None:
    """Print the tables of docs/cost.md, or what so many events cost."""
    options = _options(arguments)
    assumed = Assumptions(**{each.name: getattr(options, each.name) for each in fields(Assumptions)})
    found = measured(assumed)
    if options.events is not None:
        _calculate(options, assumed, found)
        return
    with progress.status("simulating bursts"):
        texts = everything(found)
    if options.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), texts), encoding="utf-8")
        progress.print(f"written: {PAGE.relative_to(ROOT)}")
        return
    for name, text in texts.items():
        sys.stdout.write(f"{name}\n\n{text}\n\n")


def total(found: Measured, assumptions: Assumptions, events: float, shares: dict[str, float], waits: float) -> Bill:
    """What so many events cost.

    Args:
        found: what each way of an event uses.
        assumptions: how long things take.
        events: how many.
        shares: of those that go another way than the common one, by the way's name.
        waits: rounds of waiting, for each event.
    """
    common = bill(found.ways[CREATED], assumptions).times(events * (1 - sum(shares.values())))
    for way, share in shares.items():
        common = common.plus(bill(found.ways[way], assumptions).times(events * share))
    return common.plus(bill(found.ways[FIRST_ROUND], assumptions).times(events * waits))


def _calculate(options: argparse.Namespace, assumptions: Assumptions, found: Measured) -> None:
    shares = {way: getattr(options, name) for name, (way, _) in SHARES.items()}
    of = total(found, assumptions, options.events, shares, options.waits)
    if options.json:
        sys.stdout.write(json.dumps({"events": options.events, "dollars": {**of.lines, "total": of.total}}) + "\n")
        return
    shown = Table(box=None, pad_edge=False, show_header=False)
    for name, amount in sorted(of.lines.items(), key=lambda line: -line[1]):
        shown.add_row(name, dollars(amount), f"{amount / of.total:.0%}")
    shown.add_row("[bold]in all[/]", f"[bold]{dollars(of.total)}[/]")
    console.print(shown)
    console.print(
        f"{options.events:,.0f} events at list prices of {REGION}, {DATE}, without free tiers, storage and transfer.\n"
        f"Beside it ${METRIC.dollars:.2f} a month for each custom metric that has data."
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/cost.md")
    parser.add_argument("--events", type=float, metavar="N", help="what so many cost, instead of the tables")
    parser.add_argument(
        "--waits", type=float, default=0.0, metavar="N", help="rounds of waiting for each event, as 0.1"
    )
    for name, (_, what) in SHARES.items():
        parser.add_argument(f"--{name}", type=float, default=0.0, metavar="SHARE", help=f"of the events that {what}")
    parser.add_argument("--json", action="store_true", help="the result for programs")
    assumed = parser.add_argument_group("assumed")
    for each in fields(Assumptions):
        default = getattr(DEFAULTS, each.name)
        assumed.add_argument(
            f"--{each.name.replace('_', '-')}",
            type=float,
            default=default,
            metavar="N",
            help=f"{each.metadata['is'].replace('%', '%%')}; {default:g} if left out",
        )
    options = parser.parse_args(arguments)
    _check(options)
    return options


def _check(options: argparse.Namespace) -> None:
    assumed = [each.name for each in fields(Assumptions)]
    for name in (*SHARES, "waits", *assumed):
        value = getattr(options, name)
        if not isfinite(value) or value < 0 or (name in _AT_MOST_ONE and value > 1):
            _mistake(f"--{name.replace('_', '-')} {value:g}: a number from 0{' to 1' if name in _AT_MOST_ONE else ''}")
    if sum(getattr(options, name) for name in SHARES) > 1:
        _mistake(f"{', '.join(f'--{name}' for name in SHARES)}: together at most 1")
    if options.events is None:
        is_other = any(getattr(options, name) != getattr(DEFAULTS, name) for name in assumed)
        if is_other or options.json or any(getattr(options, name) for name in (*SHARES, "waits")):
            _mistake("the tables are always of the same: other numbers, and --json, want --events")
    elif options.write or not isfinite(options.events) or options.events <= 0:
        _mistake("--events: a number above 0, and without --write, which is for the tables")


def _mistake(what: str) -> NoReturn:
    progress.print(f"[red]wrong[/] {escape(what)}")
    sys.exit(2)
