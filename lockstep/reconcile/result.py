"""What came of a run of the second state machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from lockstep.executions import Execution
from lockstep.pace import Clock
from lockstep.reconcile.wanted import left_alone
from lockstep.redrive.reading import Reader
from lockstep.stack import Stack
from objectlock.comparison import REPAIRED, TALLIED, Kind, names_begin

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType
    from mypy_boto3_stepfunctions.type_defs import DescribeExecutionOutputTypeDef

BAD: Final[tuple[ExecutionStatusType, ...]] = ("FAILED", "TIMED_OUT", "ABORTED")
INCOMPLETE: Final = "ReconcileIncomplete"  # how a run ends that was done, but not with everything
AT_MOST: Final = 1000  # histories that are read, fifteen a second
_SLACK: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Result:
    """What it has found, as it says itself.

    Attributes:
        inputs, outputs: how many it has compared.
        found: how many findings of each kind, repaired or not.
        not_compared: how many objects could not be.
        has_failures: whether something could not be compared, or a repair failed or could not be started.
        wanted: the kinds that were to be repaired.
    """

    run: str
    started: datetime
    inputs: int
    outputs: int
    found: Counter[Kind]
    not_compared: int
    has_failures: bool
    wanted: tuple[Kind, ...]
    dry_run: bool

    @classmethod
    def read(cls, stack: Stack, ended: DescribeExecutionOutputTypeDef, not_compared: int) -> Result:
        """Of a run that was done; so many objects could not be compared, as its Map Runs say.

        Raises: ClientError, BotoCoreError.
        """
        output, asked = tallies(stack, ended), json.loads(ended["input"])
        inputs, outputs = tallied(output["inputs"]), tallied(output["outputs"])
        wanted = asked.get("kinds", [each.value for each in REPAIRED])
        return cls(
            ended["name"],
            ended["startDate"],
            inputs[0],
            outputs[0],
            inputs[1] + outputs[1],
            not_compared + left_out(output["inputs"]) + left_out(output["outputs"]),
            is_incomplete(ended),
            tuple(map(Kind, wanted)),
            bool(asked.get("dry_run")),
        )

    @property
    def is_in_step(self) -> bool:
        """Whether all that was asked for is in step now. A rejected input rightly has no output."""
        if self.not_compared or self.has_failures:
            return False
        if self.dry_run:
            return not any(self.found[kind] for kind in self.wanted if kind is not Kind.REJECTED)
        return True

    @property
    def repairs(self) -> int:
        """How many it was to make."""
        return 0 if self.dry_run else sum(self.found[kind] for kind in self.wanted)

    @property
    def left_alone(self) -> int:
        """How many are out of step and were not asked for."""
        return left_alone(self.found, self.wanted)

    @property
    def may_have_bad_repairs(self) -> bool:
        """Whether there may be repairs to name. Otherwise each came out well, or was rejected."""
        return not self.dry_run and (self.has_failures or self.not_compared > 0)

    def as_json(self, bad: BadRepairs) -> dict[str, Any]:
        """For programs."""
        return {
            "event": "summary",
            "run": self.run,
            "dry_run": self.dry_run,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "found": {kind.value: self.found[kind] for kind in Kind},
            "repairs": self.repairs,
            "left_alone": self.left_alone,
            "not_compared": self.not_compared,
            "not_repaired": [each.as_json() for each in bad.read],
            "more_not_repaired": bad.more,
            "in_step": self.is_in_step,
        }


@dataclass
class BadRepairs:
    """Repairs that did not come out well, as their histories tell; a rejected input is one of them.

    Attributes:
        read: those whose history was read; a thousand at most, as AWS allows few reads.
        more: how many there are beside them; None as long as that is not known.
    """

    read: list[Execution] = field(default_factory=list)
    more: int | None = None

    def of(self, stack: Stack, result: Result, clock: Clock) -> Iterator[Execution]:
        """Yield each as it is read; those that cannot be rejected inputs come first.

        Raises: ClientError, BotoCoreError.
        """
        reader, more = Reader(stack, clock), 0
        for arn in _not_well(reader, result) if result.may_have_bad_repairs else ():
            if len(self.read) == AT_MOST:
                more += 1
            elif events := reader.history(arn):
                self.read.append(Execution.read(arn, events))
                yield self.read[-1]
        self.more = more


def _not_well(reader: Reader, result: Result) -> Iterator[str]:
    for status in reversed(BAD):
        for page in reader.pages(status):
            yield from (each["executionArn"] for each in page if each["name"].startswith(names_begin(result.run)))
            if page and page[-1]["startDate"] < result.started - _SLACK:
                break


def is_incomplete(ended: DescribeExecutionOutputTypeDef) -> bool:
    """Whether a run was done, but could not compare or repair everything."""
    return ended["status"] == "FAILED" and ended.get("error") == INCOMPLETE


def tallies(stack: Stack, ended: DescribeExecutionOutputTypeDef) -> dict[str, Any]:
    """What a run that was done says at its end. One that failed has no output; its last state has it as input."""
    if not is_incomplete(ended):
        return dict(json.loads(ended["output"]))
    newest = stack.stepfunctions.get_execution_history(
        executionArn=ended["executionArn"], reverseOrder=True, maxResults=10
    )
    entered = next(each for each in newest["events"] if each["type"] == "FailStateEntered")
    return dict(json.loads(entered["stateEnteredEventDetails"]["input"])["tallies"])


def tallied(outputs: Iterable[object]) -> tuple[int, Counter[Kind]]:
    """How many objects there are, and findings of each kind, in the outputs of all children."""
    objects, kinds = 0, Counter[Kind]()
    for output in outputs:
        tally = output.get("tally") if isinstance(output, dict) else output  # beside a mark where a repair failed
        if isinstance(tally, list) and tally:  # a child that failed has none
            objects += tally[0]
            kinds.update(dict(zip(TALLIED, tally[1:], strict=False)))
    return objects, kinds


def left_out(outputs: Iterable[object]) -> int:
    """How many objects were not compared, by what the children say themselves."""
    return sum(each.get("not_compared", 0) for each in outputs if isinstance(each, dict))
