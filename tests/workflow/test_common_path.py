"""One event and nothing in its way: the output is made to match the input as it is now."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
    THIRD,
    Event,
    Stack,
    arn,
    created,
    deleted,
    lock_key,
    mark,
)

THIRTY_DAYS = 30 * 24 * 3600


def test_an_upload_becomes_gray_in_four_transitions_and_leaves_a_free_lock(stack: Stack) -> None:
    source = stack.upload(RED)

    execution = stack.run(created(FIRST))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.lambdas.counts == {ACQUIRE: 1, GRAYSCALE: 1, RELEASE: 1}
    assert stack.output().gray == RED.gray
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(FIRST),
        "applied_source": source,
        "newest_sequencer": mark(FIRST),
        "fencing_token": 1,
        "output_etag": stack.output().etag,
    }
    assert stack.owners() == [execution.arn] == [arn("execution-1")]


def test_the_change_feed_is_told_of_what_was_applied_and_of_nothing_else(stack: Stack) -> None:
    """Each state of the record that has `applied_at` is in the feed, so none but that of a release may have it."""
    made = stack.clock.epoch_ms
    stack.upload(RED)
    stack.run(created(FIRST))
    applied = stack.clock.epoch_ms
    assert stack.told() == {"record_since": made, "applied_at": applied, "applied_by": arn("execution-1")}

    stack.delete_input()
    stack.run(deleted(SECOND))
    stack.upload(RED)
    stack.lambdas.fail(GRAYSCALE, PermissionError("nobody may"), times=1)
    assert stack.run(created(THIRD)).status == "FAILED"

    assert stack.told() == {"record_since": made}  # nothing of who gave up
    told = [each for each in stack.changes() if "applied_at" in each]
    assert [(each["applied_by"], each["fencing_token"]) for each in told] == [
        (arn("execution-1"), 1),
        (arn("execution-2"), 2),
    ]
    assert not any("owner" in each for each in told)


def test_the_output_says_which_input_event_and_attempt_it_was_made_from(stack: Stack) -> None:
    source = stack.upload(RED)

    stack.run(created(FIRST))

    assert stack.output().content_type == "image/png"
    assert stack.output().metadata == {"source-tag": source, "sequencer": mark(FIRST), "fencing-token": "1"}


def test_a_delete_removes_the_output_and_leaves_a_tombstone_for_thirty_days(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    stack.delete_input()

    execution = stack.run(deleted(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", REMOVED)
    assert stack.lambdas.counts == {ACQUIRE: 2, GRAYSCALE: 1, DELETE: 1, RELEASE: 2}
    assert stack.output_keys() == []
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(SECOND),
        "applied_source": "absent",
        "newest_sequencer": mark(SECOND),
        "fencing_token": 2,
        "expires_at": stack.clock.epoch_ms // 1000 + THIRTY_DAYS,
    }


def test_an_upload_after_a_delete_takes_the_tombstone_away(stack: Stack) -> None:
    stack.run(deleted(FIRST))
    source = stack.upload(GREEN)

    execution = stack.run(created(SECOND))

    assert execution.states == CONVERTED
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


@pytest.mark.parametrize(
    ("event", "exists_now", "path"),
    [
        (created(SECOND), True, CONVERTED),
        (created(SECOND), False, REMOVED),
        (deleted(SECOND), True, CONVERTED),
        (deleted(SECOND), False, REMOVED),
    ],
    ids=["uploaded, is there", "uploaded, is gone by now", "deleted, is back by now", "deleted, is gone"],
)
def test_the_input_as_it_is_now_decides_and_not_what_the_event_says(
    stack: Stack, event: Event, exists_now: bool, path: tuple[str, ...]
) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    if exists_now:
        stack.upload(GREEN)
    else:
        stack.delete_input()

    execution = stack.run(event)

    assert (execution.status, execution.states) == ("SUCCEEDED", path)
    if exists_now:
        assert stack.output().gray == GREEN.gray
    else:
        assert stack.output_keys() == []


def test_an_input_that_goes_away_before_the_worker_reads_it_takes_its_output_with_it(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))
    stack.upload(GREEN)
    stack.lambdas.before(GRAYSCALE, stack.delete_input, call=2)

    execution = stack.run(created(SECOND))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.output_keys() == []
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(SECOND),
        "applied_source": "absent",
        "newest_sequencer": mark(SECOND),
        "fencing_token": 2,
        "expires_at": stack.clock.epoch_ms // 1000 + THIRTY_DAYS,
    }


def test_an_input_that_changes_before_the_worker_reads_it_is_recorded_as_what_was_read(stack: Stack) -> None:
    sources = [stack.upload(RED)]
    stack.lambdas.before(GRAYSCALE, lambda: sources.append(stack.upload(GREEN)))

    stack.run(created(FIRST))

    assert stack.output().gray == GREEN.gray
    assert stack.output().metadata["source-tag"] == sources[1]
    assert stack.record()["applied_source"] == sources[1]


@pytest.mark.parametrize(
    ("order", "attempts"),
    [((FIRST, SECOND, THIRD), 3), ((THIRD, SECOND, FIRST), 1), ((SECOND, THIRD, FIRST), 2)],
)
def test_events_in_any_order_end_with_the_same_output_and_watermark(
    stack: Stack, order: tuple[str, ...], attempts: int
) -> None:
    source = stack.upload(GREEN)

    for sequencer in order:
        assert stack.run(created(sequencer)).status == "SUCCEEDED"

    assert stack.output().gray == GREEN.gray
    assert stack.record() == {
        "object_id": lock_key(),
        "record_version": 1,
        "applied_sequencer": mark(THIRD),
        "applied_source": source,
        "newest_sequencer": mark(THIRD),
        "fencing_token": attempts,
        "output_etag": stack.output().etag,
    }


@pytest.mark.parametrize("happens", [created, deleted])
@pytest.mark.parametrize("key", ["summer 2026/cat 1.png", "a+b=c&d.png", "写真/猫.png", "100%2F.png", 'it\'s "it".png'])
def test_a_key_is_taken_as_it_is(stack: Stack, key: str, happens: Callable[[str, str], Event]) -> None:
    stack.upload(RED, key)
    stack.run(created(FIRST, key))
    assert stack.output_keys() == [key]
    assert stack.output(key).gray == RED.gray
    if happens is deleted:
        stack.delete_input(key)

    execution = stack.run(happens(SECOND, key))

    assert execution.status == "SUCCEEDED"
    assert execution.output["released"] == {"object": lock_key(key)}
    assert stack.output_keys() == ([] if happens is deleted else [key])
    assert [record["object_id"] for record in stack.records()] == [lock_key(key)]


def test_objects_do_not_wait_for_each_other(stack: Stack) -> None:
    stack.hold()
    stack.upload(RED, "dog.png")

    execution = stack.run(created(FIRST, "dog.png"))

    assert (execution.status, execution.states) == ("SUCCEEDED", CONVERTED)
    assert stack.output_keys() == ["dog.png"]
