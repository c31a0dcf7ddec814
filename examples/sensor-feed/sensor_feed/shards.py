"""What the emulator has not got: a stream of several shards that are read side by side, one faster than the other.

DynamoDB promises order for the changes of one item. Here an item is a reading, so a device's readings are many
items, and which shard an item goes to is DynamoDB's own matter: here it is a checksum of the item's whole key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

from aws_lambda_powertools import Logger

from changefeed.change import Ordering
from changefeed.exporter import Exporter

# As in template.yaml.
ORDERING: Final = Ordering(key="device_id", watermark=("reading_time",))

Record = Mapping[str, Any]


@dataclass
class FeedInMemory:
    """A feed's bucket, for who writes and for who reads.

    Attributes:
        files: contents by name.
    """

    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, name: str, body: bytes) -> None:
        self.files.setdefault(name, body)

    def names(self, start_after: str) -> Iterator[str]:
        return iter(sorted(name for name in self.files if name > start_after))

    def body(self, name: str) -> bytes:
        return self.files[name]


def records(streams: Any, stream_arn: str) -> list[Record]:  # noqa: ANN401  # boto3's client of DynamoDB Streams
    """All that the emulator has in a stream, in the form in which Lambda gets it."""
    found: list[Record] = []
    (shard,) = streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while (page := streams.get_records(ShardIterator=iterator))["Records"]:
        found += map(_as_lambda_gets_it, page["Records"])
        iterator = page["NextShardIterator"]
    return found


def through_shards(records: Iterable[Record], batch_sizes: Sequence[int]) -> FeedInMemory:
    """What the exporter makes of the records where they come through several shards.

    Args:
        records: in the order of the changes.
        batch_sizes: one for each shard; a shard that is behind hands over more at a time.
    """
    shards: list[list[Record]] = [[] for _ in batch_sizes]
    for record in records:
        shards[_place(record) % len(shards)].append(record)
    feed = FeedInMemory()
    exporter = Exporter(ORDERING, feed, Logger(service="sensor-feed", level="ERROR"))
    for shard, size in zip(shards, batch_sizes, strict=True):
        for first in range(0, len(shard), size):
            exporter.export({"Records": shard[first : first + size]})
    return feed


def _place(record: Record) -> int:
    keys = record["dynamodb"]["Keys"]
    return crc32(f"{keys['device_id']['S']} {keys['reading_time']['S']}".encode())


def _as_lambda_gets_it(record: Record) -> Record:
    """boto3 has made the time a datetime."""
    change = record["dynamodb"]
    created = change["ApproximateCreationDateTime"].timestamp()
    return {**record, "dynamodb": {**change, "ApproximateCreationDateTime": created}}
