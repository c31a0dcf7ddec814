"""`lockstep status`: the stack's names, the locks held now, the latest executions."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final

from botocore.exceptions import ClientError
from rich.console import Console

from lockstep import view
from lockstep.executions import Execution, history, listed
from lockstep.stack import Stack

_LATEST: Final = 10
_REPLAY: Final = "see `lockstep redrive --dlq --dry-run`"
_SILENT: Final = (
    "{0} does not send its events to EventBridge, so no change in it is seen. To turn that on, beside what it has "
    "already: the bucket's properties in the console, Event notifications, Amazon EventBridge."
)


@dataclass(frozen=True)
class HeldLock:
    """A lock that has an owner.

    Attributes:
        lease_seconds: how long the lease still lasts; negative when it has ended and the lock is free to take.
    """

    object_id: str
    owner: str
    lease_seconds: float

    @property
    def is_live(self) -> bool:
        return self.lease_seconds > 0


@dataclass(frozen=True)
class Status:
    """What `read` found.

    Attributes:
        tells_of_changes: whether the input bucket sends its events to EventBridge; None where one may not ask.
        undelivered_events: how many are in the rule's dead-letter queue, about; None where one may not ask, or where
            the stack tells of no queue.
    """

    stack: Stack
    held: tuple[HeldLock, ...]
    latest: tuple[Execution, ...]
    tells_of_changes: bool | None
    undelivered_events: int | None

    @classmethod
    def read(cls, stack: Stack) -> Status:
        """Reads the whole lock table, so mind its size."""
        latest = [each["executionArn"] for each in islice(listed(stack), _LATEST)]
        return cls(
            stack,
            held=tuple(_held_locks(stack)),
            latest=tuple(Execution.read(arn, events) for arn in latest if (events := history(stack, arn))),
            tells_of_changes=_tells_of_changes(stack),
            undelivered_events=_undelivered_events(stack),
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "stack": self.stack.name,
            "where": self.stack.where,
            "names": self.stack.names,
            "input_bucket_sends_events": self.tells_of_changes,
            "undelivered_events": self.undelivered_events,
            "locks_held": [asdict(each) for each in self.held],
            "latest_executions": [each.as_json() for each in self.latest],
        }

    def show(self, console: Console) -> None:
        """For people."""
        console.print(f"stack {self.stack.name} on {self.stack.where}")
        view.names(self.stack, console)
        if self.tells_of_changes is False:
            console.print(f"\n{_SILENT.format(self.stack.input_bucket)}", style="bold red", soft_wrap=True)
        if self.undelivered_events is not None:
            found = f"{self.undelivered_events}, {_REPLAY}" if self.undelivered_events else "none"
            console.print(f"\nundelivered events: {found}", style="bold red" if self.undelivered_events else "bold")
        live = sum(each.is_live for each in self.held)
        console.print(f"\nlocks held: {live or 'none'}", style="bold")
        for each in self.held:
            lease = f"for {each.lease_seconds:.0f} s more" if each.is_live else "its lease has ended: free to take"
            console.print(f"  {each.object_id} by {each.owner}, {lease}", markup=False, soft_wrap=True)
        console.print("\nlatest executions" if self.latest else "\nno executions yet", style="bold")
        if self.latest:
            console.print(view.table(self.latest))


def _tells_of_changes(stack: Stack) -> bool | None:
    try:
        found = stack.s3.get_bucket_notification_configuration(Bucket=stack.input_bucket)
    except ClientError:  # a permission that nothing else here needs
        return None
    return "EventBridgeConfiguration" in found


def _undelivered_events(stack: Stack) -> int | None:
    """Also those that somebody is reading just now, which the queue hides meanwhile."""
    if stack.undelivered_events_queue is None:
        return None
    try:
        found = stack.sqs.get_queue_attributes(
            QueueUrl=stack.undelivered_events_queue,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
    except ClientError:  # a permission that nothing else here needs
        return None
    return sum(map(int, found["Attributes"].values()))


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
