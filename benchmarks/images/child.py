"""One contender on one input, in a process of its own: `python -m benchmarks.images.child CONTENDER INPUT OUTPUT`.

It says a line of JSON when it is ready, and one in answer to each line it is told:

    first       convert once, write the result; answers with the resident memory before it, and the most during it
    time COUNT  convert so many times; answers with the seconds of each, by the clock and of processor time
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.images.contenders import CannotConvert


def main(contender: str, source: str, target: str) -> None:
    """Answer until there is no more line."""
    module = importlib.import_module(f"benchmarks.images.contenders.{contender}")
    body = Path(source).read_bytes()
    _say({"version": module.VERSION})
    for line in sys.stdin:
        command, _, count = line.strip().partition(" ")
        _say(_first(module, body, Path(target)) if command == "first" else _time(module, body, int(count)))


def _first(module: Any, body: bytes, target: Path) -> dict[str, object]:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the most so far is what there is now: proc(5)
    base = _bytes("VmRSS")
    try:
        result = module.convert(body)
    except CannotConvert as reason:
        return {"cannot": str(reason)}
    except Exception as error:  # noqa: BLE001 - a library's bugs are results, too
        return {"cannot": f"{type(error).__name__}: {error}".splitlines()[0]}
    peak = _bytes("VmHWM")
    target.write_bytes(result)
    return {"base": base, "peak": peak}


def _time(module: Any, body: bytes, count: int) -> dict[str, object]:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        module.convert(body)
    return {"wall": (time.perf_counter() - wall) / count, "cpu": (time.process_time() - cpu) / count}


def _bytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) * 1024 if found else 0


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
