"""What the domain needs from the outside. Implementations raise `ServiceUnavailable` for what may pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from objectlock.attempts import OutputObject
from objectlock.conditions import Item
from objectlock.record import Outcome, Transition


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An input object, read whole.

    Attributes:
        tag: what identifies this state of the input: ETag and version id.
    """

    tag: str
    body: bytes


@dataclass(frozen=True, slots=True)
class OversizedObject:
    """An input object that is too large to be read.

    Attributes:
        tag: as above.
        size: in bytes.
        limit: in bytes.
    """

    tag: str
    size: int
    limit: int


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image and its media type."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Label:
    """What an output says of itself, in its metadata.

    Attributes:
        source: tag of the input that it was made from.
        sequencer: the newest event that was on record by then.
        token: fencing token of the attempt that made it.
    """

    source: str
    sequencer: str
    token: int


class LockStore(Protocol):
    """The lock table: atomic conditional writes to one item."""

    def apply(self, transition: Transition) -> Outcome:
        """Make the write if its condition holds; either way say what the item is (after) or was (refused)."""
        ...


class LockRecords(Protocol):
    """The lock table, for who only wants to know."""

    def read(self, object_id: str) -> Item:
        """The item as it is now; an empty one where there is none."""
        ...


class SourceBucket(Protocol):
    """The input bucket. Reads are strongly consistent."""

    def tag(self, bucket: str, key: str) -> str | None:
        """The tag of the object as it is now; None where there is none."""
        ...

    def read(self, bucket: str, key: str) -> SourceObject | OversizedObject | None:
        """The object as it is now; None where there is none."""
        ...


class OutputBucket(Protocol):
    """The output bucket. Whoever changes it says what it is to replace, and is refused where that has changed."""

    def look(self, key: str) -> OutputObject | None:
        """The object as it is now; None where there is none."""
        ...

    def shows(self, key: str, source: str, etag: str) -> bool:
        """Whether the object has this ETag, and was made from the input with that tag."""
        ...

    def write(self, key: str, picture: Picture, label: Label, *, replaces: str | None) -> str:
        """Store the object and return its ETag, without quotes.

        `replaces` is the ETag of what has to be there; None where there must be nothing.

        Raises:
            OutputChanged: nothing was written.
            WriteInDoubt: there was no answer.
        """
        ...

    def delete(self, key: str, *, replaces: str) -> None:
        """Remove the object that has this ETag.

        Raises:
            OutputChanged: it has another one, or is not there.
            WriteInDoubt: there was no answer.
        """
        ...


class LabelledOutputs(Protocol):
    """The output bucket, for who only wants to know."""

    def made_from(self, key: str) -> str | None:
        """Tag of the input that the object was made from, empty if it does not say; None where there is no output."""
        ...
