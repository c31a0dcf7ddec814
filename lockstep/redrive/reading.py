"""What Step Functions is asked for a redrive, each operation at the pace that AWS allows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from lockstep.batch import read, reading_pace
from lockstep.pace import Clock, Pace
from lockstep.problems import is_of_no_execution
from lockstep.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import (
        ExecutionListItemTypeDef,
        HistoryEventTypeDef,
        ListExecutionsInputTypeDef,
    )

_PAGE: Final = 1000


class Reader:
    """Reads executions of a stack's state machine. Throttling is waited out.

    An account has 2 or 5 pages of the list a second, by region, 10 or 15 descriptions and 20 histories, and some
    hundred of each at once (Step Functions Developer Guide, Service quotas). It shares them with whoever else looks.
    """

    def __init__(self, stack: Stack, clock: Clock) -> None:
        self._stack = stack
        self._histories = reading_pace(stack, clock)
        self._lists = Pace(clock, 100, 100) if stack.is_local else Pace(clock, 2, 50)
        self._descriptions = Pace(clock, 100, 100) if stack.is_local else Pace(clock, 8, 100)

    def pages(self, status: ExecutionStatusType | None = None) -> Iterator[Sequence[ExecutionListItemTypeDef]]:
        """The list, of that status only if one is given: the latest start first. Raises: ClientError, BotoCoreError."""
        request: ListExecutionsInputTypeDef = {
            "stateMachineArn": self._stack.state_machine_arn,
            "maxResults": _PAGE,
        }
        if status is not None:
            request["statusFilter"] = status
        while True:
            page = self._lists.patiently(lambda: self._stack.stepfunctions.list_executions(**request))
            yield page["executions"]
            if "nextToken" not in page:
                return
            request["nextToken"] = page["nextToken"]

    def history(self, arn: str) -> list[HistoryEventTypeDef]:
        """All events, oldest first; none if it is not to be read yet. Raises: ClientError, BotoCoreError."""
        return read(self._stack, arn, self._histories)

    def exists(self, name: str) -> bool:
        """Whether there is an execution of that name. Raises: ClientError, BotoCoreError."""
        arn = self._stack.execution_arn(name)
        try:
            self._descriptions.patiently(lambda: self._stack.stepfunctions.describe_execution(executionArn=arn))
        except ClientError as error:
            if is_of_no_execution(error):
                return False
            raise
        return True
