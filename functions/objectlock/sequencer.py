from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

_HEX = re.compile(r"[0-9a-f]+")


@total_ordering
@dataclass(frozen=True, slots=True)
class Sequencer:
    """The place of one event among the events of ONE object.

    AWS compares sequencers as strings after padding the shorter with zeros on the right, and only for the
    same bucket and key (S3 User Guide, "Event message structure"). Stripping zeros from the right end gives
    the same order to plain string comparison, in Python as in a DynamoDB condition. Leading zeros stay.

    Attributes:
        object_id: the lock key, `bucket/key`.
        value: lower-case hex with no zeros at the right end; empty for zero.
    """

    object_id: str
    value: str

    @classmethod
    def parse(cls, object_id: str, text: str) -> Sequencer:
        """Raises: ValueError when `text` is not one or more hex digits."""
        lowered = text.lower()
        if not _HEX.fullmatch(lowered):
            msg = f"a sequencer is hex digits, got {text!r}"
            raise ValueError(msg)
        return cls(object_id, lowered.rstrip("0"))

    @classmethod
    def before_all(cls, object_id: str) -> Sequencer:
        """The place of a look that no event of S3 has asked for: older than each of theirs, nobody's successor."""
        return cls(object_id, "0")  # not the empty string, which in the metadata of an output looks like none

    def __lt__(self, other: object) -> bool:
        """Raises: TypeError for a sequencer of another object, which says nothing about this one."""
        if not isinstance(other, Sequencer):
            return NotImplemented
        if other.object_id != self.object_id:
            msg = f"sequencers of {self.object_id!r} and {other.object_id!r} have no order"
            raise TypeError(msg)
        return self.value < other.value
