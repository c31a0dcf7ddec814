"""The executions that failed, were aborted or ran out of time, and have not been started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Final, cast

from lockstep.again import next_name
from lockstep.batch import Item, input_of
from lockstep.executions import Execution, Outcome
from lockstep.pace import Clock
from lockstep.redrive.failure import Failure, Found, Left, is_meant
from lockstep.redrive.reading import Reader
from lockstep.redrive.successors import Successors
from lockstep.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

_LONGEST: Final = timedelta(hours=1)  # the machine's own time limit is a quarter of that


class Ended(Enum):
    """How an execution ended that may be started again, as one types it."""

    FAILED = "failed"
    TIMED_OUT = "timed-out"
    ABORTED = "aborted"

    @property
    def status(self) -> ExecutionStatusType:
        """As Step Functions calls it."""
        return cast("ExecutionStatusType", self.name)


@dataclass(frozen=True)
class Wanted:
    """Which executions are meant.

    Attributes:
        since: when they ended, or later.
        key: a pattern, or how the object's key begins; empty for all.
    """

    since: datetime
    ended: Sequence[Ended]
    key: str


class Listing:
    """Looks for them.

    Args:
        say: is told how far it is.
    """

    def __init__(self, stack: Stack, say: Callable[[str], None], clock: Clock | None = None) -> None:
        self._stack = stack
        self._say = say
        self._reader = Reader(stack, clock or Clock())

    def find(self, wanted: Wanted) -> Found:
        """What was started again already is not looked at any more, and counted whatever its key.

        Raises: ClientError, BotoCoreError.
        """
        listed = sorted(self._listed(wanted), key=lambda each: each["startDate"])
        successors = Successors(self._reader, listed, self._say)
        found = Found()
        for number, each in enumerate(listed, 1):
            self._say(f"looking at {number:,} of {len(listed):,} executions that ended badly")
            is_over = successors.is_listed(each["name"])
            judged = Left.STARTED_AGAIN if is_over else self._judge(each["executionArn"], wanted, successors)
            if isinstance(judged, Failure):
                found.failures.append(judged)
            elif judged is not None:
                found.left[judged.value] += 1
        return found

    def _listed(self, wanted: Wanted) -> Iterator[ExecutionListItemTypeDef]:
        """Step Functions lists the latest start first, and knows no time at which to stop."""
        count = 0
        for ended in wanted.ended:
            for each in chain.from_iterable(self._reader.pages(ended.status)):
                if each["startDate"] < wanted.since - _LONGEST:
                    break
                if each.get("stopDate", each["startDate"]) >= wanted.since:
                    count += 1
                    self._say(f"listing executions that ended badly: {count:,}")
                    yield each

    def _judge(self, arn: str, wanted: Wanted, successors: Successors) -> Failure | Left | None:
        """What there is to do about an execution; None if it is not meant.

        One history tells all of it; AWS allows twice as many of them as descriptions.
        """
        events = self._reader.history(arn)
        if not events:
            return Left.NOT_READABLE
        execution = Execution.read(arn, events)
        has_failed = execution.outcome is Outcome.REJECTED or execution.outcome.may_be_started_again
        if not has_failed or not is_meant(execution.key, wanted.key):  # it may have been redriven meanwhile
            return None
        if reason := self._reason_to_leave(execution, successors):
            return reason
        return Failure(
            when=execution.stopped or datetime.now(UTC),
            bucket=execution.bucket,
            key=execution.key,
            change=execution.change,
            outcome=execution.outcome.value,
            why=_why(execution),
            item=Item(next_name(execution.name), input_of(events)),
            origin={"name": execution.name, "arn": arn},
        )

    def _reason_to_leave(self, execution: Execution, successors: Successors) -> Left | None:
        if execution.outcome is Outcome.REJECTED:
            return Left.REJECTED
        if not execution.key or execution.bucket != self._stack.input_bucket:
            return Left.NO_OBJECT
        return Left.STARTED_AGAIN if successors.is_there(execution.name) else None


def _why(execution: Execution) -> str:
    """Whoever stops an execution may give a cause, and need not."""
    is_unexplained = execution.outcome is Outcome.ABORTED and not execution.explanation
    return "stopped, no cause given" if is_unexplained else execution.explanation
