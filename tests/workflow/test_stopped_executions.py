"""The lock of an execution that was stopped is freed when EventBridge tells of its end, but never under a worker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.workflow.lambda_endpoint import UNHEARD
from tests.workflow.stack import (
    CONVERTED,
    FIRST,
    GRAYSCALE,
    GREEN,
    REAPER,
    RED,
    SECOND,
    SOMEBODY,
    THIRD,
    WAITED,
    Stack,
    created,
    deleted,
    lock_key,
    mark,
)


def freed(what: str) -> dict[str, str]:
    return {"object_id": lock_key(), "lock": what}


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_the_lock_of_an_execution_that_ended_before_its_worker_began_is_freed_at_once(
    stack: Stack, status: str
) -> None:
    stack.upload(RED)
    stack.lambdas.before(GRAYSCALE, stack.stop)
    stack.lambdas.fail(GRAYSCALE, UNHEARD)
    stopped = stack.run(created(FIRST))
    assert stopped.status == "ABORTED"
    assert stack.record()["owner"] == stopped.arn

    assert stack.reap(replace(stopped, status=status)) == freed("freed")

    assert stack.record() == {"object_id": lock_key(), "record_version": 1, "newest_sequencer": mark(FIRST)}
    assert stack.run(created(FIRST)).states == CONVERTED
    assert stack.clock.waits == []


def test_the_lock_of_a_stopped_execution_is_not_freed_while_its_worker_may_be_at_work(stack: Stack) -> None:
    """A Lambda goes on when its execution is stopped. The next execution waits until it cannot be at work."""
    stack.upload(RED)
    stack.lambdas.before(GRAYSCALE, lambda: stack.clock.pass_by(20))  # which is time enough, but not from the acquire
    stack.aws.after(GRAYSCALE, "UpdateItem", stack.stop)
    stopped = stack.run(created(FIRST))
    began = stack.clock.epoch_ms
    held = stack.record()

    assert stack.reap(stopped) == freed("will free itself")

    assert stack.record() == held
    assert held["owner"] == stopped.arn

    stack.upload(GREEN)
    execution = stack.run(created(SECOND))

    assert execution.status == "SUCCEEDED"
    assert execution.states[:3] == WAITED
    assert execution.states[-4:] == CONVERTED
    assert stack.clock.epoch_ms > began + 30_000
    assert stack.pictures() == [RED.gray, GREEN.gray]
    assert stack.record()["output_etag"] == stack.output().etag


def test_a_lease_that_is_longer_than_the_worker_can_be_at_work_is_cut(stack: Stack) -> None:
    stack.upload(RED)
    stack.aws.after(GRAYSCALE, "UpdateItem", stack.stop)
    stopped = stack.run(created(FIRST))
    record = stack.change_record(lease_expires_at=stack.clock.epoch_ms + 300_000)

    assert stack.reap(stopped) == freed("will free itself")

    assert stack.record() == record | {"lease_expires_at": int(record["worker_until"]) + 5_000}


def test_the_lock_is_freed_when_word_of_the_end_comes_after_the_worker_can_have_been_at_work(stack: Stack) -> None:
    stack.upload(RED)
    stack.aws.after(GRAYSCALE, "UpdateItem", stack.stop)
    stopped = stack.run(created(FIRST))
    stack.clock.pass_by(26)

    assert stack.reap(stopped) == freed("freed")

    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "newest_sequencer": mark(FIRST),
        "fencing_token": 1,
    }


def test_the_lock_of_another_execution_is_left_alone(stack: Stack) -> None:
    stack.upload(RED)
    stack.hold(SOMEBODY)
    stack.clock.on_wait = stack.stop
    stopped = stack.run(created(FIRST))
    held = stack.record()
    assert held["owner"] == SOMEBODY

    assert stack.reap(stopped) == freed("held nothing")

    assert stack.record() == held


def test_word_of_an_end_that_comes_late_does_not_free_the_lock_of_the_next_owner(stack: Stack) -> None:
    stack.upload(RED)
    stack.lambdas.before(GRAYSCALE, stack.stop)
    stack.lambdas.fail(GRAYSCALE, UNHEARD)
    stopped = stack.run(created(FIRST))
    stack.clock.pass_by(31)
    reaped: list[object] = []
    stack.lambdas.before(GRAYSCALE, lambda: reaped.append(stack.reap(stopped)), call=2)

    execution = stack.run(created(SECOND))

    assert reaped == [freed("held nothing")]
    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.owners() == [stopped.arn, execution.arn]


def test_a_failure_that_has_freed_its_lock_leaves_nothing_to_reap(stack: Stack) -> None:
    stack.upload(RED)
    stack.lambdas.fail(GRAYSCALE, RuntimeError("out of luck"))
    failed = stack.run(created(FIRST))
    record = stack.record()

    assert stack.reap(failed) == freed("held nothing")

    assert stack.record() == record


def test_the_record_of_a_deleted_object_expires_again_when_its_lock_is_reaped(stack: Stack) -> None:
    stack.run(deleted(FIRST))
    tombstone = stack.record()
    stack.upload(GREEN)
    stack.lambdas.before(GRAYSCALE, lambda: stack.stop("execution-2"))
    stack.lambdas.fail(GRAYSCALE, UNHEARD)
    stopped = stack.run(created(SECOND))
    assert "expires_at" not in stack.record()

    assert stack.reap(stopped) == freed("freed")

    assert stack.record() == tombstone | {"newest_sequencer": mark(SECOND)}


def test_an_execution_that_succeeded_is_nothing_to_the_reaper(stack: Stack) -> None:
    stack.upload(RED)
    execution = stack.run(created(THIRD))

    assert stack.reap(execution) is None

    assert stack.lambdas.counts[REAPER] == 0


def test_an_execution_without_an_s3_event_has_locked_nothing(stack: Stack) -> None:
    assert stack.reap(stack.run({})) == {"object_id": None, "lock": "held nothing"}

    assert stack.records() == []
