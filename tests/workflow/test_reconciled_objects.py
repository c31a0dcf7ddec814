"""What no event tells of is put right by an execution that somebody starts with an event of our own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.workflow.stack import (
    ACQUIRE,
    CONVERTED,
    FIRST,
    GAVE_UP,
    GRAYSCALE,
    GREEN,
    INPUT,
    NOT_AN_IMAGE,
    RED,
    REMOVED,
    SECOND,
    WAITED,
    Event,
    Stack,
    created,
    deleted,
    lock_key,
    mark,
)

BROKEN = RuntimeError("out of luck")
LOOKED_TWICE = ("AcquireLock", "RouteWork", "ConvertToGrayscale", *CONVERTED)


def reconcile() -> Event:
    """As `lockstep reconcile` makes it."""
    detail = {"bucket": {"name": INPUT}, "object": {"key": "cat.png"}, "reason": "missing"}
    return {"source": "lockstep", "detail-type": "Object Reconcile", "detail": detail}


def assert_in_step(stack: Stack) -> None:
    assert stack.output().gray == RED.gray
    assert stack.record()["output_etag"] == stack.output().etag
    assert stack.record().keys().isdisjoint({"owner", "lease_expires_at", "worker_until"})


def test_an_input_that_was_there_before_the_stack_gets_its_output(stack: Stack) -> None:
    source = stack.upload(RED)

    assert stack.run(reconcile()).states == CONVERTED

    assert_in_step(stack)
    assert stack.record()["applied_source"] == source
    assert stack.run(created("0001")).states == CONVERTED  # no event is older than a reconcile
    assert stack.pictures() == [RED.gray]  # but the output is of this very input already


@pytest.mark.parametrize(
    ("damage", "states"),
    [
        pytest.param(Stack.delete_output, LOOKED_TWICE, id="removed"),
        pytest.param(lambda stack: stack.write_output(GREEN), LOOKED_TWICE, id="overwritten"),
        pytest.param(Stack.lose_record, LOOKED_TWICE, id="the record is lost"),
        pytest.param(lambda _: None, CONVERTED, id="nothing is wrong"),
    ],
)
def test_an_output_that_was_changed_by_hand_is_put_right(
    stack: Stack, damage: Callable[[Stack], object], states: tuple[str, ...]
) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    damage(stack)

    assert stack.run(reconcile()).states == states

    assert_in_step(stack)
    assert stack.run(created(SECOND)).states == CONVERTED  # and later events find all as it should be


def test_an_output_without_an_input_is_removed(stack: Stack) -> None:
    stack.write_output(RED)

    execution = stack.run(reconcile())

    assert (execution.status, execution.states[-4:]) == ("SUCCEEDED", REMOVED)
    assert stack.output_keys() == []
    assert "expires_at" in stack.record()


def test_an_event_that_was_lost_is_made_up_for(stack: Stack) -> None:
    stack.upload(GREEN)
    stack.run(created(FIRST))
    stack.upload(RED)

    assert stack.run(reconcile()).states == CONVERTED

    assert_in_step(stack)
    assert stack.record()["applied_sequencer"] == mark(FIRST)  # a reconcile has no place in the order
    stack.delete_input()
    assert stack.run(deleted(SECOND)).states == REMOVED


def test_a_reconcile_waits_until_the_lock_is_free(stack: Stack) -> None:
    stack.upload(RED)
    stack.hold(newest_sequencer=mark(SECOND))
    stack.lambdas.before(ACQUIRE, stack.let_go, call=2)

    assert stack.run(reconcile()).states == (*WAITED, *CONVERTED)

    assert_in_step(stack)
    assert stack.record()["newest_sequencer"] == mark(SECOND)


def test_an_event_that_comes_while_a_reconcile_is_at_work_waits_for_it(stack: Stack) -> None:
    stack.upload(RED)
    arns: list[str] = []
    stack.lambdas.before(GRAYSCALE, lambda: arns.append(stack.start(created(FIRST))))

    reconciled = stack.run(reconcile())
    (event,) = (stack.wait(arn) for arn in arns)

    assert (reconciled.states, event.status) == (CONVERTED, "SUCCEEDED")
    assert stack.pictures() == [RED.gray]
    assert stack.record()["applied_sequencer"] == mark(FIRST)


def test_a_rejected_input_is_rejected_again_and_loudly(stack: Stack) -> None:
    stack.upload(NOT_AN_IMAGE)

    execution = stack.run(reconcile())

    assert (execution.error, execution.states[-2:]) == ("SourceRejected", GAVE_UP)
    assert stack.record()["applied_source"]
    assert "owner" not in stack.record()


@pytest.mark.parametrize("damage", [Stack.delete_output, lambda stack: stack.write_output(GREEN)])
def test_a_reconcile_that_fails_leaves_a_record_that_no_event_is_stale_for(
    stack: Stack, damage: Callable[[Stack], object]
) -> None:
    """It has found that the output is not what was applied: nobody may take the record for done any more."""
    stack.upload(RED)
    stack.run(created(FIRST))
    damage(stack)
    stack.lambdas.before(GRAYSCALE, lambda: stack.lambdas.fail(GRAYSCALE, BROKEN), call=2)
    assert stack.run(reconcile()).error == "RuntimeError"

    assert stack.run(created(FIRST)).states == CONVERTED

    assert_in_step(stack)


def test_a_record_of_a_version_that_is_not_known_fails_the_execution_and_stays(stack: Stack) -> None:
    """As after a rollback: the older functions must not touch what a newer version has written."""
    stack.upload(RED)
    newer = stack.hold(record_version=2)

    for event in (created(FIRST), reconcile()):
        execution = stack.run(event)
        assert (execution.status, execution.error) == ("FAILED", "UnknownRecordVersion")
        assert execution.cause == f"{lock_key()}: the lock record has version 2, and this code knows 1"
        assert execution.states == ("AcquireLock", *GAVE_UP)
    assert (stack.record(), stack.output_keys()) == (newer, [])
