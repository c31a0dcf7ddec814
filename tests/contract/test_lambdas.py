"""The Lambdas as they are deployed: environment, wiring and adapters, against AWS in this process."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from PIL import Image

from objectlock import wiring
from objectlock.lock import APPLIED_SEQUENCER, LEASE_EXPIRES_AT, OBJECT_ID, OWNER
from objectlock.work import SEQUENCER, SOURCE_TAG
from tests.contract.conftest import REGION, new_bucket
from tests.sample_events import load

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

State = dict[str, Any]
NAME = "key-with-spaces-plus-japanese"


class Context:
    """What the logger reads from a Lambda context."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:function"
    aws_request_id = "6f7c"


@pytest.fixture
def table(moto: None, monkeypatch: pytest.MonkeyPatch) -> DynamoDBClient:  # noqa: ARG001
    client = boto3.client("dynamodb", region_name=REGION)
    client.create_table(
        TableName="lockstep-locks",
        AttributeDefinitions=[{"AttributeName": OBJECT_ID, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": OBJECT_ID, "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setenv("LOCK_TABLE", "lockstep-locks")
    return client


@pytest.fixture
def buckets(moto_s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """The input and the output bucket."""
    source, output = new_bucket(moto_s3), new_bucket(moto_s3)
    monkeypatch.setenv("INPUT_BUCKET", source)
    monkeypatch.setenv("OUTPUT_BUCKET", output)
    return source, output


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, State], Any]]:
    """Call a Lambda of a new instance."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Lockstep")
    monkeypatch.setenv("LEASE_SECONDS", "30")
    monkeypatch.setenv("LOCK_WAIT_SECONDS", "60")
    monkeypatch.setenv("RETRY_INTERVAL_SECONDS", "2")
    factories = (wiring.source_bucket, wiring.output_bucket, wiring.lock_protocol)

    def call(function: str, state: State) -> Any:
        app = importlib.import_module(f"{function}.app")
        return json.loads(json.dumps(app.handler({"owner": "me", "state": state}, Context())))

    for factory in factories:
        factory.cache_clear()
    yield call
    for factory in factories:
        factory.cache_clear()


def test_a_photo_comes_out_gray_and_its_deletion_removes_it(
    invoke: Callable[[str, State], Any], table: DynamoDBClient, moto_s3: S3Client, buckets: tuple[str, str]
) -> None:
    source, output = buckets
    state = load(NAME)
    state["detail"]["bucket"]["name"] = source
    key = state["detail"]["object"]["key"]

    def record() -> dict[str, Any]:
        return dict(table.get_item(TableName="lockstep-locks", Key={OBJECT_ID: {"S": f"{source}/{key}"}})["Item"])

    body = BytesIO()
    Image.new("RGB", (8, 4), (200, 0, 0)).save(body, "PNG")
    uploaded = moto_s3.put_object(Bucket=source, Key=key, Body=body.getvalue())["ETag"].strip('"')

    before = time.time()
    state["lock"] = invoke("acquire_lock", state)
    assert state["lock"]["work"] == "GRAYSCALE"
    assert state["lock"]["wait_seconds"] == 2
    assert record()[OWNER] == {"S": "me"}
    lease_seconds = int(record()[LEASE_EXPIRES_AT]["N"]) / 1000 - before
    assert 29 < lease_seconds < 30 + (time.time() - before) + 1

    state["applied"] = invoke("grayscale", state)
    found = moto_s3.get_object(Bucket=output, Key=key)
    assert found["ContentType"] == "image/png"
    assert found["Metadata"] == {SOURCE_TAG: uploaded, SEQUENCER: "69a560327b4ce19d"}
    with Image.open(BytesIO(found["Body"].read())) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (8, 4))

    invoke("release_lock", state)
    assert OWNER not in record()
    assert record()[APPLIED_SEQUENCER] == {"S": "69a560327b4ce19d"}

    moto_s3.delete_object(Bucket=source, Key=key)
    deletion = load("deleted")
    deletion["detail"]["bucket"]["name"] = source
    deletion["detail"]["object"].update(key=key, sequencer="69A5610000000000")
    deletion["lock"] = invoke("acquire_lock", deletion)
    assert deletion["lock"]["work"] == "DELETE"
    deletion["applied"] = invoke("delete_output", deletion)
    invoke("release_lock", deletion)
    assert "Contents" not in moto_s3.list_objects_v2(Bucket=output)
    assert record()[APPLIED_SEQUENCER] == {"S": "69a561"}
