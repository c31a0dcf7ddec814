"""An answer that is lost leaves open whether the function ran: each of them can be repeated."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.workflow.kit.cases import NO_ANSWER
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
    SOMEBODY,
    WAITED,
    Event,
    Stack,
    created,
    deleted,
    lock_key,
    mark,
)

BOTH_WORKERS = pytest.mark.parametrize(
    ("event", "worker", "path"),
    [(created, GRAYSCALE, CONVERTED), (deleted, DELETE, REMOVED)],
    ids=["converted", "removed"],
)


@pytest.mark.parametrize(
    "fault", [SERVICE_EXCEPTION, TIMED_OUT, KILLED], ids=["service exception", "timed out", "killed"]
)
def test_an_acquire_whose_answer_is_lost_finds_its_own_lock_and_goes_on(stack: Stack, fault: Fault) -> None:
    stack.upload(RED)
    stack.lambdas.lose_answer(ACQUIRE, fault)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.lambdas.counts == {ACQUIRE: 2, GRAYSCALE: 1, RELEASE: 1}
    assert stack.owners() == [execution.arn]
    assert stack.clock.waits == []
    assert "owner" not in stack.record()


def test_an_acquire_that_fails_after_it_took_the_lock_gives_it_back(stack: Stack) -> None:
    stack.upload(RED)
    stack.lambdas.lose_answer(ACQUIRE)
    stack.lambdas.fail(ACQUIRE, SERVICE_EXCEPTION, times=5)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.error) == ("FAILED", "Lambda.ServiceException")
    assert execution.states == ("AcquireLock", *GAVE_UP)
    assert stack.lambdas.counts == {ACQUIRE: 6, RELEASE: 1}
    assert stack.owners() == [execution.arn]
    assert stack.record() == {"object_id": lock_key(), "record_version": 1, "newest_sequencer": mark(FIRST)}


@BOTH_WORKERS
def test_a_release_whose_answer_is_lost_is_a_success_that_does_nothing_the_second_time(
    stack: Stack, event: Callable[[str], Event], worker: str, path: tuple[str, ...]
) -> None:
    if event is created:
        stack.upload(RED)
    stack.lambdas.lose_answer(RELEASE)
    changes_before_the_retry: list[int] = []
    stack.lambdas.before(RELEASE, lambda: changes_before_the_retry.append(len(stack.changes())), call=2)

    execution = stack.run(event(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", path)
    assert stack.lambdas.counts == {ACQUIRE: 1, worker: 1, RELEASE: 2}
    assert [len(stack.changes())] == changes_before_the_retry
    assert "owner" not in stack.record()
    assert stack.record()["applied_sequencer"] == mark(FIRST)


def test_a_release_whose_answer_is_lost_does_not_free_the_next_owners_lock(stack: Stack) -> None:
    """It cannot tell any more whether it was the one that released, so it looks again, in its turn."""
    stack.upload(RED)
    stack.lambdas.lose_answer(RELEASE)
    stack.lambdas.before(RELEASE, lambda: stack.hold(SOMEBODY), call=2)
    stack.lambdas.before(ACQUIRE, stack.let_go, call=3)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED, *WAITED, *CONVERTED))
    assert stack.owners() == [execution.arn, SOMEBODY, execution.arn]
    assert "owner" not in stack.record()


def test_a_rejection_whose_answer_is_lost_is_found_again(stack: Stack) -> None:
    """It has freed the lock, so the next attempt does not begin: the execution looks again, and rejects once more."""
    stack.upload(NOT_AN_IMAGE)
    stack.lambdas.lose_answer(GRAYSCALE)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.error) == ("FAILED", "SourceRejected")
    assert execution.states == (*CONVERTED[:3], *CONVERTED[:3], *GAVE_UP)
    assert stack.output_keys() == []
    assert stack.record()["applied_sequencer"] == mark(FIRST)
    assert stack.record().keys().isdisjoint({"owner", "lease_expires_at", "worker_until"})


def test_a_release_after_a_failure_whose_answer_is_lost_reports_the_failure_all_the_same(stack: Stack) -> None:
    stack.upload(RED)
    stack.lambdas.fail(GRAYSCALE, RuntimeError("out of luck"))
    stack.lambdas.lose_answer(RELEASE)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.error, execution.cause) == ("FAILED", "RuntimeError", "out of luck")
    assert execution.states == (*CONVERTED[:3], *GAVE_UP)
    assert stack.lambdas.counts == {ACQUIRE: 1, GRAYSCALE: 1, RELEASE: 2}
    assert stack.record() == {"object_id": lock_key(), "record_version": 1, "newest_sequencer": mark(FIRST)}


@pytest.mark.parametrize(
    ("function", "path", "counts"),
    [
        (ACQUIRE, CONVERTED, {ACQUIRE: 2}),
        # By then the lease has ended, and the record does not know of the output that was written.
        (GRAYSCALE, (*CONVERTED[:3], *CONVERTED[:3], *CONVERTED), {ACQUIRE: 3, GRAYSCALE: 4}),
        (RELEASE, CONVERTED, {RELEASE: 2}),
    ],
    ids=[ACQUIRE, GRAYSCALE, RELEASE],
)
def test_an_answer_that_never_comes_is_a_timeout_and_is_tried_again(
    stack: Stack, function: str, path: tuple[str, ...], counts: dict[str, int]
) -> None:
    stack.upload(GREEN)
    stack.lambdas.lose_answer(function, NO_ANSWER)

    execution = stack.run(created(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", path)
    assert stack.lambdas.counts == {ACQUIRE: 1, GRAYSCALE: 1, RELEASE: 1} | counts
    assert stack.owners() == [execution.arn]
    assert stack.output().gray == GREEN.gray
