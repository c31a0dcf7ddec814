"""AcquireLock: take the lock on the object of an S3 event and say which work is due."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.task import Task, decision_answer
from objectlock.wiring import lock_protocol, retry_interval_seconds

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(correlation_id_path="owner")
def handler(payload: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the work that is due, why, and how long to wait where it is not our turn."""
    task = Task.parse(payload)
    event = task.event
    decision = lock_protocol().acquire(event, task.owner, forced=task.lost_its_lease, waiting_since=task.waiting_since)
    answer = decision_answer(decision, retry_interval_seconds())
    logger.info("acquire", extra={"object_id": event.object_id, **answer})
    with single_metric(f"Acquire{decision.work.value.capitalize()}", MetricUnit.Count, 1):
        pass  # written on the way out
    return answer
