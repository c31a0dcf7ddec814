"""Lambda's event source mapping for a DynamoDB stream: what AWS promises of it, and no better.

By the Lambda Developer Guide, the pages on DynamoDB: records are polled from each shard side by side, and a parent is
through before its children begin. With a parallelization factor a shard has as many lanes, and the order is still kept
for each item, partition and sort key ("Polling and batching streams"). A batch is delivered at least once: one whose
answer is lost comes again. Where partial failures are reported, the lowest sequence number among them is the
checkpoint, and what is before it does not come again ("Configuring partial batch response"). Where the function fails
otherwise, the batch is split in two, or comes again whole, and its lane waits. What is older than the maximum age, or
was tried too often, goes to the on-failure destination, whole, and the lane goes on ("Retaining discarded records").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import takewhile
from typing import Any, Final

from tests.feed.event_filter import matches
from tests.feed.stream import Record, Shard, Stream, item_key, sequence_number

FOREVER: Final = -1  # Lambda's word for no limit
RETENTION_SECONDS: Final = 24 * 3600  # of a record in a stream

Function = Callable[[dict[str, Any]], Any]  # raises where it fails


class FunctionFailed(BaseException):
    """Lambda has ended the function, which cannot do anything about it: no memory, no time, no machine."""


class Mishap(Enum):
    """What may happen to an invocation, besides what the function itself does."""

    NONE = "none"
    THROTTLED = "throttled"  # the function was not called
    ANSWER_LOST = "answer lost"  # it has done its work; Lambda does not know, and delivers the same once more
    FAILED_AFTERWARDS = "failed afterwards"  # it has done its work, and fails


@dataclass(frozen=True, kw_only=True)
class MappingSettings:
    """The properties of an AWS::Lambda::EventSourceMapping. The defaults here are Lambda's."""

    batch_size: int = 100
    filters: tuple[Mapping[str, Any], ...] = ()
    parallelization: int = 1
    bisect: bool = False
    reports_failures: bool = False
    maximum_retries: int = FOREVER
    maximum_age_seconds: int = FOREVER

    @property
    def age_limit(self) -> int:
        return RETENTION_SECONDS if self.maximum_age_seconds == FOREVER else self.maximum_age_seconds

    def lets_through(self, record: Record) -> bool:
        return not self.filters or any(matches(each, record) for each in self.filters)


@dataclass
class Batch:
    """Records of one lane that are delivered together.

    Attributes:
        retries: how often it has been tried again. To split it is none ("does not consume the retry quota").
    """

    records: list[Record]
    retries: int = 0


@dataclass(eq=False)
class Lane:
    """One of those who read a shard. Each of its batches waits until the one before is done with.

    Attributes:
        again: what comes again, the earliest first; nothing new is delivered before it is done with.
    """

    shard: Shard
    number: int
    settings: MappingSettings
    again: list[Batch] = field(default_factory=list)
    _new: list[Record] = field(default_factory=list)
    _polled: int = 0

    def __str__(self) -> str:
        return f"{self.shard} lane {self.number}"

    @property
    def new(self) -> list[Record]:
        """The records that it has not delivered yet, without those that the filter leaves out."""
        polled = self.shard.records[self._polled :]
        self._polled += len(polled)
        self._new += [record for record in polled if self._is_ours(record) and self.settings.lets_through(record)]
        return self._new

    @property
    def left(self) -> list[Record]:
        """All that it has before it."""
        return [*(record for batch in self.again for record in batch.records), *self.new]

    @property
    def is_done(self) -> bool:
        return not self.again and not self.new

    def next_batch(self, size: int, is_old: Callable[[Record], bool]) -> Batch:
        """What comes again, or up to `size` new records; those that are too old already are a batch by themselves."""
        if self.again:
            return self.again.pop(0)
        first_is_old = is_old(self.new[0])
        alike = [*takewhile(lambda record: is_old(record) is first_is_old, self.new)]
        batch = Batch(alike[: min(size, self.settings.batch_size)])
        del self.new[: len(batch.records)]
        return batch

    def _is_ours(self, record: Record) -> bool:
        digest = hashlib.sha256(f"{self.shard} {item_key(record)}".encode()).digest()
        return digest[0] % self.settings.parallelization == self.number


class EventSourceMapping:
    """Delivers a stream to a function.

    Attributes:
        on_failure: the batches that were given up.
    """

    def __init__(
        self, stream: Stream, settings: MappingSettings, function: Function, now_ms: Callable[[], int]
    ) -> None:
        self.settings = settings
        self.on_failure: list[list[Record]] = []
        self._stream = stream
        self._function = function
        self._now_ms = now_ms
        self._lanes: dict[Shard, list[Lane]] = {}

    def ready(self) -> list[Lane]:
        """The lanes that have something to deliver, and may."""
        return [
            lane
            for shard in self._stream.shards
            if shard.parent is None or self._is_through(shard.parent)
            for lane in self._lanes_of(shard)
            if not lane.is_done
        ]

    @property
    def backlog(self) -> tuple[int, int]:
        """What its lanes have before them: new records and records that come again, and in how many batches."""
        lanes = self._all_lanes
        return sum(len(lane.left) for lane in lanes), sum(len(lane.again) for lane in lanes)

    def deliver(self, lane: Lane, *, size: int = 10_000, mishap: Mishap = Mishap.NONE) -> None:
        """Call the function once, with the next batch of a lane that is ready; or give that batch up."""
        batch = lane.next_batch(size, self._is_old)
        if any(map(self._is_old, batch.records)) or self._was_tried_enough(batch):
            self.on_failure.append(batch.records)
            return
        lane.again = [*self._invoke(batch, mishap), *lane.again]

    def make_anew(self, *, parallelization: int) -> None:
        """Delete it, and make another one from TRIM_HORIZON on: all that the stream still has comes again.

        What was not delivered yet is not older than that: Lambda tries, or gives up, all the time.
        """
        waiting = {id(record) for lane in self._all_lanes for record in lane.left}
        self.settings = replace(self.settings, parallelization=parallelization)
        self._lanes = {}
        for lane in self._all_lanes:
            lane.new[:] = [record for record in lane.new if id(record) in waiting or not self._is_trimmed(record)]

    def _invoke(self, batch: Batch, mishap: Mishap) -> list[Batch]:
        """What of the batch has to come again."""
        if mishap is Mishap.THROTTLED:
            return [batch]  # throttles are not counted: "until the records expire or exceed the maximum age"
        try:
            answer = self._function({"Records": batch.records})
        except (Exception, FunctionFailed):  # noqa: BLE001  # Lambda does not care what it is
            return self._failed(batch)
        match mishap:
            case Mishap.ANSWER_LOST:
                return [Batch(batch.records, batch.retries + 1)]
            case Mishap.FAILED_AFTERWARDS:
                return self._failed(batch)
            case _:
                return self._after(batch, answer)

    def _failed(self, batch: Batch) -> list[Batch]:
        middle = len(batch.records) // 2
        if not (self.settings.bisect and middle):
            return [Batch(batch.records, batch.retries + 1)]
        return [Batch(batch.records[:middle], batch.retries), Batch(batch.records[middle:], batch.retries)]

    def _after(self, batch: Batch, answer: Any) -> list[Batch]:
        """Past the checkpoint. An answer that Lambda cannot make sense of is a failure of the whole batch."""
        if not self.settings.reports_failures or not answer:
            return []
        numbers = [sequence_number(record) for record in batch.records]
        reported = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        if not set(reported) <= set(numbers):
            return self._failed(batch)
        if not reported:
            return []
        checkpoint = numbers.index(min(reported, key=int))
        return [Batch(batch.records[checkpoint:], batch.retries + 1)]

    def _is_old(self, record: Record) -> bool:
        return self._age(record) > self.settings.age_limit

    def _is_trimmed(self, record: Record) -> bool:
        return self._age(record) > RETENTION_SECONDS

    def _age(self, record: Record) -> int:
        return self._now_ms() // 1000 - int(record["dynamodb"]["ApproximateCreationDateTime"])

    def _was_tried_enough(self, batch: Batch) -> bool:
        return self.settings.maximum_retries != FOREVER and batch.retries > self.settings.maximum_retries

    def _is_through(self, shard: Shard) -> bool:
        ancestors_are = shard.parent is None or self._is_through(shard.parent)
        return ancestors_are and all(each.is_done for each in self._lanes_of(shard))

    @property
    def _all_lanes(self) -> list[Lane]:
        return [lane for shard in self._stream.shards for lane in self._lanes_of(shard)]

    def _lanes_of(self, shard: Shard) -> list[Lane]:
        if shard not in self._lanes:
            lanes = range(self.settings.parallelization)
            self._lanes[shard] = [Lane(shard, number, self.settings) for number in lanes]
        return self._lanes[shard]


def given_up(mapping: EventSourceMapping) -> Sequence[Record]:
    """The records in the on-failure destination."""
    return [record for batch in mapping.on_failure for record in batch]
