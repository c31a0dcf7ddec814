"""Events as S3 sends them, caught on their way to the state machine and delivered as a test wants."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from lockstep.executions import Execution, Follower
from tests.e2e.conftest import World, the_one_that_ends, wait_until


@dataclass
class Withheld:
    """The events of one object that have not reached the state machine, in the order of their sequencers."""

    world: World
    key: str
    queue_url: str
    _events: list[dict[str, Any]] = field(default_factory=list)

    def events(self, number: int) -> list[dict[str, Any]]:
        """Wait for so many events."""
        sqs = self.world.client("sqs")

        def all_here() -> bool:
            for message in sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", []):
                event = json.loads(message["Body"])
                if event["detail"]["object"]["key"] == self.key:
                    self._events.append(event)
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
            return len(self._events) >= number

        wait_until(all_here, f"{number} events of {self.key}")
        return sorted(self._events, key=lambda each: str(each["detail"]["object"]["sequencer"]).rstrip("0"))


@contextmanager
def withheld(world: World, key: str) -> Iterator[Withheld]:
    """From now on S3's events go into a queue and start nothing; those of one key can be had."""
    with caught(world) as queue_url:
        yield Withheld(world, key, queue_url)


@contextmanager
def caught(world: World) -> Iterator[str]:
    """From now on S3's events go into a queue and start nothing; its URL."""
    events, sqs = world.client("events"), world.client("sqs")
    rule = world.physical_id("ObjectEventRule")
    pattern = events.describe_rule(Name=rule)["EventPattern"]
    name = f"withheld-{uuid4().hex}"
    queue_url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=pattern)
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue_arn}])
    events.disable_rule(Name=rule)
    try:
        yield queue_url
    finally:
        events.enable_rule(Name=rule)
        events.remove_targets(Rule=name, Ids=["queue"])
        events.delete_rule(Name=name)
        sqs.delete_queue(QueueUrl=queue_url)


def deliver(world: World, event: Mapping[str, Any]) -> Execution:
    """Start an execution for an event as the rule does, and wait for its end."""
    follower = Follower(world.stack)
    start(world, event)
    return the_one_that_ends(follower)


def start(world: World, event: Mapping[str, Any]) -> str:
    """Start an execution for an event as the rule does; its ARN."""
    started = world.stack.stepfunctions.start_execution(
        stateMachineArn=world.stack.state_machine_arn, name=uuid4().hex, input=json.dumps(event)
    )
    return started["executionArn"]
