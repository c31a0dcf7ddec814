"""What was measured, as it is kept in build/bench/images.json, and the ratios that follow from it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.images.contenders import BASELINE

MEGABYTE: Final = 1_000_000
EXACT: Final = "exact"  # JSON knows no infinity


@dataclass
class Result:
    """Of one contender on one input.

    Attributes:
        cannot: why there is nothing else; empty if there is.
        flaws: what is wrong with the output.
        psnr: of its luma, in dB; infinite if it is exact, None if there is nothing to compare.
        base: resident bytes before the first conversion, with the library imported and the input read.
        peak: the most during it.
        wall: seconds of a conversion by the clock, one number for each round.
        cpu: of processor time.
    """

    contender: str
    cannot: str = ""
    flaws: list[str] = field(default_factory=list)
    size: int = 0
    psnr: float | None = None
    base: int = 0
    peak: int = 0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not self.cannot and not self.flaws

    @property
    def memory(self) -> int:
        return self.peak - self.base

    @property
    def milliseconds(self) -> float:
        return median(self.cpu) * 1000


@dataclass
class Measured:
    """One input.

    Attributes:
        pixels: of all frames.
        results: by the contender's name.
    """

    name: str
    title: str
    pixels: int
    size: int
    results: dict[str, Result]

    def speed(self, contender: str) -> float | None:
        """How many times as fast as plain Pillow: the median over the rounds, each compared with Pillow's."""
        baseline, result = self._both(contender)
        if baseline is None or result is None:
            return None
        return median(theirs / its for theirs, its in zip(baseline.cpu, result.cpu, strict=True))

    def memory(self, contender: str) -> float | None:
        """How many times plain Pillow's."""
        baseline, result = self._both(contender)
        return None if baseline is None or result is None else result.memory / baseline.memory

    def size_ratio(self, contender: str) -> float | None:
        baseline, result = self._both(contender)
        return None if baseline is None or result is None else result.size / baseline.size

    def _both(self, contender: str) -> tuple[Result | None, Result | None]:
        found = (self.results.get(name) for name in (BASELINE, contender))
        baseline, result = (None if each is None or each.cannot else each for each in found)
        return baseline, result


@dataclass
class Report:
    """A run.

    Attributes:
        versions: of each contender that took part, by its name, in the order of the tables.
    """

    machine: str
    rounds: int
    versions: dict[str, str]
    cases: list[Measured]

    def written(self) -> str:
        plain = asdict(self)
        for case in plain["cases"]:
            for result in case["results"].values():
                result["psnr"] = EXACT if result["psnr"] == math.inf else result["psnr"]
        return json.dumps(plain, indent=1, allow_nan=False) + "\n"

    @classmethod
    def read(cls, text: str) -> Report:
        plain = json.loads(text)
        return cls(**{**plain, "cases": [_case(each) for each in plain["cases"]]})


def _case(plain: dict[str, Any]) -> Measured:
    for each in plain["results"].values():
        each["psnr"] = math.inf if each["psnr"] == EXACT else each["psnr"]
    results = {name: Result(**each) for name, each in plain["results"].items()}
    return Measured(**{**plain, "results": results})
