"""The output bucket beside what its feed says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from botocore.exceptions import ClientError

from lockstep.ahead import in_order
from lockstep.feed.database import SqliteCatalogue
from lockstep.feed.line import Watermark
from lockstep.objects import listed, side_by_side
from lockstep.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOT_FOUND: Final = "404"


class Kind(Enum):
    """How bucket and feed differ."""

    UNKNOWN = "unknown"
    MISSING = "missing"
    DIFFERENT = "different"


class Told(NamedTuple):
    """What the feed says last of an object; without ETag that it has no output."""

    watermark: Watermark
    etag: str | None


@dataclass(frozen=True)
class Difference:
    """An object of which the bucket shows something else than the feed tells.

    Attributes:
        output: ETag of the output in the bucket; None where there is none.
        told: by the feed; None where it tells nothing of it.
    """

    key: str
    output: str | None
    told: Told | None

    @property
    def in_feed(self) -> str | None:
        """ETag of the output, as the feed has it."""
        return self.told.etag if self.told else None

    @property
    def is_one(self) -> bool:
        """Whether they differ at all."""
        return self.output != self.in_feed

    @property
    def kind(self) -> Kind:
        if self.in_feed is None:
            return Kind.UNKNOWN
        return Kind.MISSING if self.output is None else Kind.DIFFERENT


@dataclass
class Compared:
    """How far a comparison has come.

    Attributes:
        objects: that are in the bucket, or in the feed, or in both.
        pending: what differs for now, by key.
        moving: keys of which the feed has told something new while it was waited for.
    """

    objects: int = 0
    pending: dict[str, Difference] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)


class Comparison:
    """Compares the output bucket of a stack with a catalogue of its feed.

    The feed is behind the bucket. So a difference is one only if the feed tells nothing new of the object for longer
    than it can be behind. If it does, it has followed the object, and is behind once more at most.

    Args:
        client: of S3, with a connection for each thread.
    """

    def __init__(self, stack: Stack, client: S3Client, catalogue: SqliteCatalogue) -> None:
        self._stack = stack
        self._client = client
        self._catalogue = catalogue
        self.compared = Compared()

    def compare(self) -> None:
        """Look at every object. Raises: ClientError, BotoCoreError."""
        for key, output, etag in side_by_side(self._outputs(), self._catalogue.outputs(self._stack.input_bucket)):
            self.compared.objects += 1
            if output != etag:
                self.compared.pending[key] = Difference(key, output, self._told(key))

    def look_again(self) -> None:
        """Look at what differed, where the feed has told something new of it. Raises: ClientError, BotoCoreError."""
        moved = [key for key, each in self.compared.pending.items() if self._told(key) != each.told]
        self.compared.moving.update(moved)
        self._look_at(moved)

    def differences(self) -> Iterator[Difference]:
        """Look at all that differed, and yield what is a difference. What is moving stays pending, for another wait.

        Raises: ClientError, BotoCoreError.
        """
        self._look_at(list(self.compared.pending))
        for key in sorted(self.compared.pending.keys() - self.compared.moving):
            yield self.compared.pending.pop(key)
        self.compared.moving.clear()

    def _look_at(self, keys: Iterable[str]) -> None:
        for key, output in in_order(self._output, keys):
            found = Difference(key, output, self._told(key))
            if found.is_one:
                self.compared.pending[key] = found
            else:
                del self.compared.pending[key]

    def _outputs(self) -> Iterator[tuple[str, str]]:
        for each in listed(self._client, self._stack.output_bucket):
            yield each["Key"], each["ETag"].strip('"')

    def _output(self, key: str) -> tuple[str, str | None]:
        try:
            found = self._client.head_object(Bucket=self._stack.output_bucket, Key=key)
        except ClientError as error:
            if error.response["Error"].get("Code") != _NOT_FOUND:
                raise
            return key, None
        return key, found["ETag"].strip('"')

    def _told(self, key: str) -> Told | None:
        found = self._catalogue.output(self._stack.input_bucket, key)
        return None if found is None else Told(*found)


def verify(comparison: Comparison, load: Callable[[], object], wait: Callable[[], bool]) -> Iterator[Difference]:
    """Yield what differs after all that was waited for; what is pending then, has moved to the last.

    Args:
        comparison: of a catalogue that was loaded.
        load: load what is new in the feed.
        wait: for a while; returns False when it has been long enough. What moved meanwhile has to be quiet for as long,
            so it is asked anew then, as long as something is moving; returns False at once when there shall be an end.

    Raises: ClientError, BotoCoreError, UserError.
    """
    comparison.compare()
    _wait(comparison, load, wait)
    yield from comparison.differences()
    while _wait(comparison, load, wait):
        yield from comparison.differences()


def _wait(comparison: Comparison, load: Callable[[], object], wait: Callable[[], bool]) -> bool:
    """Follow the feed until it has been long enough, or nothing differs. Returns whether it was waited for at all."""
    has_waited = False
    while comparison.compared.pending and wait():
        load()
        comparison.look_again()  # also where another process has loaded what is new
        has_waited = True
    return has_waited
