"""What is out of step between the two buckets, and what asks the state machine to put it right."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from objectlock.conditions import Item
from objectlock.events import Change
from objectlock.ports import LabelledOutputs, LockRecords, SourceBucket
from objectlock.record import APPLIED_SOURCE, OUTPUT_ETAG

_SOURCE: Final = "lockstep"  # of our own events, where S3's say "aws.s3"
_LONGEST_RUN: Final = 36  # a name of an execution has 80 characters: this, a hash, and what tells where it comes from


class Kind(Enum):
    """How an object is out of step."""

    MISSING = "missing"  # an input without output
    OUTDATED = "outdated"  # an output of another input than the present one, or of none of ours
    ORPHANED = "orphaned"  # an output without input
    REJECTED = "rejected"  # an input that cannot be converted, so that it rightly has no output


REPAIRED: Final = (Kind.MISSING, Kind.OUTDATED, Kind.ORPHANED)  # unless something else is asked for
TALLIED: Final = (*REPAIRED, Kind.REJECTED)  # the order of the numbers in a tally


@dataclass(frozen=True, slots=True)
class Finding:
    """An object that is out of step."""

    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares one object of the input bucket with its output, as both are now.

    An object that is being worked on may look out of step. To repair it is harmless: the repair waits its turn, and
    then finds nothing to do.
    """

    source: SourceBucket
    outputs: LabelledOutputs
    records: LockRecords
    input_bucket: str

    def compare(self, key: str) -> Finding | None:
        """How the object is out of step; None where it is not. A folder never is: it has no counterpart.

        Raises: ServiceUnavailable.
        """
        if is_folder(key):
            return None
        tag = self.source.tag(self.input_bucket, key)
        made_from = self.outputs.made_from(key)
        kind = _kind(tag, made_from)
        if tag is not None and kind is Kind.MISSING and _is_rejected(self.records.read(self._object_id(key)), tag):
            kind = Kind.REJECTED
        return kind and Finding(kind, key)

    def compare_output(self, key: str) -> Finding | None:
        """The same for an output, if all that matters is whether its input is there. Raises: ServiceUnavailable."""
        if is_folder(key) or self.source.tag(self.input_bucket, key) is not None:
            return None
        return self.compare(key)

    def shows(self, key: str, etag: str) -> bool:
        """Whether the output was made from an input with that ETag, as listings tell it. Raises: ServiceUnavailable."""
        made_from = self.outputs.made_from(key)
        return made_from is not None and _etag(made_from) == etag

    def _object_id(self, key: str) -> str:
        return f"{self.input_bucket}/{key}"


def is_folder(key: str) -> bool:
    """Whether the key is that of a "folder", which is never compared."""
    return key.endswith("/")


def repair_event(bucket: str, finding: Finding) -> dict[str, Any]:
    """What an execution is started with to put the object right: see `objectlock.events.Change.RECONCILE`."""
    return {
        "source": _SOURCE,
        "detail-type": Change.RECONCILE.value,
        "detail": {"bucket": {"name": bucket}, "object": {"key": finding.key}, "reason": finding.kind.value},
    }


def repair_name(run: str, key: str) -> str:
    """What that execution is called: the same for the same key in the same run, so that nothing is started twice."""
    return f"{names_begin(run)}{_hash(key)[:32]}"


def names_begin(run: str) -> str:
    """How the names of all repairs of a run begin."""
    return f"reconcile-{run if len(run) <= _LONGEST_RUN else _hash(run)[:_LONGEST_RUN]}-"


def _kind(tag: str | None, made_from: str | None) -> Kind | None:
    if tag is None:
        return None if made_from is None else Kind.ORPHANED
    if made_from is None:
        return Kind.MISSING
    return None if _etag(made_from) == _etag(tag) else Kind.OUTDATED


def _is_rejected(record: Item, tag: str) -> bool:
    """Whether this very input was looked at, and found to be one that can never be converted."""
    return record.get(APPLIED_SOURCE) == tag and OUTPUT_ETAG not in record


def _etag(tag: str) -> str:
    """Without the version: an older version with the same bytes has the same output."""
    return tag.partition("@")[0]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
