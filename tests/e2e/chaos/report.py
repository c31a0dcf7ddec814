"""What has happened, and what has come of it: for people in a terminal, as a page, and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lockstep.executions import Outcome
from lockstep.view import STYLES
from tests.e2e.chaos.checks import Found
from tests.e2e.chaos.faults import FAULTS
from tests.e2e.chaos.storm import Storm

Cell = str | int | float
Row = tuple[Cell, ...]
_LONGEST: Final = 160  # characters of an explanation


@dataclass(frozen=True)
class Section:
    """A table."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Row]

    @property
    def records(self) -> list[dict[str, Cell]]:
        """Each row with the names of its columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    @property
    def ends_in_numbers(self) -> bool:
        return all(isinstance(row[-1], int | float) for row in self.rows)


@dataclass(frozen=True)
class Report:
    """Sections in the order in which one reads them, and the problems that were found."""

    seed: int
    sections: Sequence[Section]
    problems: Sequence[str]

    @classmethod
    def of(cls, storm: Storm, found: Found, problems: Sequence[str]) -> Report:
        return cls(
            storm.plan.seed,
            [
                _plan(storm),
                _faults(storm),
                _violence(storm),
                _outcomes(found),
                _failures(found),
                *_histories(storm),
                _times(storm),
            ],
            problems,
        )

    def write(self, directory: Path) -> None:
        """As report.json and report.md."""
        directory.mkdir(parents=True, exist_ok=True)
        found = {"seed": self.seed, "problems": self.problems} | {each.title: each.records for each in self.sections}
        (directory / "report.json").write_text(json.dumps(found, indent=2) + "\n")
        (directory / "report.md").write_text("\n".join(self._markdown()) + "\n")

    def _markdown(self) -> list[str]:
        lines = [f"# Chaos, seed {self.seed}", "", self.verdict, ""]
        lines += [f"- {each}" for each in self.problems]
        for section in self.sections:
            rule = [*["---"] * (len(section.columns) - 1), "---:" if section.ends_in_numbers else "---"]
            lines += ["", f"## {section.title}", "", *map(_line, (section.columns, rule, *section.rows))]
        return lines

    @property
    def verdict(self) -> str:
        return f"{len(self.problems)} problems." if self.problems else "Every output equals its input; nothing is lost."

    def shown(self) -> RenderableType:
        """For a terminal."""
        parts: list[RenderableType] = [_table(each) for each in self.sections]
        parts.append(Text(self.verdict, "bold red" if self.problems else "bold green"))
        parts += [Text(each, "red") for each in self.problems]
        return Group(*parts)


_STYLES: Final[Mapping[str, str]] = {
    **{outcome.value: style for outcome, style in STYLES.items()},
    "instead of it": "yellow",
    "before it": "cyan",
    "after it": "magenta",
}


def _table(section: Section) -> Table:
    found = Table(box=None, pad_edge=False, header_style="bold", title=section.title, title_justify="left")
    for each in section.columns:
        is_number = section.ends_in_numbers and each == section.columns[-1]
        found.add_column(each, justify="right" if is_number else "left")
    for row in section.rows:
        found.add_row(*(Text(str(each), _STYLES.get(str(each), "")) for each in row))
    return found


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(str(each).replace('|', '/') for each in cells)} |"


# --- sections ----------------------------------------------------------------------------------------------


def _plan(storm: Storm) -> Section:
    acts = Counter(each.act.value for each in storm.plan.changes)
    copies = Counter(
        "twice at once" if len(set(each.sent_after)) < len(each.sent_after) else "twice"
        for each in storm.plan.changes
        if len(each.sent_after) > 1
    )
    rows: list[Row] = [("objects", len(storm.plan.last)), *acts.most_common()]
    rows += [(f"events delivered {how}", times) for how, times in copies.items()]
    return Section("Changes", ("what", "times"), [*rows, ("events delivered, copies counted", storm.delivered.total())])


def _faults(storm: Storm) -> Section:
    fired = storm.microburst.fired()
    total, requests = sum(fired.values()), sum(storm.microburst.requests().values())
    rows: list[Row] = [(each.service, each.operation, each.kind, each.when, fired[each]) for each in FAULTS]
    rows.append(("all", "", f"of {requests} calls, {total / max(requests, 1):.1%}", "", total))
    return Section(
        "Faults injected",
        ("service", "operation", "kind", "seen from the effect", "times"),
        rows,
    )


def _violence(storm: Storm) -> Section:
    killed: list[Row] = [
        (f"{function} killed", f"{kill.method} {kill.moment.value}", times)
        for (function, kill), times in storm.killer.killed.most_common()
    ]
    others: list[Row] = [("StopExecution", "", len(storm.stopped)), ("outputs written", "", len(storm.killer.writes))]
    return Section("Violence", ("what", "at", "times"), [*killed, *others])


def _outcomes(found: Found) -> Section:
    outcomes = Counter(each.execution.outcome.value for each in found.runs)
    errors = Counter(
        (each.execution.outcome.value, each.execution.explanation.partition(":")[0])
        for each in found.runs
        if not each.execution.outcome.is_good
    )
    rows: list[Row] = []
    for outcome, times in outcomes.most_common():
        rows.append((outcome, "", times))
        rows += [("", error, count) for (of, error), count in errors.most_common() if of == outcome and error]
    return Section("Executions", ("outcome", "error", "times"), [*rows, ("all", "", len(found.runs))])


def _failures(found: Found) -> Section:
    """Each in its own words."""
    failed = [each.execution for each in found.runs if each.execution.outcome is Outcome.FAILED]
    rows: list[Row] = [
        (each.key, "".join(each.states[-3:-2]), " ".join(each.explanation.split())[:_LONGEST]) for each in failed
    ]
    return Section("Failures", ("object", "state", "explanation"), rows)


def _histories(storm: Storm) -> list[Section]:
    invocations: Counter[str] = Counter()
    retries: Counter[tuple[str, str]] = Counter()
    for each in storm.observer.told():
        invocations.update(each.invocations)
        retries.update(each.retries)
    return [
        Section("Lambda invocations", ("state", "times"), [*invocations.most_common(), ("all", invocations.total())]),
        Section(
            "Retries",
            ("state", "error", "times"),
            [(*names, times) for names, times in sorted(retries.items())] + [("all", "", retries.total())],
        ),
    ]


def _times(storm: Storm) -> Section:
    rows: list[Row] = [
        ("making the changes", storm.seconds["storm"]),
        ("from the last change until all executions have ended", storm.seconds["calm"]),
        ("starting again what failed", storm.seconds["started again"]),
        ("from the last change to convergence", round(storm.seconds["calm"] + storm.seconds["started again"], 1)),
        ("until no lock was held and no call could come late", storm.seconds["leases"]),
    ]
    counts: list[Row] = [
        ("objects out of step before anything was started again", len(storm.out_of_step)),
        *((f"executions started again in round {n}", times) for n, times in enumerate(storm.again, start=1)),
    ]
    return Section("Convergence", ("what", "seconds, or times"), [*rows, *counts])
