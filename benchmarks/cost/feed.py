"""What the change feed costs: one file, and one invocation, for each batch of changes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any, Final
from unittest import mock

from benchmarks.cost.assumptions import DEFAULTS, Assumptions
from benchmarks.cost.bills import Bill, bill
from benchmarks.cost.prices import MILLION
from benchmarks.cost.usage import Usage
from benchmarks.cost.watching import watched
from export_changes import app
from tests.simulation.lambdas import Context

FUNCTION: Final = "ExportChangesFunction"
PAYLOAD_BYTES: Final = 6 * MILLION  # a batch is full then (Lambda Developer Guide, "Using AWS Lambda with DynamoDB")
POLL_SECONDS: Final = 0.25  # Lambda looks so often at a shard, by the same page; without a window this is one
CHANGE_MS: Final = 0.1  # to read and write one: 0.03 measured here, and a function of 512 MB has a third of a processor
SHARDS: Final = 4  # at least, and one for 1,000 writes a second: a guess, as many as a new table has partitions
SHARD_WRITES: Final = 1_000
WRITES: Final = 3  # of a lock record, for a change
DEFAULT_WINDOW: Final = 60
RATES: Final = ((0.01, DEFAULT_WINDOW), (1, DEFAULT_WINDOW), (1, 0), (100, DEFAULT_WINDOW), (10_000, DEFAULT_WINDOW))
MONTH_SECONDS: Final = 30 * 24 * 3600
_SEEN_MS: Final = 1795374780123


@dataclass
class _Bucket:
    """Counts what is put."""

    puts: int = 0

    def put(self, _name: str, _body: bytes) -> None:
        self.puts += 1


def changes_in_a_file(rate: float, window: float = DEFAULT_WINDOW, parallelization: int = 1) -> int:
    """How many come together in one.

    Args:
        rate: changes a second, on different objects.
        window: FeedWindowSeconds.
        parallelization: FeedParallelization.
    """
    shards = max(SHARDS, ceil(WRITES * rate / SHARD_WRITES))
    gathered = rate * max(window, POLL_SECONDS) / (shards * parallelization)
    return max(1, min(int(gathered), PAYLOAD_BYTES // record_bytes()))


def million_changes(changes: int, assumptions: Assumptions = DEFAULTS) -> Bill:
    """What a million cost, with so many in a file."""
    return bill(_exported(changes, assumptions), assumptions).times(MILLION / changes)


@cache
def record_bytes() -> int:
    """Of a record, as Lambda hands it over."""
    return len(json.dumps(sample_record(1), separators=(",", ":")).encode()) + len(",")


@cache
def _exported(changes: int, assumptions: Assumptions) -> Usage:
    """One batch of so many, through the shipped handler."""
    usage, bucket = Usage(executions=1), _Bucket()  # no execution, but a trace of its own, as one
    with watched(usage), mock.patch.object(app, "feed_bucket", return_value=bucket):
        app.handler({"Records": [sample_record(number) for number in range(changes)]}, _context())
    usage.invocations = Counter({FUNCTION: 1})
    usage.calls = Counter({"PUT": bucket.puts})
    spent = assumptions.handler_ms + CHANGE_MS * changes + assumptions.put_ms * bucket.puts
    usage.milliseconds = Counter({FUNCTION: ceil(round(spent, 3))})
    return usage


def _context() -> Any:  # noqa: ANN401  # as much of Lambda's as the handler asks for
    return Context(60_000)


def sample_record(number: int) -> dict[str, Any]:
    """Of a photo, with keys, tags and names as long as they usually are."""
    object_id = {"S": f"lockstep-input/photos/2026/11/holiday-{number:06d}.jpg"}
    name = f"{number:08x}-0000-4000-8000-000000000000"
    etag = {"S": "0123456789abcdef0123456789abcdef"}
    image = {
        "object_id": object_id,
        "record_version": {"N": "1"},
        "record_since": {"N": str(_SEEN_MS)},
        "applied_sequencer": {"S": "0055aed6dcd90281e5"},
        "applied_source": {"S": f"{etag['S']}@3sL4kqtJlcpXroDTDmJrmSpXd3dIbrHY"},
        "applied_at": {"N": str(_SEEN_MS)},
        "applied_by": {"S": f"arn:aws:states:us-east-1:123456789012:execution:lockstep:{name}_{name}"},
        "newest_sequencer": {"S": "0055aed6dcd90281e5"},
        "fencing_token": {"N": "7"},
        "output_etag": etag,
    }
    return {
        "eventID": f"{number:032x}",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": _SEEN_MS // 1000,
            "Keys": {"object_id": object_id},
            "NewImage": image,
            "SequenceNumber": str(10**24 + number),
            "SizeBytes": 600,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/lockstep-LockTable-ABCDEFGHIJKL/stream/"
        "2026-11-22T19:26:16.525",
    }
