"""An execution that did not do its work is started again, or resumed in the middle as a redrive does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from lockstep.executions import Execution, Outcome, history
from tests.e2e.conftest import HAPPY_PATH, World, gray, sample, wait_until
from tests.e2e.gateway import Gateway
from tests.e2e.test_output_follows_input import assert_shows
from tests.e2e.withheld import deliver

OLD, NEW = sample("astronaut.png"), sample("rocket.jpg")


def test_a_failed_execution_is_started_again_with_the_same_input(world: World, gateway: Gateway) -> None:
    key = "again/failed"
    with gateway.refusing(world.writes(key, token=1)):
        failed = world.put(key, NEW)

    assert failed.outcome is Outcome.FAILED
    assert failed.explanation.startswith("AccessDenied: "), failed.explanation
    assert world.output(key) is None
    assert world.is_free(key)

    again = deliver(world, world.event_of(failed))

    assert again.outcome is Outcome.CONVERTED, again.explanation
    assert again.states == HAPPY_PATH
    assert_shows(world.output(key), gray(NEW))


def test_an_older_event_does_the_work_of_a_newer_one_that_failed(world: World, gateway: Gateway) -> None:
    key = "again/older"
    older = world.put(key, OLD)
    with gateway.refusing(world.writes(key, token=2)):
        assert world.put(key, NEW).outcome is Outcome.FAILED
    assert_shows(world.output(key), gray(OLD))

    again = deliver(world, world.event_of(older))

    assert again.outcome is Outcome.CONVERTED, again.explanation
    assert_shows(world.output(key), gray(NEW))


@pytest.mark.parametrize("state", ["ConvertToGrayscale", "ReleaseLock"])
def test_an_execution_that_resumes_in_the_middle_finds_its_lock_gone_and_looks_again(world: World, state: str) -> None:
    """The emulator has no RedriveExecution: the shipped machine starts in the middle instead, under another ARN.

    tests/workflow resumes executions under their own.
    """
    key = f"again/resumed-in-{state}"
    older = world.put(key, OLD)
    world.put(key, NEW)
    with resuming(world, state) as machine:
        resumed = resume(world, machine, entered(world, older, state))

    assert resumed.outcome is Outcome.CONVERTED, resumed.explanation
    assert resumed.states == (state, *HAPPY_PATH)
    assert_shows(world.output(key), gray(NEW))
    assert world.is_free(key)


@contextmanager
def resuming(world: World, state: str) -> Iterator[str]:
    """A machine that is the shipped one but for where it starts; its ARN."""
    states = world.stack.stepfunctions
    shipped = states.describe_state_machine(stateMachineArn=world.stack.state_machine_arn)
    definition = json.loads(shipped["definition"]) | {"StartAt": state}
    created = states.create_state_machine(
        name=f"resuming-{uuid4().hex}", definition=json.dumps(definition), roleArn=shipped["roleArn"]
    )
    try:
        yield created["stateMachineArn"]
    finally:
        states.delete_state_machine(stateMachineArn=created["stateMachineArn"])


def resume(world: World, machine: str, state_input: dict[str, Any]) -> Execution:
    """Run it with what the state was entered with, and wait for its end."""
    started = world.stack.stepfunctions.start_execution(stateMachineArn=machine, input=json.dumps(state_input))
    arn = started["executionArn"]

    def now() -> Execution:
        return Execution.read(arn, history(world.stack, arn))

    wait_until(lambda: bool(history(world.stack, arn)) and now().outcome.is_final, "the resumed execution has ended")
    return now()


def entered(world: World, execution: Execution, state: str) -> dict[str, Any]:
    """What the state was entered with."""
    (found,) = (
        json.loads(event["stateEnteredEventDetails"]["input"])
        for event in history(world.stack, execution.arn)
        if event.get("stateEnteredEventDetails", {}).get("name") == state
    )
    return dict(found)
