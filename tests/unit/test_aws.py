import ssl

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import ProtocolError

from objectlock.aws import busy_is_unavailable
from objectlock.errors import ServiceUnavailable

URL = "https://s3.example"


def client_error(code: str, status: int) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "said so"},
            "ResponseMetadata": {
                "RequestId": "1",
                "HTTPStatusCode": status,
                "HTTPHeaders": {},
                "RetryAttempts": 2,
                "HostId": "",
            },
        },
        "UpdateItem",
    )


def call(error: Exception) -> None:
    @busy_is_unavailable
    def aws_call() -> None:
        raise error

    aws_call()


@pytest.mark.parametrize(
    "error",
    [
        client_error("ProvisionedThroughputExceededException", 400),
        client_error("ThrottlingException", 400),
        client_error("RequestLimitExceeded", 400),
        client_error("SlowDown", 503),
        client_error("RequestTimeout", 400),
        client_error("InternalServerError", 500),
        client_error("503", 503),  # the answer to a HEAD has no body to name the error in
    ],
    ids=lambda error: error.response["Error"]["Code"],
)
def test_a_busy_aws_is_unavailable(error: ClientError) -> None:
    """The state machine retries this one name; what AWS said is kept for the reader."""
    with pytest.raises(ServiceUnavailable, match="said so") as raised:
        call(error)
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionClosedError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL, error="refused"),
        ResponseStreamingError(error="reset by peer"),  # while the body of an object is read
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        FlexibleChecksumError(error_msg="Expected checksum a did not match calculated checksum b"),
        ResponseParserError("no XML"),
        SSLError(endpoint_url=URL, error=ssl.SSLError("bad record mac")),
        ProtocolError("Response ended prematurely"),  # while the body of an error is read
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_broken_connection_and_a_broken_answer_are_unavailable(error: Exception) -> None:
    """They say nothing about the request; the next one may get through."""
    with pytest.raises(ServiceUnavailable) as raised:
        call(error)
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException", 400),
        client_error("403", 403),
        client_error("ResourceNotFoundException", 400),
        client_error("ValidationException", 400),
        ValueError("a mistake of ours"),
    ],
    ids=str,
)
def test_what_will_not_pass_is_passed_on(error: Exception) -> None:
    """Retrying a missing permission would only hide it for a while."""
    with pytest.raises(type(error)) as raised:
        call(error)
    assert raised.value is error


def test_an_answer_is_passed_on() -> None:
    @busy_is_unavailable
    def double(number: int, *, plus: int = 0) -> int:
        return 2 * number + plus

    assert double(20, plus=2) == 42
