"""Each fault of the chaos run does what its name says: the call takes effect or not, and its caller is told or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from lockstep import emulator, paths
from objectlock.dynamodb import DynamoDBLockStore
from objectlock.lock import Claim, grant
from objectlock.ports import Label, Picture
from objectlock.record import OBJECT_ID
from objectlock.s3 import S3OutputBucket, S3SourceBucket
from objectlock.sequencer import Sequencer
from tests.e2e.chaos.faults import FAULTS, Fault, Microburst, microburst_before, rules
from tests.e2e.conftest import wait_until

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

BUCKET: Final = "bucket"
TABLE: Final = "locks"
IMPATIENT: Final = Config(read_timeout=2, retries={"total_max_attempts": 1})
BODY: Final = bytes(range(256)) * 8
# What the caller gets in spite of the fault.
SUCCEEDS: Final = frozenset({"slow"})


@dataclass(frozen=True)
class Aws:
    """An emulator, directly and through microburst."""

    s3: S3Client
    dynamodb: DynamoDBClient
    microburst: Microburst
    source: S3SourceBucket
    output: S3OutputBucket
    store: DynamoDBLockStore

    def call(self, operation: str, key: str) -> object:
        """Make the call as the functions do."""
        match operation:
            case "UpdateItem":
                return self.store.apply(grant(Claim("me", Sequencer.parse(key, "01")), now=1, lease_ms=1))
            case "HeadObject":
                return self.source.tag(BUCKET, key)
            case "GetObject":
                return self.source.read(BUCKET, key)
            case "PutObject":
                return self.output.write(f"new {key}", Picture(BODY, "image/png"), Label("", "", 1), replaces=None)
            case _:
                return self.output.delete(key, replaces=self.s3.head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"'))

    def has_effect(self, operation: str, key: str) -> bool:
        """Whether what the call is for has happened; reading has no effect."""
        match operation:
            case "UpdateItem":
                return "Item" in self.dynamodb.get_item(TableName=TABLE, Key={OBJECT_ID: {"S": key}})
            case "PutObject":
                return f"new {key}" in self._keys()
            case "DeleteObject":
                return key not in self._keys()
            case _:
                return False

    def _keys(self) -> list[str]:
        return [each["Key"] for each in self.s3.list_objects_v2(Bucket=BUCKET)["Contents"]]


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    emulator.leave_aws()
    session = boto3.Session()
    with (
        emulator.running(paths.LOCAL / "chaos-faults") as running,
        microburst_before(running.endpoint_url, paths.LOCAL / "chaos-faults" / "microburst.log") as microburst,
    ):
        s3 = session.client("s3", endpoint_url=running.endpoint_url)
        dynamodb = session.client("dynamodb", endpoint_url=running.endpoint_url)
        s3.create_bucket(Bucket=BUCKET)
        dynamodb.create_table(
            TableName=TABLE,
            AttributeDefinitions=[{"AttributeName": OBJECT_ID, "AttributeType": "S"}],
            KeySchema=[{"AttributeName": OBJECT_ID, "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        through = f"http://{emulator.HOST}:{microburst.port}"
        faulty_s3 = session.client("s3", endpoint_url=through, config=IMPATIENT)
        faulty_dynamodb = session.client("dynamodb", endpoint_url=through, config=IMPATIENT)
        yield Aws(
            s3,
            dynamodb,
            microburst,
            S3SourceBucket(faulty_s3, 1_000_000),
            S3OutputBucket(faulty_s3, BUCKET),
            DynamoDBLockStore(faulty_dynamodb, TABLE),
        )


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.operation}: {fault.kind}")
def test_a_fault_comes_before_or_after_the_effect_or_in_its_place(aws: Aws, fault: Fault) -> None:
    key = f"{uuid4()}/photo"
    aws.s3.put_object(Bucket=BUCKET, Key=key, Body=BODY)
    fired = aws.microburst.fired().get(fault, 0)
    aws.microburst.inject([fault], [fault.rule(1) | {"times": 1}])

    assert raises(lambda: aws.call(fault.operation, key)) == (fault.kind not in SUCCEEDS)

    assert aws.microburst.fired()[fault] == fired + 1
    if fault.operation in {"HeadObject", "GetObject"}:
        return
    if fault.kind == "too slow":
        assert not aws.has_effect(fault.operation, key), "its caller has given up before"
        wait_until(lambda: aws.has_effect(fault.operation, key), "it takes effect all the same")
    else:
        assert aws.has_effect(fault.operation, key) == (fault.when != "instead of it")


def test_without_faults_every_call_takes_effect(aws: Aws) -> None:
    aws.microburst.calm()
    for operation in sorted({each.operation for each in FAULTS}):
        key = f"{uuid4()}/photo"
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=BODY)
        aws.call(operation, key)
        assert aws.has_effect(operation, key) == (operation not in {"HeadObject", "GetObject"})


@pytest.mark.parametrize("rate", [0.05, 0.15, 1])
def test_that_part_of_the_calls_of_each_operation_meets_a_fault(rate: float) -> None:
    passes: dict[str, float] = {}
    for fault, rule in zip(FAULTS, rules(rate), strict=True):
        reached = passes.get(fault.operation, 1.0)
        assert reached * rule["probability"] == pytest.approx(rate * fault.share)
        passes[fault.operation] = reached * (1 - rule["probability"])
    assert passes == {operation: pytest.approx(1 - rate) for operation in passes}


def raises(call: Callable[[], object]) -> bool:
    try:
        call()
    except Exception:  # noqa: BLE001  # boto3's, or what the adapter makes of it
        return True
    return False
