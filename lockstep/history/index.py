"""Which executions there are and what came of them: kept up to date in the background, newest first."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from lockstep.executions import Execution, history, listed, name_of, until_known
from lockstep.history.cache import Cache
from lockstep.history.run import milliseconds, row
from lockstep.problems import Problem, problem_of
from lockstep.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

LIMIT: Final = 10_000
_FIRST_PAGE: Final = 1000
_PAGE: Final = 100


@dataclass(frozen=True)
class Entry:
    """An execution that is listed.

    Attributes:
        stopped: as listed; the history may say so earlier or later.
        execution: None until its history has been read.
        is_due: whether there may be something new to read.
        revision: of the index, when this last changed.
        redrives: how often it was redriven, as listed.
    """

    arn: str
    started: datetime
    stopped: datetime | None
    execution: Execution | None
    revision: int
    is_due: bool = True
    redrives: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the page's list."""
        if self.execution is not None:
            return row(self.execution)
        return {
            "name": name_of(self.arn),
            **dict.fromkeys(("bucket", "key", "change", "explanation", "sequencer"), ""),
            "outcome": None,
            "started": milliseconds(self.started),
            "stopped": None if self.stopped is None else milliseconds(self.stopped),
            "state": None,
        }


@dataclass(frozen=True)
class Progress:
    """How far the index is.

    Attributes:
        known: executions that are listed.
        read: those of them whose history has been read.
        is_cut: whether there are older ones beyond the limit.
        problem: what keeps it from reading, just now.
    """

    known: int = 0
    read: int = 0
    is_cut: bool = False
    problem: Problem | None = None


@dataclass
class Index:
    """The newest executions of a stack. Any thread may ask; one thread calls `poll`, over and over.

    Attributes:
        limit: how many executions to look back for at the start.
        reads: histories read in one poll, at most: AWS allows few a second, and others need them, too.
        first_reads: the same for the first poll; AWS allows some at once.
        cache: what an earlier index has read.
    """

    stack: Stack
    limit: int = LIMIT
    reads: int = 5
    first_reads: int = 100
    cache: Cache | None = None
    progress: Progress = Progress()
    _entries: dict[str, Entry] = field(default_factory=dict)
    _revision: int = 0
    _is_complete: bool = False
    _looks: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def poll(self) -> None:
        """List what is new, and read what is due. What goes wrong is in `progress`, until it goes well again."""
        try:
            reads = self.reads if self._entries else self.first_reads
            self._list()
            self.tell(self.progress.problem)  # how many there are, before their histories are read
            self._read_due(reads)
        except (ClientError, BotoCoreError) as error:
            self.tell(problem_of(error, self.stack))
        else:
            self.tell(None)

    def since(self, revision: int) -> list[Entry]:
        """The executions that have changed after a revision, newest first."""
        with self._lock:
            found = [each for each in self._entries.values() if each.revision > revision]
        return sorted(found, key=lambda each: each.started, reverse=True)

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return self._revision

    def of_object(self, bucket: str, key: str) -> list[Execution]:
        """The executions of one object's events, as far as they have been read, in no order."""
        with self._lock:
            found = [each.execution for each in self._entries.values() if each.execution is not None]
        return [each for each in found if (each.bucket, each.key) == (bucket, key)]

    def has(self, arn: str) -> bool:
        """Whether an execution is listed."""
        with self._lock:
            return arn in self._entries

    def put(self, execution: Execution) -> None:
        """Take note of an execution that has just been read."""
        with self._lock:
            known = self._entries.get(execution.arn)
            if known is not None and known.execution is not None and not _is_news(execution, known, known.execution):
                self._entries[execution.arn] = replace(known, is_due=not known.execution.outcome.is_final)
                return
            entry = Entry(execution.arn, execution.started, execution.stopped, execution, 0)
            self._enter(replace(entry, is_due=not execution.outcome.is_final, redrives=known.redrives if known else 0))
        if self.cache is not None:
            self.cache.put(execution)

    # --- filling it ----------------------------------------------------------------------------------------

    def _list(self) -> None:
        """List all that is new. A listing that an error has cut short is made up for: the next one goes to the end."""
        was_complete, self._is_complete = self._is_complete, False
        if was_complete:
            for _ in until_known(listed(self.stack, _PAGE), self._take, min(_PAGE, self.limit)):
                pass  # it has been taken
        else:
            self._list_all()
        self._is_complete = True

    def _list_all(self) -> None:
        for number, item in enumerate(listed(self.stack, _FIRST_PAGE)):
            if number == self.limit:
                self.progress = replace(self.progress, is_cut=True)
                return
            self._take(item)

    def _take(self, item: ExecutionListItemTypeDef) -> bool:
        """Whether it is new, or runs again after it had ended."""
        arn, stopped, redrives = item["executionArn"], item.get("stopDate"), item.get("redriveCount", 0)
        with self._lock:
            known = self._entries.get(arn)
            if known is None:
                kept = None if self.cache is None or stopped is None or redrives else self.cache.get(arn)
                self._enter(Entry(arn, item["startDate"], stopped, kept, 0, is_due=kept is None, redrives=redrives))
                return True
            if redrives > known.redrives:
                self._enter(replace(known, is_due=True, redrives=redrives))
                return True
            if stopped is not None and known.stopped is None:
                self._enter(replace(known, stopped=stopped))
            return False

    def _read_due(self, reads: int) -> None:
        for arn in self._due(reads):
            self._looks[arn] = self._looks.get(arn, 0) + 1
            try:
                events = history(self.stack, arn)
            except self.stack.stepfunctions.exceptions.ExecutionDoesNotExist:  # listed, but AWS forgets it just now
                with self._lock:
                    self._entries[arn] = replace(self._entries[arn], is_due=False)
                continue
            if events:  # listed, but perhaps not to be read yet
                self.put(Execution.read(arn, events))

    def _due(self, reads: int) -> list[str]:
        """Half of the reads are for what runs, the rest for what is unread; what was looked at least comes first."""
        with self._lock:
            due = [each for each in self._entries.values() if each.is_due]
        due.sort(key=lambda each: (self._looks.get(each.arn, 0), -each.started.timestamp()))
        running = [each for each in due if each.execution]
        unread = [each for each in due if not each.execution]
        share = max(reads // 2, reads - len(unread))
        return [each.arn for each in (running[:share] + unread)[:reads]]

    def _enter(self, entry: Entry) -> None:
        self._revision += 1
        self._entries[entry.arn] = replace(entry, revision=self._revision)

    def tell(self, problem: Problem | None) -> None:
        """Say how far it is, and what keeps it from going on."""
        with self._lock:
            unread = sum(each.execution is None and each.is_due for each in self._entries.values())
            known, read = len(self._entries), len(self._entries) - unread
        self.progress = replace(self.progress, known=known, read=read, problem=problem)


def _is_news(now: Execution, entry: Entry, known: Execution) -> bool:
    """Whether it has moved on; what was read earlier may come later, as several threads read."""
    if known.outcome.is_final and not entry.is_due:  # unless it was redriven, which others know before we do
        return len(now.states) > len(known.states)
    return len(now.states) >= len(known.states) and (now.states, now.outcome) != (known.states, known.outcome)


class Reader(threading.Thread):
    """Keeps an index up to date until it is stopped."""

    def __init__(self, index: Index, seconds: float) -> None:
        super().__init__(name="lockstep-history", daemon=True)
        self._index = index
        self._seconds = seconds
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._index.poll()
            except Exception as error:  # noqa: BLE001  # whatever it is, whoever looks at the page has to see it
                self._index.tell(Problem("Lockstep itself has a fault", f"{type(error).__name__}: {error}"))
            self._ended.wait(self._seconds)

    def stop(self) -> None:
        """Returns at once; the poll that is under way ends on its own."""
        self._ended.set()
