"""The protocol that Lockstep comes from, as it was published in December 2024: one Lambda, a sequencer and a flag.

It reads the record, waits in the Lambda while the flag is set, and takes the lock with a condition on the flag alone.
Lambda calls it again, twice, when it fails, as it does for whatever S3 invokes. The words are ours.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any, Final

from objectlock.conditions import Absent, AllOf, AnyOf, Equals, Item
from objectlock.events import Change
from objectlock.ports import Label
from objectlock.record import Transition
from objectlock.task import Task
from tests.simulation.lambdas import Call, ask, now_ms, to_grayscale
from tests.simulation.stepper import Stepper
from tests.simulation.system import shipped
from tests.simulation.world import System
from tests.workflow.kit.machine import INVOKE, Machine

LAST: Final = "last_sequencer"
FLAG: Final = "processing"
TIMEOUT_MS: Final = 30_000
INTERVAL_MS: Final = 2_000
TIME_LIMIT_MS: Final = 60_000

DEFINITION: Final = {
    "StartAt": "Process",
    "States": {
        "Process": {
            "Type": "Task",
            "Resource": INVOKE,
            "Parameters": {
                "FunctionName": "ProcessFunction",
                "Payload": {"owner.$": "$$.Execution.Id", "state.$": "$"},
            },
            "TimeoutSeconds": 70,
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "BackoffRate": 2, "MaxAttempts": 2}],
            "End": True,
        }
    },
}


class LockTimeoutError(Exception):
    """The flag was set all the time."""


def process(payload: Any, _context: object) -> str:
    """What the Lambda does with one event."""
    event = Task.parse(payload).event
    give_up_at = now_ms() + TIMEOUT_MS
    while True:
        item: Item = ask(Call("locks", "get", (event.object_id,)))
        if LAST in item and event.sequencer.value <= str(item[LAST]):
            return "old sequencer"
        if item.get(FLAG) != 1:
            taken = Transition(
                event.object_id,
                AnyOf((Absent(FLAG), Equals(FLAG, 0))),  # and not a word of the sequencer
                put={LAST: event.sequencer.value, FLAG: 1},
            )
            if ask(Call("locks", "apply", (taken,))).accepted:
                break
        if now_ms() >= give_up_at:
            raise LockTimeoutError(event.key)
        ask(Call("clock", "sleep", (now_ms() + INTERVAL_MS,)))
    if event.change is Change.CREATED:
        found = ask(Call("source", "read", (event.bucket, event.key)))
        ask(Call("output", "put", (event.key, to_grayscale(found.body), Label(found.tag, event.sequencer.value, 0))))
    else:
        ask(Call("output", "remove", (event.key,)))
    ask(Call("locks", "apply", (Transition(event.object_id, AllOf(()), put={FLAG: 0}),)))  # whoever has set it
    return "done"


@cache
def published() -> System:
    """It in place of the shipped system; the buckets and the events are the same."""
    return replace(
        shipped(),
        stepper=Stepper(Machine(json.dumps(DEFINITION))),
        functions={"ProcessFunction": process},
        reaped=frozenset(),
        time_limit_ms=TIME_LIMIT_MS,
        flag=FLAG,
    )
