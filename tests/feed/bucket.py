"""The feed's bucket in memory, and what may go wrong with a put."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tests.feed.mapping import FunctionFailed


class BucketError(Exception):
    """What S3 says is not what was hoped for."""


class Trouble(Enum):
    """What may happen to a put. The function is killed by whatever Lambda kills functions by."""

    NONE = "none"
    REFUSED = "refused"
    ANSWER_LOST = "answer lost"  # the object is there, and the function does not know
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"


@dataclass
class InMemoryFeedBucket:
    """A `changefeed.exporter.FeedBucket`.

    Attributes:
        is_out: no put succeeds.
        trouble: what happens to a put, by how many there are before it in the same invocation.
        clashes: names that were put again with another content, which would have been lost without a word.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    is_out: bool = False
    trouble: dict[int, Trouble] = field(default_factory=dict)
    clashes: list[str] = field(default_factory=list)
    _puts: int = 0

    def begin(self, trouble: dict[int, Trouble]) -> None:
        """An invocation begins."""
        self._puts, self.trouble = 0, trouble

    def put(self, name: str, body: bytes) -> None:
        trouble = self.trouble.get(self._puts, Trouble.NONE)
        self._puts += 1
        if self.is_out or trouble is Trouble.REFUSED:
            raise BucketError("503 Slow Down")
        if trouble is Trouble.KILLED_BEFORE:
            raise FunctionFailed
        if self.objects.setdefault(name, body) != body:
            self.clashes.append(name)
        if trouble is Trouble.ANSWER_LOST:
            raise BucketError("connection reset")
        if trouble is Trouble.KILLED_AFTER:
            raise FunctionFailed

    def named(self, prefix: str) -> dict[str, bytes]:
        """The objects whose names begin so, by name."""
        return {name: self.objects[name] for name in sorted(self.objects) if name.startswith(prefix)}
