"""The implementations that have to agree. Another one, as the emulator, is another name here and another fixture."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import boto3
import pytest
from moto import mock_aws

from objectlock.dynamodb import DynamoDBLockStore
from objectlock.lock import OBJECT_ID
from objectlock.ports import LockStore, OutputBucket, SourceBucket
from objectlock.s3 import S3OutputBucket, S3SourceBucket
from tests.memory import InMemoryLockStore, InMemoryOutput, InMemorySource, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
REAL = ["moto"]
ALL = ["memory", *REAL]


@pytest.fixture(scope="module")
def moto() -> Iterator[None]:
    """AWS in this process; no sockets."""
    with mock_aws():
        yield


# --- the lock table ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moto_store(moto: None) -> LockStore:  # noqa: ARG001
    client = boto3.client("dynamodb", region_name=REGION)
    client.create_table(
        TableName="locks",
        AttributeDefinitions=[{"AttributeName": OBJECT_ID, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": OBJECT_ID, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return DynamoDBLockStore(client, "locks")


@pytest.fixture(scope="module")
def memory_store() -> LockStore:
    return InMemoryLockStore()


@pytest.fixture(scope="module", params=ALL)
def store(request: pytest.FixtureRequest) -> LockStore:
    """Each implementation in turn. It lives longer than a test, so every test locks objects of its own."""
    found: LockStore = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(scope="module", params=REAL)
def real_store(request: pytest.FixtureRequest) -> LockStore:
    """Each that is not in memory, to be compared with that."""
    found: LockStore = request.getfixturevalue(f"{request.param}_store")
    return found


# --- the buckets -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """An input bucket, and the user who changes what is in it."""

    source: SourceBucket
    bucket: str
    put: Callable[[str, bytes], object]
    delete: Callable[[str], object]


@dataclass(frozen=True)
class Output:
    """An output bucket, and somebody who looks what is in it."""

    output: OutputBucket
    look: Callable[[str], StoredObject | None]


class MakeInput(Protocol):
    def __call__(self, *, versioned: bool) -> Input: ...


def memory_input(*, versioned: bool) -> Input:
    source = InMemorySource(versioned)
    return Input(
        source,
        "bucket",
        put=lambda key, body: source.put("bucket", key, body),
        delete=lambda key: source.delete("bucket", key),
    )


def memory_output() -> Output:
    output = InMemoryOutput()
    return Output(output, output.objects.get)


def s3_input(client: S3Client, *, versioned: bool) -> Input:
    bucket = new_bucket(client)
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return Input(
        S3SourceBucket(client),
        bucket,
        put=lambda key, body: client.put_object(Bucket=bucket, Key=key, Body=body),
        delete=lambda key: client.delete_object(Bucket=bucket, Key=key),
    )


def s3_output(client: S3Client) -> Output:
    bucket = new_bucket(client)

    def look(key: str) -> StoredObject | None:
        try:
            found = client.get_object(Bucket=bucket, Key=key)
        except client.exceptions.NoSuchKey:
            return None
        return StoredObject(found["Body"].read(), found["ContentType"], found["Metadata"])

    return Output(S3OutputBucket(client, bucket), look)


def new_bucket(client: S3Client) -> str:
    bucket = f"bucket-{uuid.uuid4()}"
    client.create_bucket(Bucket=bucket)
    return bucket


@pytest.fixture(scope="module")
def moto_s3(moto: None) -> S3Client:  # noqa: ARG001
    return boto3.client("s3", region_name=REGION)


@pytest.fixture(params=ALL)
def make_input(request: pytest.FixtureRequest) -> MakeInput:
    if request.param == "memory":
        return memory_input
    return partial(s3_input, request.getfixturevalue(f"{request.param}_s3"))


@pytest.fixture(params=ALL)
def output(request: pytest.FixtureRequest) -> Output:
    if request.param == "memory":
        return memory_output()
    return s3_output(request.getfixturevalue(f"{request.param}_s3"))


@pytest.fixture(params=REAL)
def s3(request: pytest.FixtureRequest) -> S3Client:
    """For what S3 alone can do."""
    client: S3Client = request.getfixturevalue(f"{request.param}_s3")
    return client
