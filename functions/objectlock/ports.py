"""What the domain needs from the outside. Implementations raise `ServiceUnavailable` for what may pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from objectlock.lock import Outcome, Transition


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An input object, read whole.

    Attributes:
        tag: what identifies this state of the input: ETag and version id.
    """

    tag: str
    body: bytes


class LockStore(Protocol):
    """The lock table: atomic conditional writes to one item."""

    def apply(self, transition: Transition) -> Outcome:
        """Make the write if its condition holds; either way say what the item is (after) or was (refused)."""
        ...


class SourceBucket(Protocol):
    """The input bucket. Reads are strongly consistent."""

    def tag(self, bucket: str, key: str) -> str | None:
        """The tag of the object as it is now; None where there is none."""
        ...

    def read(self, bucket: str, key: str) -> SourceObject | None:
        """The object as it is now; None where there is none."""
        ...


class OutputBucket(Protocol):
    """The output bucket."""

    def write(self, key: str, body: bytes, content_type: str, metadata: Mapping[str, str]) -> str:
        """Store the object and return its ETag, without quotes."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; one that does not exist is a success."""
        ...
