"""The environment, and the client made from it once per Lambda instance."""

from __future__ import annotations

import gc
import os
from functools import cache
from typing import Final

import boto3
from botocore.config import Config

from changefeed.change import Ordering
from changefeed.s3 import S3FeedBucket

# To put a file again is harmless, and sooner done than a batch is delivered again.
_S3: Final = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})

gc.freeze()  # what was imported lives as long as the instance: nothing to look through while the client is made


@cache
def feed_bucket() -> S3FeedBucket:
    """The bucket FEED_BUCKET."""
    return S3FeedBucket(boto3.client("s3", config=_S3), os.environ["FEED_BUCKET"])


@cache
def ordering() -> Ordering:
    """By the attributes ORDERING_KEY and WATERMARK, the latter several with spaces between. All of an item is told."""
    return Ordering(os.environ["ORDERING_KEY"], tuple(os.environ["WATERMARK"].split()))
