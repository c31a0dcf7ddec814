"""Everything about one object: its lock, its events in order, its picture before and after."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from lockstep.executions import Execution, Outcome, name_of
from lockstep.history.pictures import Picture, Side, look
from lockstep.history.run import by_name, row
from lockstep.problems import Problem, problem_of
from lockstep.stack import Stack
from objectlock import record
from objectlock.sequencer import Sequencer

_IN_STEP: Final = "The output was made from the input as it is now."
_BOTH_GONE: Final = "There is no input, and no output."


class Fate(StrEnum):
    """What became of one event."""

    APPLIED = "applied"
    SKIPPED = "skipped"
    FAILED = "failed"
    PENDING = "pending"


@dataclass(frozen=True)
class Lock:
    """The lock record of an object; times in epoch milliseconds.

    Attributes:
        owner: name of the execution that holds it, or whatever stands there; empty when it is free.
        is_live: whether the lease lasts; past it the lock is free to take.
        worker_until: until then an attempt at work may be running.
        expires_at: when DynamoDB removes the record; only of a deleted object.
    """

    owner: str
    is_execution: bool
    is_live: bool
    lease_expires_at: int | None
    worker_until: int | None
    applied_sequencer: str
    newest_sequencer: str
    fencing_token: int
    expires_at: int | None

    @classmethod
    def read(cls, stack: Stack, object_id: str) -> Lock | None:
        """None where there never was one. Raises: ClientError, BotoCoreError."""
        found = stack.dynamodb.get_item(
            TableName=stack.lock_table, Key={record.OBJECT_ID: {"S": object_id}}, ConsistentRead=True
        )
        return (
            cls.of({name: next(iter(each.values())) for name, each in found["Item"].items()})
            if "Item" in found
            else None
        )

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Lock:
        """From the record's attributes, numbers as DynamoDB writes them."""
        owner = str(item.get(record.OWNER, ""))
        lease = _number(item, record.LEASE_EXPIRES_AT)
        expires = _number(item, record.EXPIRES_AT)
        return cls(
            owner=name_of(owner),
            is_execution=":execution:" in owner,
            is_live=bool(owner) and lease is not None and lease > time.time() * 1000,
            lease_expires_at=lease,
            worker_until=_number(item, record.WORKER_UNTIL),
            applied_sequencer=str(item.get(record.APPLIED_SEQUENCER, "")),
            newest_sequencer=str(item.get(record.NEWEST_SEQUENCER, "")),
            fencing_token=_number(item, record.FENCING_TOKEN) or 0,
            expires_at=None if expires is None else expires * 1000,
        )


@dataclass(frozen=True)
class ObjectPage:
    """What `read` found."""

    bucket: str
    key: str
    lock: Lock | None
    lock_problem: Problem | None
    executions: Sequence[Execution]
    input: Picture
    output: Picture

    @classmethod
    def read(
        cls,
        stack: Stack,
        bucket: str,
        key: str,
        executions: Sequence[Execution],
        picture: Callable[[Stack, Side, str], Picture] = look,
    ) -> ObjectPage:
        """Look at the lock table and at both buckets. What may not be read is a problem of that part alone."""
        lock, problem = None, None
        try:
            lock = Lock.read(stack, f"{bucket}/{key}")
        except (ClientError, BotoCoreError) as error:
            problem = problem_of(error, stack)
        ordered = sorted(executions, key=lambda each: (Sequencer("", each.sequencer), each.started))
        if bucket == stack.input_bucket:
            pictures = picture(stack, Side.INPUT, key), picture(stack, Side.OUTPUT, key)
        else:
            another = Problem("It is in another bucket", f"The input bucket of this stack is {stack.input_bucket}.")
            pictures = (Picture(exists=None, problem=another),) * 2
        return cls(bucket, key, lock, problem, ordered, *pictures)

    def as_json(self) -> dict[str, Any]:
        """For the page."""
        is_in_step, text = self._in_step()
        return {
            "bucket": self.bucket,
            "key": self.key,
            "lock": None if self.lock is None else asdict(self.lock),
            "lock_problem": None if self.lock_problem is None else asdict(self.lock_problem),
            "events": [self._event(each) for each in self.executions],
            "input": self.input.as_json(),
            "output": self.output.as_json(),
            "in_step": is_in_step,
            "in_step_text": text,
        }

    def _event(self, execution: Execution) -> dict[str, Any]:
        covered_by = covering(execution, self.executions)
        return {
            "execution": row(execution),
            "fate": fate(execution),
            "why": by_name(execution.explanation),
            "covered_by": None if covered_by is None or covered_by is execution else covered_by.name,
        }

    def _in_step(self) -> tuple[bool | None, str]:
        if self.input.exists is None or self.output.exists is None:
            return None, "It is not known, as one of the two buckets cannot be read."
        if self.input.exists and self.output.exists and self.output.source_etag == self.input.etag:
            return True, _IN_STEP
        if not self.input.exists and not self.output.exists:
            return True, _BOTH_GONE
        newest = self.executions[-1] if self.executions else None
        if not all(each.outcome.is_final for each in self.executions):
            return None, "Not yet: an execution is at work on it."
        if newest is not None and not self.output.exists and (why := self._why_no_output(newest)):
            return True, why
        return False, self._difference()

    def _why_no_output(self, newest: Execution) -> str:
        if newest.outcome is Outcome.FOLDER:
            return "A folder made in the S3 console has no counterpart."
        is_of_it = newest.outcome is Outcome.REJECTED and newest.etag == self.input.etag
        return "The input cannot be converted, so there is no output." if is_of_it else ""

    def _difference(self) -> str:
        if not self.output.exists:
            return "The output is missing."
        if not self.input.exists:
            return "The input is gone, but its output is still there."
        return "The output was made from another input than the present one."


def fate(execution: Execution) -> Fate:
    """What became of the event that an execution was started with."""
    match execution.outcome:
        case Outcome.CONVERTED | Outcome.DELETED | Outcome.SUCCEEDED:
            return Fate.APPLIED
        case Outcome.STALE | Outcome.SUPERSEDED | Outcome.FOLDER:
            return Fate.SKIPPED
        case Outcome.WORKING | Outcome.WAITING:
            return Fate.PENDING
        case _:
            return Fate.FAILED


def covering(execution: Execution, executions: Sequence[Execution]) -> Execution | None:
    """The first execution that brought the effect of this one's event, or of a newer event, into the output."""
    if not execution.sequencer:
        return None
    later = [each for each in executions if each.applied_sequencer >= execution.sequencer and each.stopped is not None]
    return min(later, key=lambda each: each.stopped or each.started, default=None)


def _number(item: Mapping[str, Any], name: str) -> int | None:
    """Of an attribute, down to a whole one; None where it is missing, or somebody has written something else."""
    try:
        return int(float(item[name]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
