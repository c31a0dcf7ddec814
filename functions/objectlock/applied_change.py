"""What was applied to an object, read off its lock record, for the change feed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from objectlock.record import (
    ABSENT,
    APPLIED_AT,
    APPLIED_BY,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    FENCING_TOKEN,
    OBJECT_ID,
    OUTPUT_ETAG,
    OWNER,
    RECORD_SINCE,
)


def applied_change(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The change that the latest release has recorded; None while the lock is held.

    Then it was told before: a version of Lockstep from before the feed has taken the lock, and left the record so.

    Raises: KeyError where the item has no such change; ValueError where what orders it is no number.
    """
    if OWNER in item:
        return None
    for name in (RECORD_SINCE, FENCING_TOKEN):  # a text in one change would stop every reader that has a number
        if not isinstance(item[name], int):
            msg = f"{name} is {item[name]!r}, which is no whole number"
            raise ValueError(msg)  # noqa: TRY004  # it is a value of the table's that is wrong
    bucket, _, key = item[OBJECT_ID].partition("/")
    source_etag, _, version_id = item[APPLIED_SOURCE].partition("@")
    output_etag = item.get(OUTPUT_ETAG)
    return {
        "operation": "PUT" if output_etag else "DELETE",
        "bucket": bucket,
        "object": key,
        "sequencer": item[APPLIED_SEQUENCER],
        "fencing_token": item[FENCING_TOKEN],
        "source_etag": None if source_etag == ABSENT else source_etag,
        "source_version_id": version_id or None,
        "output_etag": output_etag,
        "time": _rfc3339(item[APPLIED_AT]),
        "execution": item[APPLIED_BY],
    }


def _rfc3339(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
