"""Whatever AWS or the way to it answers, people are told what it is and what to do."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given, strategies

from lockstep.problems import Problem, ProblemError, problem_of
from tests.unit.account import stack

URL = "https://states.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize(
    ("code", "title", "advice"),
    [
        ("AccessDenied", "You may not call GetExecutionHistory", "a role that may, on the stack lockstep"),
        ("AccessDeniedException", "You may not call GetExecutionHistory", "a role that may"),
        ("KMS.AccessDeniedException", "You may not call GetExecutionHistory", "a role that may"),
        ("403", "You may not call GetExecutionHistory", "a role that may"),
        ("Forbidden", "You may not call GetExecutionHistory", "a role that may"),
        ("ExpiredToken", "Your AWS session has ended", "aws sso login"),
        ("ExpiredTokenException", "Your AWS session has ended", "aws sso login"),
        ("InvalidClientTokenId", "Your AWS session has ended", "aws sso login"),
        ("UnrecognizedClientException", "Your AWS session has ended", "aws sso login"),
        ("RequestExpired", "Your AWS session has ended", "aws sso login"),
        ("StateMachineDoesNotExist", "The stack lockstep is not what it was", "deployed anew"),
        ("ResourceNotFoundException", "The stack lockstep is not what it was", "Start again"),
        ("NoSuchBucket", "The stack lockstep is not what it was", "Start again"),
        ("ThrottlingException", "AWS allows no more reads just now", "goes on by itself"),
        ("SlowDown", "AWS allows no more reads just now", "goes on by itself"),
        ("InternalFailure", "GetExecutionHistory failed", "InternalFailure: the message"),
    ],
)
def test_an_answer_of_aws_has_a_title_and_an_advice(is_local: bool, code: str, title: str, advice: str) -> None:
    problem = problem_of(_answer(code), stack(is_local=is_local))

    assert problem.title == title
    assert advice in problem.advice


def test_what_aws_says_more_is_kept_where_it_helps() -> None:
    for code in ("AccessDenied", "ExpiredToken", "NoSuchBucket", "InternalFailure"):
        assert problem_of(_answer(code), stack()).advice.endswith("the message")


@given(code=strategies.text(max_size=30), message=strategies.text(max_size=30))
def test_every_code_has_a_title_and_an_advice(code: str, message: str) -> None:
    problem = problem_of(_answer(code, message), stack())

    assert problem.title.strip()
    assert problem.advice.strip()


def test_an_answer_without_code_and_message_has_a_title_and_an_advice() -> None:
    problem = problem_of(ClientError({"Error": {}}, "HeadObject"), stack())

    assert problem.title == "HeadObject failed"
    assert problem.advice


@pytest.mark.parametrize(
    "error",
    [
        exceptions.EndpointConnectionError(endpoint_url=URL),
        exceptions.ConnectTimeoutError(endpoint_url=URL),
        exceptions.ConnectionClosedError(endpoint_url=URL),
        exceptions.ProxyConnectionError(proxy_url=URL),
        exceptions.HTTPClientError(error="broken"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_means_that_the_local_stack_has_ended_or_the_network_is_gone(error: BotoCoreError) -> None:
    local, remote = (problem_of(error, stack(is_local=is_local)) for is_local in (True, False))

    assert local == Problem("The local stack does not answer", "It has ended. Start it again with `make up`.")
    assert remote.title == "AWS does not answer"
    assert "network" in remote.advice
    assert str(error) in remote.advice


@pytest.mark.parametrize(
    "error",
    [
        exceptions.SSOTokenLoadError(profile_name="p", error_msg="no"),
        exceptions.UnauthorizedSSOTokenError(),
        exceptions.TokenRetrievalError(provider="sso", error_msg="no"),
        exceptions.CredentialRetrievalError(provider="process", error_msg="no"),
        exceptions.NoAuthTokenError(),
        exceptions.LoginRefreshRequired(),
        exceptions.LoginTokenLoadError(error_msg="no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_session_that_has_ended_on_this_machine_is_told_as_one(error: BotoCoreError) -> None:
    problem = problem_of(error, stack(is_local=False))

    assert problem.title == "Your AWS session has ended"
    assert "Sign in again" in problem.advice


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NoCredentialsError(),
        exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_who_has_no_credentials_is_not_told_that_they_have_ended(error: BotoCoreError) -> None:
    problem = problem_of(error)

    assert problem.title == "There are no AWS credentials"
    for expected in ("--profile", "`aws configure`", str(error)):
        assert expected in problem.advice


def test_who_has_no_region_is_told_where_to_name_one() -> None:
    problem = problem_of(exceptions.NoRegionError())

    assert problem.title == "There is no AWS region"
    for expected in ("--region", "AWS_DEFAULT_REGION"):
        assert expected in problem.advice


def test_anything_else_is_told_as_it_is() -> None:
    error = exceptions.ParamValidationError(report="an empty key")

    problem = problem_of(error, stack())

    assert problem.title
    assert "an empty key" in problem.advice


def test_a_problem_can_be_shown_on_one_line() -> None:
    error = ProblemError(Problem("This is so", "Do that."), 404)

    assert str(error) == "This is so. Do that."
    assert error.status == 404


def _answer(code: str, message: str = "the message") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}}
    return ClientError(answer, "GetExecutionHistory")


@pytest.mark.parametrize("is_local", [True, False])
def test_an_answer_that_takes_too_long_is_not_told_as_an_end(is_local: bool) -> None:
    found = problem_of(exceptions.ReadTimeoutError(endpoint_url=URL), stack(is_local=is_local))

    assert found.title == f"{'The local stack' if is_local else 'AWS'} is slow to answer"
    assert "make up" not in found.advice
    assert "asked again and again" in found.advice


@pytest.mark.parametrize("code", ["SlowDown", "ThrottlingException"])
def test_where_a_command_ends_nothing_goes_on_by_itself(code: str) -> None:
    slow = problem_of(exceptions.ReadTimeoutError(endpoint_url=URL))
    busy = problem_of(_answer(code))

    assert slow == Problem("AWS is slow to answer", "Run the same command again.")
    assert busy == Problem("AWS allows no more reads just now", "Wait a moment. Run the same command again.")
