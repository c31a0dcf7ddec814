"""A stack of its own, for what is decided when it is made: buckets and a key that are there already, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from lockstep import emulator
from lockstep.deployment import STACK_NAME, deploy
from lockstep.errors import UserError
from lockstep.executions import Outcome
from lockstep.stack import Stack
from lockstep.status import Status
from tests.e2e.conftest import World, gray, sample, wait_until
from tests.e2e.gateway import Gateway
from tests.e2e.test_output_follows_input import assert_shows

PHOTO: Final = sample("rocket.jpg")
INPUT: Final = "my-photos"
OUTPUT: Final = "my-gray-photos"


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    """An emulator with two buckets and nothing else in it; its IAM is in force. The functions call S3 by TLS."""
    emulator.leave_aws()
    with (
        Gateway() as gateway,
        emulator.running(tmp_path / "emulator", variables=in_force(gateway)) as running,
    ):
        gateway.target = running.endpoint_url
        for bucket in (INPUT, OUTPUT):
            client(running.endpoint_url, "s3").create_bucket(Bucket=bucket)
        yield running.endpoint_url


def in_force(gateway: Gateway) -> dict[str, str]:
    return {"AUTH": "true", "AWS_ENDPOINT_URL_S3": gateway.url}


def client(endpoint: str, service: str) -> Any:
    return boto3.Session().client(service, endpoint_url=endpoint)  # type: ignore[call-overload]


def deployed(endpoint: str, directory: Path, **parameters: str) -> World:
    deploy(endpoint, directory, lambda _: None, parameters=parameters)
    return World(Stack.open(STACK_NAME, boto3.Session(), endpoint))


def deleted(world: World) -> None:
    """Delete the stack, and wait for its end."""
    stacks = world.client("cloudformation")
    stacks.delete_stack(StackName=world.stack.name)

    def is_gone() -> bool:
        states = {each["StackName"]: each["StackStatus"] for each in stacks.list_stacks()["StackSummaries"]}
        assert states[world.stack.name] != "DELETE_FAILED"
        return bool(states[world.stack.name] == "DELETE_COMPLETE")

    wait_until(is_gone, "the stack is deleted")


def files(world: World) -> list[str]:
    """Names of the change feed's files."""
    found = world.stack.s3.list_objects_v2(Bucket=str(world.stack.feed_bucket), Prefix="changes/")
    return [each["Key"] for each in found.get("Contents", [])]


def test_a_stack_works_between_two_buckets_that_exist_and_leaves_them_its_records_and_its_feed_behind(
    endpoint: str, tmp_path: Path
) -> None:
    key = client(endpoint, "kms").create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(UserError, match="are the same bucket"):
        deployed(endpoint, tmp_path, ExistingInputBucket=INPUT, ExistingOutputBucket=INPUT)

    world = deployed(endpoint, tmp_path, ExistingInputBucket=INPUT, ExistingOutputBucket=OUTPUT, KmsKeyArn=key)

    assert (world.stack.input_bucket, world.stack.output_bucket) == (INPUT, OUTPUT)
    assert Status.read(world.stack).tells_of_changes is False
    world.stack.s3.put_bucket_notification_configuration(
        Bucket=INPUT, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    assert Status.read(world.stack).tells_of_changes is True
    execution = world.put("rocket.jpg", PHOTO)
    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    wait_until(lambda: bool(files(world)), "the change is in the feed")

    deleted(world)

    assert_shows(world.output("rocket.jpg"), gray(PHOTO))
    assert world.record("rocket.jpg")
    assert files(world)
    assert not client(endpoint, "lambda").list_functions()["Functions"]
