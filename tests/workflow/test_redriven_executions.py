"""A stopped execution that is redriven resumes in its middle under the same ARN, and comes out right all the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.workflow.lambda_endpoint import UNHEARD
from tests.workflow.stack import (
    ACQUIRE,
    CONVERTED,
    DELETE,
    FIRST,
    GAVE_UP,
    GRAYSCALE,
    GREEN,
    RED,
    RELEASE,
    REMOVED,
    SECOND,
    SKIPPED,
    SOMEBODY,
    THIRD,
    Execution,
    Picture,
    Stack,
    created,
    deleted,
    mark,
)

# --- when it was stopped -----------------------------------------------------------------------------------


def waiting(stack: Stack) -> None:
    stack.hold(SOMEBODY)
    stack.clock.on_wait = stack.stop


def before_its_worker(stack: Stack) -> None:
    stack.lambdas.before(GRAYSCALE, stack.stop)
    stack.lambdas.fail(GRAYSCALE, UNHEARD)


def at_work(stack: Stack) -> None:
    """The worker goes on, and writes."""
    stack.aws.after(GRAYSCALE, "UpdateItem", stack.stop)


def before_its_release(stack: Stack) -> None:
    stack.lambdas.before(RELEASE, stack.stop)
    stack.lambdas.fail(RELEASE, UNHEARD)


# --- what has happened since -------------------------------------------------------------------------------


def nothing(_: Stack, __: Execution) -> None:
    pass


def lease_ended(stack: Stack, _: Execution) -> None:
    stack.clock.pass_by(31)


def newer_applied(stack: Stack, _: Execution) -> None:
    stack.upload(GREEN)
    assert stack.run(created(SECOND)).status == "SUCCEEDED"


def reaped(stack: Stack, stopped: Execution) -> None:
    assert stack.reap(stopped)


def reaped_later(stack: Stack, stopped: Execution) -> None:
    """When the worker could not be at work any more."""
    stack.clock.pass_by(26)
    assert stack.reap(stopped)["lock"] == "freed"


LOOKED_AGAIN = (*CONVERTED[:3], *CONVERTED)  # as the record does not know of what the stopped execution has written


@pytest.mark.parametrize(
    ("moment", "since", "path"),
    [
        (waiting, nothing, ("WaitForLock", *CONVERTED)),
        (waiting, newer_applied, ("WaitForLock", *SKIPPED)),
        (waiting, reaped, ("WaitForLock", *CONVERTED)),
        (before_its_worker, nothing, CONVERTED[2:]),
        (before_its_worker, lease_ended, ("ConvertToGrayscale", *CONVERTED)),
        (before_its_worker, newer_applied, ("ConvertToGrayscale", *CONVERTED)),
        (before_its_worker, reaped, ("ConvertToGrayscale", *CONVERTED)),
        (at_work, nothing, ("ConvertToGrayscale", *CONVERTED)),
        (at_work, lease_ended, ("ConvertToGrayscale", *LOOKED_AGAIN)),
        (at_work, newer_applied, ("ConvertToGrayscale", *CONVERTED)),
        (at_work, reaped, ("ConvertToGrayscale", *CONVERTED)),
        (at_work, reaped_later, ("ConvertToGrayscale", *LOOKED_AGAIN)),
        (before_its_release, nothing, ("ReleaseLock",)),
        (before_its_release, lease_ended, ("ReleaseLock",)),
        (before_its_release, newer_applied, ("ReleaseLock", *CONVERTED)),
        (before_its_release, reaped, ("ReleaseLock",)),
        (before_its_release, reaped_later, ("ReleaseLock", *LOOKED_AGAIN)),
    ],
)
def test_a_redriven_execution_is_right_whatever_has_happened_since(
    stack: Stack,
    moment: Callable[[Stack], None],
    since: Callable[[Stack, Execution], None],
    path: tuple[str, ...],
) -> None:
    """Only who still has the lock goes on where it was stopped; who has not asks for it again, and looks again."""
    stack.upload(RED)
    moment(stack)
    stopped = stack.run(created(FIRST))
    assert stopped.status == "ABORTED"
    if moment is waiting:
        stack.let_go()
    since(stack, stopped)
    written_before = len(stack.pictures())

    redriven = stack.redrive(stopped)

    assert redriven.arn == stopped.arn
    assert (redriven.status, redriven.states) == ("SUCCEEDED", path)
    newest = since is newer_applied
    shade = (GREEN if newest else RED).gray
    assert stack.output().gray == shade
    assert set(stack.pictures()[written_before:]) <= {shade}
    record = stack.record()
    assert record["output_etag"] == stack.output().etag
    assert record["applied_sequencer"] == mark(SECOND if newest else FIRST)
    assert record.keys().isdisjoint({"owner", "lease_expires_at", "worker_until"})
    assert stack.tokens() == sorted(stack.tokens())


def test_a_redriven_release_does_not_take_another_executions_work_for_its_own(stack: Stack) -> None:
    """That has applied the same input; but which of the two has written last is not on record."""
    stack.upload(RED)
    before_its_release(stack)
    stopped = stack.run(created(FIRST))
    assert stack.run(created(SECOND)).status == "SUCCEEDED"

    redriven = stack.redrive(stopped)

    assert (redriven.status, redriven.states) == ("SUCCEEDED", ("ReleaseLock", *CONVERTED))
    assert stack.record()["output_etag"] == stack.output().etag
    assert "owner" not in stack.record()


@pytest.mark.parametrize(
    ("applied", "now", "event", "path"),
    [
        (SECOND, GREEN, FIRST, ("ReleaseLock", *LOOKED_AGAIN)),  # a stale event that found another input
        (FIRST, RED, SECOND, ("ReleaseLock", *CONVERTED)),  # a new event that found the same input
    ],
    ids=["same watermark", "same input"],
)
def test_a_redriven_release_whose_lock_was_reaped_does_not_take_what_is_on_record_for_its_own(
    stack: Stack, applied: str, now: Picture, event: str, path: tuple[str, ...]
) -> None:
    stack.upload(RED)
    stack.run(created(applied))
    if now is not RED:
        stack.upload(now)
    stack.lambdas.before(RELEASE, lambda: stack.stop("execution-2"), call=2)
    stack.lambdas.fail(RELEASE, UNHEARD)
    stopped = stack.run(created(event))
    assert stopped.status == "ABORTED"
    reaped_later(stack, stopped)

    redriven = stack.redrive(stopped)

    assert (redriven.status, redriven.states) == ("SUCCEEDED", path)
    assert stack.output().gray == now.gray
    assert stack.record()["applied_source"] == stack.output().metadata["source-tag"]
    assert stack.record()["output_etag"] == stack.output().etag
    assert stack.record()["applied_sequencer"] == mark(SECOND)


def test_a_redriven_removal_does_not_remove_what_has_been_uploaded_since(stack: Stack) -> None:
    stack.lambdas.before(DELETE, stack.stop)
    stack.lambdas.fail(DELETE, UNHEARD)
    stopped = stack.run(deleted(FIRST))
    assert (stopped.status, stopped.states) == ("ABORTED", REMOVED[:3])
    newer_applied(stack, stopped)

    redriven = stack.redrive(stopped)

    assert (redriven.status, redriven.states) == ("SUCCEEDED", ("DeleteOutput", *CONVERTED))
    assert stack.removed_by() == []
    assert stack.output().gray == GREEN.gray
    assert "owner" not in stack.record()


def test_a_redriven_execution_waits_for_who_is_at_work_now(stack: Stack) -> None:
    """Its lease has ended, and a newer execution holds the lock: its worker does not begin."""
    stack.upload(RED)
    before_its_worker(stack)
    stopped = stack.run(created(FIRST))
    stack.clock.pass_by(31)
    held = stack.hold(SOMEBODY, newest_sequencer=mark(THIRD), worker_until=stack.clock.epoch_ms + 25_000)
    stack.lambdas.before(ACQUIRE, stack.let_go, call=3)

    redriven = stack.redrive(stopped)

    assert redriven.status == "SUCCEEDED"
    assert redriven.states == ("ConvertToGrayscale", *CONVERTED[:2], "WaitForLock", *CONVERTED)
    assert stack.clock.retries == [], "the attempt in flight is not its own"
    assert stack.owners() == [stopped.arn, held["owner"], stopped.arn]
    assert stack.tokens() == [1]
    assert stack.output().gray == RED.gray


def test_a_redriven_execution_that_has_failed_fails_again_and_changes_nothing_but_can_be_started_again(
    stack: Stack,
) -> None:
    """It resumes in the state that it failed in, which is Failed."""
    stack.upload(RED)
    stack.lambdas.fail(GRAYSCALE, RuntimeError("out of luck"))
    failed = stack.run(created(FIRST))
    changes, counts = stack.changes(), dict(stack.lambdas.counts)

    redriven = stack.redrive(failed)

    assert (redriven.status, redriven.states) == ("FAILED", GAVE_UP[1:])
    assert (redriven.error, redriven.cause) == ("RuntimeError", "out of luck")
    assert stack.changes() == changes
    assert stack.lambdas.counts == counts
    assert stack.output_keys() == []

    again = stack.run(created(FIRST))

    assert (again.status, again.states) == ("SUCCEEDED", CONVERTED)
    assert stack.output().gray == RED.gray
