"""The environment, read when first needed, and the adapters made from it once per Lambda instance."""

from __future__ import annotations

import gc
import os
import time
from dataclasses import dataclass
from functools import cache
from typing import Final

import boto3
from botocore.config import Config

from objectlock.dynamodb import DynamoDBLockStore
from objectlock.ports import OversizedObject, SourceObject
from objectlock.protocol import LockProtocol
from objectlock.s3 import S3OutputBucket, S3SourceBucket
from objectlock.work import Worker

# Two tries end well inside every Lambda's time limit, so that a stuck connection is an error that names it.
_DYNAMODB: Final = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
# A second try would hide that the first one may still take effect. The state machine tries again, when it cannot.
_S3: Final = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})

# What was imported lives as long as the Lambda instance. The garbage collector would go through all of it while the
# first client is made, which takes longer than importing our own modules did.
gc.freeze()


@cache
def source_bucket() -> S3SourceBucket:
    """The input bucket; events name it."""
    return S3SourceBucket(boto3.client("s3", config=_S3), max_image_bytes())


@cache
def output_bucket() -> S3OutputBucket:
    """The bucket OUTPUT_BUCKET, through the same client."""
    return S3OutputBucket(source_bucket().client, os.environ["OUTPUT_BUCKET"])


@dataclass(frozen=True, slots=True)
class _SourceWhenNeeded:
    """The input bucket. Who only frees locks never looks at it, and a client for S3 is a fifth of a cold start."""

    def tag(self, bucket: str, key: str) -> str | None:
        return source_bucket().tag(bucket, key)

    def read(self, bucket: str, key: str) -> SourceObject | OversizedObject | None:
        return source_bucket().read(bucket, key)


@cache
def lock_protocol() -> LockProtocol:
    """The lock in LOCK_TABLE on objects of INPUT_BUCKET, with LEASE_SECONDS and LOCK_WAIT_SECONDS."""
    return LockProtocol(
        store=DynamoDBLockStore(boto3.client("dynamodb", config=_DYNAMODB), os.environ["LOCK_TABLE"]),
        source=_SourceWhenNeeded(),
        input_bucket=os.environ["INPUT_BUCKET"],
        lease_ms=int(os.environ["LEASE_SECONDS"]) * 1000,
        wait_limit_ms=int(os.environ["LOCK_WAIT_SECONDS"]) * 1000,
        now_ms=lambda: time.time_ns() // 1_000_000,
    )


@cache
def worker() -> Worker:
    """The worker between both buckets, under that lock. Raises: ValueError when they are one bucket."""
    if os.environ["OUTPUT_BUCKET"] == os.environ["INPUT_BUCKET"]:
        msg = "OUTPUT_BUCKET is INPUT_BUCKET: an output would replace its input, and be taken for a new one"
        raise ValueError(msg)
    return Worker(lock_protocol(), source_bucket(), output_bucket())


def max_image_bytes() -> int:
    """How large an input may be, by MAX_IMAGE_MEGABYTES."""
    return int(os.environ["MAX_IMAGE_MEGABYTES"]) * 1_000_000


def retry_interval_seconds() -> int:
    """How long an execution waits before it asks for a held lock again; whole seconds, as Wait states take them."""
    return int(os.environ["RETRY_INTERVAL_SECONDS"])
