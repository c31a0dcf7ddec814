"""What must hold once things are quiet: pure functions on what was found, each problem in words with its object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lockstep.executions import Execution, Outcome
from tests.e2e.chaos.pictures import is_gray_of, is_picture, number_of
from tests.e2e.chaos.plan import Act, Change

ABSENT: Final = "absent"  # as the lock record says it


@dataclass(frozen=True)
class Made:
    """A change as it was made, between two points in time, and the id of its event."""

    change: Change
    began: datetime
    ended: datetime
    event_id: str


@dataclass(frozen=True)
class Stored:
    """An object as it is.

    Attributes:
        tag: ETag and, where there are versions, version id, as the lock record writes them.
    """

    body: bytes
    tag: str


@dataclass(frozen=True)
class Lock:
    """A lock record. Times are epoch ms."""

    owner: str | None
    lease_expires_at: int
    worker_until: int
    applied_source: str | None
    output_etag: str | None


@dataclass(frozen=True)
class Write:
    """Of an output, by the attempt with this fencing token."""

    key: str
    token: int


@dataclass(frozen=True)
class Run:
    """An execution, and the id of the S3 event it was started with."""

    event_id: str
    execution: Execution


@dataclass(frozen=True)
class Found:
    """All there is when it is over.

    Attributes:
        delivered: how often each event was delivered, by its id.
        writes: of outputs, in the order in which they took effect.
    """

    made: Sequence[Made]
    inputs: Mapping[str, Stored]
    outputs: Mapping[str, Stored]
    locks: Mapping[str, Lock]
    delivered: Mapping[str, int]
    writes: Sequence[Write]
    runs: Sequence[Run]
    now_ms: int

    @property
    def keys(self) -> list[str]:
        return sorted({each.change.key for each in self.made} | self.inputs.keys() | self.outputs.keys())


def problems(found: Found) -> list[str]:
    """Whatever does not hold; nothing is well only if this is empty."""
    return [
        *wrong_inputs(found),
        *wrong_outputs(found),
        *late_writes(found),
        *wrong_locks(found),
        *lost_events(found),
        *unexplained_skips(found),
        *wrong_rejections(found),
        *left_undone(found),
    ]


def wrong_inputs(found: Found) -> Iterator[str]:
    """The input bucket is what the changes leave; else the other checks would check something else."""
    last = {each.change.key: each.change for each in found.made}
    uploads = {each.change.number: each.change for each in found.made}
    for key, change in sorted(last.items()):
        wanted = None if change.leaves is None else uploads[change.leaves].body
        is_there = found.inputs.get(key)
        if (is_there and is_there.body) != wanted:
            yield f"{key}: the input is not what change {change.number} leaves, which is change {change.leaves}"


def wrong_outputs(found: Found) -> Iterator[str]:
    """Every output is its input in gray, and there are no others."""
    for key in found.keys:
        source, output = found.inputs.get(key), found.outputs.get(key)
        match source, output:
            case None, Stored():
                yield f"{key}: an output without an input, it shows change {_shown(output)}"
            case Stored(), Stored() if not is_picture(source.body):
                yield f"{key}: an output, although the input is no image; it shows change {_shown(output)}"
            case Stored(), None if is_picture(source.body):
                yield f"{key}: no output, the input is change {number_of(source.body)}"
            case Stored(), Stored() if not is_gray_of(output.body, source.body):
                yield f"{key}: the output shows change {_shown(output)}, the input is change {number_of(source.body)}"


def early_problems(found: Found) -> Iterator[str]:
    """What must hold as soon as all executions have ended, before what failed is started again.

    An output may be wrong then only if an execution of the object's last event has not done its work.
    """
    last = {each.change.key: each.event_id for each in found.made}
    undone = {each.event_id for each in found.runs if is_to_be_started_again(each.execution)}
    for problem in wrong_outputs(found):
        if last.get(problem.partition(":")[0]) not in undone:
            yield f"{problem}; the execution of its last event had ended well"


def late_writes(found: Found) -> Iterator[str]:
    """Each output is written by one attempt after the other: no older one writes once a newer one has."""
    newest: dict[str, int] = {}
    for each in found.writes:
        if each.token <= newest.get(each.key, 0):
            yield f"{each.key}: attempt {each.token} wrote after attempt {newest[each.key]}"
        newest[each.key] = max(each.token, newest.get(each.key, 0))


def wrong_locks(found: Found) -> Iterator[str]:
    """Nobody holds a lock or is at work, and the record says what was found."""
    for key in found.keys:
        lock = found.locks.get(key)
        if lock is None:
            yield f"{key}: no lock record"
            continue
        if lock.owner is not None and lock.lease_expires_at >= found.now_ms:
            yield f"{key}: the lock is held by {lock.owner}"
        if lock.worker_until >= found.now_ms:
            yield f"{key}: an attempt is on record as running"
        source, output = found.inputs.get(key), found.outputs.get(key)
        if lock.applied_source != (source.tag if source else ABSENT):
            yield f"{key}: the record says {lock.applied_source} was applied, the input is {source and source.tag}"
        if lock.output_etag != (output.tag if output else None):
            yield f"{key}: the record says the output is {lock.output_etag}, it is {output and output.tag}"


def lost_events(found: Found) -> Iterator[str]:
    """Each event that was delivered has an execution for each delivery, and each execution has ended."""
    runs = Counter(each.event_id for each in found.runs)
    for event, times in sorted(found.delivered.items()):
        if runs[event] < times:
            yield f"event {event}: delivered {times} times, started {runs[event]} executions"
    for each in found.runs:
        if not each.execution.outcome.is_final:
            yield f"{each.execution.key}: execution {each.execution.name} has not ended"


def unexplained_skips(found: Found) -> Iterator[str]:
    """Whatever was skipped says why."""
    for execution in (each.execution for each in found.runs):
        if execution.outcome in {Outcome.STALE, Outcome.SUPERSEDED} and execution.explanation in {"", "None"}:
            yield f"{execution.key}: execution {execution.name} is {execution.outcome.value}, without a reason"


def wrong_rejections(found: Found) -> Iterator[str]:
    """What was rejected was no image at the time, and what is no image in the end was rejected."""
    rejected = [each.execution for each in found.runs if each.execution.outcome is Outcome.REJECTED]
    for execution in rejected:
        if not any(_may_have_read(execution, *span) for span in _no_images(found, execution.key)):
            yield f"{execution.key}: execution {execution.name} rejected an image: {execution.explanation}"
    told = {each.key for each in rejected}
    for key, source in sorted(found.inputs.items()):
        if not is_picture(source.body) and key not in told:
            yield f"{key}: no image, and no execution has said so"


def left_undone(found: Found) -> Iterator[str]:
    """Whatever failed or was stopped was started again, until it did not fail."""
    failed = [each for each in found.runs if is_to_be_started_again(each.execution)]
    done = Counter(each.event_id for each in found.runs) - Counter(each.event_id for each in failed)
    for each in failed:
        if done[each.event_id] < found.delivered.get(each.event_id, 0):
            execution = each.execution
            yield f"{execution.key}: execution {execution.name} {execution.outcome.value}: {execution.explanation}"


def is_to_be_started_again(execution: Execution) -> bool:
    return execution.outcome in {Outcome.FAILED, Outcome.TIMED_OUT, Outcome.ABORTED}


def _shown(output: Stored) -> str:
    return str(number_of(output.body)) if is_picture(output.body) else "?"


def _no_images(found: Found, key: str) -> Iterator[tuple[datetime, datetime | None]]:
    """When the object may have been no image: from the begin of a change until the end of the next one."""
    uploads = {each.change.number: each.change for each in found.made}
    here = [each for each in found.made if each.change.key == key]
    for each, following in zip(here, [*here[1:], None], strict=True):
        if each.change.leaves is not None and uploads[each.change.leaves].act is Act.NO_IMAGE:
            yield each.began, following.ended if following else None


def _may_have_read(execution: Execution, began: datetime, ended: datetime | None) -> bool:
    """Whether the execution ran at any time in between."""
    is_before = execution.stopped is not None and execution.stopped < began
    return not is_before and (ended is None or execution.started <= ended)
