"""The comparison of the two buckets that the environment names, for who does nothing else."""

from __future__ import annotations

import gc
import os
from functools import cache
from typing import Final

import boto3
from botocore.config import Config

from objectlock.comparison import Comparison
from objectlock.dynamodb import DynamoDBLockStore
from objectlock.s3 import S3OutputBucket, S3SourceBucket

READERS: Final = 16  # threads that may compare at once

# Who only reads can try again; S3 throttles those who read very much at once.
_READS: Final = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 5},
    max_pool_connections=READERS,
)

gc.freeze()  # for the same reason as in `objectlock.wiring`


@cache
def comparison() -> Comparison:
    """Of INPUT_BUCKET with OUTPUT_BUCKET and LOCK_TABLE."""
    s3 = boto3.client("s3", config=_READS)
    return Comparison(
        source=S3SourceBucket(s3, max_bytes=0),  # nothing is read but headers
        outputs=S3OutputBucket(s3, os.environ["OUTPUT_BUCKET"]),
        records=DynamoDBLockStore(boto3.client("dynamodb", config=_READS), os.environ["LOCK_TABLE"]),
        input_bucket=os.environ["INPUT_BUCKET"],
    )
