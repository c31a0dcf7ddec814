"""Schedules at random for a while, on all processors."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tests.simulation import system
from tests.simulation.search import Finding, Simulation
from tests.simulation.settings import swarm

BATCH: Final = 50


@dataclass
class Found:
    """What there was to see.

    Attributes:
        broken: seed and schedule in which something promised was not kept.
        seen: how often what has happened.
    """

    first_seed: int
    schedules: int = 0
    steps: int = 0
    seconds: float = 0
    seen: Counter[str] = field(default_factory=Counter)
    broken: tuple[int, Finding] | None = None

    def add(self, other: Found) -> None:
        self.schedules += other.schedules
        self.steps += other.steps
        self.seen += other.seen
        self.broken = self.broken or other.broken

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        broken = None
        if self.broken is not None:
            broken = {"seed": self.broken[0], "promise": self.broken[1].broken}
        return {
            "first_seed": self.first_seed,
            "schedules": self.schedules,
            "steps": self.steps,
            "seconds": round(self.seconds, 1),
            "seen": dict(self.seen),
            "broken": broken,
        }


@dataclass(frozen=True)
class Campaign:
    """Schedules from a first seed on.

    Attributes:
        size: of the worlds, as `swarm` takes it.
    """

    first_seed: int
    seconds: float
    size: Mapping[str, Any]
    processes: int

    def run(self, console: Console) -> Found:
        """Until the time is over or something is broken."""
        found, began = Found(self.first_seed), time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=self.seconds)
            for batch in self._batches(began + self.seconds):
                found.add(batch)
                found.seconds = time.monotonic() - began
                progress.update(task, completed=found.seconds, description=f"{found.schedules:,} schedules")
                if found.broken is not None:
                    break
        return found

    def _batches(self, end: float) -> Iterator[Found]:
        seeds = count(self.first_seed, BATCH)
        with ProcessPoolExecutor(self.processes, initializer=_load) as pool:
            running: set[Future[Found]] = {pool.submit(batch, next(seeds), self.size) for _ in range(self.processes)}
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for each in done:
                        yield each.result()
                        if time.monotonic() < end:
                            running.add(pool.submit(batch, next(seeds), self.size))
            finally:
                pool.shutdown(cancel_futures=True)


def _load() -> None:
    """What a process needs for all its schedules stays, and is too much to look through time and again."""
    system.shipped()
    gc.freeze()


def batch(first_seed: int, size: Mapping[str, Any]) -> Found:
    """So many schedules, or fewer if one of them breaks something."""
    simulation = Simulation(system.shipped(), lambda chooser: swarm(chooser, **size))
    found = Found(first_seed)
    with system.running():
        for seed, result in simulation.random(range(first_seed, first_seed + BATCH)):
            found.schedules += 1
            found.steps += result.steps
            if isinstance(result, Finding):
                found.broken = seed, result
                break
            found.seen += result.seen
    return found
