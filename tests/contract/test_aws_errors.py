"""Answers that no stand-in for AWS gives by itself: it is busy, says no, or another request is just being made."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.stub import Stubber
from urllib3.exceptions import ProtocolError

from objectlock import wiring
from objectlock.conditions import Absent
from objectlock.dynamodb import DynamoDBLockStore
from objectlock.errors import OutputChanged, ServiceUnavailable, WriteInDoubt
from objectlock.ports import Label, Picture
from objectlock.record import OBJECT_ID, Transition
from objectlock.s3 import S3OutputBucket, S3SourceBucket

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

KEY = "photo.jpg"
TAKE = Transition(KEY, Absent(OBJECT_ID), put={"owner": "me"})
PICTURE, LABEL = Picture(b"gray", "image/png"), Label("etag", "01", token=1)

WRITE_CALLS: dict[str, Callable[[S3Client], object]] = {
    "put_object": lambda client: S3OutputBucket(client, "out").write(KEY, PICTURE, LABEL, replaces="etag"),
    "delete_object": lambda client: S3OutputBucket(client, "out").delete(KEY, replaces="etag"),
}
S3_CALLS: list[tuple[str, Callable[[S3Client], object]]] = [
    ("head_object", lambda client: S3SourceBucket(client, 100).tag("in", KEY)),
    ("get_object", lambda client: S3SourceBucket(client, 100).read("in", KEY)),
    ("head_object", lambda client: S3OutputBucket(client, "out").look(KEY)),
    *WRITE_CALLS.items(),
]
S3_CALL = pytest.mark.parametrize(("operation", "call"), S3_CALLS)


@contextmanager
def s3_answering(session: boto3.Session, operation: str, code: str, status: int) -> Iterator[S3Client]:
    client = session.client("s3")
    with Stubber(client) as stubber:
        stubber.add_client_error(operation, service_error_code=code, http_status_code=status)
        yield client


@contextmanager
def dynamodb_answering(session: boto3.Session, code: str, status: int) -> Iterator[DynamoDBClient]:
    client = session.client("dynamodb")
    with Stubber(client) as stubber:
        stubber.add_client_error("update_item", service_error_code=code, http_status_code=status)
        yield client


@S3_CALL
def test_a_busy_bucket_is_unavailable(
    session: boto3.Session, operation: str, call: Callable[[S3Client], object]
) -> None:
    with s3_answering(session, operation, "SlowDown", 503) as client, pytest.raises(ServiceUnavailable):
        call(client)


@S3_CALL
def test_a_refusal_is_neither_an_absent_nor_a_changed_object(
    session: boto3.Session, operation: str, call: Callable[[S3Client], object]
) -> None:
    """A missing permission taken for "absent" would delete an output."""
    with s3_answering(session, operation, "403", 403) as client, pytest.raises(ClientError, match="403"):
        call(client)


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
@pytest.mark.parametrize(("operation", "call"), WRITE_CALLS.items())
def test_another_request_at_the_same_moment_may_be_our_own_and_leaves_in_doubt_what_comes_of_it(
    session: boto3.Session, operation: str, call: Callable[[S3Client], object], code: str
) -> None:
    """S3 User Guide, "Conditional write behavior". A first try whose answer was lost may be what it meets."""
    with (
        s3_answering(session, operation, code, 409) as client,
        pytest.raises(WriteInDoubt, match=code),
    ):
        call(client)


@pytest.mark.parametrize("status", [500, 502, 504])
@pytest.mark.parametrize(("operation", "call"), WRITE_CALLS.items())
def test_a_write_that_failed_inside_s3_is_in_doubt(
    session: boto3.Session, operation: str, call: Callable[[S3Client], object], status: int
) -> None:
    with s3_answering(session, operation, "InternalError", status) as client, pytest.raises(WriteInDoubt):
        call(client)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ReadTimeoutError(endpoint_url="s3"), WriteInDoubt),
        (ConnectionClosedError(endpoint_url="s3"), WriteInDoubt),
        (ProtocolError("Response ended prematurely"), WriteInDoubt),
        (SSLError(endpoint_url="s3", error=ssl.SSLError("bad record mac")), WriteInDoubt),
        (ConnectTimeoutError(endpoint_url="s3"), ServiceUnavailable),
        (EndpointConnectionError(endpoint_url="s3"), ServiceUnavailable),
    ],
    ids=lambda each: getattr(each, "__name__", type(each).__name__),
)
@pytest.mark.parametrize("call", WRITE_CALLS.values(), ids=WRITE_CALLS)
def test_a_write_that_was_sent_and_has_no_answer_is_in_doubt_and_is_not_sent_again(
    session: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[S3Client], object],
    error: Exception,
    expected: type[Exception],
) -> None:
    """A second try that succeeds would hide that the first one may come later, and over whatever is there by then."""
    sent = []

    def fail(**_: object) -> NoReturn:
        sent.append(error)
        raise error

    monkeypatch.setattr(boto3, "client", session.client)
    monkeypatch.setenv("MAX_IMAGE_MEGABYTES", "100")
    wiring.source_bucket.cache_clear()
    client = wiring.source_bucket().client
    wiring.source_bucket.cache_clear()
    client.meta.events.register("before-send.s3", fail)
    with pytest.raises(expected):
        call(client)
    assert sent == [error]


def test_a_busy_table_is_unavailable(session: boto3.Session) -> None:
    with dynamodb_answering(session, "ThrottlingException", 400) as client, pytest.raises(ServiceUnavailable):
        DynamoDBLockStore(client, "locks").apply(TAKE)


def test_an_error_of_the_table_is_no_refused_write(session: boto3.Session) -> None:
    """As one, it would say that the lock is somebody else's, for ever."""
    with (
        dynamodb_answering(session, "ValidationException", 400) as client,
        pytest.raises(ClientError, match="Validation"),
    ):
        DynamoDBLockStore(client, "locks").apply(TAKE)


@pytest.mark.parametrize(("operation", "call"), WRITE_CALLS.items())
def test_a_refused_write_is_one_although_its_answer_was_broken_off_before_it_said_why(
    session: boto3.Session, operation: str, call: Callable[[S3Client], object]
) -> None:
    with s3_answering(session, operation, "412", 412) as client, pytest.raises(OutputChanged):
        call(client)


def test_an_answer_of_the_table_that_is_broken_off_says_nothing(session: boto3.Session) -> None:
    """Of half a JSON text botocore makes an empty answer, or an error with no other name than its status."""
    with dynamodb_answering(session, "400", 400) as client, pytest.raises(ServiceUnavailable):
        DynamoDBLockStore(client, "locks").apply(TAKE)
    client = session.client("dynamodb")
    with Stubber(client) as stubber:
        stubber.add_response("update_item", {})
        with pytest.raises(ServiceUnavailable, match="not complete"):
            DynamoDBLockStore(client, "locks").apply(TAKE)
