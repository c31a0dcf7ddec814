"""Every contender on one input, each in a process of its own, asked in turn: other load hits all alike."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, Final, cast

from benchmarks.images.cases import Case
from benchmarks.images.contenders import SHARP, Contender
from benchmarks.images.places import OUTPUTS, ROOT
from benchmarks.images.quality import Source
from benchmarks.images.results import Measured, Result

DEADLINE: Final = 180.0  # seconds for an answer
ROUND: Final = 0.1  # seconds that one turn of a contender takes at the least
MOST_TIMES: Final = 1000  # conversions in a turn
# One processor and one thread each, as a Lambda of up to 1769 MB has.
ONE_THREAD: Final = {
    "VIPS_CONCURRENCY": "1",
    "UV_THREADPOOL_SIZE": "1",
    "RAYON_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class Unusable(Exception):
    """A contender cannot take part at all; the message says what to do."""


class Child:
    """A contender on one input; see child.py."""

    def __init__(self, contender: Contender, case: Case) -> None:
        self.contender = contender
        self.output = OUTPUTS / f"{case.name}.{contender.name}.{case.extension}"
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.output.unlink(missing_ok=True)
        script = ROOT / "benchmarks/images/contenders/sharp.mjs"
        runs = ["node", str(script)] if contender.name == SHARP else [sys.executable, "-m", "benchmarks.images.child"]
        names = [] if contender.name == SHARP else [contender.name]
        self._log = self.output.with_suffix(".log")
        with self._log.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    [*runs, *names, str(case.path), str(self.output)],
                    cwd=ROOT,
                    env=os.environ | ONE_THREAD | {"PYTHONPATH": str(ROOT / "functions")},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    preexec_fn=_on_one_processor,  # noqa: PLW1509 - no other thread holds a lock here
                )
            except FileNotFoundError:
                msg = f"{contender.title} needs Node 20 or newer, and there is no {runs[0]}; or go --without sharp"
                raise Unusable(msg) from None
        self._in, self._out = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        ready = self._answer()
        if "version" not in ready:
            self.close()
            msg = f"{contender.title} does not start: {ready['broken']}. `make bench` installs it"
            raise Unusable(msg)
        self.version = str(ready["version"])

    def ask(self, what: str) -> dict[str, Any]:
        """Tell it something, and wait for its answer."""
        try:
            self._in.write(what + "\n")
            self._in.flush()
        except BrokenPipeError:
            return {"broken": "it has ended"}
        return self._answer()

    def time(self, count: int) -> tuple[float, float]:
        """Seconds of a conversion, of so many: by the clock, and of processor time.

        Raises: Unusable.
        """
        answer = self.ask(f"time {count}")
        if "broken" in answer:
            msg = f"{self.contender.title} converts {self.output.name} once, and then: {answer['broken']}"
            raise Unusable(msg)
        return answer["wall"], answer["cpu"]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        if not self._log.stat().st_size:
            self._log.unlink()

    def _answer(self) -> dict[str, Any]:
        timer = threading.Timer(DEADLINE, self._process.kill)
        timer.start()
        line = self._out.readline()
        is_late = not timer.is_alive()
        timer.cancel()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        if is_late:
            return {"broken": f"no answer in {DEADLINE:g} s"}
        code = self._process.wait()
        return {"broken": f"ends with {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"}


def measured(
    case: Case, contenders: list[Contender], rounds: int, progress: Callable[[str], None]
) -> tuple[Measured, dict[str, str]]:
    """What was measured, and the version of each contender.

    Raises: Unusable.
    """
    source = case.made().read_bytes()
    children: list[Child] = []
    try:
        children.extend(Child(contender, case) for contender in contenders)
        judge = Source(source)
        results = {}
        for child in children:
            progress(f"{child.contender.title}: first conversion")
            results[child.contender.name] = _first(child, judge)
        able = [child for child in children if not results[child.contender.name].cannot]
        counts = {child.contender.name: _count(child) for child in able}
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for child in able[number % len(able) :] + able[: number % len(able)]:
                result = results[child.contender.name]
                wall, cpu = child.time(counts[child.contender.name])
                result.wall.append(wall)
                result.cpu.append(cpu)
    finally:
        for child in children:
            child.close()
    pixels = math.prod(judge.looks.size) * judge.looks.frames
    versions = {child.contender.name: child.version for child in children}
    return Measured(case.name, case.title, pixels, len(source), results), versions


def _first(child: Child, source: Source) -> Result:
    answer = child.ask("first")
    cannot = answer.get("cannot", answer.get("broken", ""))
    if cannot:
        return Result(child.contender.name, cannot=cannot)
    output = child.output.read_bytes()
    verdict = source.verdict(output)
    return Result(
        child.contender.name,
        flaws=list(verdict.flaws),
        size=len(output),
        psnr=verdict.psnr,
        base=answer["base"],
        peak=answer["peak"],
    )


def _count(child: Child) -> int:
    """How often it converts in a turn."""
    wall, _ = child.time(1)
    return min(MOST_TIMES, max(1, math.ceil(ROUND / wall)))


def _on_one_processor() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
