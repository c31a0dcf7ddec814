"""The implementations that have to agree: in memory, on moto, and on the emulator."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol
from unittest import mock

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from lockstep import emulator, paths
from objectlock.dynamodb import DynamoDBLockStore
from objectlock.ports import Label, LockStore, OutputBucket, Picture, SourceBucket
from objectlock.record import OBJECT_ID
from objectlock.s3 import S3OutputBucket, S3SourceBucket
from tests.contract.implementations import ALL, REAL
from tests.contract.racing import RACERS
from tests.memory import InMemoryLockStore, InMemoryOutput, InMemorySource, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

MAX_BYTES = 1_000_000


# --- what stands in for AWS --------------------------------------------------------------------------------


@pytest.fixture(scope="package", autouse=True)
def _without_the_users_settings() -> Iterator[None]:
    """Whoever runs the tests may have a profile, an endpoint or a proxy; the other tests see theirs again."""
    with mock.patch.dict(os.environ):
        emulator.leave_aws()
        yield


@pytest.fixture(scope="package")
def session() -> boto3.Session:
    """One for all, as it reads what AWS's interfaces look like, which takes time."""
    return boto3.Session(
        aws_access_key_id=emulator.CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=emulator.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=emulator.CREDENTIALS["AWS_DEFAULT_REGION"],
    )


@dataclass(frozen=True)
class Aws:
    """Clients of one stand-in; enough connections for a race.

    Attributes:
        endpoint_url: None where the clients need none.
    """

    session: boto3.Session
    dynamodb: DynamoDBClient
    s3: S3Client
    endpoint_url: str | None


@contextmanager
def aws_at(endpoint_url: str | None, session: boto3.Session) -> Iterator[Aws]:
    config = Config(max_pool_connections=RACERS)
    with (
        closing(session.client("dynamodb", endpoint_url=endpoint_url, config=config)) as dynamodb,
        closing(session.client("s3", endpoint_url=endpoint_url, config=config)) as s3,
    ):
        yield Aws(session, dynamodb, s3, endpoint_url)


@pytest.fixture(scope="package")
def moto_aws(session: boto3.Session) -> Iterator[Aws]:
    """In this process; no sockets. What goes to the emulator is none of its business."""
    with (
        mock_aws(config={"core": {"passthrough": {"urls": [f"http://{emulator.HOST}"]}}}),
        aws_at(None, session) as aws,
    ):
        yield aws


@pytest.fixture(scope="package")
def emulator_aws(session: boto3.Session) -> Iterator[Aws]:
    """A process of its own, for as long as these tests need it; one for each process that tests."""
    directory = paths.LOCAL / f"contract-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with emulator.running(directory) as running, aws_at(running.endpoint_url, session) as aws:
        yield aws


@pytest.fixture(scope="package", params=REAL)
def aws(request: pytest.FixtureRequest) -> Aws:
    """Each in turn, for what AWS alone can do."""
    found: Aws = request.getfixturevalue(f"{request.param}_aws")
    return found


# --- the lock table ----------------------------------------------------------------------------------------


def new_object_id() -> str:
    return f"{uuid.uuid4()}/photo.jpg"


@pytest.fixture
def object_id() -> str:
    return new_object_id()


def new_table(client: DynamoDBClient) -> str:
    table = f"locks-{uuid.uuid4()}"
    client.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": OBJECT_ID, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": OBJECT_ID, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return table


@pytest.fixture(scope="package")
def memory_store() -> LockStore:
    return InMemoryLockStore()


@pytest.fixture(scope="package")
def moto_store(moto_aws: Aws) -> LockStore:
    return DynamoDBLockStore(moto_aws.dynamodb, new_table(moto_aws.dynamodb))


@pytest.fixture(scope="package")
def emulator_store(emulator_aws: Aws) -> LockStore:
    return DynamoDBLockStore(emulator_aws.dynamodb, new_table(emulator_aws.dynamodb))


@pytest.fixture(scope="package", params=ALL)
def store(request: pytest.FixtureRequest) -> LockStore:
    """Each implementation in turn. It lives longer than a test, so every test has objects of its own."""
    found: LockStore = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture(scope="package", params=REAL)
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
    """An output bucket, and somebody who sees all that is under a key in it."""

    bucket: OutputBucket
    see: Callable[[str], StoredObject | None]


class MakeInput(Protocol):
    def __call__(self, *, versioned: bool, max_bytes: int = MAX_BYTES) -> Input: ...


class MakeOutput(Protocol):
    def __call__(self, *, versioned: bool) -> Output: ...


def memory_input(*, versioned: bool, max_bytes: int = MAX_BYTES) -> Input:
    source = InMemorySource(versioned, max_bytes=max_bytes)
    return Input(
        source,
        "bucket",
        put=lambda key, body: source.put("bucket", key, body),
        delete=lambda key: source.delete("bucket", key),
    )


def memory_output(*, versioned: bool) -> Output:  # noqa: ARG001  # nobody can see old versions through the port
    output = InMemoryOutput()
    return Output(output, output.objects.get)


def s3_input(client: S3Client, *, versioned: bool, max_bytes: int = MAX_BYTES) -> Input:
    bucket = new_bucket(client, versioned=versioned)
    return Input(
        S3SourceBucket(client, max_bytes),
        bucket,
        put=lambda key, body: client.put_object(Bucket=bucket, Key=key, Body=body),
        delete=lambda key: client.delete_object(Bucket=bucket, Key=key),
    )


def s3_output(client: S3Client, *, versioned: bool) -> Output:
    bucket = new_bucket(client, versioned=versioned)
    return Output(S3OutputBucket(client, bucket), partial(stored, client, bucket))


def stored(client: S3Client, bucket: str, key: str) -> StoredObject | None:
    try:
        found = client.get_object(Bucket=bucket, Key=key)
    except client.exceptions.NoSuchKey:
        return None
    said = found["Metadata"]
    label = Label(said.pop("source-tag"), said.pop("sequencer"), int(said.pop("fencing-token")))
    assert not said
    return StoredObject(Picture(found["Body"].read(), found["ContentType"]), label)


def new_bucket(client: S3Client, *, versioned: bool = False) -> str:
    bucket = f"bucket-{uuid.uuid4()}"
    client.create_bucket(Bucket=bucket)
    if versioned:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture(params=ALL)
def make_input(request: pytest.FixtureRequest) -> MakeInput:
    if request.param == "memory":
        return memory_input
    return partial(s3_input, request.getfixturevalue(f"{request.param}_s3"))


@pytest.fixture(scope="package", params=ALL)
def make_output(request: pytest.FixtureRequest) -> MakeOutput:
    if request.param == "memory":
        return memory_output
    return partial(s3_output, request.getfixturevalue(f"{request.param}_s3"))


@pytest.fixture(scope="package")
def moto_s3(moto_aws: Aws) -> S3Client:
    return moto_aws.s3


@pytest.fixture(scope="package")
def emulator_s3(emulator_aws: Aws) -> S3Client:
    return emulator_aws.s3


@pytest.fixture
def output(make_output: MakeOutput) -> Output:
    return make_output(versioned=False)


@pytest.fixture
def s3(aws: Aws) -> S3Client:
    """For what S3 alone can do."""
    return aws.s3
