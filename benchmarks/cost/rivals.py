"""What Lockstep is compared with: the Lambda it comes from, which sleeps while it waits, and a plain S3 trigger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from objectlock.events import Change
from objectlock.ports import Label
from objectlock.task import Task
from tests.simulation.lambdas import Call, ask, to_grayscale
from tests.simulation.origin import published
from tests.simulation.world import System

# The function of both. S3 calls it without EventBridge, and again, twice, when it fails.
FUNCTION: Final = "ProcessFunction"


def convert(payload: Any, _context: object) -> str:  # noqa: ANN401  # JSON
    """A function that S3 triggers: reads, converts, writes, and knows of no other."""
    event = Task.parse(payload).event
    found = ask(Call("source", "read", (event.bucket, event.key)))
    if event.change is Change.DELETED or found is None:
        ask(Call("output", "remove", (event.key,)))
    else:
        label = Label(found.tag, event.sequencer.value, 0)
        ask(Call("output", "put", (event.key, to_grayscale(found.body), label)))
    return "done"


def sleeping() -> System:
    """The protocol as it was published in December 2024 (tests/simulation/origin.py)."""
    return published()


def plain() -> System:
    """No lock, no order."""
    return replace(published(), functions={FUNCTION: convert})
