"""The feed's bucket in S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_IS_THERE: Final = "PreconditionFailed"


@dataclass(frozen=True)
class S3FeedBucket:
    """A `FeedBucket`. Needs s3:PutObject alone."""

    client: S3Client
    bucket: str

    def put(self, name: str, body: bytes) -> None:
        """Raises: ClientError."""
        try:
            self.client.put_object(Bucket=self.bucket, Key=name, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] != _IS_THERE:
                raise
