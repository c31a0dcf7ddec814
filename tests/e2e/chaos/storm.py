"""The storm itself: the changes are made, then everything comes to rest, then what failed is started again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final
from uuid import uuid4

import pytest

from lockstep.executions import listed
from tests.e2e.chaos.checks import Found, Made, early_problems, is_to_be_started_again, wrong_outputs
from tests.e2e.chaos.events import Courier, courier
from tests.e2e.chaos.faults import FAULTS, TOO_LONG_SECONDS, Microburst, rules
from tests.e2e.chaos.killer import LATE_SECONDS, Killer
from tests.e2e.chaos.observer import Observer
from tests.e2e.chaos.plan import Act, Change, Plan
from tests.e2e.conftest import World, wait_until

FAULT_RATE: Final = 0.15
AT_ONCE: Final = 12  # executions; with more, the emulator's limit of Lambdas at once would hide the rest
ROUNDS: Final = 5
DEADLINE_SECONDS: Final = 600
STARTED_SECONDS: Final = 60
LEASE_SECONDS: Final = 120  # more than any lease there is

Say = Callable[[str], None]


@dataclass
class Storm:
    """One run of a plan, and what it has come to.

    Attributes:
        stopped: ARNs of executions.
        again: how many executions were started again, round by round.
        out_of_step: objects whose output was wrong when all executions had ended, before any was started again.
        early_problems: those of them that no failure explains.
        seconds: how long each part took.
    """

    plan: Plan
    world: World
    microburst: Microburst
    killer: Killer
    say: Say
    made: list[Made] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    out_of_step: list[str] = field(default_factory=list)
    early_problems: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    delivered: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.observer = Observer(self.world.stack)
        self._calm_since = 0.0
        self._dice = Random(self.plan.seed)
        self._versions: dict[int, str] = {}  # id of the version or delete marker that a change has made

    def run(self) -> None:
        """Make all changes, and return when nothing is left to be done."""
        with courier(self.world) as bus:
            self.microburst.inject(FAULTS, rules(FAULT_RATE))
            with self._timed("storm"):
                for change in self.plan.changes:
                    self._step(change, bus)
            with self._timed("calm"):
                bus.deliver_the_rest()
                self.delivered = bus.delivered
                self._wait_for_the_end()
            self._calm()
        found = self.found()
        self.out_of_step, self.early_problems = list(wrong_outputs(found)), list(early_problems(found))
        with self._timed("started again"):
            self._start_failed_again()
        with self._timed("leases"):
            self._wait_a_while(lambda: self._nothing_is_late() and self.observer.is_at_rest(), LEASE_SECONDS)

    def found(self) -> Found:
        """All there is now."""
        return self.observer.found(self.made, self.delivered, self.killer.writes)

    def _step(self, change: Change, bus: Courier) -> None:
        wait_until(lambda: len(self._running()) < AT_ONCE, f"room for change {change.number}", DEADLINE_SECONDS)
        began = datetime.now(UTC)
        self._make(change)
        ended = datetime.now(UTC)
        self.made.append(Made(change, began, ended, bus.hold(change.key, change.sent_after)))
        bus.deliver(change.number)
        if change.number in self.plan.kills:
            self.killer.order(self.plan.kills[change.number])
        if change.number in self.plan.stops:
            self._stop_one()
        self._tell(f"{change.number} of {len(self.plan.changes)} changes")

    def _make(self, change: Change) -> None:
        s3, bucket = self.world.stack.s3, self.world.stack.input_bucket
        match change.act:
            case Act.UPLOAD | Act.NO_IMAGE:
                put = s3.put_object(Bucket=bucket, Key=change.key, Body=change.body)
                self._versions[change.number] = put["VersionId"]
            case Act.DELETE:
                deleted = s3.delete_object(Bucket=bucket, Key=change.key)
                self._versions[change.number] = deleted["VersionId"]
            case Act.DELETE_VERSION | Act.REMOVE_MARKER:
                assert change.undoes is not None
                s3.delete_object(Bucket=bucket, Key=change.key, VersionId=self._versions[change.undoes])

    def _stop_one(self) -> None:
        """StopExecution on one that runs."""
        if running := sorted(self._running()):
            self.stopped.append(self._dice.choice(running))
            self.world.stack.stepfunctions.stop_execution(executionArn=self.stopped[-1], cause="chaos")

    def _calm(self) -> None:
        self.killer.call_off()
        self.microburst.calm()
        self._calm_since = time.monotonic()

    def _nothing_is_late(self) -> bool:
        """Whether every call that was held up has arrived by now, for better or worse."""
        return time.monotonic() > self._calm_since + max(TOO_LONG_SECONDS, LATE_SECONDS) + 1

    def _wait_for_the_end(self) -> None:
        """Until each delivery has an execution, and all executions have ended."""
        expected = self.delivered.total() + sum(self.again)
        self._wait_a_while(lambda: self._started() >= expected, STARTED_SECONDS)
        self._wait_a_while(lambda: not self._running(), DEADLINE_SECONDS)
        self._wait_a_while(self.observer.has_read_all, STARTED_SECONDS)

    def _wait_a_while(self, done: Callable[[], bool], seconds: float) -> None:
        """Until it is done. If that takes too long, the checks say what is missing."""

        def told() -> bool:
            self._tell("all changes made")
            return done()

        with suppress(pytest.fail.Exception):
            wait_until(told, "at rest", seconds)

    def _start_failed_again(self) -> None:
        """With the same input, as an operator would; those that fail again too."""
        done: set[str] = set()
        for _ in range(ROUNDS):
            failed = [each for each in self.observer.told() if is_to_be_started_again(each.run.execution)]
            due = [each for each in failed if each.run.execution.arn not in done]
            if not due:
                return
            self.again.append(len(due))
            done |= {each.run.execution.arn for each in due}
            for each in due:
                self.world.stack.stepfunctions.start_execution(
                    stateMachineArn=self.world.stack.state_machine_arn, name=uuid4().hex, input=each.input
                )
            self._wait_for_the_end()

    def _tell(self, what: str) -> None:
        running = len(self._running())
        self.say(f"{what}, {self._started()} executions started, {running} running")

    def _started(self) -> int:
        """How many executions there are."""
        return sum(1 for _ in listed(self.world.stack))

    def _running(self) -> list[str]:
        """ARNs of the executions that run."""
        pages = self.world.stack.stepfunctions.get_paginator("list_executions").paginate(
            stateMachineArn=self.world.stack.state_machine_arn, statusFilter="RUNNING"
        )
        return [each["executionArn"] for page in pages for each in page["executions"]]

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[what] = round(time.monotonic() - began, 1)
