"""Reaper: free the lock of an execution that ended without releasing it, because it was stopped or ran out of time."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.metrics import count
from objectlock.protocol import GaveUp
from objectlock.status_change import EndedExecution
from objectlock.wiring import lock_protocol

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(correlation_id_path="detail.executionArn")
def handler(payload: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the object and what became of its lock; no object where the execution had no S3 event."""
    ended = EndedExecution.parse(payload)
    came_of_it = GaveUp.HELD_NOTHING  # without an S3 event there is nothing to lock
    if ended.object_id is not None:
        came_of_it = lock_protocol().give_up(ended.object_id, ended.arn)
    if came_of_it is GaveUp.FREED:
        count("Reaped")
    answer = {"object_id": ended.object_id, "lock": came_of_it.value}
    logger.info("reaped", extra={"status": ended.status, **answer})
    return answer
