"""A failure ends FAILED under the name of what went wrong, blocks nobody, and can be tried again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from objectlock.errors import ServiceUnavailable
from tests.workflow.kit.cases import THROTTLED
from tests.workflow.lambda_endpoint import KILLED, SERVICE_EXCEPTION, TIMED_OUT, Fault
from tests.workflow.stack import (
    ACQUIRE,
    CONVERTED,
    DELETE,
    FIRST,
    GAVE_UP,
    GRAYSCALE,
    GREEN,
    NOT_AN_IMAGE,
    RED,
    RELEASE,
    REMOVED,
    SECOND,
    SKIPPED,
    Event,
    Stack,
    created,
    deleted,
    lock_key,
    mark,
)

BROKEN = RuntimeError("out of luck")
LEASE_SECONDS = 30
UNTOUCHED = {"object_id": lock_key(), "record_version": 1, "newest_sequencer": mark(FIRST)}  # free, and nothing applied
ATTEMPTED = UNTOUCHED | {"fencing_token": 1}


# --- the work fails ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "worker", "path"),
    [(created, GRAYSCALE, CONVERTED), (deleted, DELETE, REMOVED)],
    ids=["converting", "removing"],
)
def test_work_that_fails_frees_the_lock_and_the_same_event_can_be_tried_again(
    stack: Stack, event: Callable[[str], Event], worker: str, path: tuple[str, ...]
) -> None:
    if event is created:
        stack.upload(RED)
    stack.lambdas.fail(worker, BROKEN)

    failed = stack.run(event(FIRST))

    assert (failed.status, failed.error, failed.cause) == ("FAILED", "RuntimeError", "out of luck")
    assert failed.states == (*path[:3], *GAVE_UP)
    assert stack.lambdas.counts == {ACQUIRE: 1, worker: 1, RELEASE: 1}, "an unknown error is not retried"
    assert stack.record() == UNTOUCHED
    assert stack.output_keys() == []

    again = stack.run(event(FIRST))

    assert (again.status, again.states) == ("SUCCEEDED", path)
    assert stack.record()["applied_sequencer"] == mark(FIRST)


def test_a_failure_leaves_the_output_and_what_is_recorded_of_it_as_they_were(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    record, output = stack.record(), stack.output()
    stack.upload(GREEN)
    stack.lambdas.fail(GRAYSCALE, BROKEN)

    assert stack.run(created(SECOND)).status == "FAILED"

    assert stack.record() == {**record, "newest_sequencer": mark(SECOND)}
    assert stack.output() == output


def test_the_cause_is_the_message_without_the_stack_trace(stack: Stack) -> None:
    """With a handler that really raises: Lambda sends a trace along, people see the message."""
    stack.upload(NOT_AN_IMAGE)

    execution = stack.run(created(FIRST))

    assert execution.cause == f"{lock_key()}: not an image in a supported format (BMP, GIF, JPEG, PNG, TIFF, WebP)"


# --- the input can never be converted ----------------------------------------------------------------------


def test_what_is_no_image_is_rejected_once_and_for_all_and_takes_its_stale_output_with_it(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    source = stack.upload(NOT_AN_IMAGE)

    rejected = stack.run(created(SECOND))

    assert (rejected.status, rejected.error) == ("FAILED", "SourceRejected")
    assert rejected.states == (*CONVERTED[:3], *GAVE_UP)
    assert stack.lambdas.counts == {ACQUIRE: 2, GRAYSCALE: 2, RELEASE: 2}, "rejected work is not retried"
    assert stack.output_keys() == []
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(SECOND),
        "applied_source": source,
        "newest_sequencer": mark(SECOND),
        "fencing_token": 2,
    }

    assert stack.run(created(SECOND)).states == SKIPPED, "a redelivery changes nothing"


def test_a_rejected_input_that_is_replaced_is_converted(stack: Stack) -> None:
    stack.upload(NOT_AN_IMAGE)
    stack.run(created(FIRST))
    stack.upload(GREEN)

    execution = stack.run(created(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.output().gray == GREEN.gray


def test_an_object_with_a_folders_name_is_rejected_before_anything_is_locked(stack: Stack) -> None:
    stack.upload(RED, "album/")

    execution = stack.run(created(FIRST, "album/", size=75))

    assert (execution.status, execution.error) == ("FAILED", "SourceRejected")
    assert execution.states == ("AcquireLock", *GAVE_UP)
    assert stack.lambdas.counts == {ACQUIRE: 1, RELEASE: 1}
    assert stack.records() == []


# --- releasing fails ---------------------------------------------------------------------------------------


def test_a_release_that_fails_lets_the_lock_free_itself_and_leaves_the_event_to_be_tried_again(stack: Stack) -> None:
    stack.upload(RED)
    stack.lambdas.fail(RELEASE, BROKEN)

    failed = stack.run(created(FIRST))

    assert (failed.status, failed.error, failed.cause) == ("FAILED", "RuntimeError", "out of luck")
    assert failed.states == (*CONVERTED, *GAVE_UP)
    assert stack.record() == ATTEMPTED | {
        "owner": failed.arn,
        "worker_until": stack.clock.epoch_ms + 25_000,
        "lease_expires_at": stack.clock.epoch_ms + 30_000,
    }, "only a release says that a worker which began has ended"

    stack.clock.pass_by(31)
    again = stack.run(created(FIRST))

    assert (again.status, again.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED))
    assert stack.clock.waits == []
    assert "owner" not in stack.record()


def test_a_lock_that_cannot_be_freed_after_a_failure_still_ends_with_the_first_error(stack: Stack) -> None:
    """And frees itself: the next execution gets the lock when the lease has ended."""
    stack.upload(RED)
    stack.lambdas.fail(GRAYSCALE, BROKEN)
    stack.lambdas.fail(RELEASE, SERVICE_EXCEPTION, times=6)

    failed = stack.run(created(FIRST))

    assert (failed.status, failed.error) == ("FAILED", "RuntimeError")
    assert json.loads(failed.cause or "")["errorMessage"] == "out of luck"
    assert failed.states == (*CONVERTED[:3], *GAVE_UP)
    assert stack.lambdas.counts == {ACQUIRE: 1, GRAYSCALE: 1, RELEASE: 6}
    assert stack.record()["owner"] == failed.arn

    stack.clock.pass_by(30)
    assert stack.run(created(FIRST)).status == "SUCCEEDED"
    assert "owner" not in stack.record()


# --- what may pass is tried again, as the table of cases says ---------------------------------------------


@pytest.mark.parametrize(
    ("function", "name", "fault", "calls"),
    [
        (ACQUIRE, "Lambda.ServiceException", SERVICE_EXCEPTION, 6),
        (GRAYSCALE, "Runtime.ExitError", KILLED, 4),
        (GRAYSCALE, "ServiceUnavailable", ServiceUnavailable("S3 is busy"), 4),
        (DELETE, "Sandbox.Timedout", TIMED_OUT, 4),
        (DELETE, "Lambda.TooManyRequestsException", THROTTLED, 13),
    ],
)
def test_what_does_not_pass_is_given_up_at_some_time_and_reported_by_its_name(
    stack: Stack, function: str, name: str, fault: Fault, calls: int
) -> None:
    if function != DELETE:
        stack.upload(RED)
    stack.lambdas.fail(function, fault, times=calls)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.error) == ("FAILED", name)
    assert execution.states[-2:] == GAVE_UP
    assert stack.lambdas.counts[function] == calls
    assert stack.records() == ([] if function == ACQUIRE else [UNTOUCHED])


def test_a_worker_that_is_throttled_for_longer_than_its_lease_asks_for_the_lock_again(stack: Stack) -> None:
    stack.upload(RED)
    stack.lambdas.fail(GRAYSCALE, THROTTLED, times=12)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED))
    assert sum(stack.clock.retries) > LEASE_SECONDS
    assert stack.tokens() == [1]
