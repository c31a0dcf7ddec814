"""`make fuzz`: file after file that is broken somewhere; each is converted or rejected, and nothing else happens.

Exits with 1 when something else did, with the file in build/fuzz and the command that repeats it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.corpus.fetch import IMAGES
from tests.fuzz import verdict
from tests.fuzz.campaign import Campaign, Found, made
from tests.fuzz.seeds import KINDS, seeds
from tests.fuzz.worker import MEGABYTE, Job, Result
from tests.workflow.template import ROOT

app: Final = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
console: Final = Console(highlight=False, soft_wrap=True)
COMMAND: Final = ".venv/bin/python -m tests.fuzz"
_SHOWN: Final = 10


@app.command()
def fuzz(
    *,
    files: Annotated[int, typer.Option(min=1, help="How many.")] = 10_000,
    seed: Annotated[
        int | None, typer.Option(help="The first file; the others follow. A fresh one if left out.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="No longer than that.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="How many at a time.")] = os.cpu_count() or 1,
    only: Annotated[list[str] | None, typer.Option(help=f"Of these formats: {', '.join(KINDS)}.")] = None,
    corpus: Annotated[
        bool, typer.Option(help="Begin with the small files of the corpus as well, if it is there.")
    ] = True,
    megabytes: Annotated[int, typer.Option(help="How much memory a file may take.")] = 100,
    deadline: Annotated[float, typer.Option(help="How many seconds a file may take.")] = 20,
    keep: Annotated[Path, typer.Option(help="Where to put files that should not be.")] = ROOT / "build/fuzz",
) -> None:
    """Break small files of every kind in every way, and convert them."""
    kinds = tuple(only or KINDS)
    if unknown := set(kinds) - set(KINDS):
        console.print(f"[red]wrong[/] {escape(', '.join(unknown))}: formats are {', '.join(KINDS)}")
        raise typer.Exit(2)
    has_corpus = corpus and IMAGES.exists()
    job = Job(seeds(IMAGES if has_corpus else None), kinds, megabytes)
    first = secrets.randbelow(10**9) if seed is None else seed
    console.print(
        f"{files:,} files out of {len(job.seeds)}, {'with' if has_corpus else 'without'} the corpus, on {processes} "
        f"processes; first seed [bold]{first}[/]"
    )
    found = Campaign(job, first, files, processes, seconds, deadline).run(console)
    _summary(found)
    options = "".join(f" --only {kind}" for kind in only or ()) + ("" if has_corpus else " --no-corpus")
    if found.broken:
        _explain(found.broken, job, deadline, keep, options)
        raise typer.Exit(1)


def _summary(found: Found) -> None:
    console.print(
        f"[bold]{found.files:,}[/] files in {found.seconds:.0f} s: {found.files / found.seconds:,.0f} a second"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("format")
    for column in (*verdict.OUTCOMES, "broken", "slowest", "most memory"):
        table.add_column(column, justify="right")
    for kind, tally in sorted(found.tallies.items()):
        files = tally.outcomes.total()
        shares = [f"{tally.outcomes[outcome] / files:.0%}" for outcome in verdict.OUTCOMES]
        slowest, largest = tally.slowest, tally.largest
        table.add_row(
            kind,
            *shares,
            f"[red]{tally.outcomes['broken']}[/]" if tally.outcomes["broken"] else "0",
            f"{slowest.seconds * 1000:,.0f} ms" if slowest else "",
            f"{largest.memory / MEGABYTE:,.0f} MB" if largest else "",
        )
    console.print(table)


def _explain(broken: list[Result], job: Job, deadline: float, keep: Path, options: str) -> None:
    """Each that is different, once."""
    different = {(result.kind, _without_numbers(result.outcome)): result for result in reversed(broken)}
    keep.mkdir(parents=True, exist_ok=True)
    for result in [*different.values()][:_SHOWN]:
        path = keep / f"{result.number}.{result.kind.lower()}"
        file = made(result.number, job, deadline)
        origin = f", out of {escape(file[0].name)!r}" if file else ""
        console.print(f"\n[bold red]broken[/] {result.kind}{origin}: {escape(result.outcome)}")
        console.print(escape(result.details.strip()))
        if file:
            path.write_bytes(file[1])
            console.print(f"the file: {path}")
        else:
            console.print(f"no file: it takes more than {deadline:g} s to make it")
        console.print(f"again: {COMMAND} --files 1 --seed {result.number}{options}")
    if len(broken) > 1:
        console.print(f"\n{len(broken)} files in all, broken in {len(different)} ways")


def _without_numbers(text: str) -> str:
    return "".join("#" if letter.isdigit() else letter for letter in text)


if __name__ == "__main__":
    app()
