"""An output that is not what the record says is never written over unseen: the worker looks again."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

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
    THIRD,
    Event,
    Stack,
    created,
    deleted,
    mark,
)

BOTH_WORKERS = pytest.mark.parametrize(
    ("event", "worker", "path"),
    [(created, GRAYSCALE, CONVERTED), (deleted, DELETE, REMOVED)],
    ids=["converting", "removing"],
)


def assert_right(stack: Stack, event: Callable[[str], Event]) -> None:
    """The output is what the input says, the record knows it, the lock is free, and no token came twice."""
    if event is created:
        assert stack.output().gray == GREEN.gray
        assert stack.record()["output_etag"] == stack.output().etag
    else:
        assert stack.output_keys() == []
        assert "output_etag" not in stack.record()
    assert stack.record().keys().isdisjoint({"owner", "lease_expires_at", "worker_until"})
    assert written_tokens(stack) == sorted(set(written_tokens(stack)))


def written_tokens(stack: Stack) -> list[int]:
    """The fencing tokens of the outputs that were written, in order."""
    return [
        int(call.parameters["Metadata"]["fencing-token"])
        for call in stack.aws.answered
        if call.operation == "PutObject" and call.accepted
    ]


@pytest.mark.parametrize("there_was_one", [False, True], ids=["the first output", "a later one"])
def test_an_output_that_somebody_writes_before_the_worker_does_is_replaced_by_another_look(
    stack: Stack, there_was_one: bool
) -> None:
    if there_was_one:
        stack.upload(GREEN)
        stack.run(created(FIRST))
    stack.upload(RED)

    def somebody_writes() -> None:
        stack.write_output(RED)
        stack.upload(GREEN)

    stack.aws.before(GRAYSCALE, "PutObject", somebody_writes)
    stack.lambdas.counts.clear()

    execution = stack.run(created(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED))
    assert stack.lambdas.counts == {ACQUIRE: 2, GRAYSCALE: 2, RELEASE: 1}, "not one moment lost"
    assert stack.clock.retries == []
    assert RED.gray not in stack.pictures(), "what was read before is never written"
    assert_right(stack, created)


def test_an_output_that_somebody_writes_before_the_worker_removes_it_is_removed_by_another_look(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    stack.delete_input()
    stack.aws.before(DELETE, "DeleteObject", lambda: stack.write_output(GREEN))

    execution = stack.run(deleted(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*REMOVED[:3], *REMOVED))
    assert stack.removed_by() == [DELETE]
    assert_right(stack, deleted)


@BOTH_WORKERS
def test_an_output_that_somebody_has_removed_is_no_hindrance(
    stack: Stack, event: Callable[[str], Event], worker: str, path: tuple[str, ...]
) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    if event is created:
        stack.upload(GREEN)
    else:
        stack.delete_input()
    stack.delete_output()
    stack.lambdas.counts.clear()

    execution = stack.run(event(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*path[:3], *path))
    assert stack.lambdas.counts == {ACQUIRE: 2, worker: 2, RELEASE: 1}
    assert_right(stack, event)


@BOTH_WORKERS
@pytest.mark.parametrize("token", [None, 0, 41])
def test_an_output_that_the_record_does_not_know_of_is_taken_over(
    stack: Stack, event: Callable[[str], Event], worker: str, path: tuple[str, ...], token: int | None
) -> None:
    """As after a record was lost, or with outputs from before there were records."""
    if event is created:
        stack.upload(GREEN)
    stack.write_output(RED, token=token)

    execution = stack.run(event(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*path[:3], *path))
    assert stack.lambdas.counts == {ACQUIRE: 2, worker: 2, RELEASE: 1}
    assert stack.record()["fencing_token"] == max(token or 0, 1) + 1
    assert_right(stack, event)


def test_a_rejected_input_takes_an_output_with_it_that_the_record_does_not_know_of(stack: Stack) -> None:
    stack.upload(NOT_AN_IMAGE)
    stack.write_output(RED)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.error) == ("FAILED", "SourceRejected")
    assert execution.states == (*CONVERTED[:3], *CONVERTED[:3], *GAVE_UP)
    assert stack.output_keys() == []
    assert stack.record()["applied_sequencer"] == mark(FIRST)
    assert "owner" not in stack.record()


def test_tokens_go_on_from_those_of_the_outputs_when_the_record_was_lost(stack: Stack) -> None:
    for picture, sequencer in zip(itertools.cycle([RED, GREEN]), (FIRST, SECOND, THIRD), strict=False):
        stack.upload(picture)
        stack.run(created(sequencer))
    stack.lose_record()
    stack.upload(GREEN)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED))
    assert written_tokens(stack) == [1, 2, 3, 4]
    assert_right(stack, created)


def test_an_abandoned_worker_from_before_the_record_was_lost_cannot_write_any_more(stack: Stack) -> None:
    """Its token is not the new record's, although its execution is the owner: the output is not what it knew."""
    stack.upload(RED)
    stack.run(created(FIRST))
    stack.upload(RED)

    def record_is_lost() -> None:
        stack.clock.pass_by(31)
        stack.lose_record()
        stack.upload(GREEN)
        stack.run(created(THIRD))

    stack.aws.before(GRAYSCALE, "PutObject", record_is_lost)

    execution = stack.run(created(SECOND))

    assert execution.status == "SUCCEEDED"
    assert stack.pictures() == [RED.gray, GREEN.gray]
    assert_right(stack, created)


def test_looking_again_takes_one_round_for_each_change_and_then_ends(stack: Stack) -> None:
    stack.upload(GREEN)
    for _ in range(3):
        stack.aws.before(GRAYSCALE, "PutObject", lambda: stack.write_output(RED))
        stack.aws.before(GRAYSCALE, "PutObject", stack.delete_output)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED[:3] * 6, *CONVERTED))
    assert stack.tokens() == [1, 2, 3, 4, 5, 6, 7]
    assert_right(stack, created)


def test_a_conflict_that_could_not_be_noted_is_found_again(stack: Stack) -> None:
    """The attempt cannot say that it has ended either, so the next one waits until it cannot be at work any more."""
    stack.upload(GREEN)
    stack.write_output(RED)
    stack.aws.refuse(GRAYSCALE, "HeadObject")

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", (*CONVERTED[:3], *CONVERTED[:3], *CONVERTED))
    assert stack.tokens() == [1, 2, 3]
    assert_right(stack, created)
