"""A schedule for people to read: numbered, with the time, who did what, and what that changed on record."""

from __future__ import annotations

import re
from typing import Final

from tests.simulation.world import EPOCH_MS, EXECUTIONS

_NOISE: Final = ((re.escape(EXECUTIONS), ""), (r"body=b'[^']*(?:\\'[^']*)*'", "..."), (r'body=b"[^"]*"', "..."))
_TIME: Final = re.compile(r"\b1[78]\d{11}\b")


class Timeline:
    """Hears what happens, and remembers it in words."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, now: int, who: str, what: str) -> None:
        for pattern, shorter in _NOISE:
            what = re.sub(pattern, shorter, what)
        what = _TIME.sub(lambda found: f"{(int(found[0]) - EPOCH_MS) / 1000:+.1f}s", what)
        self.lines.append(f"{len(self.lines) + 1:4}  {(now - EPOCH_MS) / 1000:8.3f} s  {who:22} {what}")

    def __str__(self) -> str:
        return "\n".join(self.lines)
