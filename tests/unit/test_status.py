"""`lockstep status` says what is wrong with a stack before anybody waits for an output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from lockstep.status import Status
from tests.unit import account

TOLD: dict[str, Any] = {"EventBridgeConfiguration": {}}


@pytest.fixture
def notifications(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """How the input bucket is set up, as S3 tells it."""
    found: dict[str, Any] = {}
    there = account.new_account()
    monkeypatch.setattr(there, "_answer_GetBucketNotificationConfiguration", lambda **_: dict(found), raising=False)
    monkeypatch.setattr(there, "_answer_Scan", lambda **_: {"Items": []}, raising=False)
    return found


def shown(status: Status) -> str:
    console = Console(width=400)
    with console.capture() as captured:
        status.show(console)
    return captured.get()


def test_a_bucket_whose_changes_nobody_hears_of_is_named(notifications: dict[str, Any]) -> None:
    status = Status.read(account.stack())

    assert not notifications
    assert status.as_json()["input_bucket_sends_events"] is False
    assert f"{account.INPUT} does not send its events to EventBridge" in shown(status)


def test_nothing_is_said_of_a_bucket_that_tells_of_its_changes(notifications: dict[str, Any]) -> None:
    notifications.update(TOLD)

    status = Status.read(account.stack())

    assert status.as_json()["input_bucket_sends_events"] is True
    assert "EventBridge" not in shown(status)


@pytest.mark.usefixtures("notifications")
def test_who_may_not_ask_for_it_is_told_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise account.Refused("AccessDenied", "no", 403)

    monkeypatch.setattr(account._account[0], "_answer_GetBucketNotificationConfiguration", refuse, raising=False)

    status = Status.read(account.stack())

    assert status.as_json()["input_bucket_sends_events"] is None
    assert "EventBridge" not in shown(status)


QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/undelivered"


def answer_of_the_queue(monkeypatch: pytest.MonkeyPatch, counts: Mapping[str, str] | None) -> None:
    def answer(**_: Any) -> dict[str, Any]:
        if counts is None:
            raise account.Refused("AccessDenied", "no", 403)
        return {"Attributes": dict(counts)}

    monkeypatch.setattr(account._account[0], "_answer_GetQueueAttributes", answer, raising=False)


@pytest.mark.usefixtures("notifications")
def test_events_that_could_not_be_delivered_are_counted_with_what_to_do_about_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also those that somebody else is reading."""
    counts = {"ApproximateNumberOfMessages": "4", "ApproximateNumberOfMessagesNotVisible": "2"}
    answer_of_the_queue(monkeypatch, counts)

    status = Status.read(replace(account.stack(), undelivered_events_queue=QUEUE))

    assert status.as_json()["undelivered_events"] == 6
    assert "undelivered events: 6, see `lockstep redrive --dlq --dry-run`" in shown(status)


@pytest.mark.usefixtures("notifications")
def test_an_empty_queue_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_of_the_queue(monkeypatch, {"ApproximateNumberOfMessages": "0"})

    status = Status.read(replace(account.stack(), undelivered_events_queue=QUEUE))

    assert "undelivered events: none" in shown(status)
    assert "redrive" not in shown(status)


@pytest.mark.parametrize("queue", [None, QUEUE], ids=["not told", "refused"])
@pytest.mark.usefixtures("notifications")
def test_of_a_queue_that_one_may_not_ask_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch, queue: str | None) -> None:
    answer_of_the_queue(monkeypatch, None)

    status = Status.read(replace(account.stack(), undelivered_events_queue=queue))

    assert status.as_json()["undelivered_events"] is None
    assert "undelivered events:" not in shown(status)


@pytest.mark.usefixtures("notifications")
def test_the_names_are_those_that_the_stack_has(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_of_the_queue(monkeypatch, {})
    more = {
        "feed_bucket": "lockstep-feed",
        "live_alias": f"{account.MACHINE}:live",
        "reconcile_machine": f"{account.MACHINE}-reconcile",
        "undelivered_events_queue": QUEUE,
    }
    full = replace(
        account.stack(),
        live_state_machine_arn=more["live_alias"],
        reconcile_machine_arn=more["reconcile_machine"],
        undelivered_events_queue=QUEUE,
        feed_bucket=more["feed_bucket"],
    )

    assert Status.read(full).as_json()["names"].items() >= more.items()
    assert all(f"{name.replace('_', ' ')} " in shown(Status.read(full)) for name in more)
    assert not more.keys() & Status.read(account.stack()).as_json()["names"].keys()
