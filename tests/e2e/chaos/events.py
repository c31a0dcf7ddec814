"""S3's events, caught on their way and put on the event bus when the plan says, by a rule that starts the machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from tests.e2e.conftest import World, wait_until
from tests.e2e.withheld import caught

_SOURCE: Final = "lockstep.chaos"  # PutEvents refuses `aws.s3`: the S3 event travels as the detail
_ENTRIES: Final = 10  # as many as PutEvents takes


@dataclass
class Courier:
    """Holds S3's events and delivers them.

    Attributes:
        delivered: how many copies of each event have been put on the bus, by the event's id.
    """

    world: World
    queue_url: str
    delivered: Counter[str] = field(default_factory=Counter)
    _held: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sqs = self.world.client("sqs")
        self._bus = self.world.client("events")

    def hold(self, key: str, sent_after: Sequence[int]) -> str:
        """Wait for the event of the change that was just made, and keep as many copies as are to be sent; its id."""
        found: list[Mapping[str, Any]] = []

        def is_here() -> bool:
            for message in self._sqs.receive_message(QueueUrl=self.queue_url).get("Messages", []):
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
            return bool(found)

        wait_until(is_here, f"the event of a change of {key}")
        (event,) = found
        assert event["detail"]["object"]["key"] == key, event
        self._held += [(when, event) for when in sent_after]
        return str(event["id"])

    def deliver(self, changes_made: int) -> None:
        """Put on the bus whatever is due."""
        due = sorted((each for each in self._held if each[0] <= changes_made), key=lambda each: each[0])
        self._held = [each for each in self._held if each[0] > changes_made]
        for first in range(0, len(due), _ENTRIES):
            self._put([event for _, event in due[first : first + _ENTRIES]])

    def deliver_the_rest(self) -> None:
        """In the order in which they would have been due."""
        self.deliver(max((when for when, _ in self._held), default=0))

    def _put(self, found: Sequence[Mapping[str, Any]]) -> None:
        entries = [{"Source": _SOURCE, "DetailType": "S3 event", "Detail": json.dumps(event)} for event in found]
        answer = self._bus.put_events(Entries=entries)
        assert answer["FailedEntryCount"] == 0, answer
        self.delivered.update(str(event["id"]) for event in found)


@contextmanager
def courier(world: World) -> Iterator[Courier]:
    """From now on an S3 event starts an execution when it is delivered, and as often."""
    events = world.client("events")
    rule = world.physical_id("ObjectEventRule")
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    events.put_rule(Name=_SOURCE, EventPattern=json.dumps({"source": [_SOURCE]}))
    # The emulator tells numbers that came by a parameter as text.
    retries = {name: int(number) for name, number in target["RetryPolicy"].items()}
    # What the machine gets is the S3 event, as from the shipped rule.
    events.put_targets(Rule=_SOURCE, Targets=[target | {"RetryPolicy": retries, "InputPath": "$.detail"}])
    try:
        with caught(world) as queue_url:
            yield Courier(world, queue_url)
    finally:
        events.remove_targets(Rule=_SOURCE, Ids=[target["Id"]])
        events.delete_rule(Name=_SOURCE)
