"""The example's stack on the emulator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3

from lockstep import local, paths
from lockstep.deployment import Say, deploy
from lockstep.feed.s3 import CHANGES, S3Feed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

TEMPLATE: Final = "examples/sensor-feed/template.yaml"
NAME: Final = "sensor-feed"
DIRECTORY: Final = paths.LOCAL / NAME  # what runs here, and its logs


@dataclass(frozen=True)
class SensorStack:
    """Its names and its clients."""

    endpoint_url: str
    table: str
    feed_bucket: str

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return boto3.client("dynamodb", endpoint_url=self.endpoint_url)

    @cached_property
    def s3(self) -> S3Client:
        return boto3.client("s3", endpoint_url=self.endpoint_url)

    @cached_property
    def streams(self) -> Any:  # noqa: ANN401  # boto3 has no types for it here
        return boto3.client("dynamodbstreams", endpoint_url=self.endpoint_url)

    @property
    def feed(self) -> S3Feed:
        return S3Feed(self.s3, self.feed_bucket, CHANGES, interval_seconds=0.2)

    @property
    def stream_arn(self) -> str:
        return self.dynamodb.describe_table(TableName=self.table)["Table"]["LatestStreamArn"]


@contextmanager
def temporary_stack(
    say: Say, directory: Path = DIRECTORY, variables: Mapping[str, str] | None = None
) -> Iterator[SensorStack]:
    """A new one, gone when the block ends. Raises: UserError.

    `variables` are more of the environment of the emulator and of the function.
    """
    with local.temporary_emulator(say, directory, variables) as running:
        deploy(running.endpoint_url, directory, say, template=TEMPLATE, stack_name=NAME)
        cloudformation = boto3.client("cloudformation", endpoint_url=running.endpoint_url)
        found = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["Outputs"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in found}
        yield SensorStack(running.endpoint_url, outputs["ReadingsTableName"], outputs["FeedBucketName"])
