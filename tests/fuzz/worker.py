"""A process that converts one file after the other. It may crash, hang or eat up memory: its parent sees to it."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from tests.fuzz import verdict
from tests.fuzz.mutations import mutant
from tests.fuzz.seeds import Seed

MEGABYTE: Final = 1 << 20
_ADDRESSES: Final = 256 * MEGABYTE  # more than what may be resident: some is only reserved


@dataclass(frozen=True, slots=True)
class Job:
    """The same for all workers.

    Attributes:
        megabytes: how much memory one file may take, over what the process has after its imports.
    """

    seeds: Sequence[Seed]
    kinds: Sequence[str]
    megabytes: int


@dataclass(frozen=True, slots=True)
class Result:
    """Of one file.

    Attributes:
        outcome: converted, rejected, or in one line what is wrong with it.
        memory: in bytes, over what the process has after its imports.
    """

    number: int
    kind: str
    outcome: str
    seconds: float = 0
    memory: int = 0
    details: str = ""

    @property
    def is_broken(self) -> bool:
        return self.outcome not in verdict.OUTCOMES


def run(connection: Connection, job: Job, log: Path) -> None:
    """Until there is no more to do. What the C libraries say goes to the log, and what a crash leaves behind."""
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    warnings.simplefilter("ignore")
    for seed in job.seeds[:: max(1, len(job.seeds) // 100)]:  # whatever is loaded and allocated only once
        with suppress(Exception):
            verdict.check(seed.body, verdict.convert(seed.body)[1])
    _forget_the_peak()
    base = _peak()
    addresses = _address_space() + job.megabytes * MEGABYTE + _ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
    with suppress(EOFError, BrokenPipeError):
        while True:
            for number in connection.recv():
                os.ftruncate(sys.stderr.fileno(), 0)
                connection.send(_result(number, job, base))


def _result(number: int, job: Job, base: int) -> Result:
    seed, body = mutant(number, job.seeds, job.kinds)
    return judged(number, seed.kind, body, job.megabytes, base)


def judged(number: int, kind: str, body: bytes, megabytes: int, base: int) -> Result:
    """What comes of a file."""
    _forget_the_peak()
    began = time.perf_counter()
    details, memory, seconds = "", 0, 0.0
    try:
        outcome, output = verdict.convert(body)
        seconds, memory = time.perf_counter() - began, _peak() - base
        if memory > megabytes * MEGABYTE:
            outcome = f"memory: more than {megabytes} MB"
        elif outcome == verdict.CONVERTED:
            outcome = verdict.check(body, output)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        outcome = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        details = traceback.format_exc()
        seconds, memory = seconds or time.perf_counter() - began, memory or _peak() - base
    return Result(number, kind, outcome, seconds, memory, details)


def _forget_the_peak() -> None:
    """From here on its peak is counted anew (proc(5), clear_refs); where that cannot be, it stays what it was."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _address_space() -> int:
    pages = Path("/proc/self/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()
