"""An account with a dead-letter queue, in which what is started comes to an end, and in which calls go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

import pytest
from botocore.exceptions import ConnectionClosedError
from typer.testing import CliRunner, Result

from lockstep import emulator, local
from lockstep.cli import app
from lockstep.pace import Clock
from lockstep.stack import Stack
from tests.unit import account as accounts
from tests.unit.account import INPUT, KEY, MACHINE, Account, Refused, stack

QUEUE: Final = "https://sqs.eu-west-1.amazonaws.com/111122223333/undelivered"
STATUSES: Final = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}


class Time:
    """Passes when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.clock = Clock(now=lambda: self.seconds, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.seconds += seconds


@dataclass
class Sent:
    """A message in the queue."""

    body: str
    attributes: dict[str, str]
    receipt: str = ""
    is_visible: bool = True


@dataclass
class Mishap:
    """What goes wrong at a call: it has no effect, or its effect has no answer; then the process may be gone."""

    error: Callable[[], BaseException]
    has_effect: bool = False
    is_deadly: bool = False


THROTTLED: Final = Mishap(lambda: Refused("ThrottlingException", "Rate exceeded"))
LIMIT: Final = Mishap(lambda: Refused("ExecutionLimitExceeded"))
CUT: Final = Mishap(lambda: ConnectionClosedError(endpoint_url="https://aws"))
ANSWER_LOST: Final = Mishap(lambda: ConnectionClosedError(endpoint_url="https://aws"), has_effect=True)
INTERRUPTED: Final = Mishap(KeyboardInterrupt)
INTERRUPTED_AFTER: Final = Mishap(KeyboardInterrupt, has_effect=True)
KILLED: Final = Mishap(KeyboardInterrupt, is_deadly=True)
KILLED_AFTER: Final = Mishap(KeyboardInterrupt, has_effect=True, is_deadly=True)
MISHAPS: Final = [
    *(THROTTLED, LIMIT, CUT, ANSWER_LOST),
    *(INTERRUPTED, INTERRUPTED_AFTER, KILLED, KILLED_AFTER),
]


@dataclass
class Wrong:
    """Which call goes wrong, and how."""

    calls: dict[int, Mishap] = field(default_factory=dict)
    count: int = 0
    is_dead: bool = False


class RedriveAccount(Account):
    """The account.

    Attributes:
        ends: is told of an execution that was started, to give it its end; converted if not told otherwise.
        starts: names of what was started from outside, in order.
        lost: bodies of messages that were deleted before an execution had their event.
        visibility: for how many seconds messages were asked to be invisible, at the receive and later.
        page: how many executions a page of the list has at most; small, so that there are some.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, Sent] = {}
        self.ends: Callable[[str], None] = lambda name: self.convert(name, "ff")
        self.lost: list[str] = []
        self.starts: list[str] = []
        self.wrong = Wrong()
        self.visibility: set[int] = set()
        self.page = 3
        self._at_work: list[str] = []
        self._receipts = 0

    # --- what happens -----------------------------------------------------------------------------------------

    def failed(self, name: str, key: str = KEY, **about: Any) -> str:
        """An execution that failed."""
        arn = self.start(name, key, "01", **about)
        self.fail(name)
        return arn

    def send(self, body: str | dict[str, Any], **attributes: str) -> str:
        """A message for the queue; returns its id."""
        name = f"message-{len(self.messages)}"
        self.messages[name] = Sent(body if isinstance(body, str) else json.dumps(body), attributes)
        return name

    def time_passes(self) -> None:
        """So that what was received is to be seen again."""
        for each in self.messages.values():
            each.is_visible = True

    @contextmanager
    def going_wrong(self, calls: dict[int, Mishap]) -> Iterator[None]:
        """The nth call from now on goes wrong."""
        self.wrong = Wrong(calls)
        yield
        self.wrong = Wrong()

    # --- what is asked ----------------------------------------------------------------------------------------

    def answer(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        wrong, mishap = self.wrong, self.wrong.calls.get(self.wrong.count)
        wrong.count += 1
        if wrong.is_dead:
            raise KeyboardInterrupt
        if mishap is None:
            return super().answer(operation, parameters)
        wrong.is_dead = mishap.is_deadly
        if mishap.has_effect:
            super().answer(operation, parameters)
        raise mishap.error()

    def _answer_ListExecutions(  # noqa: N802  # AWS's name
        self,
        stateMachineArn: str,  # noqa: N803
        maxResults: int = 100,  # noqa: N803
        nextToken: str = "",  # noqa: N803
        statusFilter: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        assert stateMachineArn == MACHINE
        items = []
        for each in sorted(self.executions.values(), key=lambda each: each.started, reverse=True):
            status = STATUSES.get(each.events[-1]["type"], "RUNNING")
            if statusFilter in {"", status} and each.is_listed:
                items.append({**each.item, "status": status})
        start = int(nextToken or 0)
        page = items[start : start + min(maxResults, self.page)]
        more = {"nextToken": str(start + len(page))} if start + len(page) < len(items) else {}
        return {"executions": page, **more}

    def _answer_StartExecution(self, name: str, input: str, **_: Any) -> dict[str, Any]:  # noqa: A002, N802
        is_new = name not in self.executions
        found = super()._answer_StartExecution(name, input)
        if is_new:
            self.starts.append(name)
            self._at_work.append(name)
        return found

    def _answer_GetExecutionHistory(self, executionArn: str, **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        found = super()._answer_GetExecutionHistory(executionArn)
        name = executionArn.rpartition(":")[2]
        if name in self._at_work:  # it ends after it was looked at once
            self._at_work.remove(name)
            self.ends(name)
        return found

    def _answer_ReceiveMessage(  # noqa: N802
        self,
        QueueUrl: str,  # noqa: N803
        MaxNumberOfMessages: int,  # noqa: N803
        VisibilityTimeout: int,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        assert QueueUrl == QUEUE
        self.visibility.add(VisibilityTimeout)
        visible = [each for each in self.messages.items() if each[1].is_visible][:MaxNumberOfMessages]
        answer = []
        for name, message in visible:
            self._receipts += 1
            message.receipt, message.is_visible = f"receipt-{self._receipts}", False
            attributes = {
                each: {"StringValue": value, "DataType": "String"} for each, value in message.attributes.items()
            }
            answer.append(
                {
                    "MessageId": name,
                    "ReceiptHandle": message.receipt,
                    "Body": message.body,
                    "Attributes": {"SentTimestamp": str(1_767_225_600_000 + self._receipts)},
                    "MessageAttributes": attributes,
                }
            )
        return {"Messages": answer} if answer else {}

    def _answer_DeleteMessage(self, ReceiptHandle: str, **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        for name, message in list(self.messages.items()):
            if message.receipt == ReceiptHandle:
                if not any(each.text == message.body for each in self.executions.values()):
                    self.lost.append(message.body)
                del self.messages[name]
        return {}

    def _answer_ChangeMessageVisibilityBatch(self, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        assert len(Entries) <= 10
        for entry in Entries:
            self.visibility.add(entry["VisibilityTimeout"])
            for message in self.messages.values():
                if message.receipt == entry["ReceiptHandle"]:
                    message.is_visible = entry["VisibilityTimeout"] == 0
        return {"Successful": [], "Failed": []}


def event(key: str = KEY, event_id: str | None = "id-1", bucket: str = INPUT, **about: Any) -> dict[str, Any]:
    """An event as EventBridge has it."""
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": "01"}}
    found = {"detail-type": "Object Created", "detail": detail, **about}
    return found if event_id is None else {"id": event_id, **found}


def new_redrive_account() -> RedriveAccount:
    """The account that all stacks are in from now on."""
    account = RedriveAccount()
    accounts._account[:] = [account]
    return account


@cache
def stack_with_queue() -> Stack:
    return replace(stack(), undelivered_events_queue=QUEUE)


def use(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The command works on the account, and its time is made up."""
    time = Time()
    for module in ("lockstep.batch", "lockstep.redrive.listing"):
        monkeypatch.setattr(f"{module}.Clock", lambda: time.clock)
    monkeypatch.setattr(local, "running_stack", stack_with_queue)
    monkeypatch.setattr(emulator, "leave_aws", lambda: None)
    monkeypatch.setattr("lockstep.command.signal.signal", lambda *_: None)  # the test runner's own
    monkeypatch.delenv("LOCKSTEP_STACK_NAME", raising=False)
    return time


def redrive(*arguments: str, typed: str = "") -> Result:
    """Since the beginning of the account's time, unless told otherwise."""
    since = () if "--dlq" in arguments or "--since" in arguments else ("--since", "2025-12-31T00:00Z")
    result = CliRunner().invoke(app, ["redrive", *since, *arguments], input=typed)
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result
