"""Short stories of one object that together need every permission there is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from lockstep.executions import Execution, Follower, Outcome
from tests.e2e.conftest import World, sample, wait_until
from tests.e2e.gateway import Gateway

PHOTO, OTHER_PHOTO = sample("rocket.jpg"), sample("astronaut.png")
NO_PHOTO: Final = b"Dear diary, today I became a JPEG."


@dataclass(frozen=True)
class Seen:
    """What came of a step.

    Attributes:
        explanation: what went wrong, if anything has.
        execution: that of the state machine; None where a function was invoked by itself.
    """

    explanation: str
    execution: Execution | None = None

    @classmethod
    def of(cls, execution: Execution) -> Seen:
        return cls(execution.explanation, execution)

    @property
    def calls_the_reaper(self) -> bool:
        return self.execution is not None and not self.execution.outcome.is_good


Step = Callable[[World, Gateway, str], Seen]


def put(body: bytes) -> Step:
    return lambda world, _, key: Seen.of(world.put(key, body))


def delete(world: World, _: Gateway, key: str) -> Seen:
    return Seen.of(world.delete(key))


def compare(world: World, _: Gateway, key: str) -> Seen:
    """The object, and one that is in neither bucket."""
    found = [compared(world, [key, f"{key}-gone"], listing) for listing in ("inputs", "outputs")]
    return Seen("\n".join(filter(None, found)))


def compared(world: World, keys: list[str], listing: str) -> str:
    """What CompareObjects says that went wrong, if anything has."""
    items = [{"key": key, "listing": listing, "run": "test", "dry_run": True, "kinds": []} for key in keys]
    answer = world.client("lambda").invoke(
        FunctionName=world.physical_id("CompareObjectsFunction"), Payload=json.dumps({"Items": items})
    )
    return answer["Payload"].read().decode() if "FunctionError" in answer else ""


def export(world: World, _: Gateway, key: str) -> Seen:
    """What was applied to the object, by a record that no stream has: so it is told from what the stream brings."""
    return Seen(exported(world, key, world.record(key) or {}))


def export_unreadable(world: World, _: Gateway, key: str) -> Seen:
    return Seen(exported(world, key, {"object_id": {"S": world.object_id(key)}}))


def exported(world: World, key: str, image: dict[str, Any]) -> str:
    """What ExportChanges says that went wrong, if anything has."""
    stream = {"SequenceNumber": sequence_number(key), "ApproximateCreationDateTime": 0, "NewImage": image}
    records = [{"eventSource": "aws:dynamodb", "eventName": "MODIFY", "dynamodb": stream}]
    answer = world.client("lambda").invoke(
        FunctionName=world.physical_id("ExportChangesFunction"), Payload=json.dumps({"Records": records})
    )
    said = answer["Payload"].read().decode()
    return said if "FunctionError" in answer or json.loads(said)["batchItemFailures"] else ""


def sequence_number(key: str) -> str:
    """Of the one record of an object: the names of its files have it. Empty for a key that no scenario made."""
    found = re.search("[0-9a-f]{32}", key)
    return str(int(found[0], 16)) if found else ""


def put_and_delete_before_it_is_read(world: World, gateway: Gateway, key: str) -> Seen:
    """Under the worker's feet; the execution of the upload."""
    follower = Follower(world.stack, wants=lambda each: (each.key, each.change) == (key, "created"))
    path = f"/{world.stack.input_bucket}/{key}"
    with gateway.breakpoint(lambda call: (call.method, call.path) == ("GET", path)) as about_to_read:
        world.start_put(key, PHOTO)
        about_to_read.wait()
        world.stack.s3.delete_object(Bucket=world.stack.input_bucket, Key=key)
        about_to_read.let_go()

        def ended() -> bool:
            follower.poll()
            return any(each.outcome.is_final for each in follower.executions.values())

        wait_until(ended, "the execution of the upload has ended")
    (execution,) = follower.executions.values()
    return Seen.of(execution)


@dataclass(frozen=True)
class Scenario:
    """What happens to an object, of which the last is of interest.

    Attributes:
        outcome: of the execution, while nothing is denied.
    """

    name: str
    before: tuple[Step, ...]
    last: Step
    outcome: Outcome | None

    def prepare(self, world: World, gateway: Gateway) -> str:
        """All but the last, up to the end, of an object of its own; its key."""
        key = f"permissions/{self.name.replace(' ', '-')}-{uuid4().hex}"
        for step in self.before:
            if step(world, gateway, key).calls_the_reaper:
                world.reaped(key)
        return key


SCENARIOS: Final = (
    Scenario("converted", (), put(PHOTO), Outcome.CONVERTED),
    Scenario("overwritten", (put(PHOTO),), put(OTHER_PHOTO), Outcome.CONVERTED),
    Scenario("deleted", (put(PHOTO),), delete, Outcome.DELETED),
    Scenario("rejected", (), put(NO_PHOTO), Outcome.REJECTED),
    Scenario("rejected over a photo", (put(PHOTO),), put(NO_PHOTO), Outcome.REJECTED),
    Scenario("deleted without an output", (put(NO_PHOTO),), delete, Outcome.DELETED),
    Scenario("gone before it is read", (), put_and_delete_before_it_is_read, Outcome.DELETED),
    Scenario("compared", (put(NO_PHOTO),), compare, None),
    Scenario("exported", (put(PHOTO),), export, None),
    Scenario("set aside", (), export_unreadable, None),
)
