"""A DynamoDB table and its stream: what AWS promises of them, and no better.

What is promised ("Change data capture for DynamoDB Streams", in the DynamoDB Developer Guide): each record appears in
the stream exactly once, and the records of one item are in the order in which the item was modified. A write that
changes nothing makes no record. A shard may split under load into several, and whoever reads has to process a parent
before its children. An item is what its whole primary key says, partition key and sort key. Nothing is said of two
items that share a partition key: here each is in the shard that its own hash falls into.

Sequence numbers are of 21 to 40 digits, and the creation time is "approximate", in whole seconds rounded down (API
reference, StreamRecord). Numbers grow within a shard, and from a parent to its children; those of shards that run side
by side say nothing about each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from boto3.dynamodb.types import TypeSerializer

Record = dict[str, Any]  # as Lambda gets it
Item = Mapping[str, Any]  # with plain values
ItemKey = tuple[str | int, ...]  # partition key, and sort key where the table has one

_PLACES: Final = 2**32  # an item has one of these, by its hash
_FIRST_NUMBER: Final = 10**21 - 14  # soon a digit longer: as texts, such numbers have no order
_NUMBERS: Final = 10_000  # a shard in so many has one: the last digits of its numbers say which shard it is
_SERIALIZER: Final = TypeSerializer()
_STREAM: Final = "arn:aws:dynamodb:us-east-1:123456789012:table/modelled/stream/2026-11-22T19:00:00.000"


@dataclass(eq=False)
class Shard:
    """A part of a stream: the records of the items whose places are in a range.

    Attributes:
        slow_seconds: by how much its clock is behind; creation times are approximate.
    """

    number: int
    places: range
    parent: Shard | None = None
    slow_seconds: int = 0
    records: list[Record] = field(default_factory=list)
    is_open: bool = True
    _written: int = 0

    def __str__(self) -> str:
        return f"shard {self.number}"

    @property
    def latest_number(self) -> int:
        """Of its latest record, or of its ancestors' where it has none."""
        if self.records:
            return int(sequence_number(self.records[-1]))
        return self.parent.latest_number if self.parent else _FIRST_NUMBER * _NUMBERS

    def next_number(self) -> int:
        """Higher than all before; how much higher depends on the shard, as side by side they count on their own."""
        return (self.latest_number // _NUMBERS + 1 + 7 * (self.number % 3)) * _NUMBERS + self.number


class Stream:
    """Shards, and the records in them."""

    def __init__(self, *, splits_after: int | None = None) -> None:
        """Begin with one shard; each splits by itself after so many records, or never."""
        self.shards = [Shard(0, range(_PLACES))]
        self._splits_after = splits_after

    @property
    def open_shards(self) -> list[Shard]:
        return [each for each in self.shards if each.is_open]

    @property
    def records(self) -> list[Record]:
        return [record for shard in self.shards for record in shard.records]

    def append(self, key: ItemKey, record: Record, *, now_ms: int) -> Record:
        """Write a record to the one open shard that has the item's place."""
        shard = next(each for each in self.open_shards if place(key) in each.places)
        record["dynamodb"]["SequenceNumber"] = str(shard.next_number())
        record["dynamodb"]["ApproximateCreationDateTime"] = now_ms // 1000 - shard.slow_seconds
        shard.records.append(record)
        if self._splits_after is not None and len(shard.records) >= self._splits_after:
            self.split(shard)
        return record

    def split(self, shard: Shard, *, children: int = 2, slow_seconds: int = 0) -> list[Shard]:
        """Close a shard. Its children take over, one part of its places each: one alone where it has but grown old."""
        shard.is_open = False
        size = -(-len(shard.places) // children)
        made = [
            Shard(len(self.shards) + child, shard.places[child * size : (child + 1) * size], shard, slow_seconds)
            for child in range(children)
        ]
        self.shards += made
        return made


@dataclass
class Table:
    """A table whose every write is in the stream.

    Attributes:
        sort: name of the sort key; None where the partition key alone is the key.
        now_ms: the clock.
        view: StreamViewType.
    """

    stream: Stream
    partition: str
    sort: str | None
    now_ms: Callable[[], int]
    view: str = "NEW_AND_OLD_IMAGES"
    items: dict[ItemKey, dict[str, Any]] = field(default_factory=dict)

    def key_of(self, item: Item) -> ItemKey:
        return tuple(item[name] for name in self._key_names)

    def put(self, item: Item) -> Record | None:
        """Put an item whole, and return the record of it; None where it is as it was."""
        key = self.key_of(item)
        before, after = self.items.get(key), dict(item)
        if before == after:
            return None
        self.items[key] = after
        return self._write(key, before, after)

    def delete(self, key: ItemKey) -> Record | None:
        """Delete an item, as a caller or its time to live does; None where there is none."""
        before = self.items.pop(key, None)
        return None if before is None else self._write(key, before, None)

    @property
    def _key_names(self) -> tuple[str, ...]:
        return (self.partition,) if self.sort is None else (self.partition, self.sort)

    def _write(self, key: ItemKey, before: Item | None, after: Item | None) -> Record:
        happened = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
        images = {"OldImage": before, "NewImage": after}
        seen = {name: typed(each) for name, each in images.items() if each is not None and name in self._images}
        keys = typed(dict(zip(self._key_names, key, strict=True)))
        record: Record = {
            "eventID": hashlib.md5(f"{key} {len(self.stream.records)}".encode(), usedforsecurity=False).hexdigest(),
            "eventName": happened,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {"Keys": keys, **seen, "SizeBytes": 100, "StreamViewType": self.view},
            "eventSourceARN": _STREAM,
        }
        return self.stream.append(key, record, now_ms=self.now_ms())

    @property
    def _images(self) -> set[str]:
        return {name for name in ("OldImage", "NewImage") if name[:3].upper() in self.view}


def typed(item: Item) -> dict[str, Any]:
    """The item in DynamoDB's JSON."""
    return {name: _SERIALIZER.serialize(value) for name, value in item.items()}


def place(key: ItemKey) -> int:
    """Where an item is among all: by its whole key, so that those of one partition key are all over."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:4])


def sequence_number(record: Record) -> str:
    found: str = record["dynamodb"]["SequenceNumber"]
    return found


def item_key(record: Record) -> str:
    """Which item it is of; the same for the same item."""
    return repr(sorted(record["dynamodb"]["Keys"].items()))
