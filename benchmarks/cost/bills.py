"""The model: from what was used to what it costs. Its formula is in docs/cost.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from benchmarks.cost import prices
from benchmarks.cost.assumptions import DEFAULTS, Assumptions
from benchmarks.cost.rivals import FUNCTION
from benchmarks.cost.usage import LOG_LINE_BYTES, Usage
from tests.workflow.machine import shipped_template

PLATFORM_LINES: Final = 2  # a start and a report
MEGABYTES_A_GIGABYTE: Final = 1024
WORKER: Final = "GrayscaleFunction"


@dataclass(frozen=True)
class Bill:
    """Dollars, by service."""

    lines: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.lines.values())

    def times(self, number: float) -> Bill:
        return Bill({name: dollars * number for name, dollars in self.lines.items()})

    def plus(self, other: Bill) -> Bill:
        return Bill({name: dollars + other.lines[name] for name, dollars in self.lines.items()})


@cache
def memory_gigabytes() -> Mapping[str, float]:
    """Of each function, by the shipped template; what Lockstep is compared with has as much as the worker."""
    template = shipped_template()
    usual = template.document["Globals"]["Function"]["MemorySize"]
    megabytes = {name: template.properties(name).get("MemorySize", usual) for name in template.functions()}
    megabytes[FUNCTION] = megabytes[WORKER]
    return {name: size / MEGABYTES_A_GIGABYTE for name, size in megabytes.items()}


def gigabyte_seconds(usage: Usage, assumptions: Assumptions = DEFAULTS) -> float:
    """That Lambda charges, cold starts included."""
    memory = memory_gigabytes()
    ran = sum(memory[name] * milliseconds for name, milliseconds in usage.milliseconds.items())
    cold = sum(memory[name] * number for name, number in usage.invocations.items())
    return (ran + cold * assumptions.cold_share * assumptions.cold_ms) / 1000


def log_bytes(usage: Usage, assumptions: Assumptions = DEFAULTS) -> float:
    """Of the functions' own lines, and of Lambda's."""
    platform = assumptions.platform_log_bytes + PLATFORM_LINES * LOG_LINE_BYTES
    return usage.log_bytes + usage.invocations.total() * platform


def bill(usage: Usage, assumptions: Assumptions = DEFAULTS) -> Bill:
    """What the usage costs, without free tiers."""
    calls = usage.calls
    return Bill(
        {
            "Step Functions": prices.TRANSITION.of(usage.transitions),
            "Lambda": prices.INVOCATION.of(usage.invocations.total())
            + prices.GB_SECOND.of(gigabyte_seconds(usage, assumptions)),
            "DynamoDB": prices.WRITE_UNIT.of(usage.write_units) + prices.READ_UNIT.of(usage.read_units),
            "S3": prices.PUT.of(calls["PUT"]) + prices.GET.of(calls["GET"] + calls["HEAD"]),  # DELETE is free
            "EventBridge": prices.EVENT.of(usage.events),
            "Logs": prices.LOG_BYTE.of(log_bytes(usage, assumptions)),
            "X-Ray": prices.TRACE.of(usage.executions * assumptions.traced),
        }
    )
