"""The same events on Lockstep, on a Lambda that sleeps while it waits, and on a plain trigger."""

from __future__ import annotations

from functools import cache
from math import ceil
from typing import Final

from benchmarks.cost import bursts
from benchmarks.cost.assumptions import DEFAULTS, Assumptions
from benchmarks.cost.bills import bill, memory_gigabytes
from benchmarks.cost.bursts import LOCKSTEP, PLAIN, SLEEPING, Burst
from benchmarks.cost.paths import CREATED, FIRST_ROUND, ROUND_MS, Measured
from benchmarks.cost.prices import GB_SECOND, MILLION, READ_UNIT
from benchmarks.cost.rivals import FUNCTION
from benchmarks.cost.usage import Usage

SHARES: Final = (0.0, 0.01, 0.1, 0.5, 1.0)
BURSTS: Final = (10, 100, 1_000)


@cache
def once(name: str, assumptions: Assumptions = DEFAULTS) -> Usage:
    """What one event uses when nothing is in its way."""
    return bursts.burst(name, 1, assumptions=assumptions).usage


def sleep_dollars() -> float:
    """What one sleep of 2 s costs, with the look at the record after it."""
    return GB_SECOND.of(memory_gigabytes()[FUNCTION] * ROUND_MS / 1000) + READ_UNIT.of(1)


def million_events(measured: Measured, waiting: float, assumptions: Assumptions = DEFAULTS) -> dict[str, float]:
    """Dollars, where that share of the events waits for one round."""
    a_round = bill(measured.ways[FIRST_ROUND], assumptions).total
    each = {
        LOCKSTEP: bill(measured.ways[CREATED], assumptions).total + waiting * a_round,
        SLEEPING: bill(once(SLEEPING, assumptions), assumptions).total + waiting * sleep_dollars(),
        PLAIN: bill(once(PLAIN, assumptions), assumptions).total,
    }
    return {name: MILLION * amount for name, amount in each.items()}


def per_million_in_a_burst(found: Burst, assumptions: Assumptions = DEFAULTS) -> float:
    """Dollars for a million events, if all came in bursts like that."""
    return bill(found.usage, assumptions).total * MILLION / found.events


def round_dollars(measured: Measured) -> float:
    """What one round of waiting costs, however long it is."""
    return bill(measured.ways[FIRST_ROUND]).total


def break_even_gigabytes(measured: Measured) -> float:
    """Memory with which a Lambda that sleeps for 2 s costs what a round of waiting costs."""
    return round_dollars(measured) / GB_SECOND.of(ROUND_MS / 1000)


def break_even_seconds(measured: Measured) -> int:
    """For how long a Lambda with the worker's memory sleeps for what a round of waiting costs, rounded up."""
    return ceil(round_dollars(measured) / GB_SECOND.of(memory_gigabytes()[FUNCTION]))
