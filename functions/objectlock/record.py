"""The lock record, and the one way to change it. It is one item per object, as a table's stream is in order per item.

Times are epoch milliseconds unless the name says seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from objectlock.conditions import Condition, Item, Value

OBJECT_ID: Final = "object_id"  # partition key: `bucket/key`
RECORD_VERSION: Final = "record_version"  # of the form that this page describes; absent in records from before it
RECORD_SINCE: Final = "record_since"  # when the record was made; absent in records from before there was a change feed
APPLIED_SEQUENCER: Final = "applied_sequencer"  # watermark: the newest event whose effect is in the output bucket
APPLIED_SOURCE: Final = "applied_source"  # what the input was when it was applied: a source tag or "absent"
APPLIED_AT: Final = "applied_at"  # when it was; only until the next grant, so that the change feed has it once
APPLIED_BY: Final = "applied_by"  # ARN of the execution that applied it; as long
NEWEST_SEQUENCER: Final = "newest_sequencer"  # the newest event that any execution has shown up with
OWNER: Final = "owner"  # ARN of the execution that holds the lock; absent when free
LEASE_EXPIRES_AT: Final = "lease_expires_at"  # past it the lock is free, whoever the owner
WORKER_UNTIL: Final = "worker_until"  # until then an attempt at work may be running, by anybody's clock
FENCING_TOKEN: Final = "fencing_token"  # grows by one with every attempt, never goes back
OUTPUT_ETAG: Final = "output_etag"  # the output object as last written; absent when there is none
EXPIRES_AT: Final = "expires_at"  # DynamoDB TTL in epoch SECONDS; only on tombstones

VERSION: Final = 1  # the one that this code reads and writes
ABSENT: Final = "absent"
TOMBSTONE_SECONDS: Final = 30 * 24 * 3600  # longer than any redelivery; later the input alone says that it is gone
CLOCK_MARGIN_MS: Final = 5_000  # by how much two clocks may differ


@dataclass(frozen=True, slots=True)
class Transition:
    """One conditional write to the item of `object_id`.

    Attributes:
        add: numbers to add to attributes; one that is absent counts as 0.
        put_once: values for attributes that are absent; what is there stays.
    """

    object_id: str
    condition: Condition
    put: Mapping[str, Value] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    add: Mapping[str, int] = field(default_factory=dict)
    put_once: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the store answered: the item after an accepted write, before a refused one."""

    accepted: bool
    item: Item
