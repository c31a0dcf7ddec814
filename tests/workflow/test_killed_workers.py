"""A worker that was killed, or whose answer was lost, may be at work: the next attempt begins when it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Signal

import pytest

from objectlock.errors import AttemptInFlight
from tests.workflow.lambda_endpoint import KILLED, SERVICE_EXCEPTION, TIMED_OUT, Fault
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
    WAITED,
    Event,
    Stack,
    created,
    deleted,
    lock_key,
    mark,
)

WORKER_SECONDS = 20  # Timeout in the template, which is what the endpoint tells a handler
MARGIN_SECONDS = 5  # by how much two clocks may differ

BOTH_WORKERS = pytest.mark.parametrize(
    ("event", "worker", "path"),
    [(created, GRAYSCALE, CONVERTED), (deleted, DELETE, REMOVED)],
    ids=["converting", "removing"],
)


def red_was_converted(stack: Stack, event: Callable[[str], Event]) -> None:
    """And has been replaced or deleted, of which there is an event. What happens from here on counts."""
    stack.upload(RED)
    stack.run(created(FIRST))
    if event is created:
        stack.upload(GREEN)
    else:
        stack.delete_input()
    stack.lambdas.counts.clear()


def assert_right(stack: Stack, event: Callable[[str], Event]) -> None:
    """The output is what the input says, and the lock is free."""
    if event is created:
        assert stack.output().gray == GREEN.gray
        assert stack.output().etag == stack.record()["output_etag"]
    else:
        assert stack.output_keys() == []
        assert "output_etag" not in stack.record()
    assert stack.record().keys().isdisjoint({"owner", "lease_expires_at", "worker_until"})
    assert stack.record()["applied_sequencer"] == mark(SECOND)


def refused_as_in_flight(stack: Stack, worker: str) -> int:
    calls = [call for call in stack.lambdas.calls if call.function == worker]
    return sum(isinstance(call.outcome, AttemptInFlight) for call in calls)


@BOTH_WORKERS
def test_a_worker_killed_before_it_wrote_is_followed_by_another_under_the_same_lock(
    stack: Stack, event: Callable[[str], Event], worker: str, path: tuple[str, ...]
) -> None:
    """As soon as it cannot be at work any more, and before the lease ends."""
    red_was_converted(stack, event)
    began = stack.clock.epoch_ms
    stack.aws.kill_after(worker, "UpdateItem")

    execution = stack.run(event(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", path)
    refused = refused_as_in_flight(stack, worker)
    assert refused > 0
    assert stack.lambdas.counts == {ACQUIRE: 1, worker: 2 + refused, RELEASE: 1}
    waited = (stack.clock.epoch_ms - began) / 1000
    assert WORKER_SECONDS + MARGIN_SECONDS < waited <= WORKER_SECONDS + 2 * MARGIN_SECONDS
    assert stack.tokens() == [1, 2, 3]
    assert_right(stack, event)


@pytest.mark.parametrize(
    ("event", "worker", "operation", "path"),
    [(created, GRAYSCALE, "PutObject", CONVERTED), (deleted, DELETE, "DeleteObject", REMOVED)],
    ids=["converting", "removing"],
)
def test_a_write_without_an_answer_is_waited_for(
    stack: Stack, event: Callable[[str], Event], worker: str, operation: str, path: tuple[str, ...]
) -> None:
    """S3 may carry it out late, and the next attempt must not have looked by then."""
    red_was_converted(stack, event)
    began = stack.clock.epoch_ms
    stack.aws.refuse(worker, operation, code="InternalError", status=500)

    execution = stack.run(event(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", path)
    assert refused_as_in_flight(stack, worker) > 0
    assert stack.clock.epoch_ms - began > (WORKER_SECONDS + MARGIN_SECONDS) * 1000
    assert_right(stack, event)


def test_a_worker_killed_three_times_gets_a_fourth_try(stack: Stack) -> None:
    """Waiting for each of them does not use up the tries."""
    stack.upload(GREEN)
    for _ in range(3):
        stack.aws.kill_after(GRAYSCALE, "GetObject")

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.tokens() == [1, 2, 3, 4]
    assert stack.output().gray == GREEN.gray


def test_a_worker_that_is_always_killed_fails_by_what_killed_it(stack: Stack) -> None:
    stack.upload(GREEN)
    for _ in range(4):
        stack.aws.kill_after(GRAYSCALE, "GetObject")

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("FAILED", (*CONVERTED[:3], *GAVE_UP))
    assert execution.error == KILLED.error


def test_a_first_worker_killed_before_it_wrote_is_followed_by_another_as_well(stack: Stack) -> None:
    stack.upload(RED)
    stack.aws.kill_after(GRAYSCALE, "GetObject")

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.tokens() == [1, 2]
    assert stack.pictures() == [RED.gray]
    assert stack.output().token == 2
    assert "owner" not in stack.record()


@pytest.mark.parametrize("fault", [KILLED, TIMED_OUT, SERVICE_EXCEPTION], ids=["killed", "timed out", "answer lost"])
@BOTH_WORKERS
def test_a_worker_whose_answer_is_lost_works_again_when_it_cannot_be_at_work_any_more(
    stack: Stack, event: Callable[[str], Event], worker: str, path: tuple[str, ...], fault: Fault
) -> None:
    """It has done its work, and the next attempt finds an output that it does not expect: it is not to replace that."""
    red_was_converted(stack, event)
    began = stack.clock.epoch_ms
    attempts: list[int] = []
    stack.lambdas.lose_answer(worker, fault)
    stack.lambdas.before(ACQUIRE, lambda: attempts.append(stack.clock.epoch_ms), call=2)

    execution = stack.run(event(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*path[:3], *path))
    assert stack.lambdas.counts == {ACQUIRE: 2, worker: 3 + refused_as_in_flight(stack, worker), RELEASE: 1}
    (second_attempt,) = attempts
    assert WORKER_SECONDS + MARGIN_SECONDS < (second_attempt - began) / 1000 <= WORKER_SECONDS + 2 * MARGIN_SECONDS
    assert stack.tokens() == [1, 2, 3, 4]
    assert_right(stack, event)


def test_what_a_worker_wrote_before_its_answer_was_lost_is_replaced_by_the_input_as_it_is_then(stack: Stack) -> None:
    """As the next attempt reads the input again, and replaces what it has seen."""
    stack.upload(RED)
    stack.lambdas.lose_answer(GRAYSCALE)
    stack.lambdas.before(GRAYSCALE, lambda: stack.upload(GREEN), call=2)

    execution = stack.run(created(FIRST))

    assert execution.status == "SUCCEEDED"
    assert stack.pictures() == [RED.gray, GREEN.gray]
    last = [call for call in stack.aws.answered if call.operation == "PutObject"][-1]
    assert last.parameters["IfMatch"], "not without a condition"
    assert stack.output().gray == GREEN.gray
    assert stack.tokens() == [1, 2, 3]
    assert "owner" not in stack.record()


def test_two_attempts_are_never_at_work_at_the_same_time(stack: Stack) -> None:
    """The first one's answer is lost while it is at work. It goes on, and writes before the next one begins."""
    stack.upload(RED)
    has_read, may_write = Signal(), Signal()

    def first_has_read() -> None:
        stack.upload(GREEN)
        has_read.set()
        assert may_write.wait(10)

    def first_ends() -> None:
        may_write.set()
        stack.lambdas.going_on[0].join(10)

    stack.lambdas.abandon(GRAYSCALE)
    stack.aws.after(GRAYSCALE, "GetObject", first_has_read)
    stack.lambdas.before(GRAYSCALE, lambda: has_read.wait(10), call=2)
    stack.lambdas.before(GRAYSCALE, first_ends, call=7)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED))
    accepted = [call.operation for call in stack.aws.answered if call.accepted and call.function == GRAYSCALE]
    first, second, third = ["UpdateItem", "GetObject"], ["UpdateItem", "GetObject"], ["UpdateItem", "GetObject"]
    conflict = ["HeadObject", "UpdateItem"]
    assert accepted == [*first, "PutObject", *second, *conflict, *third, "PutObject"]
    assert stack.pictures() == [RED.gray, GREEN.gray]
    assert stack.tokens() == [1, 2, 3]
    assert stack.record()["output_etag"] == stack.output().etag


def test_an_attempt_that_fails_late_does_not_end_the_next_one(stack: Stack) -> None:
    stack.upload(RED)
    has_begun, may_fail = Signal(), Signal()
    in_flight: list[bool] = []

    def first_is_about_to_read() -> None:
        has_begun.set()
        assert may_fail.wait(10)
        stack.aws.refuse(GRAYSCALE, "GetObject")

    def second_has_read() -> None:
        may_fail.set()
        stack.lambdas.going_on[0].join(10)
        in_flight.append("worker_until" in stack.record())

    stack.lambdas.abandon(GRAYSCALE)
    stack.aws.before(GRAYSCALE, "GetObject", first_is_about_to_read)
    stack.aws.after(GRAYSCALE, "GetObject", second_has_read)
    stack.lambdas.before(GRAYSCALE, lambda: has_begun.wait(10), call=2)

    execution = stack.run(created(FIRST))

    assert in_flight == [True]
    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.tokens() == [1, 2]


def test_a_worker_that_fails_by_itself_is_followed_by_another_at_once(stack: Stack) -> None:
    """It says on its way out that it has ended."""
    red_was_converted(stack, created)
    stack.aws.refuse(GRAYSCALE, "GetObject")

    execution = stack.run(created(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.lambdas.counts == {ACQUIRE: 1, GRAYSCALE: 2, RELEASE: 1}
    assert stack.clock.retries == [1]
    assert stack.tokens() == [1, 2, 3]
    assert_right(stack, created)


# --- in flight for good ------------------------------------------------------------------------------------


def test_an_attempt_that_seems_to_go_on_for_ever_fails_the_execution_and_the_lock_frees_itself(stack: Stack) -> None:
    """As soon as the attempt cannot be at work any more. The next event waits for that, and gets through."""
    stack.upload(RED)
    began = stack.clock.epoch_ms
    worker_until = began + 300_000  # longer than it is waited for
    stack.lambdas.before(
        GRAYSCALE, lambda: stack.change_record(worker_until=worker_until, lease_expires_at=began + 3_600_000)
    )

    failed = stack.run(created(FIRST))

    assert (failed.status, failed.error) == ("FAILED", "AttemptInFlight")
    assert failed.states == (*CONVERTED[:3], *GAVE_UP)
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "newest_sequencer": mark(FIRST),
        "owner": failed.arn,
        "worker_until": worker_until,
        "lease_expires_at": worker_until + MARGIN_SECONDS * 1000,
    }
    assert stack.pictures() == []

    stack.upload(GREEN)
    execution = stack.run(created(SECOND))

    assert (execution.status, execution.states[-4:]) == ("SUCCEEDED", CONVERTED)
    assert set(execution.states[:-4]) == set(WAITED)
    assert stack.clock.epoch_ms > worker_until + MARGIN_SECONDS * 1000
    assert stack.output().gray == GREEN.gray
    assert "owner" not in stack.record()


@BOTH_WORKERS
def test_an_execution_that_fails_while_its_worker_may_be_at_work_keeps_the_lock_until_it_cannot_be(
    stack: Stack, event: Callable[[str], Event], worker: str, path: tuple[str, ...]
) -> None:
    red_was_converted(stack, event)
    began = stack.clock.epoch_ms
    stack.aws.kill_after(worker, "UpdateItem")
    stack.lambdas.before(worker, lambda: stack.lambdas.fail(worker, RuntimeError("out of luck")), call=1)

    failed = stack.run(event(SECOND))

    assert (failed.status, failed.error) == ("FAILED", "RuntimeError")
    assert stack.record()["owner"] == failed.arn
    assert stack.record()["worker_until"] == began + (WORKER_SECONDS + MARGIN_SECONDS) * 1000

    again = stack.run(event(SECOND))

    assert (again.status, again.states[-4:]) == ("SUCCEEDED", path)
    assert set(again.states[:-4]) == set(WAITED)
    assert stack.clock.epoch_ms > began + (WORKER_SECONDS + 2 * MARGIN_SECONDS) * 1000
    assert_right(stack, event)
