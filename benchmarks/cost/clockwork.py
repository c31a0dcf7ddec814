"""The simulation's world with time in it: each call takes a while, all goes well, and everything is counted."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from math import ceil
from random import Random
from typing import Any, Final

from benchmarks.cost.assumptions import Assumptions
from benchmarks.cost.usage import Usage
from objectlock.conditions import Item
from objectlock.record import Outcome
from tests.simulation.choices import Record
from tests.simulation.lambdas import Call, Heard, Invocation
from tests.simulation.settings import Settings
from tests.simulation.stepper import Sleep, Stepper
from tests.simulation.world import EPOCH_MS, Event, Execution, System, World
from tests.workflow.kit.cases import Answer
from tests.workflow.kit.machine import Machine
from tests.workflow.machine import shipped_machine

WRITE_UNIT_BYTES: Final = 1024
UNWATCHED: Final = "unwatched"  # `make sim` looks after what is promised; here it would only take time
REPORT_MS: Final = 1000  # until the reaper hears of an execution that has failed

# What a method of a port asks of AWS.
KINDS: Final = {
    ("locks", "apply"): "UpdateItem",
    ("locks", "get"): "GetItem",
    ("source", "tag"): "HEAD",
    ("source", "read"): "GET",
    ("output", "look"): "HEAD",
    ("output", "shows"): "HEAD",
    ("output", "write"): "PUT",
    ("output", "put"): "PUT",
    ("output", "delete"): "DELETE",
    ("output", "remove"): "DELETE",
}


class TimedWorld(World):
    """Objects change, events come, executions and Lambdas run, each at its time.

    Attributes:
        usage: what was used of AWS so far.
        most_at_once: the most Lambdas that ran at the same time.
        spread: how far a conversion's time is from the assumed one, at most: 0.5 is half as long to half as long again.
    """

    def __init__(
        self,
        system: System,
        assumptions: Assumptions,
        usage: Usage,
        *,
        seed: int = 0,
        spread: float = 0,
    ) -> None:
        settings = Settings((), jitter=False, versioned=True)  # as the shipped input bucket is
        super().__init__(replace(system, flag=UNWATCHED), settings, Record(()))
        self.assumptions, self.usage, self.spread = assumptions, usage, spread
        self.random = Random(seed)  # noqa: S311  # nothing is secret
        self.most_at_once = 0
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._asked = 0
        self._clock = float(EPOCH_MS)
        self._began: dict[int, float] = {}

    # --- time ------------------------------------------------------------------------------------------------

    def at(self, moment: float, do: Callable[[], object]) -> None:
        """Let something happen then: milliseconds since the beginning."""
        self._asked += 1
        heapq.heappush(self._queue, (EPOCH_MS + moment, self._asked, do))

    def after(self, milliseconds: float, do: Callable[[], object]) -> None:
        self.at(self.elapsed_ms + milliseconds, do)

    @property
    def elapsed_ms(self) -> float:
        return self._clock - EPOCH_MS

    def run(self) -> None:
        """Until nothing is left to happen."""
        while self._queue:
            self._clock, _, do = heapq.heappop(self._queue)
            self.now = round(self._clock)
            do()

    # --- what happens ----------------------------------------------------------------------------------------

    def tell_of(self, event: Event, *, is_from_s3: bool = True) -> None:
        """S3 tells EventBridge, which starts an execution; or somebody else starts one."""
        self.events.append(event)
        self.usage.events += is_from_s3
        self.deliver(len(self.events) - 1)

    def deliver(self, number: int) -> None:
        self.usage.executions += 1
        super().deliver(number)

    def go_on_from(self, execution: Execution) -> None:
        super().go_on_from(execution)
        if isinstance(execution.position.wants, Sleep):
            self.at(execution.until - EPOCH_MS, partial(self.wakes, execution))
        while self.reports:
            self.after(REPORT_MS, partial(self.reap, self.reports.pop()))

    def begin(self, function: str, payload: Any, key: str, caller: str) -> Invocation:  # noqa: ANN401  # JSON
        invocation = super().begin(function, payload, key, caller)
        self.usage.invocations[function] += 1
        self._began[invocation.number] = self._clock + self.assumptions.transition_ms
        if invocation.answer is None:
            self.most_at_once = max(self.most_at_once, len(self.invocations))
            self._next_call(invocation, self.assumptions.transition_ms + self.assumptions.handler_ms)
        else:
            self.usage.milliseconds[function] += ceil(self.assumptions.handler_ms)
        return invocation

    def _next_call(self, invocation: Invocation, before: float) -> None:
        """It is answered after a while."""
        call = invocation.stands_before
        if call is not None:
            self.after(before + self._takes(call), partial(self._answers, invocation, call))

    def _answers(self, invocation: Invocation, call: Call) -> None:
        self.let_hear(invocation, self.make(call, invocation))

    def let_hear(self, invocation: Invocation, what: Heard) -> None:
        super().let_hear(invocation, what)
        if invocation.answer is None:
            self._next_call(invocation, 0)

    def ends(self, invocation: Invocation, answer: Answer) -> None:
        ran = self._clock - self._began.pop(invocation.number)
        self.usage.milliseconds[invocation.function] += ceil(round(ran, 3))
        super().ends(invocation, answer)

    def _takes(self, call: Call) -> float:
        """Milliseconds, with those of the work that comes before it."""
        assumed = self.assumptions
        if call.method == "sleep":
            asleep = int(call.arguments[0]) - self.now
            self.usage.asleep_ms += asleep
            return asleep
        kind = KINDS[call.port, call.method]
        if kind == "PUT":
            return assumed.put_ms + assumed.conversion_ms * (1 + self.spread * self.random.uniform(-1, 1))
        return {"UpdateItem": assumed.dynamodb_ms, "GetItem": assumed.dynamodb_ms, "GET": assumed.get_ms}.get(
            kind, assumed.head_ms
        )

    # --- what is counted -------------------------------------------------------------------------------------

    def make(self, call: Call, by: Invocation) -> Heard:
        if call.method == "sleep":
            return super().make(call, by)
        kind = KINDS[call.port, call.method]
        self.usage.calls[kind] += 1
        if call.method == "get":
            self.usage.read_units += ceil(max(1, item_bytes(self.locks.items.get(call.arguments[0], {}))) / 4096)
        if call.method != "apply":
            return super().make(call, by)
        before = self.locks.items.get(call.arguments[0].object_id, {})
        heard = super().make(call, by)
        outcome: Outcome = heard[1]
        self.usage.calls["refused"] += not outcome.accepted
        largest = max(1, item_bytes(before), item_bytes(outcome.item))
        self.usage.write_units += ceil(largest / WRITE_UNIT_BYTES)
        return heard

    def _free_name(self, event: str) -> str:  # noqa: ARG002  # as long as EventBridge's own: two UUIDs
        name = f"{self.usage.executions:08x}-0000-4000-8000-000000000000"
        return f"{name}_{name}"


def item_bytes(item: Item) -> int:
    """As DynamoDB counts (Developer Guide, "DynamoDB item sizes and formats")."""
    return sum(
        len(name.encode()) + (len(str(value)) // 2 + 2 if isinstance(value, int) else len(str(value).encode()))
        for name, value in item.items()
    )


@cache
def _machine() -> Machine:
    return shipped_machine()


def counted(system: System, usage: Usage) -> System:
    """The shipped system, whose machine counts."""

    def tell(event: str, _about: object) -> None:
        usage.transitions += event == "TaskScheduled" or (
            event.endswith("StateEntered") and not event.startswith("Task")
        )
        usage.rounds += event == "WaitStateEntered"

    return replace(system, stepper=Stepper(_machine(), tell))
