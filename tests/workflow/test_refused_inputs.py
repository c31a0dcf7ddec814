"""What is no S3 object event is refused by name, and leaves no trace in the lock table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflow.stack import ACQUIRE, FIRST, GAVE_UP, INPUT, RED, RELEASE, Stack, created

MISSING = object()


def with_field(path: str, value: object) -> dict[str, Any]:
    """A good event with one field changed or left out."""
    event = created(FIRST)
    *parents, name = path.split(".")
    holder: dict[str, Any] = event
    for each in parents:
        holder = holder[each]
    if value is MISSING:
        del holder[name]
    else:
        holder[name] = value
    return event


@pytest.mark.parametrize(
    ("path", "value", "cause"),
    [
        ("detail.object.sequencer", MISSING, "detail.object.sequencer: expected a non-empty string, got None"),
        ("detail.object.sequencer", "", "detail.object.sequencer: expected a non-empty string, got ''"),
        ("detail.object.sequencer", "0055XY", "detail.object.sequencer: a sequencer is hex digits, got '0055XY'"),
        ("detail.object.sequencer", 55, "detail.object.sequencer: expected a non-empty string, got 55"),
        ("detail.object.key", MISSING, "detail.object.key: expected a non-empty string, got None"),
        ("detail.object", MISSING, "detail.object.key: expected a non-empty string, got None"),
        ("detail.object.size", "75", "detail.object.size: expected a number of bytes, got '75'"),
        ("detail.bucket", MISSING, "detail.bucket.name: expected a non-empty string, got None"),
        ("detail.bucket", INPUT, "detail.bucket.name: expected a non-empty string, got None"),
        ("detail", MISSING, "detail.bucket.name: expected a non-empty string, got None"),
        ("detail-type", MISSING, "detail-type: expected a non-empty string, got None"),
        (
            "detail-type",
            "Object Tags Added",
            "detail-type: expected 'Object Created' or 'Object Deleted' or 'Object Reconcile', got 'Object Tags Added'",
        ),
    ],
)
def test_an_event_that_is_none_fails_at_once_and_names_the_field(
    stack: Stack, path: str, value: object, cause: str
) -> None:
    stack.upload(RED)

    execution = stack.run(with_field(path, value))

    assert (execution.status, execution.error, execution.cause) == ("FAILED", "InvalidEvent", cause)
    assert execution.states == ("AcquireLock", *GAVE_UP)
    assert stack.lambdas.counts == {ACQUIRE: 1, RELEASE: 1}
    assert stack.records() == []
    assert stack.output_keys() == []


def test_an_execution_started_by_hand_without_any_event_is_refused_too(stack: Stack) -> None:
    execution = stack.run({})

    assert (execution.status, execution.error) == ("FAILED", "InvalidEvent")
    assert execution.states == ("AcquireLock", *GAVE_UP)
    assert stack.records() == []
