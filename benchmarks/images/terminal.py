"""The results for people who wait for them."""

from __future__ import annotations

import rich.table
from rich.console import Console
from rich.markup import escape

from benchmarks.images.contenders import BASELINE, OURS
from benchmarks.images.results import Report
from benchmarks.images.tables import TITLES, Cell, reasons, tables


def show(console: Console, report: Report) -> None:
    """Print all tables."""
    for each in tables(report):
        table = rich.table.Table(
            box=None, pad_edge=False, header_style="bold", title_style="bold", title_justify="left"
        )
        table.title = each.title
        table.add_column("", no_wrap=True)
        for column in each.columns:
            style = {TITLES[OURS]: "bold", TITLES[BASELINE]: "dim"}.get(column, "")
            table.add_column(column, style=style, justify="right")
        for line in each.lines:
            table.add_row(line.title, *(_cell(cell) for cell in line.cells))
        console.print(table)
        console.print(f"[dim]{escape(each.about)}[/]\n")
    for reason in reasons(report):
        console.print(f"[dim]- {escape(reason)}[/]")
    console.print(
        "[green]green[/]: the best of those whose output is right; [red strike]red[/]: the output is not right\n"
    )


def _cell(cell: Cell) -> str:
    style = "green" if cell.is_best else "red strike" if cell.is_wrong else "dim" if cell.is_missing else ""
    return f"[{style}]{escape(cell.text)}[/]" if style else escape(cell.text)
