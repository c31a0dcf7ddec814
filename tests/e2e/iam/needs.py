"""Which permissions a call of a function needs on AWS; the emulator does not ask for all of them."""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from tests.e2e.gateway import Call

_OF_METHOD: Final = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}


class Need(NamedTuple):
    """An action on the resource with this ARN."""

    action: str
    resource: str


def needs(call: Call, status: int) -> set[Need]:
    """All that the call needs, which was answered with this status.

    Raises: ValueError for a call that nobody has thought of yet.
    """
    if target := call.headers.get("x-amz-target"):
        return {_of_dynamodb(target, call.body)}
    return {_of_s3(call)} | conditional_needs(call) | listing_needs(call, status)


def conditional_needs(call: Call) -> set[Need]:
    """Beside its own action: a write on condition of an ETag tells whether the object has it, so it counts as reading.

    The source is "How to prevent object overwrites with conditional writes" in the S3 User Guide.
    """
    if call.method in {"PUT", "DELETE"} and "if-match" in call.headers:
        return {Need("s3:GetObject", _object(call))}
    return set()


def listing_needs(call: Call, status: int) -> set[Need]:
    """Beside its own action: who may not list a bucket is told 403 where there is no object, not 404.

    The sources are GetObject and HeadObject in the S3 API Reference.
    """
    if call.method in {"GET", "HEAD"} and status == 404:
        bucket = call.path.split("/")[1]
        return {Need("s3:ListBucket", f"arn:aws:s3:::{bucket}")}
    return set()


def _of_s3(call: Call) -> Need:
    if call.path.count("/") < 2 or call.method not in _OF_METHOD:
        msg = f"which permission does {call.method} {call.path} need?"
        raise ValueError(msg)
    return Need(_OF_METHOD[call.method], _object(call))


def _of_dynamodb(target: str, body: bytes) -> Need:
    table = str(json.loads(body)["TableName"])
    return Need(f"dynamodb:{target.partition('.')[2]}", f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}")


def _object(call: Call) -> str:
    return f"arn:aws:s3::{call.path.replace('/', ':', 1)}"
