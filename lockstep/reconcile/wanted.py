"""What somebody asks to be reconciled, and how."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from objectlock.comparison import REPAIRED, Kind

AT_ONCE: Final = 50  # repairs, unless something else is asked for


def left_alone(found: Mapping[Kind, int], wanted: Sequence[Kind]) -> int:
    """How many findings nobody has asked for. A rejected input is in step as it is."""
    return sum(number for kind, number in found.items() if kind not in wanted and kind is not Kind.REJECTED)


@dataclass(frozen=True)
class Wanted:
    """What is to be compared, and which findings are to be repaired.

    Attributes:
        prefix: of the keys; empty for all.
        start_after: only keys after this one, in S3's order; empty for all.
        kinds: what is repaired. Everything is counted.
        dry_run: repair nothing.
    """

    prefix: str = ""
    start_after: str = ""
    kinds: Sequence[Kind] = REPAIRED
    dry_run: bool = False

    def options(self) -> str:
        """As one types it; without `start_after`."""
        kinds = [each for each in self.kinds if each is not Kind.REJECTED]
        words = [
            *(["--prefix", self.prefix] if self.prefix else []),
            *([] if set(kinds) == set(REPAIRED) else [word for each in kinds for word in ("--kind", each.value)]),
            *(["--rejected"] if Kind.REJECTED in self.kinds else []),
            *(["--dry-run"] if self.dry_run else []),
        ]
        return shlex.join(words)


@dataclass(frozen=True)
class Manner:
    """How it is done.

    Attributes:
        yes: repair without asking, and while it compares.
        rate: how many repairs are started in a second.
        at_once: how many may be under way; None for the usual.
        options: all of that, and the stack, as one types it.
    """

    yes: bool
    rate: float
    at_once: int | None
    as_json: bool
    options: str = ""
