"""What an account may do by default, and how many events a second that is enough for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.cost.usage import Usage

RATES: Final = (1, 100, 10_000)
RETRIED_SECONDS: Final = 86_400  # MaximumEventAgeInSeconds of the rule


@dataclass(frozen=True)
class Quota:
    """One of AWS's.

    Attributes:
        most: a second, or at once, in us-east-1.
        least: in the region that has least of it.
        needs: how much of it one event a second takes.
        seen: what is seen when it is reached.
        turn: what to do then.
        page: where AWS publishes it.
    """

    name: str
    most: int
    least: int
    needs: Callable[[Usage], float]
    seen: str
    turn: str
    page: str

    def enough_for(self, usage: Usage) -> tuple[float, float]:
        """Events a second, where there is most and where there is least."""
        return self.most / self.needs(usage), self.least / self.needs(usage)


def busy_seconds(usage: Usage) -> float:
    """For which an event keeps a Lambda busy: as many run at once at one event a second (Little's law)."""
    return sum(usage.milliseconds.values()) / 1000


_STEP_FUNCTIONS: Final = "Step Functions, Service quotas"
_S3: Final = "S3 User Guide, Optimizing performance"

QUOTAS: Final = (
    Quota(
        "StartExecution a second, after a bucket of 1,300 (800)",
        300,
        150,
        lambda usage: usage.executions,
        "EventBridge tries again for 24 h, at growing intervals: events are late, none is lost; then the queue "
        "of undelivered events",
        "ask AWS for more; `EventAgeSeconds` is at its longest already",
        _STEP_FUNCTIONS,
    ),
    Quota(
        "state transitions a second, of Standard workflows",
        5_000,
        800,
        lambda usage: usage.transitions,
        "`ExecutionThrottled`: executions stand still for a while; a lock that is not used within its lease is lost, "
        "and taken again",
        "ask AWS for more; `RetryIntervalSeconds` up, as each round of waiting takes three",
        _STEP_FUNCTIONS,
    ),
    Quota(
        "Lambdas at once, of the account",
        1_000,
        1_000,
        busy_seconds,
        "`Lambda.TooManyRequestsException`: the machine tries again, 20 times in AcquireLock, 12 in the others; "
        "each try is a transition; then the execution fails",
        "ask AWS for more; reserve concurrency for ReleaseLock and the workers, so that locks are freed; "
        "`MaxAttempts` of that Retry; then `lockstep redrive`",
        "Lambda, Lambda quotas; a function gets 1,000 more every 10 s",
    ),
    Quota(
        "EventBridge, targets called a second",
        18_750,
        750,
        lambda usage: usage.executions,
        "AWS says that calls are delayed, not dropped",
        "ask AWS for more",
        "EventBridge, Quotas",
    ),
    Quota(
        "DynamoDB writes a second, of a new table",
        4_000,
        4_000,
        lambda usage: usage.write_units,
        "throttled writes, tried again by boto3, then 5 times by the machine, 3 by a worker; then the execution fails",
        "it doubles in 30 min, up to a quota of 40,000; warm throughput before a backfill; then `lockstep redrive`",
        "DynamoDB, On-demand capacity mode",
    ),
    Quota(
        "S3 GET and HEAD a second, of one prefix",
        5_500,
        5_500,
        lambda usage: usage.calls["GET"] + usage.calls["HEAD"],
        "503 Slow Down, tried again 5 times by the machine, 3 by a worker; then the execution fails",
        "more prefixes; S3 splits a busy one by itself, which takes a while; then `lockstep redrive`",
        _S3,
    ),
    Quota(
        "S3 PUT and DELETE a second, of one prefix",
        3_500,
        3_500,
        lambda usage: usage.calls["PUT"] + usage.calls["DELETE"],
        "the same",
        "the same",
        _S3,
    ),
)


def longest_minutes(rate: float, drained: float) -> float:
    """For how long events may come at that rate so that the last of them is started before it is given up."""
    return RETRIED_SECONDS / (rate / drained - 1) / 60
