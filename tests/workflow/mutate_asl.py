"""Change one thing in the state machine after the other, and see the table of cases notice each: `make mutate-asl`.

Exits with 1 when a change goes unnoticed that is not explained here, or when an explanation has outlived its reason;
with 2 when something does not hold of the machine as it is, or the machine it runs on is too slow to tell.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.workflow.cases import CASES
from tests.workflow.kit.hunt import PROPERTY, REFUSED, Verdict, hunt
from tests.workflow.kit.mutations import mutants
from tests.workflow.machine import shipped_machine
from tests.workflow.template import ROOT
from tests.workflow.test_definition import complaints

REPORT: Final = ROOT / "build/workflow/mutants.json"

_NEVER_SO_LONG: Final = (
    "with three retries the pauses are 1, 2 and 4 seconds: the limit says what it should be, were there more"
)
EXPLAINED: Final[Mapping[str, str]] = {
    "ConvertToGrayscale.Retry[3].MaxDelaySeconds is 11": _NEVER_SO_LONG,
    "DeleteOutput.Retry[3].MaxDelaySeconds is 11": _NEVER_SO_LONG,
    "ReleaseLockAfterFailure.Catch[0].ResultPath is not $.release_error": (
        "only people read it, in the history: the state that follows goes by $.error"
    ),
}


def main() -> int:
    """Hunt, show, and say by the exit code whether all is well."""
    console = Console()
    machine = shipped_machine()
    hunting = hunt(machine, CASES, complaints, processes=os.cpu_count() or 1)
    many = sum(1 for _ in mutants(machine))
    show = track(hunting, "changing the state machine", many, console=console, disable=not console.is_terminal)
    try:
        verdicts = list(show)
    except (ValueError, TimeoutError) as error:
        console.print(f"[red]wrong[/] {error}", highlight=False)
        return 2
    survivors = {str(verdict.mutant) for verdict in verdicts if verdict.killer is None}
    console.print(_by_kind(verdicts))
    _write(verdicts)
    for name in sorted(survivors & EXPLAINED.keys()):
        console.print(f"[yellow]explained[/] {name}: {EXPLAINED[name]}", highlight=False)
    wrong = [f"{name} is not noticed by any case" for name in sorted(survivors - EXPLAINED.keys())]
    wrong += [
        f"{name} is noticed, or is no change any more: its explanation can go" for name in EXPLAINED.keys() - survivors
    ]
    for each in wrong:
        console.print(f"[red]wrong[/] {each}", highlight=False)
    killed, explained = len(verdicts) - len(survivors), len(survivors & EXPLAINED.keys())
    console.print(f"{len(verdicts)} changes: {killed} noticed, {len(survivors)} not, of which explained: {explained}")
    return 1 if wrong else 0


def _by_kind(verdicts: list[Verdict]) -> Table:
    table = Table("what was changed", "killed by a case", "by a property", "refused by the engine", "survived", "cases")
    for column in table.columns[1:]:
        column.justify = "right"
    for kind in dict.fromkeys(verdict.mutant.kind for verdict in verdicts):
        killers = Counter(verdict.killer for verdict in verdicts if verdict.mutant.kind == kind)
        others = [killers.pop(killer, 0) for killer in (PROPERTY, REFUSED, None)]
        table.add_row(kind, str(killers.total()), *map(str, others), str(len(killers)))
    return table


def _write(verdicts: list[Verdict]) -> None:
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    report = [
        {
            "change": str(verdict.mutant),
            "kind": verdict.mutant.kind,
            "killed by": verdict.killer,
            "because": verdict.evidence,
            "explained": EXPLAINED.get(str(verdict.mutant)),
        }
        for verdict in verdicts
    ]
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
