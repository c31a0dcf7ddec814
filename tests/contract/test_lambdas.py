"""The Lambdas as they are deployed: environment, wiring and adapters, against what stands in for AWS."""

from __future__ import annotations

import gzip
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import boto3
import pytest
from PIL import Image

from lockstep import paths
from lockstep.emulator import CREDENTIALS
from objectlock import wiring
from objectlock.errors import LeaseLost, OutputChanged, SourceRejected
from objectlock.record import (
    APPLIED_SEQUENCER,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    OBJECT_ID,
    OUTPUT_ETAG,
    OWNER,
    RECORD_SINCE,
    WORKER_UNTIL,
)
from tests.contract.conftest import Aws, new_bucket, new_table
from tests.lambda_instance import begin_anew
from tests.sample_events import load

State = dict[str, Any]

ME = "arn:aws:states:us-east-1:111122223333:execution:lockstep:me"
PHOTO = "key-with-spaces-plus-japanese"
KEY = load(PHOTO)["detail"]["object"]["key"]

LAMBDAS: Final = (
    "acquire_lock",
    "grayscale",
    "delete_output",
    "release_lock",
    "reaper",
    "compare_objects",
    "export_changes",
)
PICTURES: Final = frozenset({"PIL", "isal"})
# What some Lambdas need and others do not.
NEEDED_BY: Final = {
    "PIL": {"grayscale"},
    "aws_lambda_powertools.utilities.batch": {"export_changes"},
    "changefeed.exporter": {"export_changes"},
    "objectlock.applied_change": {"export_changes"},
    "objectlock.comparison": {"compare_objects"},
    "objectlock.dynamodb": set(LAMBDAS) - {"export_changes"},
    "objectlock.images": {"grayscale"},
    "objectlock.logs": {"grayscale", "delete_output"},
    "objectlock.status_change": {"reaper"},
    "objectlock.task": {"acquire_lock", "grayscale", "delete_output", "release_lock"},
}
# What a cold start loads beside boto3, and whether the garbage collector is done with it.
COLD_START: Final = """
import boto3, gc, importlib, json, sys
boto3.client("dynamodb", region_name="us-east-1"), boto3.client("s3", region_name="us-east-1")
before = set(sys.modules)
importlib.import_module(f"{sys.argv[1]}.app")
print(json.dumps([sorted(set(sys.modules) - before), gc.get_freeze_count(), len(gc.get_objects())]))
"""


class Context:
    """What the logger and the workers read from a Lambda context."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:function"
    aws_request_id = "6f7c"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


@dataclass(frozen=True)
class Deployed:
    """The functions of one deployment, and what one sees from outside."""

    aws: Aws
    input: str
    output: str
    table: str

    def call(self, function: str, payload: State) -> Any:
        handler = importlib.import_module(f"{function}.app").handler
        return json.loads(json.dumps(handler(json.loads(json.dumps(payload)), Context())))

    def task(self, function: str, state: State) -> Any:
        """As the state machine calls it."""
        return self.call(function, {"owner": ME, "state": state})

    def event(self, name: str, sequencer: str) -> State:
        """A sample event, of this deployment's own object."""
        event = load(name)
        event["detail"]["bucket"]["name"] = self.input
        event["detail"]["object"].update(key=KEY, sequencer=sequencer)
        return event

    def upload(self, body: bytes) -> str:
        return self.aws.s3.put_object(Bucket=self.input, Key=KEY, Body=body)["ETag"].strip('"')

    def record(self) -> dict[str, Any]:
        key = {OBJECT_ID: {"S": f"{self.input}/{KEY}"}}
        return dict(self.aws.dynamodb.get_item(TableName=self.table, Key=key)["Item"])

    def outputs(self) -> list[str]:
        return [each["Key"] for each in self.aws.s3.list_objects_v2(Bucket=self.output).get("Contents", [])]


@pytest.fixture
def deployed(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """New functions, buckets and table."""
    new = Deployed(aws, new_bucket(aws.s3), new_bucket(aws.s3), new_table(aws.dynamodb))
    environment = CREDENTIALS | {
        "INPUT_BUCKET": new.input,
        "OUTPUT_BUCKET": new.output,
        "LOCK_TABLE": new.table,
        "LEASE_SECONDS": "30",
        "MAX_IMAGE_MEGABYTES": "100",
        "MAX_IMAGE_MEGAPIXELS": "100",
        "MAX_IMAGE_FRAMES": "1000",
        "LOCK_WAIT_SECONDS": "60",
        "RETRY_INTERVAL_SECONDS": "2",
        "POWERTOOLS_SERVICE_NAME": "lockstep",
        "POWERTOOLS_METRICS_NAMESPACE": "Lockstep",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if aws.endpoint_url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint_url)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", aws.session)
    begin_anew()
    yield new
    begin_anew()


def png(colour: tuple[int, int, int]) -> bytes:
    body = BytesIO()
    Image.new("RGB", (8, 4), colour).save(body, "PNG")
    return body.getvalue()


def test_a_photo_comes_out_gray_and_its_deletion_removes_it(deployed: Deployed) -> None:
    state = deployed.event(PHOTO, "69A560327B4CE19D00")
    uploaded = deployed.upload(png((200, 0, 0)))

    before = time.time()
    state["lock"] = deployed.task("acquire_lock", state)
    assert state["lock"]["work"] == "GRAYSCALE"
    assert state["lock"]["wait_seconds"] == 2
    assert deployed.record()[OWNER] == {"S": ME}
    lease_seconds = int(deployed.record()[LEASE_EXPIRES_AT]["N"]) / 1000 - before
    assert 29 < lease_seconds < 30 + (time.time() - before) + 1

    before = time.time()
    state["applied"] = deployed.task("grayscale", state)
    worker_seconds = int(deployed.record()[WORKER_UNTIL]["N"]) / 1000 - before
    assert 19 < worker_seconds < 25 + (time.time() - before) + 1
    found = deployed.aws.s3.get_object(Bucket=deployed.output, Key=KEY)
    assert found["ContentType"] == "image/png"
    assert found["Metadata"] == {"source-tag": uploaded, "sequencer": "69a560327b4ce19d", "fencing-token": "1"}
    with Image.open(BytesIO(found["Body"].read())) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (8, 4))

    deployed.task("release_lock", state)
    record = deployed.record()
    assert record.keys().isdisjoint({OWNER, LEASE_EXPIRES_AT, WORKER_UNTIL})
    assert record[APPLIED_SEQUENCER] == {"S": "69a560327b4ce19d"}
    assert record[OUTPUT_ETAG] == {"S": found["ETag"].strip('"')}

    deployed.aws.s3.delete_object(Bucket=deployed.input, Key=KEY)
    deletion = deployed.event("deleted", "69A5610000000000")
    deletion["lock"] = deployed.task("acquire_lock", deletion)
    assert deletion["lock"]["work"] == "DELETE"
    deletion["applied"] = deployed.task("delete_output", deletion)
    deployed.task("release_lock", deletion)
    assert deployed.outputs() == []
    record = deployed.record()
    assert record[APPLIED_SEQUENCER] == {"S": "69a561"}
    assert record[FENCING_TOKEN] == {"N": "2"}
    assert OUTPUT_ETAG not in record


def test_an_output_that_somebody_else_has_written_is_replaced_at_the_second_attempt(deployed: Deployed) -> None:
    """The first has to read the input again before it may write over what it had not seen."""
    deployed.aws.s3.put_object(Bucket=deployed.output, Key=KEY, Body=b"somebody's", Metadata={"fencing-token": "6"})
    deployed.upload(png((0, 200, 0)))
    state = deployed.event(PHOTO, "69A560")
    state["lock"] = deployed.task("acquire_lock", state)
    with pytest.raises(OutputChanged):
        deployed.task("grayscale", state)
    assert deployed.aws.s3.get_object(Bucket=deployed.output, Key=KEY)["Body"].read() == b"somebody's"
    state["applied"] = deployed.task("grayscale", state)
    assert state["applied"]["token"] == 7
    assert deployed.aws.s3.head_object(Bucket=deployed.output, Key=KEY)["Metadata"]["fencing-token"] == "7"
    deployed.task("release_lock", state)
    assert OWNER not in deployed.record()


def test_what_is_no_image_removes_the_output_of_the_image_before_it(deployed: Deployed) -> None:
    state = deployed.event(PHOTO, "01")
    deployed.upload(png((0, 0, 200)))
    state["lock"] = deployed.task("acquire_lock", state)
    state["applied"] = deployed.task("grayscale", state)
    deployed.task("release_lock", state)
    assert deployed.outputs() == [KEY]

    deployed.upload(b"no image")
    state = deployed.event(PHOTO, "02")
    state["lock"] = deployed.task("acquire_lock", state)
    with pytest.raises(SourceRejected):
        deployed.task("grayscale", state)
    assert deployed.outputs() == []
    assert deployed.record()[APPLIED_SEQUENCER] == {"S": "02"}
    assert OWNER not in deployed.record()


def test_an_execution_that_failed_or_was_stopped_leaves_no_lock(deployed: Deployed) -> None:
    """The first gives up itself, for the second the reaper does; neither may touch the lock of another."""
    caught = {"Error": "SomeError", "Cause": "of some kind"}
    state = deployed.event(PHOTO, "01")
    stopped = {"detail": {"executionArn": ME, "status": "ABORTED", "input": json.dumps(state)}}

    deployed.task("acquire_lock", state)
    failure = deployed.call("release_lock", {"owner": ME, "state": state, "caught": caught})
    assert failure == {"error": "SomeError", "cause": "of some kind"}
    assert OWNER not in deployed.record()

    deployed.task("acquire_lock", state)
    assert deployed.call("reaper", stopped)["lock"] == "freed"
    assert OWNER not in deployed.record()

    deployed.call("acquire_lock", {"owner": "other", "state": state})
    assert deployed.call("reaper", stopped)["lock"] == "held nothing"
    with pytest.raises(LeaseLost):
        deployed.task("grayscale", state)
    assert deployed.record()[OWNER] == {"S": "other"}


def test_who_only_frees_locks_makes_no_client_for_s3(deployed: Deployed) -> None:
    """It would be a fifth of a cold start."""
    deployed.upload(png((9, 9, 9)))
    state = deployed.event(PHOTO, "01")
    state["lock"] = deployed.task("acquire_lock", state)
    state["applied"] = deployed.task("grayscale", state)
    stopped = {"detail": {"executionArn": ME, "status": "ABORTED", "input": json.dumps(state)}}
    failed = {"owner": ME, "state": state, "caught": {"Error": "SomeError", "Cause": "of some kind"}}
    begin_anew()

    deployed.task("release_lock", state)
    deployed.call("release_lock", failed)
    deployed.call("reaper", stopped)
    assert OWNER not in deployed.record()
    assert wiring.lock_protocol.cache_info().currsize == 1
    assert wiring.source_bucket.cache_info().currsize == 0


def test_what_was_released_is_told_by_the_exporter(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream's record of the release, which has the lock record as it then is."""
    deployed.upload(png((9, 9, 9)))
    state = deployed.event(PHOTO, "01")
    state["lock"] = deployed.task("acquire_lock", state)
    state["applied"] = deployed.task("grayscale", state)
    deployed.task("release_lock", state)
    feed = new_bucket(deployed.aws.s3)
    monkeypatch.setenv("FEED_BUCKET", feed)
    begin_anew()
    record = {"NewImage": deployed.record(), "SequenceNumber": "1", "ApproximateCreationDateTime": 1_763_838_780}

    for _ in range(2):  # it may come twice
        assert deployed.call("export_changes", {"Records": [{"dynamodb": record}]}) == {"batchItemFailures": []}

    (file,) = deployed.aws.s3.list_objects_v2(Bucket=feed)["Contents"]
    told = json.loads(gzip.decompress(deployed.aws.s3.get_object(Bucket=feed, Key=file["Key"])["Body"].read()))
    assert told["key"] == f"{deployed.input}/{KEY}"
    assert told["watermark"] == [int(deployed.record()[name]["N"]) for name in (RECORD_SINCE, FENCING_TOKEN)]
    applied = state["applied"]
    assert told["change"]["execution"] == ME
    assert {name: told["change"][name] for name in ("operation", "output_etag", "fencing_token", "sequencer")} == {
        "operation": "PUT",
        "output_etag": applied["output_etag"],
        "fencing_token": applied["token"],
        "sequencer": applied["sequencer"],
    }


@pytest.mark.parametrize("name", LAMBDAS)
def test_a_cold_start_loads_what_the_function_needs_and_leaves_it_out_of_garbage_collections(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLD_START, name],
        env={"PYTHONPATH": str(paths.ROOT / "functions")} | CREDENTIALS,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded, left_alone, looked_through = json.loads(done.stdout)
    packages = {module.partition(".")[0] for module in loaded} - sys.stdlib_module_names
    ours = {name, "objectlock", "aws_lambda_powertools", "typing_extensions"}
    more = {"grayscale": packages & PICTURES, "export_changes": {"changefeed"}}.get(name, set())
    assert packages == ours | more
    assert set(loaded) & NEEDED_BY.keys() == {module for module, lambdas in NEEDED_BY.items() if name in lambdas}
    assert left_alone > 20 * looked_through
