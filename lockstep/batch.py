"""Many executions: started at a rate, each once by its name, and followed to their ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from lockstep.executions import Execution, history
from lockstep.pace import Clock, Pace, is_throttling
from lockstep.problems import is_of_no_execution
from lockstep.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

STARTS_PER_SECOND: Final = 10.0  # AWS allows 150 or 300, by region, for all that start executions in an account
_OF_THE_ITEM: Final = frozenset({"InvalidName", "InvalidExecutionInput", "ValidationException"})
_LONGEST_INTERVAL_SECONDS: Final = 10.0
_LOOKS_AT_A_TAKEN_NAME: Final = 10


class Start(Enum):
    """Whether an execution was started, under this name and with this input.

    One that was started before and still runs counts as started: AWS gives one answer for both.
    """

    STARTED = "started"
    BEFORE = "started before"
    REFUSED = "not started"


@dataclass(frozen=True)
class Item:
    """What is to be started.

    Attributes:
        name: of the execution; at most one is ever started under it.
        input: JSON text.
    """

    name: str
    input: str


@dataclass(frozen=True)
class Fate:
    """What has come of an item so far.

    Attributes:
        execution: as it was last read; None if it was not yet, or never started.
        problem: why it was not started, for people; empty if it was.
    """

    item: Item
    start: Start
    execution: Execution | None = None
    problem: str = ""

    @property
    def is_final(self) -> bool:
        return self.start is Start.REFUSED or (self.execution is not None and self.execution.outcome.is_final)

    @property
    def is_good(self) -> bool:
        """Whether it has ended, and nobody has to look at it."""
        return self.is_final and self.execution is not None and self.execution.outcome.is_good


class Batch:
    """Starts items in their order and follows them.

    Args:
        stack: whose state machine runs them.
        items: may be made as they are asked for, and as many as you like; nothing is kept of those that have ended.
        per_second: how many are started in a second.
        at_once: how many may be at work: with more, the next has to wait for an end to be seen, so that starts are not
            faster than reads then.
        clock: real time, unless a test has its own.
    """

    def __init__(
        self,
        stack: Stack,
        items: Iterable[Item],
        *,
        per_second: float = STARTS_PER_SECOND,
        at_once: float = inf,
        clock: Clock | None = None,
    ) -> None:
        self._stack = stack
        self._items = iter(items)
        self._at_once = at_once
        self._clock = clock or Clock()
        self._starts = Pace(self._clock, per_second)
        self._reads = reading_pace(stack, self._clock)
        self._followed: list[tuple[float, int, float, Fate]] = []  # a heap: when to look, then in order of entry
        self._numbers = count()

    @property
    def at_work(self) -> int:
        """How many are followed: started, and not seen to have ended."""
        return len(self._followed)

    @property
    def is_throttled(self) -> bool:
        """Whether AWS makes us wait."""
        return self._starts.is_throttled or self._reads.is_throttled

    def run(self, *, is_followed: bool = True) -> Iterator[Fate]:
        """Yield a fate once its item was started or refused and, unless that is final, again at its execution's end.

        If it is not to be followed, nothing is asked about what was started, and its end is not told.

        A fate comes right after the answer of StartExecution, before anything else is asked, so that what hangs on the
        start can be done. Throttling is waited out. To break off is safe at any time: an item that comes again later
        under the same name and with the same input is not started twice.

        Raises: ClientError, BotoCoreError, when AWS refuses or does not answer.
        """
        item = next(self._items, None)
        while item is not None or self._followed:
            start_at = self._starts.due_at if item is not None and self.at_work < self._at_once else inf
            look_at = max(self._followed[0][0], self._reads.due_at) if self._followed else inf
            if (seconds := min(start_at, look_at) - self._clock.now()) > 0:
                self._clock.sleep(seconds)
            elif item is not None and start_at <= look_at:
                self._starts.take()
                fate = self._start(item)
                if fate is None:
                    continue
                if is_followed:
                    self._follow(fate)
                yield fate
                item = next(self._items, None)
            elif (ended := self._look()) is not None:
                yield ended

    def _start(self, item: Item) -> Fate | None:
        """None when AWS says that it is too many."""
        client = self._stack.stepfunctions
        try:
            client.start_execution(stateMachineArn=self._stack.starts_on, name=item.name, input=item.input)
        except client.exceptions.ExecutionAlreadyExists:
            fate = self._taken(item)
        except ClientError as error:
            if is_throttling(error):
                self._starts.refused()
                return None
            if error.response["Error"].get("Code") not in _OF_THE_ITEM:
                raise
            fate = Fate(item, Start.REFUSED, problem=error.response["Error"].get("Message", ""))
        else:
            fate = Fate(item, Start.STARTED)
        self._starts.accepted()
        return fate

    def _taken(self, item: Item) -> Fate:
        """There is an execution of that name: this very item, unless its input differs."""
        arn = self._stack.execution_arn(item.name)
        for _ in range(_LOOKS_AT_A_TAKEN_NAME):
            if events := read(self._stack, arn, self._reads):
                break
            self._clock.sleep(1)  # it has only just been started
        else:
            return Fate(item, Start.REFUSED, problem=f"there is an execution {item.name}, but it cannot be read yet")
        if input_of(events) != item.input:
            return Fate(item, Start.REFUSED, problem=f"there is an execution {item.name} with another input")
        return Fate(item, Start.BEFORE, Execution.read(arn, events))

    def _follow(self, fate: Fate) -> None:
        if fate.is_final:
            return
        seconds = 0.2 if self._stack.is_local else 1.0
        heappush(self._followed, (self._clock.now() + seconds, next(self._numbers), seconds, fate))

    def _look(self) -> Fate | None:
        """Look at the one whose turn it is; its fate if it has ended."""
        _, _, seconds, fate = heappop(self._followed)
        arn = self._stack.execution_arn(fate.item.name)
        events = read(self._stack, arn, self._reads)
        if events:  # otherwise it is not to be read yet
            fate = replace(fate, execution=Execution.read(arn, events))
        if fate.is_final:
            return fate
        later = seconds if self._stack.is_local else min(2 * seconds, _LONGEST_INTERVAL_SECONDS)
        heappush(self._followed, (self._clock.now() + later, next(self._numbers), later, fate))
        return None


def reading_pace(stack: Stack, clock: Clock) -> Pace:
    """How fast histories may be read: an account has 20 a second and 400 at once, of which some are left to others.

    An emulator answers as many as it can.
    """
    return Pace(clock, 100, 100) if stack.is_local else Pace(clock, 15, 150)


def read(stack: Stack, arn: str, pace: Pace) -> list[HistoryEventTypeDef]:
    """All events of an execution, oldest first; none if it is not there, or not yet. Throttling is waited out.

    Raises: ClientError, BotoCoreError.
    """
    try:
        return pace.patiently(lambda: history(stack, arn))
    except ClientError as error:
        if not is_of_no_execution(error):
            raise
        return []


def input_of(events: list[HistoryEventTypeDef]) -> str:
    """What an execution was started with."""
    return events[0].get("executionStartedEventDetails", {}).get("input", "")
