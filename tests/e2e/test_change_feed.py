"""What was applied comes out of the lock table's stream: all of it, nothing else, and in order per object."""

from __future__ import annotations

import io
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from PIL import Image

from lockstep.executions import Outcome
from lockstep.feed.comparing import Comparison, verify
from lockstep.feed.database import sqlite_catalogue
from lockstep.feed.file import lines
from lockstep.feed.line import Line
from lockstep.feed.loading import load
from lockstep.feed.s3 import feed_of
from objectlock.dynamodb import DynamoDBLockStore
from objectlock.events import Change, ObjectEvent
from objectlock.images import Limits, to_grayscale
from objectlock.protocol import LockProtocol, Work
from objectlock.s3 import S3OutputBucket, S3SourceBucket
from objectlock.sequencer import Sequencer
from objectlock.work import Worker
from tests.e2e.conftest import World, sample, wait_until
from tests.e2e.withheld import caught

OBJECTS: Final = 50
CHANGES: Final = 1000  # of all of them
EACH: Final = CHANGES // OBJECTS
LIMITS: Final = Limits(max_bytes=1_000_000, max_pixels=1_000_000, max_frames=1)


def test_what_was_done_to_one_object_is_told_in_order(world: World) -> None:
    key = "feed/told ü+1.png"
    executions = [
        world.put(key, sample("astronaut.png")),
        world.put(key, b"no image"),
        world.put(key, sample("astronaut.png")),
        world.delete(key),
    ]
    outcomes = [each.outcome for each in executions]
    assert outcomes == [Outcome.CONVERTED, Outcome.REJECTED, Outcome.CONVERTED, Outcome.DELETED]

    wait_until(lambda: len(told(world, key).get(world.object_id(key), [])) >= 4, f"all of {key} is told")
    changes = [each.change for each in told(world, key)[world.object_id(key)]]

    assert [each["operation"] for each in changes] == ["PUT", "DELETE", "PUT", "DELETE"]
    assert [each["execution"] for each in changes] == [each.arn for each in executions]
    assert [each["fencing_token"] for each in changes] == [1, 2, 3, 4]
    assert [each["source_etag"] is None for each in changes] == [False, False, False, True]
    assert [each["output_etag"] is None for each in changes] == [False, True, False, True]
    assert {(each["bucket"], each["object"]) for each in changes} == {(world.stack.input_bucket, key)}
    for ordered in ("sequencer", "time"):
        assert [each[ordered] for each in changes] == sorted(each[ordered] for each in changes)


def test_a_thousand_changes_of_fifty_objects_come_out_in_order(world: World) -> None:
    """Made by the shipped protocol and worker, not by an execution each; all else is real."""
    changes = Changes(world)
    with caught(world):  # nothing else comes of them
        changes.make()

    wait_until(lambda: set(tokens(world).values()) == {EACH}, "the last change of each object is told")

    found = told(world, changes.prefix)
    assert found.keys() == {world.object_id(key) for key in changes.keys}
    for key, of_one in found.items():
        watermarks = [each.watermark for each in of_one]
        assert watermarks == sorted(watermarks), key
        assert len(set(watermarks)) == EACH, key
    with sqlite_catalogue(None, "any") as catalogue:
        load(feed_of(world.stack), catalogue)
        loaded = {key: etag for key, etag in catalogue.outputs(world.stack.input_bucket) if key in changes.keys}
    assert loaded == changes.outputs()
    assert 0 < len(loaded) < OBJECTS  # some were deleted last


def test_the_feed_agrees_with_the_bucket_until_somebody_else_changes_it(world: World) -> None:
    """Of the objects here, whatever other tests have done to theirs."""
    key = "feed/verified.png"
    world.put(key, sample("astronaut.png"))
    wait_until(lambda: world.object_id(key) in told(world, key), f"{key} is told")
    assert differences(world, wait_seconds=20) == set()
    world.stack.s3.put_object(Bucket=world.stack.output_bucket, Key=key, Body=b"not by Lockstep")
    assert differences(world, wait_seconds=0) == {key}


def tokens(world: World) -> dict[str, int]:
    return {key: of_one[-1].change["fencing_token"] for key, of_one in told(world, Changes.prefix).items()}


def told(world: World, prefix: str) -> dict[str, list[Line]]:
    """What the feed tells, by key, in the order of its names."""
    found = defaultdict(list)
    feed = feed_of(world.stack)
    for name in feed.names(""):
        for _, line in lines(name, feed.body(name)):
            if line.key.startswith(world.object_id(prefix)):
                found[line.key].append(line)
    return dict(found)


def differences(world: World, wait_seconds: float) -> set[str]:
    """Keys that `lockstep feed verify` finds, of those here."""
    feed, deadline = feed_of(world.stack), time.monotonic() + wait_seconds

    def wait() -> bool:
        time.sleep(0.2)
        return time.monotonic() < deadline

    with sqlite_catalogue(None, feed.where) as catalogue:
        load(feed, catalogue)
        comparison = Comparison(world.stack, feed.client, catalogue)
        found = {each.key for each in verify(comparison, partial(load, feed, catalogue), wait)}
    return {key for key in found if key.startswith("feed/")}


@dataclass
class Changes:
    """Uploads, overwrites and deletions: those of one object each applied before the next, beside those of others."""

    prefix = "feed/many/"
    world: World
    keys: list[str] = field(default_factory=lambda: [f"feed/many/{number:02}.png" for number in range(OBJECTS)])

    def __post_init__(self) -> None:
        stack = self.world.stack
        source = S3SourceBucket(stack.s3, LIMITS.max_bytes)
        store = DynamoDBLockStore(stack.dynamodb, stack.lock_table)
        self._lock = LockProtocol(
            store,
            source,
            stack.input_bucket,
            lease_ms=30_000,
            wait_limit_ms=60_000,
            now_ms=lambda: time.time_ns() // 10**6,
        )
        self._worker = Worker(self._lock, source, S3OutputBucket(stack.s3, stack.output_bucket))

    def make(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._change, enumerate(self.keys)))

    def outputs(self) -> dict[str, str]:
        """ETags in the bucket, by key."""
        pages = self.world.stack.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.world.stack.output_bucket, Prefix=self.prefix
        )
        return {each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", [])}

    def _change(self, numbered: tuple[int, str]) -> None:
        number, key = numbered
        stack = self.world.stack
        for turn in range(EACH):
            if (turn + number) % 5 == 4:
                stack.s3.delete_object(Bucket=stack.input_bucket, Key=key)
            else:
                stack.s3.put_object(Bucket=stack.input_bucket, Key=key, Body=picture(number, turn))
            self._apply(key, sequencer=f"{turn + 1:016X}")

    def _apply(self, key: str, sequencer: str) -> None:
        """As the states of an execution do."""
        owner = f"{key} {sequencer}"
        place = Sequencer.parse(self.world.object_id(key), sequencer)
        event = ObjectEvent(Change.CREATED, self.world.stack.input_bucket, key, place, size=None)
        decision = self._lock.acquire(event, owner)
        with self._worker.attempt(event, owner, milliseconds_left=20_000) as attempt:
            if decision.work is Work.DELETE:
                applied = self._worker.remove(event, attempt)
            else:
                applied = self._worker.convert(event, attempt, partial(to_grayscale, limits=LIMITS))
        self._lock.release(owner, applied)


def picture(number: int, turn: int) -> bytes:
    """One of its own for each change."""
    body = io.BytesIO()
    Image.new("RGB", (8, 8), (number, turn, 200)).save(body, "PNG")
    return body.getvalue()
