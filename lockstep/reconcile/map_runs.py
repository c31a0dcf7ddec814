"""How far a run of the second state machine is, as its Map Runs tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lockstep.stack import Stack


@dataclass
class Round:
    """One listing, as its Map Run has it.

    Attributes:
        objects: how many it has.
        done: how many of them have been compared, and repaired if need be.
        failed: how many could not be.
    """

    objects: int = 0
    done: int = 0
    failed: int = 0


@dataclass
class Watched:
    """How far a run is."""

    rounds: list[Round] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._spinner = Spinner("dots", style="cyan")

    @property
    def failed(self) -> int:
        """How many objects could not be compared."""
        return sum(each.failed for each in self.rounds)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Drawn again and again while it runs."""
        text = Text("listing" if not self.rounds else "")
        for name, each in zip(("inputs", "outputs"), self.rounds, strict=False):
            text.append(" · " if text else "", "dim").append(f"{name} {each.done:,} of {each.objects:,}")
        if self.failed:
            text.append(f" · {self.failed:,} could not be compared", "bold red")
        row = Table.grid(padding=(0, 1))
        row.add_row(self._spinner, text)
        yield row


def rounds(stack: Stack, arn: str) -> Iterator[Round]:
    """Those that have begun, in their order. Raises: ClientError, BotoCoreError."""
    client = stack.stepfunctions
    pages = client.get_paginator("list_map_runs").paginate(executionArn=arn)
    found = [each for page in pages for each in page["mapRuns"]]
    for run in sorted(found, key=lambda each: each["startDate"]):
        counts = client.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
        failed = counts["failed"] + counts["timedOut"] + counts["aborted"]
        yield Round(counts["total"], counts["succeeded"] + failed, failed)
