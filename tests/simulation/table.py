"""The tables in docs/reliability.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.simulation.search import Finding
from tests.simulation.settings import DAMAGE, MISHAPS
from tests.simulation.variants import Variant

SCHEDULES: Final = 4_000


@dataclass(frozen=True)
class Row:
    """What was measured of one variant.

    Attributes:
        after: how many schedules at random it takes to notice it.
        promise: the one that is broken first.
        steps: of the shortest schedule that breaks it.
        ends: how it ends.
    """

    variant: Variant
    after: str
    promise: str
    steps: str
    ends: str

    def __str__(self) -> str:
        variant = self.variant
        cells = (f"`{variant.name}`", variant.what, str(variant.world), self.after, self.promise, self.steps, self.ends)
        return f"| {' | '.join(cells)} |"


def measured(variant: Variant) -> Row:
    """Look at a variant at random, and at every schedule of its world."""
    with variant.applied():
        always, ends = variant.every().run(), variant.every(ends_only=True).run()
        after = _schedules(variant)
    first = (always.broken.partition(", but ")[0], str(always.steps)) if isinstance(always, Finding) else ("none", "-")
    if isinstance(ends, Finding):
        return Row(variant, after, *first, f"wrong, in {ends.steps} steps at the least")
    return Row(variant, after, *first, f"right, in each of {ends.states:,} states. Covered by {variant.covered_by}")


def _schedules(variant: Variant) -> str:
    """Half the time, and at most."""
    simulation, gaps, last = variant.at_random(), [], -1
    for seed, result in simulation.random(range(SCHEDULES)):
        if isinstance(result, Finding):
            gaps.append(seed - last)
            last = seed
    return f"{round(median(gaps))}, at most {max(gaps):,}" if gaps else f"none of {SCHEDULES:,}"


def written(document: str, rows: Sequence[Row]) -> str:
    """The document with the table in its place, and the lists of mishaps and of damage."""
    head = "| variant | what is wrong | world | schedules | promise broken first | steps | in the end |"
    table = "\n".join([head, "| --- " * 7 + "|", *map(str, rows)])
    for name, text in (("variants", table), ("mishaps", _listed(MISHAPS)), ("damage", _listed(DAMAGE))):
        document = _placed(document, name, text)
    return document


def _listed(whats: Mapping[str, str]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| `{name}` | {what} |" for name, what in whats.items())])


def _placed(document: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    return re.sub(f"(?s){begin}.*{end}", lambda _: f"{begin}\n{text}\n{end}", document)
