"""AWS's errors, translated once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from botocore.exceptions import ClientError, FlexibleChecksumError, HTTPClientError, IncompleteReadError, SSLError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from objectlock.errors import ServiceUnavailable

P = ParamSpec("P")
R = TypeVar("R")

# The request was sent, and there is no answer, or half of one. botocore lets urllib3's own error through where it reads
# the body of an error; and its SSLError, a kind of ConnectionError, may be a handshake's or an answer's.
NO_ANSWER: Final = (
    FlexibleChecksumError,
    HTTPClientError,
    HTTPError,
    IncompleteReadError,
    ResponseParserError,
    SSLError,
)

# Answered with a 4xx, but may pass. 5xx may always pass.
_THROTTLES: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "SlowDown",
        "ThrottledException",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)


def busy_is_unavailable(call: Callable[P, R]) -> Callable[P, R]:
    """Raise `ServiceUnavailable` for throttling, 5xx, a broken connection and a broken answer.

    boto3's own retries are used up by then.
    """

    @wraps(call)
    def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code in _THROTTLES or status >= 500:
                raise ServiceUnavailable(str(error)) from error
            raise
        except (NoConnectionError, *NO_ANSWER) as error:
            raise ServiceUnavailable(str(error)) from error

    return translated
