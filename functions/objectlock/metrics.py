"""What is counted, as log lines in CloudWatch's embedded metric format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from aws_lambda_powertools.metrics import MetricUnit, single_metric

from objectlock.errors import (
    AttemptInFlight,
    InputChanged,
    LeaseLost,
    LockWaitTimeout,
    OutputChanged,
    SourceRejected,
    WriteInDoubt,
)

P = ParamSpec("P")
R = TypeVar("R")

_COUNTED_ERRORS: Final[Mapping[type[Exception], str]] = {
    AttemptInFlight: "AttemptInFlight",
    InputChanged: "InputChanged",
    LeaseLost: "LeaseLost",
    LockWaitTimeout: "WaitTimedOut",
    OutputChanged: "OutputChanged",
    SourceRejected: "Rejected",
    WriteInDoubt: "WriteInDoubt",
}


def count(metric: str) -> None:
    """One more."""
    with single_metric(metric, MetricUnit.Count, 1):
        pass  # written on the way out


def seconds(metric: str, value: float) -> None:
    """How long something took."""
    with single_metric(metric, MetricUnit.Seconds, value):
        pass


def errors_counted(handler: Callable[P, R]) -> Callable[P, R]:
    """Count the errors that tell of a race or of a bad input, and let them pass."""

    @wraps(handler)
    def counting(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except tuple(_COUNTED_ERRORS) as error:
            count(next(metric for kind, metric in _COUNTED_ERRORS.items() if isinstance(error, kind)))
            raise

    return counting
