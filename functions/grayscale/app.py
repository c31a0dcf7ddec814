"""ConvertToGrayscale: make the output the grayscale counterpart of the input as it is now."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.images import to_grayscale
from objectlock.task import Task
from objectlock.wiring import output_bucket, source_bucket
from objectlock.work import convert

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(correlation_id_path="owner")
def handler(payload: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with what was applied."""
    event = Task.parse(payload).event
    applied = asdict(convert(event, source_bucket(), output_bucket(), to_grayscale))
    logger.info("converted", extra={"object_id": event.object_id, **applied})
    return applied
