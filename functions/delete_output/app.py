"""DeleteOutput: remove the counterpart of an input object that does not exist."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.task import Task
from objectlock.wiring import output_bucket
from objectlock.work import remove

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(correlation_id_path="owner")
def handler(payload: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what was applied."""
    event = Task.parse(payload).event
    applied = asdict(remove(event, output_bucket()))
    logger.info("removed", extra={"object_id": event.object_id, **applied})
    return applied
