"""The objects of a stack: put and removed by hand, listed, compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lockstep.errors import UserError
from lockstep.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

L = TypeVar("L")
R = TypeVar("R")


def put(stack: Stack, file: Path, key: str) -> str:
    """Upload a file to the input bucket in one request, and return its ETag. Raises: UserError."""
    try:
        with file.open("rb") as body:
            answer = stack.s3.put_object(Bucket=stack.input_bucket, Key=key, Body=body)
    except (ClientError, BotoCoreError, OSError) as error:
        msg = f"{file}: {error}"
        raise UserError(msg) from error
    return answer["ETag"].strip('"')


def remove(stack: Stack, key: str) -> None:
    """Delete an object of the input bucket. Raises: UserError when there is none of that key."""
    try:
        stack.s3.head_object(Bucket=stack.input_bucket, Key=key)
        stack.s3.delete_object(Bucket=stack.input_bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            msg = f"there is no object {key!r} in the input bucket {stack.input_bucket}"
            raise UserError(msg) from None
        msg = f"{key}: {error}"
        raise UserError(msg) from error


def listing(stack: Stack, bucket: str, prefix: str = "") -> list[ObjectTypeDef]:
    """All objects of a bucket below a prefix."""
    return list(listed(stack.s3, bucket, prefix))


def listed(client: S3Client, bucket: str, prefix: str = "", start_after: str = "") -> Iterator[ObjectTypeDef]:
    """Objects in the order of their keys, never more of them than a page. Raises: ClientError, BotoCoreError."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=start_after)
    for page in pages:
        yield from page.get("Contents", [])


def side_by_side(
    left: Iterable[tuple[str, L]], right: Iterable[tuple[str, R]]
) -> Iterator[tuple[str, L | None, R | None]]:
    """Each key with what two listings in S3's order have of it: by bytes of UTF-8, the order of Python's strings.

    Neither is read further than it is asked for.
    """
    one, other = next(ones := iter(left), None), next(others := iter(right), None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None  # noqa: S101  # one of them is there
            yield one[0], one[1], None
            one = next(ones, None)
        elif one is None or other[0] < one[0]:
            yield other[0], None, other[1]
            other = next(others, None)
        else:
            yield one[0], one[1], other[1]
            one, other = next(ones, None), next(others, None)


def out_of_step(stack: Stack, prefix: str = "") -> list[str]:
    """Keys whose output is missing, is left over, or was made from an input that is not the present one."""
    inputs = {each["Key"] for each in listing(stack, stack.input_bucket, prefix)}
    outputs = {each["Key"] for each in listing(stack, stack.output_bucket, prefix)}
    outdated = {key for key in inputs & outputs if not _is_made_from_present_input(stack, key)}
    return sorted((inputs ^ outputs) | outdated)


def _is_made_from_present_input(stack: Stack, key: str) -> bool:
    made_from = stack.s3.head_object(Bucket=stack.output_bucket, Key=key)["Metadata"].get("source-tag", "")
    etag = stack.s3.head_object(Bucket=stack.input_bucket, Key=key)["ETag"].strip('"')
    return made_from.partition("@")[0] == etag
