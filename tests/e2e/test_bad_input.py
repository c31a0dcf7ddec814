"""A failure is loud: one clear error, a FAILED execution, a free lock, nothing lost."""

from __future__ import annotations

import json
import struct
import zlib
from uuid import uuid4

import pytest

from lockstep.executions import Execution, Follower, Outcome
from tests.e2e.conftest import World, sample, the_one_that_ends


def test_a_file_that_is_no_image_is_rejected_and_an_older_output_removed(world: World) -> None:
    key = "bad/no-image.jpg"
    world.put(key, sample("rocket.jpg"))

    execution = world.put(key, b"Dear diary, today I became a JPEG.")

    assert execution.outcome is Outcome.REJECTED
    assert execution.states[-3:] == ("ConvertToGrayscale", "ReleaseLockAfterFailure", "Failed")
    assert execution.explanation.startswith(f"SourceRejected: {world.object_id(key)}: not an image")
    assert "Traceback" not in execution.explanation
    assert "stackTrace" not in execution.explanation
    assert world.output(key) is None
    assert world.is_free(key)


def test_an_image_that_claims_too_many_pixels_is_rejected_by_its_header(world: World) -> None:
    """Of a few bytes that would take gigabytes to decode; the limit is the template's parameter."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )

    execution = world.put("bad/bomb.png", b"\x89PNG\r\n\x1a\n" + body)

    assert execution.outcome is Outcome.REJECTED
    assert execution.explanation.endswith("20000x20000 is 400000000 pixels, more than 100000000")
    assert world.is_free("bad/bomb.png")


def test_after_a_rejected_file_the_next_upload_is_converted(world: World) -> None:
    key = "bad/mended.jpg"
    world.put(key, b"not yet an image")

    assert world.put(key, sample("rocket.jpg")).outcome is Outcome.CONVERTED
    assert world.output(key) is not None


def test_a_folder_of_the_console_is_skipped(world: World) -> None:
    execution = world.put("bad/folder/", b"")

    assert execution.outcome is Outcome.FOLDER
    assert execution.states == ("AcquireLock", "RouteWork", "Skipped")
    assert world.record("bad/folder/") is None


@pytest.mark.parametrize(
    ("field", "event"),
    [
        ("detail-type", {"detail-type": "Object Tags Added"}),
        ("detail.bucket.name", {"detail": {"object": {"key": "k", "sequencer": "0a"}}}),
        ("detail.object.key", {"detail": {"bucket": {"name": "b"}, "object": {"sequencer": "0a"}}}),
        ("detail.object.sequencer", {"detail": {"bucket": {"name": "b"}, "object": {"key": "k"}}}),
        (
            "detail.object.sequencer",
            {"detail": {"bucket": {"name": "b"}, "object": {"key": "k", "sequencer": "not hex"}}},
        ),
    ],
)
def test_an_event_we_cannot_read_fails_with_the_name_of_the_field(
    world: World, field: str, event: dict[str, object]
) -> None:
    execution = start(world, {"detail-type": "Object Created", **event})

    assert execution.outcome is Outcome.FAILED
    assert execution.states == ("AcquireLock", "ReleaseLockAfterFailure", "Failed")
    assert execution.explanation.startswith(f"InvalidEvent: {field}: ")
    assert "b/k" not in [each["object_id"]["S"] for each in all_records(world)]


def start(world: World, event: dict[str, object]) -> Execution:
    """Start an execution by hand, and return it, ended."""
    follower = Follower(world.stack)
    world.stack.stepfunctions.start_execution(
        stateMachineArn=world.stack.state_machine_arn, name=uuid4().hex, input=json.dumps(event)
    )
    return the_one_that_ends(follower)


def all_records(world: World) -> list[dict[str, dict[str, str]]]:
    pages = world.stack.dynamodb.get_paginator("scan").paginate(TableName=world.stack.lock_table)
    return [item for page in pages for item in page["Items"]]  # type: ignore[misc]  # strings and numbers only
