"""An execution is started again with the same input, once, and under a name that tells where it comes from."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given, settings, strategies

from lockstep.again import next_name, start_again
from tests.unit.account import Account, Refused, new_account, stack

EVENTBRIDGE = f"{'0f2e9c8a-1b7d-4c66-9d3e-5a4b3c2d1e0f'}_{'7b1d0c9e-8f6a-4e5d-b3c2-a1f0e9d8c7b6'}"
NAMES = strategies.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=80)
SUCCESSORS = strategies.from_regex(r"[a-z-]{0,74}(-again[0-9]{0,9})?", fullmatch=True).filter(
    lambda name: 0 < len(name) <= 80
)


@pytest.mark.parametrize(
    ("name", "next_"),
    [
        ("name", "name-again"),
        ("name-again", "name-again2"),
        ("name-again2", "name-again3"),
        ("name-again9", "name-again10"),
        ("again", "again-again"),
        ("a-again-b", "a-again-b-again"),
        ("a-again-again", "a-again-again2"),
        (EVENTBRIDGE, f"{EVENTBRIDGE}-again"),
        (f"{EVENTBRIDGE}-again", f"{EVENTBRIDGE}-again2"),
    ],
)
def test_the_name_tells_where_it_comes_from_and_how_often(name: str, next_: str) -> None:
    assert next_name(name) == next_


@given(name=NAMES | SUCCESSORS)
@example("a" * 80)
@example("-again" + "9" * 74)
@example("a-again" + "9" * 73)
def test_a_name_has_at_most_80_characters_and_is_another(name: str) -> None:
    assert len(next_name(name)) <= 80
    assert next_name(name) != name


@given(name=NAMES | SUCCESSORS | strategies.just(EVENTBRIDGE))
@settings(deadline=None)
@example("a" * 80)
@example("-again" + "9" * 74)
def test_a_chain_of_names_never_comes_back(name: str) -> None:
    """Or an execution could not be started again for as long as AWS remembers the other one."""
    chain = [name]
    for _ in range(120):
        chain.append(next_name(chain[-1]))

    assert len(set(chain)) == len(chain)


def test_a_name_of_eventbridge_stays_recognizable() -> None:
    """It is the event's ID, and another one for the target."""
    name = EVENTBRIDGE
    for _ in range(1000):
        name = next_name(name)
        assert name.startswith(EVENTBRIDGE[:60])

    assert name.endswith("-again1000")


@given(one=NAMES, other=NAMES)
@example("a" * 79 + "b", "a" * 79 + "c")
@example("a" * 74, "a" * 75)
@example("a-again", "a-again1")
def test_two_executions_are_never_called_the_same_when_they_are_started_again(one: str, other: str) -> None:
    """The second would count as started already, and its event would be lost."""
    assert one == other or next_name(one) != next_name(other)


@pytest.fixture
def account() -> Account:
    return new_account()


def test_the_new_execution_has_the_same_input(account: Account) -> None:
    arn = account.start("a", "ü\u2028.jpg", "01")
    account.fail("a")

    assert start_again(stack(), arn) == "a-again"
    assert account.executions["a-again"].text == account.executions["a"].text


def test_what_has_been_started_again_cannot_be_started_again(account: Account) -> None:
    arn = account.start("a")
    account.fail("a")
    start_again(stack(), arn)
    account.fail("a-again")

    with pytest.raises(stack().stepfunctions.exceptions.ExecutionAlreadyExists):
        start_again(stack(), arn)
    assert set(account.executions) == {"a", "a-again"}


def test_nothing_is_started_when_the_input_cannot_be_read(account: Account) -> None:
    arn = account.start("a")
    account.fail("a")
    account.refuse("DescribeExecution", Refused("AccessDeniedException"))

    with pytest.raises(stack().stepfunctions.exceptions.ClientError):
        start_again(stack(), arn)
    assert set(account.executions) == {"a"}
