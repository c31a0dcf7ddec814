"""What a comparison reads, from whatever it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from objectlock.ports import Label, LabelledOutputs, LockRecords, LockStore, Picture
from objectlock.record import OBJECT_ID
from objectlock.s3 import S3OutputBucket
from tests.contract.conftest import Output, new_bucket
from tests.contract.test_lock_store import insert

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "photos/ü 日本+.jpg"


def test_an_output_says_what_it_was_made_from(output: Output) -> None:
    output.bucket.write(KEY, Picture(b"gray", "image/png"), Label("etag@version", "01", 1), replaces=None)

    outputs = cast("LabelledOutputs", output.bucket)

    assert outputs.made_from(KEY) == "etag@version"
    assert outputs.made_from("another") is None


def test_an_output_of_somebody_else_says_nothing(s3: S3Client) -> None:
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"mine", Metadata={"author": "me"})

    assert S3OutputBucket(s3, bucket).made_from(KEY) == ""


def test_a_record_is_read_as_it_is_and_one_that_does_not_exist_is_empty(store: LockStore, object_id: str) -> None:
    records = cast("LockRecords", store)
    assert records.read(object_id) == {}

    insert(store, object_id, applied_source="etag", fencing_token=3)

    assert records.read(object_id) == {OBJECT_ID: object_id, "applied_source": "etag", "fencing_token": 3}
