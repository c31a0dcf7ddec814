"""What was used of AWS."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

LOG_LINE_BYTES: Final = 26  # CloudWatch adds them to each line (CloudWatch Logs, "PutLogEvents")


@dataclass
class Usage:
    """Counts, to be added up and taken apart.

    Attributes:
        events: that EventBridge took from S3.
        executions: that were started.
        transitions: states entered, and retries.
        rounds: of waiting for a lock.
        invocations: by function.
        milliseconds: that Lambda ran, by function, without cold starts.
        asleep_ms: of these, in which it slept.
        calls: to DynamoDB and S3, by kind.
        write_units: of DynamoDB; a write that is refused takes them too.
        log_bytes: of the functions' own lines.
    """

    events: int = 0
    executions: int = 0
    transitions: int = 0
    rounds: int = 0
    invocations: Counter[str] = field(default_factory=Counter)
    milliseconds: Counter[str] = field(default_factory=Counter)
    asleep_ms: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    write_units: int = 0
    read_units: int = 0
    log_bytes: int = 0

    def __sub__(self, other: Usage) -> Usage:
        """What was used beyond `other`."""
        return Usage(
            self.events - other.events,
            self.executions - other.executions,
            self.transitions - other.transitions,
            self.rounds - other.rounds,
            _less(self.invocations, other.invocations),
            _less(self.milliseconds, other.milliseconds),
            self.asleep_ms - other.asleep_ms,
            _less(self.calls, other.calls),
            self.write_units - other.write_units,
            self.read_units - other.read_units,
            self.log_bytes - other.log_bytes,
        )


def _less(one: Counter[str], other: Counter[str]) -> Counter[str]:
    left = Counter(one)
    left.subtract(other)
    return Counter({name: count for name, count in left.items() if count})
