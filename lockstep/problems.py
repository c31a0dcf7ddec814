"""What went wrong between us and AWS, for people: what it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # its own
    CredentialRetrievalError,
    HTTPClientError,
    LoginError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)

if TYPE_CHECKING:
    from lockstep.stack import Stack

_EXPIRED: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "RequestExpired"}
)
_SIGNED_OUT: Final = (CredentialRetrievalError, LoginError, NoAuthTokenError, SSOError, TokenRetrievalError)
_GONE: Final = frozenset({"StateMachineDoesNotExist", "ResourceNotFoundException", "NoSuchBucket"})
_NO_OBJECT: Final = frozenset({"404", "NoSuchKey"})
_NO_EXECUTION: Final = frozenset({"ExecutionDoesNotExist", "InvalidArn", "ValidationException"})  # of any such name
_BUSY: Final = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "SlowDown"})
_AGAIN: Final = "Run the same command again."


@dataclass(frozen=True)
class Problem:
    """Something that keeps us from reading or doing what was asked.

    Attributes:
        advice: what to do; one or two sentences.
    """

    title: str
    advice: str

    def __str__(self) -> str:
        return f"{self.title}. {self.advice}"


class ProblemError(Exception):
    """Carries a problem to whoever shows it.

    Attributes:
        status: the HTTP status that says the same.
    """

    def __init__(self, problem: Problem, status: int) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.status = status


def is_of_no_execution(error: ClientError) -> bool:
    """Whether Step Functions knows no execution of the name asked for, or none can be called so."""
    return error.response["Error"]["Code"] in _NO_EXECUTION


def status_of(error: ClientError | BotoCoreError) -> int:
    """The HTTP status that says the same to the page."""
    return 404 if isinstance(error, ClientError) and error.response["Error"].get("Code") in _NO_OBJECT else 502


def problem_of(error: ClientError | BotoCoreError, stack: Stack | None = None) -> Problem:
    """What an error of boto3 means.

    With a stack, to whoever looks at it and asks again by itself; without one, where a command ends.
    """
    if isinstance(error, ClientError):
        return _of_answer(error, stack)
    if of_settings := _of_settings(error):
        return of_settings
    if isinstance(error, ReadTimeoutError):
        where = "The local stack" if stack and stack.is_local else "AWS"
        advice = "What you see may be old. It is asked again and again." if stack else _AGAIN
        return Problem(f"{where} is slow to answer", advice)
    if isinstance(error, ConnectionError | HTTPClientError):
        if stack and stack.is_local:
            return Problem("The local stack does not answer", "It has ended. Start it again with `make up`.")
        return Problem("AWS does not answer", f"Look at your network and your proxy. {error}")
    return Problem("Reading from AWS failed", str(error))


def _of_settings(error: BotoCoreError) -> Problem | None:
    """What is wrong on this machine, before AWS is asked; None if nothing is."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        advice = "Name a profile with --profile, or set some up with `aws configure`."
        return Problem("There are no AWS credentials", f"{advice} {error}")
    if isinstance(error, NoRegionError):
        return Problem("There is no AWS region", "Name one with --region, or in AWS_DEFAULT_REGION.")
    return _signed_out(str(error)) if isinstance(error, _SIGNED_OUT) else None


def _of_answer(error: ClientError, stack: Stack | None) -> Problem:
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message", "")
    if "AccessDenied" in code or code in {"403", "Forbidden", "UnauthorizedOperation"}:
        return Problem(
            f"You may not call {error.operation_name}",
            f"Ask whoever runs your AWS account for a role that may{_on(stack)}. {message}".strip(),
        )
    if code in _EXPIRED:
        return _signed_out(message)
    if code in _GONE:
        return Problem(
            f"The stack {stack.name if stack else ''} is not what it was".replace("  ", " "),
            f"It was deleted, or deployed anew under other names. Start again with the stack's name. {message}".strip(),
        )
    if code in _NO_OBJECT:
        return Problem("There is no such object", "It is not there, or not any more.")
    if code in _BUSY:
        advice = "Wait a moment; the list goes on by itself." if stack else f"Wait a moment. {_AGAIN}"
        return Problem("AWS allows no more reads just now", advice)
    return Problem(f"{error.operation_name} failed", f"AWS says: {code}: {message}")


def _on(stack: Stack | None) -> str:
    return f", on the stack {stack.name}" if stack else ""


def _signed_out(message: str) -> Problem:
    return Problem("Your AWS session has ended", f"Sign in again, for example with `aws sso login`. {message}".strip())
