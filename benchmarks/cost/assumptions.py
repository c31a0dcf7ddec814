"""What is assumed, because it cannot be measured without AWS. Every one can be changed on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Times in milliseconds. The metadata say what each is, and where it comes from."""

    handler_ms: float = field(default=5, metadata={"is": "a handler's own work, beside its calls", "from": "a guess"})
    dynamodb_ms: float = field(
        default=8, metadata={"is": "one write to the lock table", "from": "AWS promises single-digit milliseconds"}
    )
    head_ms: float = field(default=20, metadata={"is": "HEAD or DELETE at S3", "from": "a guess"})
    get_ms: float = field(default=50, metadata={"is": "GET at S3, of some megabytes", "from": "a guess"})
    put_ms: float = field(default=60, metadata={"is": "PUT at S3, of some megabytes", "from": "a guess"})
    conversion_ms: float = field(
        default=150,
        metadata={
            "is": "one conversion, on one processor",
            "from": "[performance.md](performance.md): 150 ms for a PNG of 4 MP, 41 ms for a JPEG of 12 MP; "
            "not measured on Lambda",
        },
    )
    transition_ms: float = field(
        default=30,
        metadata={"is": "from one state to the start of the next one's Lambda; not billed", "from": "a guess"},
    )
    cold_share: float = field(default=0.01, metadata={"is": "share of invocations that start cold", "from": "a guess"})
    cold_ms: float = field(default=800, metadata={"is": "a cold start, which is billed", "from": "a guess"})
    platform_log_bytes: int = field(
        default=600,
        metadata={
            "is": "what Lambda itself logs of an invocation, in bytes",
            "from": "its JSON start and report lines",
        },
    )
    traced: float = field(
        default=1.0,
        metadata={
            "is": "share of executions that X-Ray records",
            "from": "its default rule: the first in each second, and 5 % of the others; 1 up to one event a second",
        },
    )


DEFAULTS: Final = Assumptions()


def named() -> list[tuple[str, float, str, str]]:
    """Each with its name, its default, what it is, and where that comes from."""
    return [
        (each.name, getattr(DEFAULTS, each.name), each.metadata["is"], each.metadata["from"])
        for each in fields(Assumptions)
    ]
