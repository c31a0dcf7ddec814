"""The whole stack on the emulator: the shipped template, the real SAM CLI, AWS's own runtime client."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from PIL import Image

from lockstep import local, paths
from lockstep.executions import Execution, Follower
from lockstep.stack import Stack

DEADLINE_SECONDS: Final = 120
HAPPY_PATH: Final = ("AcquireLock", "RouteWork", "ConvertToGrayscale", "ReleaseLock")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with local.temporary_stack(lambda _: None, paths.LOCAL / "e2e") as stack:
        yield stack


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

    def _one_execution(self, key: str, act: Callable[[], object]) -> Execution:
        follower = Follower(self.stack, wants=lambda each: each.key == key)
        act()
        return the_one_that_ends(follower)


def the_one_that_ends(follower: Follower) -> Execution:
    """Wait for the end of an execution, which must be the only one that is followed."""

    def ended() -> bool:
        follower.poll()
        return any(each.outcome.is_final for each in follower.executions.values())

    wait_until(ended, "an execution has ended")
    (execution,) = follower.executions.values()
    return execution


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
