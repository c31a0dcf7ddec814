"""ReleaseLock and ReleaseLockAfterFailure: free the lock, and record what was applied or say why nothing was."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.errors import InvalidEvent
from objectlock.lock import Applied
from objectlock.task import Failure, Task
from objectlock.wiring import lock_protocol

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(correlation_id_path="owner")
def handler(payload: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the object released or, after a failure, with the failure in plain words."""
    task = Task.parse(payload)
    failure = task.failure
    if failure is not None:
        return after_failure(task, failure)
    event, applied = task.event, task.applied
    lock_protocol().release(event, task.owner, applied)
    logger.info("released", extra={"object_id": event.object_id, **asdict(applied)})
    return {"released": event.object_id}


def after_failure(task: Task, failure: Failure) -> dict[str, Any]:
    """Free the lock if this execution holds it, and answer with the failure in plain words.

    An input that can never be converted has had its effect, no output, which is recorded. Raises LeaseLost if
    another execution may have written the output that this one has removed.
    """
    with suppress(InvalidEvent):  # AcquireLock refused it too, and locked nothing
        if failure.is_rejection and task.source is not None:
            lock_protocol().release(task.event, task.owner, Applied(task.source, output_etag=None))
        else:
            lock_protocol().give_up(task.event, task.owner)
    logger.error("failed", extra=asdict(failure))
    return asdict(failure)
