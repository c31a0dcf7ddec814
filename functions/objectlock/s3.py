"""The input and the output bucket in S3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from objectlock.aws import busy_is_unavailable
from objectlock.ports import SourceObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef


@dataclass(frozen=True)
class S3SourceBucket:
    """A `SourceBucket`. Needs s3:ListBucket beside s3:GetObject: without it S3 answers 403 for a missing key."""

    client: S3Client

    @busy_is_unavailable
    def tag(self, bucket: str, key: str) -> str | None:
        """Raises: ServiceUnavailable."""
        try:
            return _tag(self.client.head_object(Bucket=bucket, Key=key))
        except ClientError as error:
            if _is_missing(error):
                return None
            raise

    @busy_is_unavailable
    def read(self, bucket: str, key: str) -> SourceObject | None:
        """Raises: ServiceUnavailable."""
        try:
            found = self.client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        return SourceObject(_tag(found), found["Body"].read())


@dataclass(frozen=True)
class S3OutputBucket:
    """An `OutputBucket`."""

    client: S3Client
    bucket: str

    @busy_is_unavailable
    def write(self, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]) -> str:
        """Raises: ServiceUnavailable."""
        answer = self.client.put_object(
            Bucket=self.bucket, Key=key, Body=body, ContentType=content_type, Metadata=metadata
        )
        return answer["ETag"].strip('"')

    @busy_is_unavailable
    def delete(self, key: str) -> None:
        """Raises: ServiceUnavailable."""
        self.client.delete_object(Bucket=self.bucket, Key=key)


def _is_missing(error: ClientError) -> bool:
    """A HEAD has no body to name the error in, so its code is the bare status."""
    return error.response["Error"]["Code"] in {"404", "NoSuchKey"}


def _tag(found: GetObjectOutputTypeDef | HeadObjectOutputTypeDef) -> str:
    """ETag and, in a versioned bucket, version id: two versions of the same bytes are two states."""
    version = found.get("VersionId", "null")
    etag = found["ETag"].strip('"')
    return etag if version == "null" else f"{etag}@{version}"
