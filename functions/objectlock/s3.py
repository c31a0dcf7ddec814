"""The input and the output bucket in S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from objectlock.attempts import OutputObject
from objectlock.aws import NO_ANSWER, busy_is_unavailable
from objectlock.errors import OutputChanged, WriteInDoubt
from objectlock.ports import Label, OversizedObject, Picture, SourceObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectOutputTypeDef,
        HeadObjectOutputTypeDef,
        PutObjectOutputTypeDef,
        PutObjectRequestTypeDef,
    )


# The names of what an output says of itself, in its metadata.
SOURCE_TAG: Final = "source-tag"
SEQUENCER: Final = "sequencer"
TOKEN: Final = "fencing-token"

_LONGEST_TOKEN: Final = 18  # digits; what has more is not ours, and DynamoDB's numbers have an end


@dataclass(frozen=True)
class S3SourceBucket:
    """A `SourceBucket`. Needs s3:ListBucket beside s3:GetObject: without it S3 answers 403 for a missing key.

    Attributes:
        max_bytes: what is larger is not read.
    """

    client: S3Client
    max_bytes: int

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
    def read(self, bucket: str, key: str) -> SourceObject | OversizedObject | None:
        """Raises: ServiceUnavailable."""
        try:
            found = self.client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        with closing(found["Body"]) as body:
            size = found.get("ContentLength", 0)  # S3 always tells; what stands between may hand on pieces without
            if size > self.max_bytes:
                return OversizedObject(_tag(found), size, self.max_bytes)
            return SourceObject(_tag(found), body.read())


@dataclass(frozen=True)
class S3OutputBucket:
    """An `OutputBucket`, by S3's conditional requests, and its `LabelledOutputs`.

    Both need s3:GetObject, and s3:ListBucket as above.
    """

    client: S3Client
    bucket: str

    @busy_is_unavailable
    def look(self, key: str) -> OutputObject | None:
        """Raises: ServiceUnavailable."""
        found = self._head(key)
        if found is None:
            return None
        token = found["Metadata"].get(TOKEN, "")
        is_ours = token.isdecimal() and len(token) <= _LONGEST_TOKEN
        return OutputObject(_etag(found), int(token) if is_ours else 0)

    @busy_is_unavailable
    def shows(self, key: str, source: str, etag: str) -> bool:
        """Raises: ServiceUnavailable."""
        found = self._head(key)
        return found is not None and (found["Metadata"].get(SOURCE_TAG), _etag(found)) == (source, etag)

    @busy_is_unavailable
    def made_from(self, key: str) -> str | None:
        """Raises: ServiceUnavailable."""
        found = self._head(key)
        return None if found is None else found["Metadata"].get(SOURCE_TAG, "")

    @busy_is_unavailable
    def write(self, key: str, picture: Picture, label: Label, *, replaces: str | None) -> str:
        """Raises: OutputChanged, WriteInDoubt, ServiceUnavailable."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self.bucket,
            "Key": key,
            "Body": picture.body,
            "ContentType": picture.content_type,
            "Metadata": {SOURCE_TAG: label.source, SEQUENCER: label.sequencer, TOKEN: str(label.token)},
        }
        if replaces is None:
            request["IfNoneMatch"] = "*"
        else:
            request["IfMatch"] = replaces
        with self._conditional(key):
            return _etag(self.client.put_object(**request))

    @busy_is_unavailable
    def delete(self, key: str, *, replaces: str) -> None:
        """Raises: OutputChanged, WriteInDoubt, ServiceUnavailable."""
        with self._conditional(key):
            self.client.delete_object(Bucket=self.bucket, Key=key, IfMatch=replaces)

    def _head(self, key: str) -> HeadObjectOutputTypeDef | None:
        try:
            return self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise

    @contextmanager
    def _conditional(self, key: str) -> Iterator[None]:
        """Tell a refusal, which is final, from a request that may yet take effect."""
        try:
            yield
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 412 or error.response["Error"]["Code"] == "NoSuchKey":
                msg = f"{self.bucket}/{key}: another version than expected is there"
                raise OutputChanged(msg) from error
            if status == 409 or (status >= 500 and status != 503):  # 503: S3 has not even begun
                raise WriteInDoubt(str(error)) from error
            raise
        except NO_ANSWER as error:
            raise WriteInDoubt(str(error)) from error


def _is_missing(error: ClientError) -> bool:
    """A HEAD has no body to name the error in, so its code is the bare status."""
    return error.response["Error"]["Code"] in {"404", "NoSuchKey"}


def _tag(found: GetObjectOutputTypeDef | HeadObjectOutputTypeDef) -> str:
    """ETag and, in a versioned bucket, version id: two versions of the same bytes are two states."""
    version = found.get("VersionId", "null")
    return _etag(found) if version == "null" else f"{_etag(found)}@{version}"


def _etag(found: GetObjectOutputTypeDef | HeadObjectOutputTypeDef | PutObjectOutputTypeDef) -> str:
    """Without the quotes of the HTTP header."""
    return found["ETag"].strip('"')
