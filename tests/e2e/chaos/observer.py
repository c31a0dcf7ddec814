"""What is found when things are quiet: objects, lock records, and what the histories tell."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lockstep.executions import ENDS, Execution, history, listed
from lockstep.stack import Stack
from tests.e2e.chaos.checks import Found, Lock, Made, Run, Stored, Write

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

_READERS: Final = 4  # histories are read side by side


@dataclass(frozen=True)
class Told:
    """What one history tells.

    Attributes:
        input: what the execution was started with.
        invocations: of functions, by state.
        retries: by state and the error before.
    """

    run: Run
    input: str
    invocations: Counter[str]
    retries: Counter[tuple[str, str]]


@dataclass
class Observer:
    """Reads a stack. Histories that have an end are read once."""

    stack: Stack
    _told: dict[str, Told] = field(default_factory=dict)

    def told(self) -> list[Told]:
        """What the histories of all executions tell, oldest first."""
        arns = [each["executionArn"] for each in listed(self.stack)]
        unread = [each for each in arns if each not in self._told]
        with ThreadPoolExecutor(_READERS) as readers:
            for arn, events in zip(unread, readers.map(lambda arn: history(self.stack, arn), unread), strict=True):
                if any(each["type"] in ENDS for each in events):
                    self._told[arn] = tell(arn, events)
        return [self._told[each] for each in reversed(arns) if each in self._told]

    def has_read_all(self) -> bool:
        """Whether every execution has a history with an end."""
        return len(self.told()) == sum(1 for _ in listed(self.stack))

    def found(self, made: Sequence[Made], delivered: Mapping[str, int], writes: Sequence[Write]) -> Found:
        return Found(
            made=made,
            inputs=self._stored(self.stack.input_bucket),
            outputs=self._stored(self.stack.output_bucket),
            locks=self.locks(),
            delivered=dict(delivered),
            writes=list(writes),
            runs=[each.run for each in self.told()],
            now_ms=_now_ms(),
        )

    def locks(self) -> dict[str, Lock]:
        """The lock records, by key."""
        pages = self.stack.dynamodb.get_paginator("scan").paginate(TableName=self.stack.lock_table, ConsistentRead=True)
        items = [item for page in pages for item in page["Items"]]
        return {item["object_id"]["S"].partition("/")[2]: _lock(item) for item in items}

    def is_at_rest(self) -> bool:
        """Whether nobody holds a lock or may be at work, by the records; leases end without anybody."""
        now = _now_ms()
        return all(
            each.worker_until < now and (each.owner is None or each.lease_expires_at < now)
            for each in self.locks().values()
        )

    def _stored(self, bucket: str) -> dict[str, Stored]:
        pages = self.stack.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key: self._object(bucket, key) for key in keys}

    def _object(self, bucket: str, key: str) -> Stored:
        found = self.stack.s3.get_object(Bucket=bucket, Key=key)
        etag, version = found["ETag"].strip('"'), found.get("VersionId", "null")
        return Stored(found["Body"].read(), etag if version == "null" else f"{etag}@{version}")


def tell(arn: str, events: Sequence[HistoryEventTypeDef]) -> Told:
    """Read a history up to its end: the emulator goes on with the task of a stopped execution."""
    invocations: Counter[str] = Counter()
    retries: Counter[tuple[str, str]] = Counter()
    state, error = "", ""
    for each in events:
        kind = each["type"]
        if kind in ENDS:
            break
        if "stateEnteredEventDetails" in each:
            state, error = each["stateEnteredEventDetails"]["name"], ""
        elif kind == "TaskScheduled":
            invocations[state] += 1
            if error:
                retries[state, error] += 1
        elif kind == "TaskFailed":
            error = each["taskFailedEventDetails"].get("error", "")
        elif kind == "TaskTimedOut":
            error = "States.Timeout"
    started_with = events[0]["executionStartedEventDetails"]["input"]
    event_id = str(json.loads(started_with)["id"])
    return Told(Run(event_id, Execution.read(arn, events)), started_with, invocations, retries)


def _lock(item: Mapping[str, Any]) -> Lock:
    def text(name: str) -> str | None:
        return str(item[name]["S"]) if name in item else None

    def milliseconds(name: str) -> int:
        return int(item[name]["N"]) if name in item else 0

    return Lock(
        text("owner"),
        milliseconds("lease_expires_at"),
        milliseconds("worker_until"),
        text("applied_source"),
        text("output_etag"),
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
