"""The work done under the lock. It is level-triggered: the input is read as it is now, whatever the event said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from objectlock.attempts import Attempt
from objectlock.errors import InputChanged, OutputChanged, ServiceUnavailable, SourceRejected, WriteInDoubt
from objectlock.events import ObjectEvent
from objectlock.lock import Applied
from objectlock.ports import Label, OutputBucket, OversizedObject, Picture, SourceBucket, SourceObject
from objectlock.protocol import LockProtocol
from objectlock.record import ABSENT


@dataclass(frozen=True, slots=True)
class Worker:
    """Makes an output what it has to be, one attempt at a time, and never over what it has not seen."""

    lock: LockProtocol
    source: SourceBucket
    output: OutputBucket

    @contextmanager
    def attempt(self, event: ObjectEvent, owner: str, milliseconds_left: int) -> Iterator[Attempt]:
        """The right to work, until the block ends or, in `milliseconds_left`, Lambda ends it.

        An attempt that fails says so, as the next one need not wait then; but not while its write may take effect.

        Raises:
            LeaseLost: the lock is not ours, or not any more.
            AttemptInFlight: an earlier attempt may be running.
        """
        attempt = self.lock.begin_work(event, owner, milliseconds_left)
        try:
            yield attempt
        except WriteInDoubt:
            raise
        except OutputChanged:
            with suppress(ServiceUnavailable):  # the error that came first is the one to report
                self.lock.note_output(attempt, self.output.look(event.key))
            raise
        except Exception:
            with suppress(ServiceUnavailable):
                self.lock.end_work(attempt)
            raise

    def convert(self, event: ObjectEvent, attempt: Attempt, to_grayscale: Callable[[bytes], Picture]) -> Applied:
        """Make the output the grayscale counterpart of the input as it is now, or remove it where there is none.

        Raises:
            SourceRejected: the input can never be converted. That is its effect: an older output is removed, and
                the lock is free.
            OutputChanged: nothing was written.
            WriteInDoubt: it may have been, or may yet be.
            LeaseLost: the rejection could not be recorded.
        """
        found = self.source.read(event.bucket, event.key)
        if found is None:
            return self._remove(event, attempt, Applied(ABSENT, None, attempt.token, attempt.newest))
        if self._is_done(event, attempt, found.tag):
            return Applied(found.tag, attempt.output_etag, attempt.token, attempt.newest)
        try:
            gray = to_grayscale(_body(found))
        except SourceRejected as error:
            rejected = Applied(found.tag, None, attempt.token, attempt.newest)
            self.lock.release(attempt.owner, self._remove(event, attempt, rejected))
            msg = f"{event.object_id}: {error}"
            raise SourceRejected(msg) from None
        label = Label(found.tag, attempt.newest.value, attempt.token)
        etag = self.output.write(event.key, gray, label, replaces=attempt.output_etag)
        return Applied(found.tag, etag, attempt.token, attempt.newest)

    def remove(self, event: ObjectEvent, attempt: Attempt) -> Applied:
        """Remove the counterpart of an input that does not exist.

        Raises:
            InputChanged: it does exist.
            OutputChanged: nothing was removed.
            WriteInDoubt: it may have been, or may yet be.
        """
        if self.source.tag(event.bucket, event.key) is not None:
            msg = f"{event.object_id}: the input that was gone is there again"
            raise InputChanged(msg)
        return self._remove(event, attempt, Applied(ABSENT, None, attempt.token, attempt.newest))

    def _is_done(self, event: ObjectEvent, attempt: Attempt, tag: str) -> bool:
        """Whether the output is of this very input, as in a burst, whose first executions see the last photo already.

        The record says so first, and only then is the output asked: it costs nothing where the input is new.

        Raises: OutputChanged when the output says otherwise, before anything is converted for a write in vain.
        """
        etag = attempt.output_etag
        if etag is None or attempt.source != tag:
            return False
        if not self.output.shows(event.key, tag, etag):
            msg = f"{event.object_id}: the output is not the one that the lock record tells of"
            raise OutputChanged(msg)
        return True

    def _remove(self, event: ObjectEvent, attempt: Attempt, applied: Applied) -> Applied:
        """Leave no output, also none that the record does not know of."""
        if attempt.output_etag is not None:
            self.output.delete(event.key, replaces=attempt.output_etag)
        elif self.output.look(event.key) is not None:
            msg = f"{event.object_id}: there is an output that the lock record does not know of"
            raise OutputChanged(msg)
        return applied


def _body(found: SourceObject | OversizedObject) -> bytes:
    """Raises: SourceRejected."""
    if isinstance(found, OversizedObject):
        msg = f"{found.size} bytes, more than {found.limit}"
        raise SourceRejected(msg)
    return found.body
