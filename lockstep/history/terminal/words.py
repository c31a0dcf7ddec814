"""Words and numbers as the terminal has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from lockstep.executions import Execution

NOTHING: Final = "–"


def so_far(execution: Execution, now: datetime) -> float:
    """How long it took, or has taken. The clocks of AWS and of this computer may differ."""
    return max(0.0, ((execution.stopped or now) - execution.started).total_seconds())


def duration(seconds: float) -> str:
    """Finer where it is short."""
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def counted(errors: Iterable[str]) -> str:
    """Errors, each once, with how often it came."""
    return ", ".join(f"{each} ×{times}" if times > 1 else each for each, times in Counter(errors).items())
