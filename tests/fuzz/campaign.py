"""File after file, on all processors, whatever becomes of the processes."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import TimeoutError as NotInTime
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tests.fuzz.mutations import kind_of, mutant
from tests.fuzz.seeds import Seed
from tests.fuzz.worker import Job, Result, run

_BATCH: Final = 50
_LAST_WORDS: Final = 0.5  # seconds


@dataclass
class Tally:
    """What became of the files of one format."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: Result | None = None
    largest: Result | None = None


@dataclass
class Found:
    """What there was to see."""

    files: int = 0
    seconds: float = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    broken: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.files += 1
        tally = self.tallies.setdefault(result.kind, Tally())
        tally.outcomes["broken" if result.is_broken else result.outcome] += 1
        if tally.slowest is None or result.seconds > tally.slowest.seconds:
            tally.slowest = result
        if tally.largest is None or result.memory > tally.largest.memory:
            tally.largest = result
        if result.is_broken:
            self.broken.append(result)


class _Worker:
    """One process, and the files it has still to look at."""

    def __init__(self, job: Job, log: Path, work: Callable[[Connection, Job, Path], None]) -> None:
        self._job, self._log, self._work = job, log, work
        self.numbers: deque[int] = deque()
        self.start()

    def start(self) -> None:
        self._log.write_bytes(b"")
        context = get_context("forkserver")
        context.set_forkserver_preload(["tests.fuzz.worker"])
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=self._work, args=(theirs, self._job, self._log), daemon=True)
        self.process.start()
        theirs.close()
        self.since = time.monotonic()
        self.send()

    def send(self) -> None:
        """What is left to do."""
        if self.numbers:
            with suppress(BrokenPipeError):  # seen as the end of the process
                self.connection.send(list(self.numbers))

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()

    def last_words(self) -> str:
        return self._log.read_text("utf-8", errors="replace")


def made(number: int, job: Job, deadline: float) -> tuple[Seed, bytes] | None:
    """The file with this number, and what it was; none if it takes more than so many seconds to make it."""
    with get_context("forkserver").Pool(1) as pool:  # whatever it is at is killed at the end
        try:
            return pool.apply_async(mutant, (number, job.seeds, job.kinds)).get(deadline)
        except NotInTime:
            return None


@dataclass(frozen=True)
class Campaign:
    """Files from a first number on.

    Attributes:
        seconds: after these each process ends with the file it is at, which has its deadline still.
        deadline: in seconds, for one file: to make it, and to convert it.
    """

    job: Job
    first: int
    files: int
    processes: int
    seconds: float | None = None
    deadline: float = 20
    work: Callable[[Connection, Job, Path], None] = run

    def run(self, console: Console) -> Found:
        """Until there are enough files, or the time is over."""
        found, began = Found(), time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=self.files)
            for result in self._results(began):
                found.add(result)
                found.seconds = time.monotonic() - began
                if found.files % _BATCH == 0:
                    progress.update(task, completed=found.files, description=f"{found.files:,} files")
        found.seconds = time.monotonic() - began
        return found

    def _results(self, began: float) -> Iterator[Result]:
        left = iter(range(self.first, self.first + self.files))
        with tempfile.TemporaryDirectory() as logs:
            workers = [_Worker(self.job, Path(logs, str(number)), self.work) for number in range(self.processes)]
            try:
                for worker in workers:
                    self._feed(worker, left, began)
                while busy := [worker for worker in workers if worker.numbers]:
                    ready = wait([worker.connection for worker in busy], timeout=0.1)
                    for worker in busy:
                        if worker.connection in ready:
                            yield from self._received(worker)
                        elif time.monotonic() - worker.since > self.deadline:
                            yield self._hung(worker)
                        else:
                            continue
                        if self._is_over(began):
                            worker.numbers.clear()
                        if not worker.numbers:
                            self._feed(worker, left, began)
            finally:
                for worker in workers:
                    worker.end()

    def _feed(self, worker: _Worker, left: Iterator[int], began: float) -> None:
        if not self._is_over(began):
            worker.numbers.extend(number for _, number in zip(range(_BATCH), left, strict=False))
        worker.since = time.monotonic()
        worker.send()

    def _is_over(self, began: float) -> bool:
        return self.seconds is not None and time.monotonic() - began >= self.seconds

    def _received(self, worker: _Worker) -> Iterator[Result]:
        """All that there is, or that the process has come to its end."""
        try:
            while worker.numbers and worker.connection.poll():
                result: Result = worker.connection.recv()
                worker.numbers.popleft()
                worker.since = time.monotonic()
                yield result
        except (EOFError, ConnectionResetError):
            worker.process.join(self.deadline)  # it may have closed its connection only
            code = worker.process.exitcode or 0
            how = signal.Signals(-code).name if code < 0 else f"exit {code}"
            yield self._lost(worker, f"crash: {how}")

    def _hung(self, worker: _Worker) -> Result:
        if worker.process.pid:
            os.kill(worker.process.pid, signal.SIGUSR1)  # it says where it is
            worker.process.join(_LAST_WORDS)
        return self._lost(worker, f"hang: more than {self.deadline:g} s")

    def _lost(self, worker: _Worker, outcome: str) -> Result:
        """The file it was at is the one; another process goes on with the next."""
        number = worker.numbers.popleft()
        kind = kind_of(number, self.job.kinds)
        result = Result(number, kind, outcome, time.monotonic() - worker.since, 0, worker.last_words())
        worker.end()
        worker.start()
        return result
