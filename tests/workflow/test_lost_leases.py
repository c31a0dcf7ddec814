"""A lease that ends while its owner still works: whoever finds the lock taken looks at the input again, in its turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from objectlock.errors import LeaseLost
from tests.workflow.kit.cases import THROTTLED
from tests.workflow.stack import (
    ACQUIRE,
    CONVERTED,
    DELETE,
    FIRST,
    GRAYSCALE,
    GREEN,
    NOT_AN_IMAGE,
    RED,
    RELEASE,
    REMOVED,
    SECOND,
    SOMEBODY,
    THIRD,
    WAITED,
    Event,
    Execution,
    Stack,
    arn,
    created,
    deleted,
    lock_key,
    mark,
)


def test_who_lost_the_lock_after_writing_waits_for_the_next_owner_and_does_its_work_again(stack: Stack) -> None:
    sources = [stack.upload(RED)]

    def somebody_takes_over() -> None:
        sources.append(stack.upload(GREEN))
        stack.hold(SOMEBODY)

    stack.lambdas.before(RELEASE, somebody_takes_over)
    stack.lambdas.before(ACQUIRE, stack.let_go, call=4)

    execution = stack.run(created(FIRST))

    again = (*CONVERTED[:3], *CONVERTED)  # the record does not know of what was written before the lock was lost
    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED, *WAITED, *WAITED, *again))
    assert stack.lambdas.counts == {ACQUIRE: 5, GRAYSCALE: 3, RELEASE: 2}
    assert stack.owners() == [execution.arn, SOMEBODY, execution.arn]
    assert stack.output().gray == GREEN.gray
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(FIRST),
        "applied_source": sources[1],
        "newest_sequencer": mark(FIRST),
        "fencing_token": 3,
        "output_etag": stack.output().etag,
    }


def test_a_slow_worker_that_has_lost_its_lease_does_not_write_over_newer_work(stack: Stack) -> None:
    """It has read the input, its lease ends, a newer execution does all its work, and then it has an old picture.

    Its event is older than the watermark then, and the input is what was applied: only a forced acquire works again.
    """
    sources = [stack.upload(RED)]
    newer = newer_execution_while_at_work(stack, GRAYSCALE, "GetObject", sources)

    older = stack.run(created(FIRST))

    assert (newer[0].status, newer[0].states) == ("SUCCEEDED", CONVERTED)
    assert stack.pictures() == [GREEN.gray], "the old picture is never written, nor the new one twice"
    assert (older.status, older.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED))
    assert stack.owners() == [arn("execution-1"), arn("execution-2"), arn("execution-1")]
    assert stack.tokens() == [1, 2, 3]
    assert stack.output().gray == GREEN.gray
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(SECOND),
        "applied_source": sources[1],
        "newest_sequencer": mark(SECOND),
        "fencing_token": 3,
        "output_etag": stack.output().etag,
    }


def test_a_slow_rejection_that_has_lost_its_lease_does_not_remove_newer_work(stack: Stack) -> None:
    """It has read what is no image, its lease ends, a newer execution converts a photo, and then it has to remove."""
    stack.upload(RED)
    stack.run(created(FIRST))
    sources = [stack.upload(NOT_AN_IMAGE)]
    newer = newer_execution_while_at_work(stack, GRAYSCALE, "GetObject", sources, event=created(THIRD))

    older = stack.run(created(SECOND))

    assert (newer[0].status, newer[0].states) == ("SUCCEEDED", CONVERTED)
    assert (older.status, older.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED))
    assert stack.removed_by() == []
    assert stack.output().gray == GREEN.gray
    assert stack.record()["applied_source"] == sources[1]
    assert "owner" not in stack.record()


def test_a_rejection_that_cannot_be_recorded_any_more_looks_again(stack: Stack) -> None:
    """It has removed the output, its lease ends, a newer execution converts a photo, and then it has to release."""
    stack.upload(RED)
    stack.run(created(FIRST))
    sources = [stack.upload(NOT_AN_IMAGE)]
    newer = newer_execution_while_at_work(stack, GRAYSCALE, "DeleteObject", sources, event=created(THIRD))

    older = stack.run(created(SECOND))

    assert newer[0].status == "SUCCEEDED"
    assert (older.status, older.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED))
    assert stack.output().gray == GREEN.gray
    assert stack.record()["applied_source"] == sources[1]
    assert "owner" not in stack.record()


def test_a_removal_that_comes_late_does_not_remove_newer_work(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    stack.delete_input()
    newer = newer_execution_while_at_work(stack, DELETE, "UpdateItem", [], event=created(THIRD))

    older = stack.run(deleted(SECOND))

    assert (newer[0].status, newer[0].states) == ("SUCCEEDED", CONVERTED)
    assert (older.status, older.states) == ("SUCCEEDED", (*REMOVED[:3], *CONVERTED))
    assert stack.removed_by() == []
    assert stack.output().gray == GREEN.gray
    assert "owner" not in stack.record()


def test_a_conflict_that_is_found_by_who_lost_the_lock_is_not_its_business_any_more(stack: Stack) -> None:
    """It must not take the next owner's attempt for its own, nor the token back."""
    stack.upload(GREEN)
    held, found = [], []

    def somebody_is_at_work() -> None:
        stack.write_output(RED)
        held.append(stack.hold(SOMEBODY, fencing_token=5, worker_until=stack.clock.epoch_ms + 25_000))

    def somebody_has_ended() -> None:
        found.append(stack.record())
        stack.let_go()

    stack.aws.before(GRAYSCALE, "PutObject", somebody_is_at_work)
    stack.lambdas.before(ACQUIRE, somebody_has_ended, call=2)

    execution = stack.run(created(FIRST))

    assert found == held
    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED[:3], *CONVERTED))
    assert stack.tokens() == [1, 5, 6, 7]
    assert stack.output().gray == GREEN.gray
    assert "owner" not in stack.record()


def test_a_release_does_not_speak_for_an_attempt_that_has_begun_since(stack: Stack) -> None:
    stack.upload(RED)
    stack.lambdas.before(RELEASE, lambda: stack.change_record(fencing_token=9))

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED, *CONVERTED[:3], *CONVERTED))
    assert stack.tokens() == [1, 9, 10, 11]
    assert "owner" not in stack.record()


def test_a_conflict_that_is_found_after_the_lease_has_ended_is_not_put_on_record(stack: Stack) -> None:
    stack.upload(GREEN)
    on_record: list[bool] = []

    def lease_ends() -> None:
        stack.clock.pass_by(31)
        stack.write_output(RED)

    stack.aws.before(GRAYSCALE, "PutObject", lease_ends)
    stack.lambdas.before(ACQUIRE, lambda: on_record.append("output_etag" in stack.record()), call=2)

    execution = stack.run(created(FIRST))

    assert on_record == [False]
    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED[:3], *CONVERTED))
    assert stack.output().gray == GREEN.gray


def test_a_worker_that_was_throttled_until_its_lease_had_ended_does_not_begin(stack: Stack) -> None:
    stack.upload(RED)
    stack.lambdas.fail(GRAYSCALE, THROTTLED, times=12)
    newer: list[Execution] = []

    def newer_comes_and_goes() -> None:
        stack.upload(GREEN)
        newer.append(stack.run(created(SECOND)))

    stack.lambdas.before(GRAYSCALE, newer_comes_and_goes, call=13)

    older = stack.run(created(FIRST))

    assert (newer[0].status, newer[0].states) == ("SUCCEEDED", CONVERTED)
    assert (older.status, older.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED))
    assert stack.tokens() == [1, 2], "one attempt each"
    assert stack.pictures() == [GREEN.gray]
    assert "owner" not in stack.record()


@pytest.mark.parametrize(
    ("event", "worker", "path"),
    [(created, GRAYSCALE, CONVERTED), (deleted, DELETE, REMOVED)],
    ids=["converting", "removing"],
)
def test_a_worker_that_finds_the_lease_lost_asks_for_the_lock_again(
    stack: Stack, event: Callable[[str], Event], worker: str, path: tuple[str, ...]
) -> None:
    if event is created:
        stack.upload(RED)
    stack.lambdas.fail(worker, LeaseLost("the lock is no longer ours"))

    execution = stack.run(event(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*path[:3], *path))
    assert stack.lambdas.counts == {ACQUIRE: 2, worker: 2, RELEASE: 1}
    assert "owner" not in stack.record()
    assert stack.record()["applied_sequencer"] == mark(FIRST)


def test_a_failure_of_who_lost_the_lock_leaves_the_next_owners_lock_alone(stack: Stack) -> None:
    stack.upload(RED)
    held = []
    stack.lambdas.fail(GRAYSCALE, RuntimeError("out of luck"))
    stack.lambdas.before(RELEASE, lambda: held.append(stack.hold(SOMEBODY)))

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.error) == ("FAILED", "RuntimeError")
    assert [stack.record()] == held


def test_the_wait_limit_starts_anew_after_the_lock_was_held_in_between(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waited for 50 of 60 s, worked, lost the lock: that is no reason to give up at the first look."""
    monkeypatch.setenv("LOCK_WAIT_SECONDS", "60")
    monkeypatch.setenv("RETRY_INTERVAL_SECONDS", "50")
    stack.upload(RED)
    stack.hold(SOMEBODY)
    stack.lambdas.before(ACQUIRE, stack.let_go, call=2)

    def somebody_takes_over() -> None:
        stack.clock.pass_by(31)
        stack.hold(SOMEBODY)

    stack.lambdas.before(RELEASE, somebody_takes_over)
    stack.lambdas.before(ACQUIRE, stack.let_go, call=4)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.error) == ("SUCCEEDED", None)
    assert execution.states == (*WAITED, *CONVERTED, *WAITED, *CONVERTED[:3], *CONVERTED)


def newer_execution_while_at_work(
    stack: Stack, worker: str, operation: str, sources: list[str], event: Event | None = None
) -> list[Execution]:
    """After that call of the next worker its lease ends, and a photo is uploaded and converted by another execution.

    The list that is returned has that execution then, and `sources` the photo's tag.
    """
    newer: list[Execution] = []

    def lease_ends() -> None:
        stack.clock.pass_by(31)
        sources.append(stack.upload(GREEN))
        newer.append(stack.run(event or created(SECOND)))

    calls = stack.aws
    stack.lambdas.before(
        worker, lambda: calls.after(worker, operation, lease_ends), call=stack.lambdas.counts[worker] + 1
    )
    return newer
