"""Repairs: executions of the ordinary state machine, with an event of our own."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import IO

from lockstep.batch import Fate, Item
from lockstep.errors import UserError
from lockstep.executions import Outcome
from lockstep.stack import Stack
from objectlock.comparison import Finding, Kind, repair_event, repair_name


def new_run() -> str:
    """What a run is called: by the time at which it begins, and never as another one."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def repair(stack: Stack, run: str, finding: Finding) -> Item:
    """The execution that puts it right."""
    event = repair_event(stack.input_bucket, finding)
    return Item(repair_name(run, finding.key), json.dumps(event, ensure_ascii=False))


def is_in_step(fate: Fate) -> bool:
    """Whether input and output match after that. A rejected input rightly has no output."""
    return fate.is_good or (fate.execution is not None and fate.execution.outcome is Outcome.REJECTED)


class Spool:
    """Findings on disk, until somebody has said yes: there may be more of them than fit into memory.

    Attributes:
        size: how many.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.size = 0

    def fill(self, findings: Iterable[Finding]) -> None:
        """Put them in, in their order. Raises: UserError when there is no room for them."""
        for each in findings:
            with _told():
                self._file.write(json.dumps([each.kind.value, each.key]) + "\n")
            self.size += 1
        with _told():
            self._file.flush()

    def __iter__(self) -> Iterator[Finding]:
        self._file.seek(0)
        for line in self._file:
            kind, key = json.loads(line)
            yield Finding(Kind(kind), key)


@contextmanager
def spool() -> Iterator[Spool]:
    """An empty one, in a file that is gone at the end of the block."""
    file = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115  # closed below
    try:
        yield Spool(file)
    finally:
        with suppress(OSError):  # for what had no room, again
            file.close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = tempfile.gettempdir()
        msg = f"{where}: {error.strerror}: findings wait there for your answer; TMPDIR=DIR names another directory"
        raise UserError(msg) from error
