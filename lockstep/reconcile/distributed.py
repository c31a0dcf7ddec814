"""Reconciling by Step Functions: its second state machine does it all, and this process only follows."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from lockstep.command import confirmed
from lockstep.errors import UserError
from lockstep.pace import Clock
from lockstep.patience import Patience
from lockstep.reconcile import words
from lockstep.reconcile.map_runs import Watched, rounds
from lockstep.reconcile.repairs import new_run
from lockstep.reconcile.result import BAD, BadRepairs, Result, is_incomplete
from lockstep.reconcile.wanted import Manner, Wanted
from lockstep.stack import Stack
from lockstep.view import line, number, print_json, say, showing

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

_SECONDS: Final = 5.0
_CATCHES_UP_SECONDS: Final = 60.0  # what Step Functions tells may be of before a start or a redrive, a little while

T = TypeVar("T")


class Distributed:
    """One run."""

    def __init__(
        self, stack: Stack, wanted: Wanted, manner: Manner, screen: Console, clock: Clock | None = None
    ) -> None:
        if stack.reconcile_machine_arn is None:
            msg = f"stack {stack.name!r} has no state machine for this: deploy this version, or leave out --distributed"
            raise UserError(msg)
        self._stack = stack
        self._machine = stack.reconcile_machine_arn
        self._wanted = wanted
        self._manner = manner
        self._screen = screen
        self._clock = clock or Clock()
        self._watched = Watched()

    def reconcile(self, name: str | None = None) -> bool:
        """Whether all that was asked for is in step now; with a name, of the run that has it.

        Raises: ClientError, BotoCoreError; UserError when there is no such run, or it failed.
        """
        redrives = 0
        if name is not None:
            arn, redrives = self._go_on(name)
        elif self._wanted.dry_run or self._manner.yes or self._is_confirmed():
            arn = self._start(name := new_run())
        else:
            say(self._screen, "nothing was started")
            return False
        say(self._screen, Text(f"run {name} of {self._machine.rpartition(':')[2]}", "dim"))
        command, until = self._command(name), self._clock.now() + _CATCHES_UP_SECONDS
        ended = self._answered(
            lambda: self._look(arn, redrives, may_be_old=self._clock.now() < until),
            f"it goes on by itself; to follow it: {command}",
        )
        if ended["status"] != "SUCCEEDED" and not is_incomplete(ended):
            msg = (
                f"run {name} ended {ended['status'].lower()}: {ended.get('error', '')} {ended.get('cause', '')}\n"
                f"{self._how_to_go_on(name, ended['status'])}"
            )
            raise UserError(msg)
        result = self._answered(
            lambda: Result.read(self._stack, ended, self._watched.failed),
            f"it has ended; to be told what came of it: {command}",
        )
        self._tell(result)
        return result.is_in_step

    def _is_confirmed(self) -> bool:
        question = f"repair whatever is out of step below s3://{self._stack.input_bucket}/{self._wanted.prefix}?"
        return confirmed(question, for_programs=self._manner.as_json)

    def _start(self, name: str) -> str:
        asked: dict[str, Any] = {
            "prefix": self._wanted.prefix,
            "dry_run": self._wanted.dry_run,
            "kinds": [each.value for each in self._wanted.kinds],
        }
        if self._manner.at_once is not None:
            asked["concurrency"] = self._manner.at_once
        client = self._stack.stepfunctions
        started = client.start_execution(stateMachineArn=self._machine, name=name, input=json.dumps(asked))
        return started["executionArn"]

    def _go_on(self, name: str) -> tuple[str, int]:
        """A run that ended badly goes on where it ended; one that was done is only told of again.

        Returns its ARN, and how often it has been redriven now.
        """
        client = self._stack.stepfunctions
        arn = f"{self._machine.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            found = client.describe_execution(executionArn=arn)
        except client.exceptions.ExecutionDoesNotExist:
            msg = f"there is no run {name!r} of {self._machine}"
            raise UserError(msg) from None
        redrives = found.get("redriveCount", 0)
        if found["status"] in BAD and not is_incomplete(found):
            client.redrive_execution(executionArn=arn)
            redrives += 1
        return arn, redrives

    def _answered(self, ask: Callable[[], T | None], instead: str) -> T:
        """The first answer that is one; it is asked again where there is none, for as long as that takes.

        Says `instead` when it is broken off. Raises: what `ask` raises, and no time will mend.
        """
        patience = Patience(self._screen)
        try:
            with showing(self._screen, self._watched):
                while True:
                    with patience.over_no_answer():
                        if (answer := ask()) is not None:
                            return answer
                    self._clock.sleep(0.2 if self._stack.is_local else _SECONDS)
        except (KeyboardInterrupt, ClientError, BotoCoreError):
            say(self._screen, Text(instead, "yellow"))
            raise

    def _look(self, arn: str, redrives: int, *, may_be_old: bool) -> DescribeExecutionOutputTypeDef | None:
        """How it ended; None while it runs, and where that is told of before its start, or before its latest redrive.

        Notes how far it is.
        """
        client = self._stack.stepfunctions
        try:
            found = client.describe_execution(executionArn=arn)
            self._watched.rounds = list(rounds(self._stack, arn))
        except client.exceptions.ExecutionDoesNotExist:
            if not may_be_old:
                raise
            return None
        is_old = found["status"] in BAD and found.get("redriveCount", 0) < redrives
        is_at_work = found["status"] in {"RUNNING", "PENDING_REDRIVE"}
        return None if is_at_work or (is_old and may_be_old) else found

    def _how_to_go_on(self, name: str, status: str) -> str:
        if status == "ABORTED":  # and its repairs with it, whose names this run cannot start again
            return "start a new run: repairs that were at work were stopped, too"
        return f"to go on: {self._command(name)}"

    def _command(self, name: str) -> str:
        """How one looks after that run."""
        return " ".join(filter(None, ["lockstep reconcile --distributed --run", name, self._manner.options]))

    def _tell(self, result: Result) -> None:
        bad = BadRepairs()
        try:
            for each in bad.of(self._stack, result, self._clock):
                say(self._screen, line(each))
        finally:
            self._sum_up(result, bad)

    def _sum_up(self, result: Result, bad: BadRepairs) -> None:
        if bad.more is None:
            say(self._screen, Text("broken off: there may be more that failed", "yellow"))
        elif bad.more:
            say(self._screen, Text(f"… and {bad.more:,} more that failed or were rejected", "dim"))
        say(self._screen, words.counted(result.inputs, result.outputs, result.found))
        if self._wanted.prefix and not result.inputs + result.outputs:
            say(self._screen, words.nothing_there(self._wanted.prefix))
        if result.repairs:
            say(self._screen, words.repaired(result.repairs, len(bad.read) + (bad.more or 0)))
        if result.not_compared:
            say(self._screen, Text(f"{number(result.not_compared, 'object')} could not be compared", "red"))
        if result.has_failures:
            say(self._screen, Text("what could not be compared or repaired is found again by a new run", "dim"))
        if result.dry_run and not result.is_in_step:
            say(self._screen, Text("which they are: the same without --distributed lists them", "dim"))
        say(self._screen, words.ending(is_in_step=result.is_in_step, left_alone=result.left_alone))
        if self._manner.as_json:
            print_json(result.as_json(bad))
