"""The results for docs/performance.md."""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmarks.images.contenders import CONTENDERS
from benchmarks.images.results import Report
from benchmarks.images.tables import Cell, Table, reasons, tables


def markdown(report: Report) -> str:
    """All tables, with what has to be known to read them."""
    return "\n".join(_lines(report)) + "\n"


def written(page: str, report: Report) -> str:
    """The page, with the results put between its marks."""
    return re.sub(
        r"(?s)(<!-- results -->\n).*(<!-- /results -->)",
        lambda marks: f"{marks[1]}{markdown(report)}{marks[2]}",
        page,
    )


def _lines(report: Report) -> Iterator[str]:
    yield f"Medians of {report.rounds} rounds, on {report.machine}."
    yield "**Bold**: the best of those whose output is right. ~~Struck out~~: the output is not right."
    yield ""
    yield from ("| | version | what it does |", "| --- | --- | --- |")
    for each in CONTENDERS:
        if each.name in report.versions:
            yield f"| {each.title} | {report.versions[each.name]} | {each.how} |"
    for table in tables(report):
        yield from ("", f"### {table.title}", "", table.about, "")
        yield from _table(table)
    found = reasons(report)
    if found:
        yield ""
        yield from (f"- {reason}" for reason in found)


def _table(table: Table) -> Iterator[str]:
    yield f"| | {' | '.join(table.columns)} |"
    yield f"| --- |{' --- |' * len(table.columns)}"
    for line in table.lines:
        yield f"| {line.title} | {' | '.join(_cell(cell) for cell in line.cells)} |"


def _cell(cell: Cell) -> str:
    if cell.is_best:
        return f"**{cell.text}**"
    return f"~~{cell.text}~~" if cell.is_wrong else cell.text
