"""A lease that ends while its owner still works: whoever finds the lock taken looks at the input again, in its turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import grayscale.app
from objectlock import images
from objectlock.errors import LeaseLost
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

    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED, *WAITED, *WAITED, *CONVERTED))
    assert stack.lambdas.counts == {ACQUIRE: 4, GRAYSCALE: 2, RELEASE: 2}
    assert stack.owners() == [execution.arn, SOMEBODY, execution.arn]
    assert stack.output().gray == GREEN.gray
    assert stack.record() == {
        "object_id": lock_key(),
        "applied_sequencer": mark(FIRST),
        "applied_source": sources[1],
        "newest_sequencer": mark(FIRST),
        "output_etag": stack.output().etag,
    }


def test_a_slow_worker_that_overwrites_newer_work_puts_it_right(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has read the input, its lease ends, a newer execution does all its work, and then it writes the old picture.

    Its event is older than the watermark then, and the input is what was applied: only a forced acquire works again.
    """
    sources = [stack.upload(RED)]
    newer = newer_execution_while_converting(stack, monkeypatch, sources)
    written: list[int] = []
    stack.lambdas.before(RELEASE, lambda: written.append(stack.output().gray), call=2)

    older = stack.run(created(FIRST))

    assert (newer[0].status, newer[0].states) == ("SUCCEEDED", CONVERTED)
    assert written == [RED.gray], "the older picture should have been written over the newer one"
    assert (older.status, older.states) == ("SUCCEEDED", (*CONVERTED, *CONVERTED))
    assert stack.owners() == [arn("execution-1"), arn("execution-2"), arn("execution-1")]
    assert stack.output().gray == GREEN.gray
    assert stack.record() == {
        "object_id": lock_key(),
        "applied_sequencer": mark(SECOND),
        "applied_source": sources[1],
        "newest_sequencer": mark(SECOND),
        "output_etag": stack.output().etag,
    }


def test_a_slow_rejection_that_removes_newer_work_puts_it_right(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has read what is no image, its lease ends, a newer execution converts a photo, and then it removes that."""
    sources = [stack.upload(NOT_AN_IMAGE)]
    newer = newer_execution_while_converting(stack, monkeypatch, sources)

    older = stack.run(created(FIRST))

    assert (newer[0].status, newer[0].states) == ("SUCCEEDED", CONVERTED)
    assert (older.status, older.states) == ("SUCCEEDED", (*CONVERTED[:3], "ReleaseLockAfterFailure", *CONVERTED))
    assert stack.output().gray == GREEN.gray
    assert stack.record()["applied_source"] == sources[1]
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
    assert execution.states == (*WAITED, *CONVERTED, *WAITED, *CONVERTED)


def newer_execution_while_converting(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, sources: list[str]
) -> list[Execution]:
    """Between the first worker's read and its write its lease ends, and a photo is uploaded and converted by another.

    The list that is returned has that execution then, and `sources` the photo's tag.
    """
    newer: list[Execution] = []
    shipped = images.to_grayscale

    def slowly(body: bytes) -> object:
        if not newer:
            stack.clock.pass_by(31)
            sources.append(stack.upload(GREEN))
            monkeypatch.setattr(grayscale.app, "to_grayscale", shipped)
            newer.append(stack.run(created(SECOND)))
        return shipped(body)

    monkeypatch.setattr(grayscale.app, "to_grayscale", slowly)
    return newer
