"""ReleaseLock and ReleaseLockAfterFailure: free the lock, and record what was applied or say why nothing was."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.errors import InvalidEvent, UnknownRecordVersion
from objectlock.metrics import errors_counted
from objectlock.task import Failure, Task, applied_answer
from objectlock.wiring import lock_protocol

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(correlation_id_path="owner")
@errors_counted
def handler(payload: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the object released or, after a failure, with the failure in plain words."""
    task = Task.parse(payload)
    failure = task.failure
    if failure is not None:
        return after_failure(task, failure)
    applied = task.applied
    lock_protocol().release(task.owner, applied)
    logger.info("released", extra={"object_id": applied.object_id, **applied_answer(applied)})
    return {"released": applied.object_id}


def after_failure(task: Task, failure: Failure) -> dict[str, Any]:
    """Free the lock if this execution holds it, and answer with the failure in plain words."""
    with suppress(InvalidEvent, UnknownRecordVersion):  # AcquireLock refused it too, and locked nothing
        came_of_it = lock_protocol().give_up(task.event.object_id, task.owner)
        logger.info("gave up", extra={"object_id": task.event.object_id, "lock": came_of_it.value})
    logger.error("failed", extra=asdict(failure))
    return asdict(failure)
