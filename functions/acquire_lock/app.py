"""AcquireLock: take the lock on the object of an S3 event and say which work is due."""

from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock import metrics
from objectlock.protocol import Work
from objectlock.task import Task, decision_answer
from objectlock.wiring import lock_protocol, retry_interval_seconds

METRICS: Final = {
    Work.GRAYSCALE: "Granted",
    Work.DELETE: "Granted",
    Work.HELD: "Held",
    Work.STALE: "Stale",
    Work.SUPERSEDED: "Superseded",
    Work.FOLDER: "Folder",
}

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(correlation_id_path="owner")
@metrics.errors_counted
def handler(payload: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the work that is due, why, and how long to wait where it is not our turn."""
    task = Task.parse(payload)
    event = task.event
    decision = lock_protocol().acquire(
        event, task.owner, forced=task.has_to_look_again, waiting_since=task.waiting_since
    )
    answer = decision_answer(decision, retry_interval_seconds())
    logger.info("acquire", extra={"object_id": event.object_id, **answer})
    metrics.count(METRICS[decision.work])
    if decision.is_grant:
        metrics.seconds("WaitSeconds", decision.waited_ms / 1000)
    if decision.work is Work.HELD:
        metrics.seconds("WaitingSeconds", decision.waited_ms / 1000)
    if decision.taken_from is not None:
        metrics.count("LeaseExpired")
    return answer
