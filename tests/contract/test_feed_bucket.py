"""The feed's bucket: what is put twice is there once."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from changefeed.s3 import S3FeedBucket
from tests.contract.conftest import Aws, new_bucket


def body(aws: Aws, bucket: str, name: str) -> bytes:
    return aws.s3.get_object(Bucket=bucket, Key=name)["Body"].read()


def test_a_file_is_put(aws: Aws) -> None:
    bucket = new_bucket(aws.s3)
    S3FeedBucket(aws.s3, bucket).put("changes/a", b"one")
    assert body(aws, bucket, "changes/a") == b"one"


def test_a_file_that_is_there_stays_as_it_is(aws: Aws) -> None:
    """Whoever has read it would not read it again."""
    bucket = new_bucket(aws.s3)
    for content in (b"one", b"one", b"two"):
        S3FeedBucket(aws.s3, bucket).put("changes/a", content)
    assert body(aws, bucket, "changes/a") == b"one"


def test_what_else_is_refused_is_an_error(aws: Aws) -> None:
    """Then Lambda delivers the batch again."""
    with pytest.raises(ClientError, match="NoSuchBucket"):
        S3FeedBucket(aws.s3, "no-such-bucket").put("changes/a", b"one")
