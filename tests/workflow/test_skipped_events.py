"""An event is skipped only when a newer look at its object is on record; then nothing is locked or written."""

from __future__ import annotations

import pytest

from tests.workflow.stack import (
    ACQUIRE,
    CONVERTED,
    FIRST,
    GREEN,
    RED,
    SECOND,
    SKIPPED,
    SOMEBODY,
    Event,
    Stack,
    created,
    deleted,
    lock_key,
    mark,
)


def assert_skipped(stack: Stack, event: Event, work: str) -> None:
    """The event ends in Skipped, with its reason, after one call, and leaves record and output as they were."""
    keys = stack.output_keys()
    before = (stack.changes(), keys, [stack.output(key) for key in keys], dict(stack.lambdas.counts))

    execution = stack.run(event)

    assert (execution.status, execution.states) == ("SUCCEEDED", SKIPPED)
    assert execution.output["lock"]["work"] == work
    assert execution.output["lock"]["reason"]
    assert execution.output["detail"] == event["detail"]
    changes, keys, outputs, counts = before
    assert stack.changes() == changes
    assert stack.output_keys() == keys
    assert [stack.output(key) for key in keys] == outputs
    assert stack.lambdas.counts == {**counts, ACQUIRE: counts.get(ACQUIRE, 0) + 1}


def test_an_older_event_that_comes_after_a_newer_one_is_skipped(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(SECOND))

    assert_skipped(stack, created(FIRST), "STALE")


def test_the_same_event_delivered_twice_is_skipped(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))

    assert_skipped(stack, created(FIRST), "STALE")


@pytest.mark.parametrize("late", [created(FIRST), deleted(SECOND)], ids=["the upload before", "the delete itself"])
def test_a_late_event_does_not_bring_a_deleted_object_back(stack: Stack, late: Event) -> None:
    stack.run(deleted(SECOND))

    assert_skipped(stack, late, "STALE")


def test_an_event_is_not_older_because_its_sequencer_is_shorter(stack: Stack) -> None:
    """AWS pads the shorter sequencer with zeros on the right: 0055AE is older than 0055AEE1, 0055AF is newer."""
    stack.upload(RED)
    stack.run(created("0055AEE1"))

    assert_skipped(stack, created("0055AE"), "STALE")

    assert stack.run(created("0055AF")).states == CONVERTED


def test_a_stale_event_looks_again_when_the_input_is_not_what_was_applied(stack: Stack) -> None:
    """As when a newer event has failed. The watermark does not go back for it."""
    stack.upload(RED)
    stack.run(created(SECOND))
    source = stack.upload(GREEN)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.output().gray == GREEN.gray
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(SECOND),
        "applied_source": source,
        "newest_sequencer": mark(SECOND),
        "fencing_token": 2,
        "output_etag": stack.output().etag,
    }


def test_an_event_is_superseded_while_a_newer_one_is_at_work(stack: Stack) -> None:
    stack.upload(RED)
    stack.hold(SOMEBODY, newest_sequencer=mark(SECOND))

    assert_skipped(stack, created(FIRST), "SUPERSEDED")


def test_an_older_event_does_the_work_when_the_newer_one_has_failed(stack: Stack) -> None:
    """Nobody is at work, so nobody else will do it. What it reads shows the newer change too, so that is applied."""
    source = stack.upload(RED)
    stack.hold(newest_sequencer=mark(SECOND))
    stack.let_go()

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(SECOND),
        "applied_source": source,
        "newest_sequencer": mark(SECOND),
        "fencing_token": 1,
        "output_etag": stack.output().etag,
    }


@pytest.mark.parametrize("event", [created(FIRST, "album/", size=0), deleted(FIRST, "album/")], ids=["made", "removed"])
def test_a_folder_of_the_console_has_no_counterpart_and_no_record(stack: Stack, event: Event) -> None:
    stack.upload(b"", "album/")

    assert_skipped(stack, event, "FOLDER")

    assert stack.records() == []
