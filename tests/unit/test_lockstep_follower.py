"""Following executions: each once, only those wanted, and at a cost that does not grow with what has ended."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from lockstep import executions
from lockstep.executions import Follower, Outcome
from lockstep.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


class Account:
    """Step Functions as the tool sees it: a list, newest first, and histories."""

    def __init__(self) -> None:
        self.listed: list[str] = []
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self.reads: Counter[str] = Counter()

    def start(self, arn: str, key: str = "photo.jpg", *, place: int = 0) -> None:
        self.listed.insert(place, arn)
        event = json.dumps({"detail": {"object": {"key": key}}})
        self.add(arn, "ExecutionStarted", executionStartedEventDetails={"input": event})

    def add(self, arn: str, kind: str, **details: Any) -> None:
        event = {"type": kind, "timestamp": datetime(2026, 1, 1, tzinfo=UTC), **details}
        self.histories.setdefault(arn, []).append(event)

    def list_executions(self, _stack: Stack) -> Iterator[dict[str, Any]]:
        for arn in list(self.listed):
            self.reads["list"] += 1
            yield {"executionArn": arn}

    def history(self, _stack: Stack, arn: str) -> list[dict[str, Any]]:
        self.reads[arn] += 1
        return self.histories.get(arn, [])


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account()
    monkeypatch.setattr(executions, "listed", account.list_executions)
    monkeypatch.setattr(executions, "history", account.history)
    return account


def follower(**options: Any) -> Follower:
    return Follower(cast("Stack", None), **options)


def test_only_what_starts_from_now_on_is_followed(account: Account) -> None:
    account.start("before")
    following = follower()
    account.start("after")

    assert [each.arn for each in following.poll()] == ["after"]


def test_an_execution_is_told_when_it_moves_on_and_never_read_again_after_its_end(account: Account) -> None:
    following = follower()
    account.start("arn")
    assert [each.outcome for each in following.poll()] == [Outcome.WORKING]
    assert following.poll() == []
    account.add("arn", "WaitStateEntered", stateEnteredEventDetails={"name": "WaitForLock"})
    assert [each.outcome for each in following.poll()] == [Outcome.WAITING]
    account.add("arn", "ExecutionAborted")
    assert [each.outcome for each in following.poll()] == [Outcome.ABORTED]
    reads = account.reads["arn"]

    assert following.poll() == []
    assert account.reads["arn"] == reads
    assert following.executions["arn"].outcome is Outcome.ABORTED


def test_other_objects_are_left_out_and_read_once(account: Account) -> None:
    following = follower(wants=lambda each: each.key == "mine")
    account.start("other", "theirs")
    account.start("own", "mine")

    following.poll()
    following.poll()

    assert list(following.executions) == ["own"]
    assert account.reads["other"] == 1


def test_an_execution_that_is_listed_late_is_not_missed(account: Account) -> None:
    """The list may lag: an execution can appear below one that started after it."""
    following = follower()
    account.start("second")
    following.poll()
    account.start("first", place=1)

    assert [each.arn for each in following.poll()] == ["first"]


def test_an_execution_whose_history_cannot_be_read_yet_is_read_later(account: Account) -> None:
    following = follower()
    account.listed.insert(0, "arn")
    assert following.poll() == []
    account.start("arn")

    assert [each.arn for each in following.poll()] == ["arn"]


def test_the_cost_of_a_poll_does_not_grow_with_what_has_ended(account: Account) -> None:
    following = follower()
    for number in range(1000):
        account.start(f"arn-{number}")
        account.add(f"arn-{number}", "ExecutionAborted")
    following.poll()
    account.reads.clear()

    assert following.poll() == []
    assert account.reads == {"list": 100}
