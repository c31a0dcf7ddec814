"""The work done under the lock. It is level-triggered: the input is read as it is now, whatever the event said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from objectlock.errors import SourceRejected
from objectlock.events import ObjectEvent
from objectlock.lock import ABSENT, Applied
from objectlock.ports import OutputBucket, SourceBucket

SOURCE_TAG: Final = "source-tag"
SEQUENCER: Final = "sequencer"


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image and its media type."""

    body: bytes
    content_type: str


def convert(
    event: ObjectEvent,
    source: SourceBucket,
    output: OutputBucket,
    to_grayscale: Callable[[bytes], Picture],
) -> Applied:
    """Make the output the grayscale counterpart of the input as it is now, or remove it where there is none.

    Raises: SourceRejected when the input can never be converted; an output of an older input is removed first.
    """
    found = source.read(event.bucket, event.key)
    if found is None:
        return remove(event, output)
    try:
        gray = to_grayscale(found.body)
    except SourceRejected as error:
        output.delete(event.key)
        msg = f"{event.object_id}: {error}"
        raise SourceRejected(msg) from None
    metadata = {SOURCE_TAG: found.tag, SEQUENCER: event.sequencer.value}
    return Applied(found.tag, output.write(event.key, gray.body, gray.content_type, metadata))


def remove(event: ObjectEvent, output: OutputBucket) -> Applied:
    """Remove the counterpart of an input that does not exist."""
    output.delete(event.key)
    return Applied(ABSENT, output_etag=None)
