"""What a cold start costs, for each Lambda: a new interpreter imports the handler's module and makes its AWS clients.

It is compared with a new interpreter that imports boto3 and makes the same clients, with the same settings, and
nothing else. What is imported is laid out as in the zip: the functions, and beside them the packages that ship with
them, as byte code that is valid whatever the files' times are. boto3 is this environment's, as on Lambda it is the
runtime's.

Each Lambda is measured a second time without byte code for what is in the zip. The interpreter may not write any
then, as on Lambda, where the folder is read-only: every cold start compiles anew.

CPU time is what counts: user and system, of the process, start of the interpreter included, its tidying up at the end
left out, as an instance of a Lambda goes on from there. Wall time is the second figure. The contenders take turns, so
that whatever else this machine does hits all alike; the median is shown.

    .venv/bin/python -m benchmarks.cold_start
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from py_compile import PycInvalidationMode
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table

from lockstep import paths
from lockstep.emulator import CREDENTIALS

ROUNDS: Final = 15
LIMIT: Final = 1.25  # of what boto3 with the same clients costs

INTERPRETER: Final = "interpreter"

_RESULT: Final = paths.ROOT / "build" / "bench" / "cold-start.json"

_FUNCTIONS: Final = paths.ROOT / "functions"

# Clients as `objectlock.wiring` makes them.
_CLIENTS: Final = {
    "dynamodb": "boto3.client('dynamodb', config=Config(connect_timeout=2, read_timeout=5,"
    " retries={'mode': 'standard', 'total_max_attempts': 2}))",
    "s3": "boto3.client('s3', config=Config(connect_timeout=2, read_timeout=5, retries={'total_max_attempts': 1}))",
}
_LOCK: Final = ("dynamodb",)
_LOCK_AND_BUCKETS: Final = ("dynamodb", "s3")

# What each handler asks `objectlock.wiring` for at its first call, and the clients that come of it.
_LAMBDAS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "acquire_lock": ("lock_protocol(), wiring.source_bucket()", _LOCK_AND_BUCKETS),
    "grayscale": ("worker()", _LOCK_AND_BUCKETS),
    "delete_output": ("worker()", _LOCK_AND_BUCKETS),
    "release_lock": ("lock_protocol()", _LOCK),
    "reaper": ("lock_protocol()", _LOCK),
}

_END: Final = "import os; os._exit(0)"

# As on Lambda, and nothing of the user's.
_ENVIRONMENT: Final = CREDENTIALS | {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "INPUT_BUCKET": "input",
    "OUTPUT_BUCKET": "output",
    "LOCK_TABLE": "locks",
    "RETRY_INTERVAL_SECONDS": "2",
    "LOCK_WAIT_SECONDS": "60",
    "LEASE_SECONDS": "30",
    "MAX_IMAGE_MEGABYTES": "100",
    "MAX_IMAGE_MEGAPIXELS": "100",
    "MAX_IMAGE_FRAMES": "1000",
    "POWERTOOLS_SERVICE_NAME": "lockstep",
    "POWERTOOLS_METRICS_NAMESPACE": "Lockstep",
}


_Seconds = tuple[float, float]  # CPU and wall time


@dataclass(frozen=True, slots=True)
class Row:
    """What one contender took.

    Attributes:
        byte_code: whether what the Lambda ships was compiled before.
        baseline: name of the contender that it is compared with; None where it is one itself.
        cpu_ms: median of user and system time, milliseconds.
        wall_ms: median, milliseconds.
        cpu_ratio: to the baseline's median; None without one.
        wall_ratio: likewise.
    """

    name: str
    byte_code: bool
    baseline: str | None
    cpu_ms: float
    wall_ms: float
    cpu_ratio: float | None
    wall_ratio: float | None


@dataclass(frozen=True, slots=True)
class _Contender:
    """A program for a new interpreter.

    Attributes:
        folder: what is imported from, before this environment's packages.
        byte_code: whether there is any in the folder; if not, none is written.
    """

    name: str
    program: str
    folder: Path
    baseline: str | None = None
    byte_code: bool = True

    def run(self) -> _Seconds:
        """How long one takes."""
        before, began = _children_seconds(), time.perf_counter()
        subprocess.run(
            [sys.executable, *(() if self.byte_code else ("-B",)), "-c", f"{self.program}\n{_END}"],
            cwd=self.folder,
            env=_ENVIRONMENT | {"PYTHONPATH": str(self.folder)},
            stdin=subprocess.DEVNULL,
            check=True,
        )
        return _children_seconds() - before, time.perf_counter() - began


def measure(rounds: int = ROUNDS) -> list[Row]:
    """Measure everything, the baselines first.

    Raises: subprocess.CalledProcessError when a Lambda cannot be imported; its traceback is on standard error.
    """
    with _contenders() as contenders:
        for each in contenders:  # compiles what is not yet, of boto3 for example, and fills the disk's cache
            each.run()
        runs = [[each.run() for each in contenders] for _ in range(rounds)]
    medians = [(median(cpu for cpu, _ in took), median(wall for _, wall in took)) for took in zip(*runs, strict=True)]
    baselines = {each.name: seconds for each, seconds in zip(contenders, medians, strict=True) if each.baseline is None}
    return [_row(each, seconds, baselines) for each, seconds in zip(contenders, medians, strict=True)]


def _row(contender: _Contender, seconds: _Seconds, baselines: Mapping[str, _Seconds]) -> Row:
    cpu, wall = seconds
    ratios: tuple[float, float] | tuple[None, None] = (None, None)
    if contender.baseline is not None:
        baseline_cpu, baseline_wall = baselines[contender.baseline]
        ratios = (round(cpu / baseline_cpu, 3), round(wall / baseline_wall, 3))
    return Row(
        contender.name,
        contender.byte_code,
        contender.baseline,
        round(cpu * 1000, 1),
        round(wall * 1000, 1),
        *ratios,
    )


@contextmanager
def _contenders() -> Iterator[list[_Contender]]:
    with TemporaryDirectory() as temporary:
        nothing, source, compiled = (Path(temporary, name) for name in ("nothing", "source", "compiled"))
        nothing.mkdir()
        _lay_out(source)
        shutil.copytree(source, compiled)
        compileall.compile_dir(compiled, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        boto3 = [
            _Contender(_boto3_with(clients), _import_boto3(clients), nothing) for clients in (_LOCK_AND_BUCKETS, _LOCK)
        ]
        lambdas = [
            _Contender(name, _start(name, makes), folder, _boto3_with(clients), byte_code)
            for folder, byte_code in ((compiled, True), (source, False))
            for name, (makes, clients) in _LAMBDAS.items()
        ]
        yield [_Contender(INTERPRETER, "", nothing), *boto3, *lambdas]


def _boto3_with(clients: Sequence[str]) -> str:
    return f"boto3, {', '.join(clients)}"


def _import_boto3(clients: Sequence[str]) -> str:
    return "\n".join(["import boto3", "from botocore.config import Config", *(_CLIENTS[each] for each in clients)])


def _start(name: str, makes: str) -> str:
    return f"import {name}.app\nfrom objectlock import wiring\nwiring.{makes}"


def _lay_out(folder: Path) -> None:
    """The functions and what their requirements.txt names, from this environment, without byte code."""
    shutil.copytree(_FUNCTIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in re.findall(r"^([\w.-]+)==", (_FUNCTIONS / "requirements.txt").read_text("utf-8"), re.MULTILINE):
        for file in metadata.files(name) or ():
            if file.suffix != ".pyc" and ".." not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(rows: Sequence[Row]) -> Table:
    """For people: the Lambdas below what they are compared with."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("", "CPU", "ratio", "wall", "ratio", "CPU, no .pyc", "ratio"):
        shown.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    without = {row.name: _figures(row)[:2] for row in rows if not row.byte_code}
    for baseline in (row for row in rows if row.baseline is None):
        shown.add_row(baseline.name, *_figures(baseline))
        for row in rows:
            if row.byte_code and row.baseline == baseline.name:
                shown.add_row(f"  {row.name}", *_figures(row), *without[row.name])
    return shown


def _figures(row: Row) -> tuple[str, str, str, str]:
    return f"{row.cpu_ms:.0f} ms", _times(row.cpu_ratio), f"{row.wall_ms:.0f} ms", _times(row.wall_ratio)


def _times(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"[red]{ratio:.2f} ×[/]" if ratio > LIMIT else f"{ratio:.2f} ×"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cold_start", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    options = parser.parse_args(arguments)
    rows = measure(options.rounds)
    document = json.dumps([asdict(row) for row in rows], indent=2) + "\n"
    _RESULT.parent.mkdir(parents=True, exist_ok=True)
    _RESULT.write_text(document, "utf-8")
    if options.json:
        sys.stdout.write(document)
    else:
        Console(highlight=False).print(table(rows))


if __name__ == "__main__":
    main()
