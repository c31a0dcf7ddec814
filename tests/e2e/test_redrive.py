"""`lockstep redrive` on the whole stack: what failed or was not delivered has its effect after all, and only once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lockstep import local
from lockstep.cli import app
from lockstep.executions import Follower, Outcome
from lockstep.stack import Stack
from tests.e2e.conftest import World, gray, sample, stop, the_one_that_ends, wait_until
from tests.e2e.gateway import BY_TLS, Gateway
from tests.e2e.test_lock_held_by_hand import hold, let_go
from tests.e2e.test_output_follows_input import assert_shows
from tests.e2e.withheld import withheld

NEW = sample("rocket.jpg")


@pytest.fixture(scope="module", autouse=True)
def _by_tls(stack: Stack) -> None:
    """The queue refuses whoever comes without."""

    def add(request: Any, **_: Any) -> None:
        for name, value in BY_TLS.items():
            request.headers[name] = value

    stack.sqs.meta.events.register("before-sign.sqs", add)


@pytest.fixture(autouse=True)
def _this_stack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "running_stack", lambda: world.stack)
    monkeypatch.setattr("lockstep.command.signal.signal", lambda *_: None)  # the test runner's own


def redrive(key: str, *options: str) -> tuple[Result, list[dict[str, Any]]]:
    """About one object."""
    result = CliRunner().invoke(app, ["redrive", "--key", key, "--json", *options])
    assert "Traceback" not in result.output
    return result, json.loads(result.stdout)


def executions_of(world: World, key: str) -> int:
    """How many there have been."""
    listed = world.stack.stepfunctions.list_executions(stateMachineArn=world.stack.state_machine_arn)["executions"]
    inputs = [world.stack.stepfunctions.describe_execution(executionArn=each["executionArn"]) for each in listed]
    return sum(json.loads(each["input"]).get("detail", {}).get("object", {}).get("key") == key for each in inputs)


def test_an_execution_that_was_stopped_is_started_again_once_and_its_output_is_right(world: World) -> None:
    key = "redrive/stopped.jpg"
    hold(world, key)
    follower = Follower(world.stack, wants=lambda each: each.key == key)
    world.start_put(key, NEW)

    def waits() -> bool:
        follower.poll()
        return [each.outcome for each in follower.executions.values()] == [Outcome.WAITING]

    wait_until(waits, "the execution waits")
    stop(world, follower)
    stopped = the_one_that_ends(follower)
    let_go(world, key)

    shown, would = redrive(key, "--dry-run")
    assert (shown.exit_code, [each["outcome_after"] for each in would]) == (0, [None])
    assert executions_of(world, key) == 1

    result, (done,) = redrive(key, "--yes")

    assert result.exit_code == 0, result.output
    assert (done["name"], done["outcome"], done["outcome_after"]) == (stopped.name, "aborted", "converted")
    assert done["successor"] == f"{stopped.name}-again"
    assert_shows(world.output(key), gray(NEW))
    assert world.is_free(key)
    again, nothing = redrive(key, "--yes")
    assert (again.exit_code, nothing) == (0, [])
    assert executions_of(world, key) == 2


def test_several_failures_of_one_object_are_all_started_again_and_only_the_work_that_is_due_is_done(
    world: World, gateway: Gateway
) -> None:
    key = "redrive/failed.jpg"
    for token in (1, 2):
        with gateway.refusing(world.writes(key, token=token)):
            assert world.put(key, sample("astronaut.png") if token == 1 else NEW).outcome is Outcome.FAILED

    result, done = redrive(key, "--yes", "--outcome", "failed")

    assert result.exit_code == 0, result.output
    assert [each["outcome"] for each in done] == ["failed", "failed"]
    assert {each["outcome_after"] for each in done} <= {"converted", "stale", "superseded"}
    assert_shows(world.output(key), gray(NEW))


def test_an_event_that_could_not_be_delivered_is_replayed_and_leaves_the_queue(world: World) -> None:
    """The emulator knows no dead-letter queue of a rule: the event is put into it by hand."""
    key = "redrive/undelivered.jpg"
    with withheld(world, key) as caught:
        world.start_put(key, NEW)
        (event,) = caught.events(1)
    queue = str(world.stack.undelivered_events_queue)
    attributes: dict[str, Any] = {"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}}
    for body in (json.dumps(event), "no event"):
        world.stack.sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=attributes)

    shown, would = redrive(key, "--dlq", "--dry-run")
    assert shown.exit_code == 0
    assert [each["why"] for each in would] == ["NO_PERMISSIONS", "the message is not JSON"]
    assert world.output(key) is None

    result, (done, left_alone) = redrive(key, "--dlq", "--yes")

    assert result.exit_code == 1  # something else is left in the queue
    assert "not JSON" in result.stderr
    assert (left_alone["outcome"], left_alone["body"]) == ("left in the queue", "no event")
    assert (done["successor"], done["outcome_after"]) == (f"redriven-{event['id']}", "converted")
    assert_shows(world.output(key), gray(NEW))
    world.stack.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))  # the same once more
    _, (again, _) = redrive(key, "--dlq", "--yes", "--no-follow")
    assert (again["start"], again["outcome_after"]) == ("started before", "converted")
    assert executions_of(world, key) == 1
    left = world.stack.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
    assert [each["Body"] for each in left] == ["no event"]
    world.stack.sqs.purge_queue(QueueUrl=queue)
