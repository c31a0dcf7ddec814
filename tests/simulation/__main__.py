"""`make sim`: schedule after schedule of the shipped system, as long as nothing promised is broken.

Exits with 1 when something was, with the schedule that broke it, shortened, and the command that repeats it.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.simulation import choices, system
from tests.simulation.campaign import Campaign, Found
from tests.simulation.exhaustive import Exhaustive
from tests.simulation.search import Finding, Simulation
from tests.simulation.settings import (
    DELETE,
    DELETE_NEWEST,
    DELETE_OLDER,
    LIMITED,
    NO_IMAGE,
    PUTS,
    Settings,
    small,
    swarm,
)
from tests.simulation.table import measured, written
from tests.simulation.timeline import Timeline
from tests.simulation.variants import VARIANTS
from tests.workflow.template import ROOT

app: Final = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console: Final = Console(highlight=False, soft_wrap=True)
COMMAND: Final = ".venv/bin/python -m tests.simulation"
NAMES: Final = ", ".join(each.name for each in VARIANTS)
TABLE: Final = ROOT / "docs/reliability.md"

Keys = Annotated[int, typer.Option(min=1, max=4, help="Objects, at most.")]
Changes = Annotated[int, typer.Option(min=1, max=20, help="Changes of each object, at most.")]
Exactly = Annotated[bool, typer.Option("--exactly", help="As many objects and changes as that.")]


@app.command()
def search(
    seconds: Annotated[float, typer.Option(help="For how long.")] = 120,
    seed: Annotated[
        int | None, typer.Option(help="Of the first schedule; the others follow. A fresh one if left out.")
    ] = None,
    keys: Keys = 3,
    changes: Changes = 6,
    exactly: Exactly = False,
    processes: Annotated[int, typer.Option(min=1, help="How many at a time.")] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="The result for programs, on standard output.")] = False,
) -> None:
    """Run schedules at random: each switches every kind of mishap on or off, and every step of it is left to chance."""
    out = Console(stderr=True, highlight=False) if as_json else console
    first = secrets.randbelow(10**9) if seed is None else seed
    out.print(
        f"schedules of up to {keys} x {changes} changes, for {seconds:g} s, on {processes} processes; "
        f"first seed [bold]{first}[/]"
    )
    campaign = Campaign(first, seconds, {"keys": keys, "changes": changes, "exactly": exactly}, processes)
    found = campaign.run(out)
    if as_json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + "\n")
    _summary(out, found)
    if found.broken is not None:
        _explain(out, found.broken, keys, changes, exactly)
        raise typer.Exit(1)


@app.command()
def replay(
    decisions: Annotated[str, typer.Argument(help="Of a schedule, as a finding prints them.")] = "",
    seed: Annotated[int | None, typer.Option(help="Of a schedule, instead.")] = None,
    keys: Keys = 3,
    changes: Changes = 6,
    exactly: Exactly = False,
) -> None:
    """Run one schedule once more, and print all that happens in it."""
    if seed is not None and decisions:
        _mistake("decisions or a seed: only one of them can say which schedule it is to be")
    try:
        chooser = choices.Record(choices.read(decisions)) if seed is None else choices.Chance(seed)
    except ValueError:
        _mistake(f"{decisions!r}: decisions look like 3.0x12.1")
    simulation, timeline = _simulation(keys, changes, exactly), Timeline()
    with system.running():
        result = simulation.run(chooser, timeline)
    console.print(f"[bold]in[/] {result.settings}\n{escape(str(timeline))}")
    raise typer.Exit(1 if isinstance(result, Finding) else 0)


@app.command()
def every(
    plan: Annotated[
        str,
        typer.Argument(
            help="What happens to the object, a letter each: a, b, c put it, x puts no image, - deletes it."
        ),
    ],
    mishaps: Annotated[
        list[str] | None, typer.Argument(help="What may go wrong, and how often, as in kills=1.")
    ] = None,
    versioned: Annotated[
        bool, typer.Option("--versioned", help="The input bucket keeps versions: v deletes the newest, w an older one.")
    ] = False,
    skewed: Annotated[bool, typer.Option("--skewed", help="Clocks may be 5 s fast.")] = False,
    jitter: Annotated[bool, typer.Option("--jitter", help="Retries may come at once.")] = False,
) -> None:
    """Go through every schedule of a small world, an object with a few changes."""
    settings = _small(plan, mishaps or [], versioned=versioned, skews=(0, 5000) if skewed else (0,), jitter=jitter)
    with system.running(settings.environment):
        result = Exhaustive(system.shipped(), settings).run()
        console.print(
            f"{settings}: {result if not isinstance(result, Finding) else '[red]broken[/] ' + escape(result.broken)}"
        )
        if isinstance(result, Finding):
            console.print(escape(str(Simulation(system.shipped(), lambda _: settings).timeline(result.decisions))))
            raise typer.Exit(1)


@app.command()
def variant(name: Annotated[str, typer.Argument(help=f"One of {NAMES}.")]) -> None:
    """Break the protocol on purpose in one place, and print a short schedule that shows it."""
    chosen = next((each for each in VARIANTS if each.name == name), None)
    if chosen is None:
        _mistake(f"{name!r}: one of {NAMES}")
    with chosen.applied():
        found = chosen.every().run()
        if not isinstance(found, Finding):
            console.print(f"nothing is broken in any of its {found.states:,} states: {chosen.covered_by}")
            return
        console.print(
            f"{chosen.what}\n[bold red]broken[/] {escape(found.broken)}\n[bold]in[/] {escape(str(found.settings))}\n"
        )
        simulation = Simulation(chosen.make(), lambda _: found.settings)
        console.print(escape(str(simulation.timeline(found.decisions))))


@app.command()
def variants(
    write: Annotated[bool, typer.Option("--write", help="Write the table into docs/reliability.md.")] = False,
) -> None:
    """Break the protocol on purpose, in one place after the other, and measure how long it takes to notice."""
    rows = []
    for each in VARIANTS:
        rows.append(measured(each))
        console.print(f"[green]looked at[/] {each.name}: {rows[-1].after} schedules; {rows[-1].ends}")
    if write:
        TABLE.write_text(written(TABLE.read_text(encoding="utf-8"), rows), encoding="utf-8")
        console.print(f"written into {TABLE.relative_to(ROOT)}")


def _simulation(keys: int, changes: int, exactly: bool) -> Simulation:
    return Simulation(system.shipped(), lambda chooser: swarm(chooser, keys=keys, changes=changes, exactly=exactly))


def _mistake(what: str) -> NoReturn:
    console.print(f"[red]wrong[/] {escape(what)}")
    raise typer.Exit(2)


def _small(plan: str, mishaps: list[str], **more: Any) -> Settings:
    known = f"{PUTS}{NO_IMAGE}{DELETE}" + (f"{DELETE_NEWEST}{DELETE_OLDER}" if more["versioned"] else "")
    if not plan or set(plan) - set(known):
        _mistake(f"{plan!r}: a plan is some of the letters {known}, and with --versioned v and w")
    found: dict[str, Any] = {}
    for each in mishaps:
        name, _, most = each.partition("=")
        if name not in LIMITED or not most.isdecimal():
            _mistake(f"{each!r}: one of {', '.join(LIMITED)}, and how often, as in kills=1")
        found[name] = int(most)
    return small(plan, **found, **more)


def _summary(out: Console, found: Found) -> None:
    rate = found.schedules / found.seconds * 60
    out.print(
        f"[bold]{found.schedules:,}[/] schedules, {found.steps:,} steps in {found.seconds:.0f} s: {rate:,.0f} a minute"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("what happened", "how often", "what went wrong", "how often "):
        table.add_column(column, justify="right" if "often" in column else "left")
    happened = [(name, f"{many:,}") for name, many in found.seen.most_common() if name not in LIMITED]
    wrong = [(name, f"{found.seen[name]:,}") for name in LIMITED if found.seen[name]]
    for number in range(max(len(happened), len(wrong))):
        left, right = ((rows[number] if number < len(rows) else ("", "")) for rows in (happened, wrong))
        table.add_row(*left, *right)
    out.print(table)


def _explain(out: Console, broken: tuple[int, Finding], keys: int, changes: int, exactly: bool) -> None:
    seed, finding = broken
    options = f"--keys {keys} --changes {changes}{' --exactly' if exactly else ''}"
    simulation = _simulation(keys, changes, exactly)
    with system.running():
        short = simulation.shrunk(finding)
        out.print(f"\n[bold red]broken[/] {escape(short.broken)}\n[bold]in[/] {escape(str(short.settings))}\n")
        out.print(escape(str(simulation.timeline(short.decisions))))
    out.print(f"\nagain, as found ({finding.steps} steps): {COMMAND} replay {options} --seed {seed}")
    out.print(f"again, shortened ({short.steps} steps): {COMMAND} replay {options} {choices.written(short.decisions)}")


if __name__ == "__main__":
    app()
