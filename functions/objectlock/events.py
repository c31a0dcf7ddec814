from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from objectlock.errors import InvalidEvent
from objectlock.sequencer import Sequencer


class Change(Enum):
    """What S3 says happened, or who asks. The values are EventBridge detail-types; every other type is refused."""

    CREATED = "Object Created"
    DELETED = "Object Deleted"
    RECONCILE = "Object Reconcile"  # nothing has; somebody asks to look at the object and to put its output right


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One S3 event as EventBridge delivers it, or our own of the same form: "look at this key again".

    Attributes:
        sequencer: its place among the events of the object; the lowest there is for a reconcile, which has none.
        key: as EventBridge gives it, not URL-encoded.
        size: bytes; None where S3 leaves it out (on deletes it usually does).
    """

    change: Change
    bucket: str
    key: str
    sequencer: Sequencer
    size: int | None

    @property
    def object_id(self) -> str:
        """The lock key."""
        return self.sequencer.object_id

    @property
    def is_of_folder(self) -> bool:
        """Whether the key ends in `/`, as that of a "folder" made in the S3 console. Such keys have no output."""
        return self.key.endswith("/")

    @property
    def is_of_folder_with_content(self) -> bool:
        """Whether something was uploaded under such a key, which no folder has."""
        return self.is_of_folder and self.change is Change.CREATED and bool(self.size)

    @property
    def is_reconcile(self) -> bool:
        """Whether to look whatever the watermark says: something was changed, or lost, that no event tells of."""
        return self.change is Change.RECONCILE

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> ObjectEvent:
        """Read an EventBridge "Object Created" or "Object Deleted" event, or an "Object Reconcile".

        Raises: InvalidEvent, whose message names the field.
        """
        detail_type = _text(raw, "detail-type")
        try:
            change = Change(detail_type)
        except ValueError:
            known = " or ".join(repr(each.value) for each in Change)
            msg = f"detail-type: expected {known}, got {detail_type!r}"
            raise InvalidEvent(msg) from None
        bucket = _text(raw, "detail", "bucket", "name")
        key = _text(raw, "detail", "object", "key")
        order = Sequencer.before_all(f"{bucket}/{key}") if change is Change.RECONCILE else _sequencer(raw, bucket, key)
        size = raw["detail"]["object"].get("size")
        if size is not None and (type(size) is not int or size < 0):
            msg = f"detail.object.size: expected a number of bytes, got {size!r}"
            raise InvalidEvent(msg)
        return cls(change, bucket, key, order, size)


def _sequencer(raw: Mapping[str, Any], bucket: str, key: str) -> Sequencer:
    try:
        return Sequencer.parse(f"{bucket}/{key}", _text(raw, "detail", "object", "sequencer"))
    except ValueError as error:
        msg = f"detail.object.sequencer: {error}"
        raise InvalidEvent(msg) from None


def _text(raw: object, *path: str) -> str:
    """The non-empty string at `path`; InvalidEvent names the path where there is none."""
    found = raw
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not found:
        msg = f"{'.'.join(path)}: expected a non-empty string, got {found!r}"
        raise InvalidEvent(msg)
    return found
