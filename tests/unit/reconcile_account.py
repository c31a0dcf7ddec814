"""An account with objects to list, in which a repair does what the state machine does, and a run can be distributed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from lockstep import emulator, local
from lockstep.cli import app
from lockstep.stack import Stack
from objectlock.events import ObjectEvent
from tests.unit import account as accounts
from tests.unit.account import INPUT, MACHINE, OUTPUT, START, Refused, stack
from tests.unit.redrive_account import RedriveAccount, Time

RECONCILE: Final = f"{MACHINE}-reconcile"


class ReconcileAccount(RedriveAccount):
    """The account.

    Attributes:
        listed: is told of every page of a listing, before it is made.
        run: the one run of the second state machine, as DescribeExecution has it; None before it is started.
        map_runs: its Map Runs, oldest first, as DescribeMapRun has them.
        last_input: of the state it ended in.
        steps: what happens to the run, one after the other, each time that somebody looks.
        redriven: how often it was.
        never_known: whether DescribeExecution never catches up with its start.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ends = self.repair
        self.listed: Callable[[], None] = lambda: None
        self.run: dict[str, Any] | None = None
        self.map_runs: list[dict[str, Any]] = []
        self.last_input: dict[str, Any] = {}
        self.steps: list[Callable[[], None]] = []
        self.redriven = 0
        self.never_known = False
        self._as_it_was: list[dict[str, Any] | None] = []  # what DescribeExecution tells before it catches up

    # --- what there is ----------------------------------------------------------------------------------------

    def put(self, key: str, body: bytes = b"photo", *, made_from: bytes | None = None) -> None:
        """An input and, unless told otherwise, no output."""
        self.store(INPUT, key, body)
        if made_from is not None:
            self.put_output(key, made_from)

    def put_output(self, key: str, made_from: bytes | None) -> None:
        """An output of such an input; of nobody's where that is None."""
        said = {} if made_from is None else {"source_tag": accounts.Stored(made_from).etag}
        self.store(OUTPUT, key, b"gray", **said)

    def reject(self, key: str) -> None:
        """The lock record of an input that cannot be converted."""
        self.records[f"{INPUT}/{key}"] = {"applied_source": self.objects[INPUT, key].etag}

    def repair(self, name: str) -> None:
        """What the state machine makes of one object."""
        key = ObjectEvent.parse(json.loads(self.executions[name].text)).key
        source = self.objects.get((INPUT, key))
        if source is None:
            self.objects.pop((OUTPUT, key), None)
            self.convert(name, output_etag=None)
        elif source.body == b"no image":
            self.objects.pop((OUTPUT, key), None)
            self.reject(key)
            self.fail(name, "SourceRejected", "no image")
        else:
            self.put_output(key, source.body)
            self.convert(name)

    @property
    def repaired(self) -> list[str]:
        """Keys of the repairs that were started, in order."""
        return [json.loads(self.executions[name].text)["detail"]["object"]["key"] for name in self.starts]

    @property
    def changes(self) -> set[str]:
        """Operations that were asked for and change something."""
        reading = ("List", "Head", "Get", "Describe")
        return {each for each in self.operations if not each.startswith(reading)}

    # --- what is asked ----------------------------------------------------------------------------------------

    def _answer_ListObjectsV2(self, *args: Any, **about: Any) -> dict[str, Any]:  # noqa: N802  # AWS's name
        self.listed()
        return super()._answer_ListObjectsV2(*args, **about)

    def _answer_StartExecution(self, name: str, input: str, **about: Any) -> dict[str, Any]:  # noqa: A002, N802
        if about["stateMachineArn"] != RECONCILE:
            return super()._answer_StartExecution(name, input)
        arn = f"{RECONCILE.replace(':stateMachine:', ':execution:')}:{name}"
        self._as_it_was = [None]
        self.run = {
            "executionArn": arn,
            "name": name,
            "input": input,
            "status": "RUNNING",
            "startDate": START,
            "redriveCount": 0,
        }
        self.redriven = 0
        return {"executionArn": arn, "startDate": START}

    def _answer_DescribeExecution(self, executionArn: str) -> dict[str, Any]:  # noqa: N802, N803
        if "-reconcile:" not in executionArn:
            return super()._answer_DescribeExecution(executionArn)
        run = self._as_it_was.pop() if self._as_it_was else self.run
        if run is None or run["executionArn"] != executionArn or self.never_known:
            raise Refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{executionArn}'")
        if run is self.run and run["status"] == "RUNNING":
            assert self.steps, "it would run for ever"
            self.steps.pop(0)()
        return {"stateMachineArn": RECONCILE, **run}

    def _answer_GetExecutionHistory(self, executionArn: str, **about: Any) -> dict[str, Any]:  # noqa: N802, N803
        if "-reconcile:" not in executionArn:
            return super()._answer_GetExecutionHistory(executionArn)
        assert about["reverseOrder"] is True
        entered = {"type": "FailStateEntered", "stateEnteredEventDetails": {"input": json.dumps(self.last_input)}}
        return {"events": [{"type": "ExecutionFailed"}, entered]}

    def _answer_ListMapRuns(self, executionArn: str, **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        about = {"executionArn": executionArn, "stateMachineArn": RECONCILE}
        newest_first = [
            {"mapRunArn": f"map-run-{number}", "startDate": accounts.START.replace(minute=number), **about}
            for number in range(len(self.map_runs))
        ][::-1]
        return {"mapRuns": newest_first}

    def _answer_DescribeMapRun(self, mapRunArn: str) -> dict[str, Any]:  # noqa: N802, N803
        return {"itemCounts": self.map_runs[int(mapRunArn.rpartition("-")[2])]}

    def _answer_RedriveExecution(self, executionArn: str, **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        assert self.run is not None
        assert self.run["executionArn"] == executionArn
        self._as_it_was = [self.run.copy()]
        self.redriven += 1
        self.run |= {"status": "RUNNING", "redriveCount": self.redriven}
        return {"redriveDate": START}


def counts(total: int, succeeded: int, failed: int = 0) -> dict[str, int]:
    """Of a Map Run."""
    return {"total": total, "succeeded": succeeded, "failed": failed, "timedOut": 0, "aborted": 0}


def new_reconcile_account() -> ReconcileAccount:
    """The account that all stacks are in from now on."""
    account = ReconcileAccount()
    accounts._account[:] = [account]
    return account


@cache
def stack_with_reconcile() -> Stack:
    return replace(stack(), reconcile_machine_arn=RECONCILE)


def use(monkeypatch: pytest.MonkeyPatch, *, terminal: bool = False) -> Time:
    """The command works on the account, and its time is made up."""
    time = Time()
    for module in ("lockstep.batch", "lockstep.reconcile.distributed"):
        monkeypatch.setattr(f"{module}.Clock", lambda: time.clock)
    monkeypatch.setattr(local, "running_stack", stack_with_reconcile)
    monkeypatch.setattr(emulator, "leave_aws", lambda: None)
    monkeypatch.setattr("lockstep.command.signal.signal", lambda *_: None)  # the test runner's own
    monkeypatch.setattr("lockstep.reconcile.commands.has_terminal", lambda: terminal)
    monkeypatch.delenv("LOCKSTEP_STACK_NAME", raising=False)
    return time


def reconcile(*arguments: str, typed: str = "") -> Result:
    result = CliRunner().invoke(app, ["reconcile", *arguments], input=typed)
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result


def lines(result: Result) -> list[dict[str, Any]]:
    """What a program reads."""
    return [json.loads(line) for line in result.stdout.splitlines()]
