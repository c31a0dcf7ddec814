"""Callers are killed in the middle of a call: before AWS hears of it, after its effect, or with the call on its way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import boto3
import pytest

from lockstep import emulator, paths
from tests.e2e.chaos.killer import Killer
from tests.e2e.chaos.plan import Kill, Moment
from tests.e2e.conftest import wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET: Final = "bucket"
KILLED: Final = -9
CALLS: Final = {
    "PUT": "put_object(Bucket='bucket', Key='photo', Body=b'new')",
    "DELETE": "delete_object(Bucket='bucket', Key='photo')",
    # For a POST: the functions' other ones are to DynamoDB.
    "POST": "create_multipart_upload(Bucket='bucket', Key='photo')",
}


@pytest.fixture(scope="module")
def endpoint_url() -> Iterator[str]:
    emulator.leave_aws()
    with emulator.running(paths.LOCAL / "chaos-killer") as running:
        yield running.endpoint_url


@pytest.fixture
def killer(endpoint_url: str) -> Iterator[Killer]:
    with Killer(late_seconds=0.5) as killer:
        killer.target_port = urlsplit(endpoint_url).port or 0
        yield killer


@pytest.fixture
def s3(endpoint_url: str) -> S3Client:
    s3 = boto3.client("s3", endpoint_url=endpoint_url)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="photo", Body=b"old")
    for each in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=BUCKET, Key=each["Key"], UploadId=each["UploadId"])
    return s3


def call(method: str, killer: Killer) -> int:
    """Make the call in a process of its own; its exit code."""
    program = f"import boto3; boto3.client('s3', endpoint_url='{killer.url}').{CALLS[method]}"
    return subprocess.run([sys.executable, "-c", program], check=False).returncode


def has_effect(method: str, s3: S3Client) -> bool:
    match method:
        case "PUT":
            return s3.get_object(Bucket=BUCKET, Key="photo")["Body"].read() == b"new"
        case "DELETE":
            return not s3.list_objects_v2(Bucket=BUCKET).get("Contents")
        case _:
            return bool(s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads"))


@pytest.mark.parametrize("method", CALLS)
def test_without_an_order_nobody_is_killed(method: str, s3: S3Client, killer: Killer) -> None:
    assert call(method, killer) == 0
    assert has_effect(method, s3)
    assert not killer.killed


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("moment", Moment)
def test_an_order_kills_one_caller_at_that_moment(method: str, moment: Moment, s3: S3Client, killer: Killer) -> None:
    killer.order(Kill("GET", moment))
    killer.order(Kill(method, moment))

    assert call(method, killer) == KILLED

    assert has_effect(method, s3) == (moment is Moment.AFTER)
    if moment is Moment.ON_ITS_WAY:
        wait_until(lambda: has_effect(method, s3), "it takes effect all the same")
    assert call(method, killer) == 0
    assert killer.call_off() == 1, "nobody has made the other call"


def test_a_body_that_comes_with_its_announcement_is_on_its_way(s3: S3Client, killer: Killer) -> None:
    """As from a client on a busy machine, which has waited for a second to be told to go on."""
    killer.order(Kill("PUT", Moment.ON_ITS_WAY))
    request = "PUT /bucket/photo HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\nExpect: 100-continue\\r\\n\\r\\nnew"
    program = f"""import socket
caller = socket.create_connection(("127.0.0.1", {urlsplit(killer.url).port}))
caller.sendall(b"{request}")
caller.recv(1)"""

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == KILLED

    wait_until(lambda: has_effect("PUT", s3), "it takes effect all the same")
