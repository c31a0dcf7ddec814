"""What the functions write to their logs, in bytes."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Final
from unittest import mock

from aws_lambda_powertools.metrics import single_metric

from benchmarks.cost.usage import LOG_LINE_BYTES, Usage
from objectlock import metrics
from tests.simulation import system
from tests.simulation.lambdas import APPS, Context

# As long as on AWS.
_TRACE: Final = "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=1;Lineage=1:00000000:0"
_CONTEXT: Final = {
    "function_name": "lockstep-AcquireLockFunction-000000000000",
    "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:lockstep-AcquireLockFunction-000000000000",
    "aws_request_id": "00000000-0000-4000-8000-000000000000",
}


class Log(io.StringIO):
    """Counts instead of keeping.

    Attributes:
        usage: where it counts.
        metrics: names of the custom metrics that were written.
    """

    def __init__(self, usage: Usage) -> None:
        super().__init__()
        self.usage = usage
        self.metrics: set[str] = set()

    def write(self, text: str) -> int:
        for line in filter(None, text.split("\n")):
            self.usage.log_bytes += len(line.encode()) + LOG_LINE_BYTES
            if line.startswith('{"_aws"'):
                (found,) = json.loads(line)["_aws"]["CloudWatchMetrics"]
                self.metrics |= {each["Name"] for each in found["Metrics"]}
        return len(text)


@contextmanager
def watched(usage: Usage) -> Iterator[Log]:
    """The functions run as in the simulation, and log as they do on AWS."""
    log = Log(usage)
    with ExitStack() as stack:
        stack.enter_context(system.running())
        stack.enter_context(mock.patch.dict(os.environ, {"_X_AMZN_TRACE_ID": _TRACE}))
        stack.enter_context(mock.patch.object(metrics, "single_metric", single_metric))
        for name, value in _CONTEXT.items():
            stack.enter_context(mock.patch.object(Context, name, value))
        stack.enter_context(redirect_stdout(log))
        for app in APPS:
            app.logger.setLevel("INFO")
            for handler in app.logger.registered_handler, *app.logger.handlers:
                stack.callback(handler.setStream, handler.stream)
                handler.setStream(log)
        yield log
