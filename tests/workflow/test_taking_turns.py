"""Executions on one object take turns: who finds the lock held waits, within a limit, and costs the holder nothing."""

from __future__ import annotations

from threading import Event as Signal

import pytest

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
    WAITED,
    Execution,
    Stack,
    arn,
    created,
    deleted,
    lock_key,
    mark,
)


def test_who_finds_the_lock_held_waits_and_goes_on_when_it_is_free(stack: Stack) -> None:
    source = stack.upload(RED)
    stack.hold(SOMEBODY)
    stack.lambdas.before(ACQUIRE, stack.let_go, call=3)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*WAITED, *WAITED, *CONVERTED))
    assert stack.clock.waits == [2, 2]  # RetryIntervalSeconds
    assert stack.output().gray == RED.gray
    assert stack.owners() == [SOMEBODY, execution.arn]
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(FIRST),
        "applied_source": source,
        "newest_sequencer": mark(FIRST),
        "fencing_token": 1,
        "output_etag": stack.output().etag,
    }


class Newer:
    """An execution for a newer picture that comes while an older one is at work, and waits until that has ended."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.arn = ""
        self._waits, self._older_has_ended = Signal(), Signal()

    def come(self) -> None:
        self.stack.upload(GREEN)
        self.stack.clock.on_wait = self._wait
        self.arn = self.stack.start(created(SECOND))
        assert self._waits.wait(10)

    def _wait(self) -> None:
        self._waits.set()
        assert self._older_has_ended.wait(10)

    def go_on(self) -> Execution:
        self._older_has_ended.set()
        return self.stack.wait(self.arn)


@pytest.mark.parametrize("moment", ["UpdateItem", "GetObject"], ids=["has begun", "has read"])
def test_two_executions_of_one_object_never_work_at_the_same_time(stack: Stack, moment: str) -> None:
    """The newer starts while the older one's worker runs, waits for it, and then sees the newer picture.

    It is not taken for done either, although the older one may have read the newer picture.
    """
    stack.upload(RED)
    newer = Newer(stack)
    stack.aws.after(GRAYSCALE, moment, newer.come)

    older = stack.run(created(FIRST))
    assert stack.record()["applied_sequencer"] == mark(FIRST)
    newer_ended = newer.go_on()

    assert (older.status, older.states) == ("SUCCEEDED", CONVERTED)
    assert (newer_ended.status, newer_ended.states) == ("SUCCEEDED", (*WAITED, *CONVERTED))
    assert stack.owners() == [arn("execution-1"), arn("execution-2")]
    assert stack.output().gray == GREEN.gray
    assert stack.record()["applied_sequencer"] == mark(SECOND)


def test_an_event_that_was_on_record_before_the_worker_began_needs_no_work_of_its_own(stack: Stack) -> None:
    stack.upload(RED)
    newer = Newer(stack)
    stack.lambdas.before(GRAYSCALE, newer.come)

    older = stack.run(created(FIRST))
    assert stack.record()["applied_sequencer"] == mark(SECOND)
    newer_ended = newer.go_on()

    assert (older.status, older.states) == ("SUCCEEDED", CONVERTED)
    assert (newer_ended.status, newer_ended.states) == ("SUCCEEDED", (*WAITED, *SKIPPED))
    assert newer_ended.output["lock"]["work"] == "STALE"
    assert stack.pictures() == [GREEN.gray]
    assert "owner" not in stack.record()


def test_a_removal_that_finds_the_input_there_again_looks_again_and_converts_it(stack: Stack) -> None:
    """Who waits with the upload's event has nothing left to do then, and may even have given up waiting."""
    newer = Newer(stack)
    stack.lambdas.before(DELETE, newer.come)

    older = stack.run(deleted(FIRST))
    newer_ended = newer.go_on()

    assert (older.status, older.states) == ("SUCCEEDED", (*REMOVED[:3], *CONVERTED))
    assert (newer_ended.status, newer_ended.states) == ("SUCCEEDED", (*WAITED, *SKIPPED))
    assert newer_ended.output["lock"]["work"] == "STALE"
    assert stack.output().gray == GREEN.gray


def test_the_lock_of_an_execution_that_crashed_is_free_when_its_lease_has_ended(stack: Stack) -> None:
    stack.upload(RED)
    stack.hold(SOMEBODY, seconds=3)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*WAITED, *WAITED, *CONVERTED))
    assert stack.owners() == [SOMEBODY, execution.arn]
    assert "owner" not in stack.record()


def test_of_two_that_wait_the_older_gives_way(stack: Stack) -> None:
    stack.upload(RED)
    stack.hold(SOMEBODY)
    stack.lambdas.before(ACQUIRE, lambda: stack.hold(SOMEBODY, newest_sequencer=mark(THIRD)), call=2)

    execution = stack.run(created(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*WAITED, *SKIPPED))
    assert execution.output["lock"]["work"] == "SUPERSEDED"
    assert stack.lambdas.counts == {ACQUIRE: 2}


def test_one_that_waits_puts_its_event_on_record_for_older_ones_to_give_way(stack: Stack) -> None:
    stack.upload(RED)
    stack.hold(SOMEBODY, newest_sequencer=mark(FIRST))
    older: list[Execution] = []
    stack.lambdas.before(ACQUIRE, lambda: older.append(stack.run(created(SECOND))), call=2)
    stack.lambdas.before(ACQUIRE, stack.let_go, call=4)

    newer = stack.run(created(THIRD))

    assert older[0].states == SKIPPED
    assert older[0].output["lock"]["work"] == "SUPERSEDED"
    assert newer.states == (*WAITED, *WAITED, *CONVERTED)


def test_waiting_has_a_limit_and_leaves_the_other_owners_lock_alone(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCK_WAIT_SECONDS", "60")
    monkeypatch.setenv("RETRY_INTERVAL_SECONDS", "20")
    stack.upload(RED)
    held = stack.hold(SOMEBODY, newest_sequencer=mark(FIRST))

    execution = stack.run(created(SECOND))

    assert (execution.status, execution.error) == ("FAILED", "LockWaitTimeout")
    assert execution.cause == f"{lock_key()}: held by {SOMEBODY}, given up after 60 s"
    assert execution.states == (*WAITED, *WAITED, *WAITED, "AcquireLock", *GAVE_UP)
    assert stack.clock.waits == [20, 20, 20]
    assert stack.lambdas.counts == {ACQUIRE: 4, RELEASE: 1}
    assert stack.record() == {**held, "newest_sequencer": mark(SECOND)}
    assert stack.owners() == [SOMEBODY]
    assert stack.output_keys() == []
