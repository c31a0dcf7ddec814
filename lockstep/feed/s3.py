"""The files of a feed in S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lockstep.ahead import AT_ONCE
from lockstep.errors import UserError
from lockstep.objects import listed
from lockstep.stack import CLIENT, Stack, session_on_aws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHANGES: Final = "changes/"
# The exporter puts aside what it cannot read, and Lambda what it could not deliver.
_SET_ASIDE: Final = ("unreadable/", "aws/lambda/")
_FORBIDDEN: Final = frozenset({"AccessDenied", "403"})


class Listed(NamedTuple):
    """A file, as it is listed.

    Attributes:
        written: when it came.
    """

    name: str
    written: datetime


class SetAside(NamedTuple):
    """Records of the stream that are in no file of the feed.

    Attributes:
        objects: that hold them.
        has_more: whether there are more of these than were counted.
    """

    objects: int
    has_more: bool


@dataclass(frozen=True)
class S3Feed:
    """A feed in a bucket; a `FeedFiles`. Needs s3:ListBucket and s3:GetObject.

    Attributes:
        interval_seconds: how long to wait before it is listed again.
    """

    client: S3Client
    bucket: str
    prefix: str
    interval_seconds: float

    @property
    def where(self) -> str:
        """For people, and to tell it from other feeds."""
        return f"s3://{self.bucket}/{self.prefix}"

    def check(self) -> None:
        """Raise UserError if there is no such bucket, ClientError if one may not list it; BotoCoreError."""
        with self._told():
            self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)

    def names(self, start_after: str) -> Iterator[str]:
        return (each.name for each in self.listed(start_after))

    def listed(self, start_after: str) -> Iterator[Listed]:
        """All files named after this, in the order of their names. Raises: ClientError, BotoCoreError, UserError."""
        with self._told():
            for each in listed(self.client, self.bucket, self.prefix, start_after):
                if not each["Key"].endswith("/"):  # a folder of the console
                    yield Listed(each["Key"], each["LastModified"])

    def body(self, name: str) -> bytes:
        """Raises: ClientError, BotoCoreError, UserError."""
        with self._told(name):
            return self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()

    def set_aside(self) -> SetAside | None:
        """How many objects somebody has to look at, a thousand of a sort at most; None if one may not ask.

        Raises: ClientError, BotoCoreError, UserError.
        """
        try:
            with self._told():
                found = [self.client.list_objects_v2(Bucket=self.bucket, Prefix=each) for each in _SET_ASIDE]
        except ClientError as error:
            if error.response["Error"].get("Code") in _FORBIDDEN:  # who may read the feed need not see the rest
                return None
            raise
        objects = sum(len(each.get("Contents", [])) for each in found)
        return SetAside(objects, has_more=any(each["IsTruncated"] for each in found))

    @contextmanager
    def _told(self, name: str = "") -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response["Error"].get("Code")
            if code == "NoSuchBucket":
                msg = f"there is no bucket {self.bucket!r}"
                raise UserError(msg) from error
            if code == "NoSuchKey":
                msg = f"{name}: was listed just now, and is not in s3://{self.bucket} any more"
                raise UserError(msg) from error
            raise


def feed_of(stack: Stack, prefix: str = CHANGES) -> S3Feed:
    """The feed of a stack. Raises: UserError where it has none."""
    if stack.feed_bucket is None:
        msg = f"stack {stack.name!r} has no change feed: deploy this version of the template"
        raise UserError(msg)
    return feed_in(stack.feed_bucket, prefix, stack)


def feed_in(bucket: str, prefix: str, stack: Stack) -> S3Feed:
    """The feed in a bucket, of whatever stack, where this one is."""
    return _feed(stack.session, stack.endpoint_url, stack.config, bucket, prefix)


def feed_on_aws(bucket: str, prefix: str, profile: str | None, region: str | None) -> S3Feed:
    """The feed in a bucket on AWS, without a stack. Raises: UserError."""
    return _feed(session_on_aws(profile, region), None, CLIENT, bucket, prefix)


def _feed(session: boto3.Session, endpoint_url: str | None, config: Config, bucket: str, prefix: str) -> S3Feed:
    """With a client that has a connection for each thread."""
    config = config.merge(Config(max_pool_connections=AT_ONCE))
    client = session.client("s3", endpoint_url=endpoint_url, config=config)
    return S3Feed(client, bucket, prefix, interval_seconds=5.0 if endpoint_url is None else 0.5)
