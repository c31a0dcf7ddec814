"""DeleteOutput: remove the counterpart of an input object that does not exist."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.logs import logged_attempt
from objectlock.metrics import errors_counted
from objectlock.task import Task, applied_answer
from objectlock.wiring import worker

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(correlation_id_path="owner", clear_state=True)
@errors_counted
def handler(payload: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with what was applied."""
    task = Task.parse(payload)
    with logged_attempt(worker(), task, context, logger) as attempt:
        applied = applied_answer(worker().remove(task.event, attempt))
        logger.info("removed", extra=applied)
    return applied
