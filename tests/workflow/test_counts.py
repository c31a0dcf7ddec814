"""What an event costs: state transitions, writes to the lock table, and requests to the buckets."""

from __future__ import annotations

from tests.workflow.stack import (
    ACQUIRE,
    CONVERTED,
    DELETE,
    FIRST,
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
    Stack,
    created,
    deleted,
    mark,
)


def test_an_upload_costs_four_transitions_three_writes_and_three_requests(stack: Stack) -> None:
    """And reads nothing from the lock table."""
    for picture, sequencer in ((RED, FIRST), (GREEN, SECOND)):
        stack.upload(picture)
        stack.aws.forget()

        execution = stack.run(created(sequencer))

        assert execution.states == CONVERTED
        assert stack.aws.counts(ACQUIRE) == {"UpdateItem": 1, "HeadObject": 1}
        assert stack.aws.counts(GRAYSCALE) == {"UpdateItem": 1, "GetObject": 1, "PutObject": 1}
        assert stack.aws.counts(RELEASE) == {"UpdateItem": 1}
        assert stack.aws.counts() == {"UpdateItem": 3, "HeadObject": 1, "GetObject": 1, "PutObject": 1}


def test_a_deletion_costs_four_transitions_three_writes_and_three_requests(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    stack.delete_input()
    stack.aws.forget()

    execution = stack.run(deleted(SECOND))

    assert execution.states == REMOVED
    assert stack.aws.counts(ACQUIRE) == {"UpdateItem": 1, "HeadObject": 1}
    assert stack.aws.counts(DELETE) == {"UpdateItem": 1, "HeadObject": 1, "DeleteObject": 1}
    assert stack.aws.counts(RELEASE) == {"UpdateItem": 1}
    assert stack.aws.counts() == {"UpdateItem": 3, "HeadObject": 2, "DeleteObject": 1}


def test_a_stale_event_costs_three_transitions_one_write_that_is_refused_and_one_request(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(SECOND))
    stack.aws.forget()

    execution = stack.run(created(FIRST))

    assert execution.states == SKIPPED
    assert stack.aws.counts() == {"UpdateItem": 1, "HeadObject": 1}
    assert not stack.aws.answered[0].accepted


def test_a_superseded_event_costs_three_transitions_and_one_write_that_is_refused(stack: Stack) -> None:
    stack.upload(RED)
    stack.hold(SOMEBODY, newest_sequencer=mark(SECOND))

    execution = stack.run(created(FIRST))

    assert execution.states == SKIPPED
    assert execution.output["lock"]["work"] == "SUPERSEDED"
    assert stack.aws.counts() == {"UpdateItem": 1}
    assert not stack.aws.answered[0].accepted


def test_a_round_of_waiting_costs_three_transitions_and_one_write_and_the_first_one_more(stack: Stack) -> None:
    """The event is put on record once, for older ones to give way."""
    stack.upload(RED)
    stack.hold(SOMEBODY)
    rounds: list[dict[str, int]] = []

    def next_round() -> None:
        rounds.append(stack.aws.counts())
        stack.aws.forget()

    stack.lambdas.before(ACQUIRE, next_round, call=2)
    stack.lambdas.before(ACQUIRE, next_round, call=3)

    def free_at_last() -> None:
        next_round()
        stack.let_go()

    stack.lambdas.before(ACQUIRE, free_at_last, call=4)

    execution = stack.run(created(THIRD))

    assert execution.states == (*WAITED, *WAITED, *WAITED, *CONVERTED)
    assert rounds == [{"UpdateItem": 2}, {"UpdateItem": 1}, {"UpdateItem": 1}]
    assert stack.aws.counts() == {"UpdateItem": 3, "HeadObject": 1, "GetObject": 1, "PutObject": 1}
