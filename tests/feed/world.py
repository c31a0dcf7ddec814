"""A table, its stream, the shipped exporter behind Lambda, and the files that come out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import InitVar, dataclass, field
from typing import Any, Final
from unittest import mock

from aws_lambda_powertools import Logger

from changefeed import exporter
from changefeed.change import Ordering
from changefeed.exporter import Exporter
from changefeed.file import CHANGES, UNREADABLE
from lockstep.feed.file import lines
from lockstep.feed.line import Line
from tests.feed.bucket import InMemoryFeedBucket, Trouble
from tests.feed.mapping import EventSourceMapping, FunctionFailed, Lane, MappingSettings, Mishap
from tests.feed.stream import Record, Stream
from tests.memory import HandClock

HOUR: Final = 3600
_SWEEPS: Final = 1_000  # a lane that has not come to its end after so many is held up for good


@dataclass
class FeedWorld:
    """What is between a table and its feed.

    Attributes:
        deadly: eventIDs of the records that kill the function, whenever it gets one.
        put_at: epoch ms of each file.
    """

    ordering: Ordering
    settings: InitVar[MappingSettings]
    stream: Stream = field(default_factory=Stream)
    clock: HandClock = field(default_factory=HandClock)
    bucket: InMemoryFeedBucket = field(default_factory=InMemoryFeedBucket)
    deadly: set[str] = field(default_factory=set)
    put_at: dict[str, int] = field(default_factory=dict)
    mapping: EventSourceMapping = field(init=False)

    def __post_init__(self, settings: MappingSettings) -> None:
        self.mapping = EventSourceMapping(self.stream, settings, self._invoke, self.clock)

    @property
    def files(self) -> dict[str, bytes]:
        """The files of changes, by name."""
        return self.bucket.named(CHANGES)

    @property
    def set_aside(self) -> list[Record]:
        """The records that could not be read."""
        return [json.loads(body)["record"] for body in self.bucket.named(UNREADABLE).values()]

    @property
    def lines(self) -> list[Line]:
        """All of the feed, in the order of the names."""
        return [line for name, body in self.files.items() for _, line in lines(name, body)]

    def deliver(
        self,
        lane: Lane,
        *,
        size: int = 10_000,
        mishap: Mishap = Mishap.NONE,
        trouble: Mapping[int, Trouble] | None = None,
    ) -> None:
        """One invocation, or a batch that is given up."""
        self.bucket.begin(dict(trouble or {}))
        self.mapping.deliver(lane, size=size, mishap=mishap)
        for name in self.bucket.objects:
            self.put_at.setdefault(name, self.clock())

    def settle(self) -> None:
        """All goes well from here on: deliver what is left. Time passes where a record has to be given up.

        Raises: AssertionError where it does not come to an end.
        """
        self.bucket.is_out = False
        for _ in range(_SWEEPS):
            before = self.mapping.backlog
            for lane in self.mapping.ready():
                self.deliver(lane)
            if not self.mapping.ready():
                return
            if self.mapping.backlog == before:
                self.clock.advance(seconds=HOUR / 2)
        msg = f"held up for good: {', '.join(map(str, self.mapping.ready()))}"
        raise AssertionError(msg)

    def _invoke(self, event: dict[str, Any]) -> Any:
        """What Lambda is answered; event and answer pass through JSON."""
        if any(record["eventID"] in self.deadly for record in event["Records"]):
            raise FunctionFailed
        answer = Exporter(self.ordering, self.bucket, _SILENT).export(json.loads(json.dumps(event)))
        return json.loads(json.dumps(answer))


@contextmanager
def running() -> Iterator[None]:
    """The exporter counts nothing."""
    with mock.patch.object(exporter, "single_metric", return_value=nullcontext()):
        yield


_SILENT: Final = Logger(service="model", level="CRITICAL")
