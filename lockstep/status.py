"""`lockstep status`: the stack's names, the locks held now, the latest executions."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lockstep import view
from lockstep.executions import Execution, history, recent
from lockstep.stack import Stack

_LATEST: Final = 10


@dataclass(frozen=True)
class HeldLock:
    """A lock that has an owner.

    Attributes:
        lease_seconds: how long the lease still lasts; negative when it has ended and the lock is free to take.
    """

    object_id: str
    owner: str
    lease_seconds: float


@dataclass(frozen=True)
class Status:
    """What `read` found."""

    stack: Stack
    held: tuple[HeldLock, ...]
    latest: tuple[Execution, ...]

    @classmethod
    def read(cls, stack: Stack) -> Status:
        """Reads the whole lock table, so mind its size."""
        latest = islice(recent(stack), _LATEST)
        return cls(
            stack,
            held=tuple(_held_locks(stack)),
            latest=tuple(Execution.read(arn, events) for arn in latest if (events := history(stack, arn))),
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "stack": self.stack.name,
            "where": self.stack.where,
            "names": self.stack.names,
            "locks_held": [asdict(each) for each in self.held],
            "latest_executions": [each.as_json() for each in self.latest],
        }

    def render(self) -> RenderableType:
        """For people."""
        names = Table.grid(padding=(0, 2))
        names.add_column(no_wrap=True)
        names.add_column(overflow="fold")
        names.add_row("stack", f"{self.stack.name} on {self.stack.where}")
        for name, value in self.stack.names.items():
            names.add_row(name.replace("_", " "), value)
        held = Table.grid(padding=(0, 2))
        for each in self.held:
            lease = f"{each.lease_seconds:.0f} s left" if each.lease_seconds > 0 else "lease ended"
            held.add_row(Text(each.object_id), Text(each.owner, "dim"), Text(lease, "yellow"))
        return Group(
            names,
            Text(f"\nlocks held: {len(self.held) or 'none'}", "bold"),
            held,
            Text("\nlatest executions" if self.latest else "\nno executions yet", "bold"),
            view.table(self.latest) if self.latest else Text(),
        )


def _held_locks(stack: Stack) -> list[HeldLock]:
    pages = stack.dynamodb.get_paginator("scan").paginate(
        TableName=stack.lock_table,
        FilterExpression="attribute_exists(#owner)",
        ExpressionAttributeNames={"#owner": "owner"},
    )
    now = time.time()
    return [
        HeldLock(
            item["object_id"]["S"],
            item["owner"]["S"].rpartition(":")[2],
            round(int(item["lease_expires_at"]["N"]) / 1000 - now, 1),
        )
        for page in pages
        for item in page["Items"]
    ]
