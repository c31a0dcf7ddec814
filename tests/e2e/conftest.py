"""The whole stack on the emulator: the shipped template, the real SAM CLI, AWS's own runtime client."""

from __future__ import annotations

import io
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image

from lockstep import local, paths
from lockstep.executions import Execution, Follower
from lockstep.stack import Stack
from tests.e2e.gateway import Call, Gateway
from tests.e2e.iam.guard import Guard
from tests.e2e.iam.roles import Roles

DEADLINE_SECONDS: Final = 120
HAPPY_PATH: Final = ("AcquireLock", "RouteWork", "ConvertToGrayscale", "ReleaseLock")


# Side by side these begin, in this order: what needs the processor beside what mostly waits, and the longest first.
FIRST: Final = (
    "test_lockstep_command",
    "test_stopped_executions",
    "test_chaos",
    "test_lost_workers",
    "test_burst",
    "test_change_feed",
    "test_sensor_feed",
    "test_reconcile",
    "test_upgrade",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    name = item.path.stem
    return FIRST.index(name) if name in FIRST else len(FIRST)


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    with Gateway() as gateway:
        yield gateway


@pytest.fixture(scope="session")
def stack(gateway: Gateway) -> Iterator[Stack]:
    """One for each process that runs tests. Its IAM is in force: `tests/e2e/iam` says what that means."""
    variables = {"AUTH": "true", "AWS_ENDPOINT_URL_S3": gateway.url, "AWS_ENDPOINT_URL_DYNAMODB": gateway.url}
    process = os.environ.get("PYTEST_XDIST_WORKER")
    directory = paths.LOCAL / (f"e2e-{process}" if process else "e2e")
    with local.temporary_stack(lambda _: None, directory, variables) as stack:
        gateway.target = str(stack.endpoint_url)
        gateway.denies = Guard(Roles(stack)).denies
        yield stack


@dataclass(frozen=True)
class WorkerAttempt:
    """One attempt at work: its fencing token, and when it began and ended."""

    token: int
    began: datetime
    ended: datetime


@dataclass(frozen=True)
class World:
    """One stack, and what a test does to it and sees of it."""

    stack: Stack

    def put(self, key: str, body: bytes) -> Execution:
        """Upload, and return the one execution that follows, ended."""
        return self._one_execution(key, lambda: self.start_put(key, body))

    def start_put(self, key: str, body: bytes) -> None:
        self.stack.s3.put_object(Bucket=self.stack.input_bucket, Key=key, Body=body)

    def delete(self, key: str) -> Execution:
        """Delete, and return the one execution that follows, ended."""
        bucket = self.stack.input_bucket
        return self._one_execution(key, lambda: self.stack.s3.delete_object(Bucket=bucket, Key=key))

    def delete_version(self, key: str, version_id: str) -> Execution:
        """Delete one version for good, and return the one execution that follows, ended."""
        bucket = self.stack.input_bucket
        return self._one_execution(
            key, lambda: self.stack.s3.delete_object(Bucket=bucket, Key=key, VersionId=version_id)
        )

    def versions(self, key: str) -> list[str]:
        """Version ids of the object, newest first; delete markers are none."""
        found = self.stack.s3.list_object_versions(Bucket=self.stack.input_bucket, Prefix=key)
        return [each["VersionId"] for each in found.get("Versions", [])]

    def marker(self, key: str) -> str:
        """Version id of the object's one delete marker."""
        found = self.stack.s3.list_object_versions(Bucket=self.stack.input_bucket, Prefix=key)
        (marker,) = found["DeleteMarkers"]
        return marker["VersionId"]

    def event_of(self, execution: Execution) -> dict[str, Any]:
        """What the execution was started with."""
        found = self.stack.stepfunctions.describe_execution(executionArn=execution.arn)
        return dict(json.loads(found["input"]))

    def output(self, key: str) -> Image.Image | None:
        """The output as it is now; None where there is none."""
        try:
            found = self.stack.s3.get_object(Bucket=self.stack.output_bucket, Key=key)
        except self.stack.s3.exceptions.NoSuchKey:
            return None
        return Image.open(io.BytesIO(found["Body"].read()))

    def object_id(self, key: str) -> str:
        return f"{self.stack.input_bucket}/{key}"

    def record(self, key: str) -> dict[str, Any] | None:
        """The lock record, in DynamoDB's own form."""
        found = self.stack.dynamodb.get_item(
            TableName=self.stack.lock_table, Key={"object_id": {"S": self.object_id(key)}}, ConsistentRead=True
        )
        return found.get("Item")

    def is_free(self, key: str) -> bool:
        return not {"owner", "lease_expires_at"} & (self.record(key) or {}).keys()

    def time(self, key: str, attribute: str) -> datetime:
        """A point in time in the lock record."""
        record = self.record(key)
        assert record, f"no lock record of {key}"
        return datetime.fromtimestamp(int(record[attribute]["N"]) / 1000, UTC)

    def output_token(self, key: str) -> str:
        """The fencing token in the output's metadata."""
        found = self.stack.s3.head_object(Bucket=self.stack.output_bucket, Key=key)
        return found["Metadata"]["fencing-token"]

    def end_lease_now(self, key: str) -> None:
        """As a clock that is wrong would: the lease has ended, although its worker is at work."""
        self.stack.dynamodb.update_item(
            TableName=self.stack.lock_table,
            Key={"object_id": {"S": self.object_id(key)}},
            UpdateExpression="SET lease_expires_at = :past, worker_until = :past",
            ExpressionAttributeValues={":past": {"N": "0"}},
        )

    def reaped(self, key: str) -> str:
        """Wait until the reaper has looked at the object, and return what came of it."""

        def lines() -> list[str]:
            found = [line for line in self.log("ReaperLogGroup") if line.get("message") == "reaped"]
            return [str(line["lock"]) for line in found if line.get("object_id") == self.object_id(key)]

        wait_until(lambda: bool(lines()), f"the reaper has looked at {key}")
        return lines()[0]

    def writes(self, key: str, *, token: int) -> Callable[[Call], bool]:
        """Whether a call writes the object's output, in the attempt with this token."""
        path = f"/{self.stack.output_bucket}/{key}"
        return lambda call: (call.method, call.path, call.token) == ("PUT", path, str(token))

    def releases(self, key: str, *, token: int) -> Callable[[Call], bool]:
        """Whether a call releases the object's lock after the attempt with this token."""
        is_release = self.updates(key, "applied_source")
        return lambda call: is_release(call) and wants(call, "fencing_token") == {"N": str(token)}

    def updates(self, key: str, *attributes: str) -> Callable[[Call], bool]:
        """Whether a call writes these attributes of the object's lock record."""
        names = [json.dumps(each).encode() for each in (self.object_id(key), *attributes)]
        return lambda call: all(name in call.body for name in names)

    def attempts(self, key: str, *, at_least: int = 1) -> list[WorkerAttempt]:
        """The attempts at work on the object, as the workers have logged their begin and end, oldest first.

        Waits until there are as many: the log may be behind the executions.
        """
        wait_until(lambda: len(self._attempts(key)) >= at_least, f"{at_least} attempts at {key} are in the log")
        return self._attempts(key)

    def _attempts(self, key: str) -> list[WorkerAttempt]:
        begun: dict[int, datetime] = {}
        found = []
        for line in self.log("GrayscaleLogGroup") + self.log("DeleteOutputLogGroup"):
            match line:
                case {"object_id": object_id, "token": int(token), "message": str(what), "timestamp": str(at)} if (
                    object_id == self.object_id(key)
                ):
                    if what == "attempt begins":
                        begun[token] = datetime.fromisoformat(at)
                    elif what == "attempt ends":
                        found.append(WorkerAttempt(token, begun[token], datetime.fromisoformat(at)))
        return sorted(found, key=lambda each: each.token)

    def client(self, service: str) -> Any:
        return self.stack.session.client(service, endpoint_url=self.stack.endpoint_url)  # type: ignore[call-overload]

    def physical_id(self, logical_id: str) -> str:
        """What a resource of the template is called in this stack."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self.stack.name, LogicalResourceId=logical_id
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def log(self, logical_id: str) -> list[dict[str, Any]]:
        """The JSON lines of a log group of the template."""
        return [json.loads(message) for message in self.messages(logical_id) if message.startswith("{")]

    def messages(self, logical_id: str) -> list[str]:
        """All lines of a log group of the template."""
        pages = (
            self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=self.physical_id(logical_id))
        )
        return [event["message"] for page in pages for event in page["events"]]

    def _one_execution(self, key: str, act: Callable[[], object]) -> Execution:
        follower = Follower(self.stack, wants=lambda each: each.key == key)
        act()
        return the_one_that_ends(follower)


def wants(call: Call, attribute: str) -> object:
    """What an update has as its condition that the attribute is; None where it has none."""
    request = json.loads(call.body)
    found = re.search(rf"#{attribute} = (:\w+)", request["ConditionExpression"])
    return found and request["ExpressionAttributeValues"][found[1]]


def the_one_that_ends(follower: Follower) -> Execution:
    """Wait for the end of an execution, which must be the only one that is followed."""

    def ended() -> bool:
        follower.poll()
        return any(each.outcome.is_final for each in follower.executions.values())

    wait_until(ended, "an execution has ended")
    (execution,) = follower.executions.values()
    return execution


def both_end(follower: Follower) -> None:
    """Wait for the end of two executions, which must be all that are followed."""

    def ended() -> bool:
        follower.poll()
        return [each.outcome.is_final for each in follower.executions.values()] == [True, True]

    wait_until(ended, "both executions have ended")


def stop(world: World, follower: Follower) -> None:
    """Stop the one execution that is followed."""
    follower.poll()
    (execution,) = follower.executions
    world.stack.stepfunctions.stop_execution(executionArn=execution, cause="a test")


def wait_until(done: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.1)


@pytest.fixture
def world(stack: Stack) -> World:
    return World(stack)


def sample(name: str) -> bytes:
    return (paths.SAMPLES / name).read_bytes()


def gray(body: bytes) -> Image.Image:
    """What the output of an input must look like: Pillow's luma, upright."""
    return Image.open(io.BytesIO(body)).convert("L")
