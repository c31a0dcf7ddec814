"""ConvertToGrayscale: make the output the grayscale counterpart of the input as it is now."""

import os
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.images import Limits, to_grayscale
from objectlock.logs import logged_attempt
from objectlock.metrics import errors_counted
from objectlock.task import Task, applied_answer
from objectlock.wiring import max_image_bytes, worker

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


def limits() -> Limits:
    """What one image may ask for, by MAX_IMAGE_MEGABYTES, MAX_IMAGE_MEGAPIXELS and MAX_IMAGE_FRAMES."""
    return Limits(
        max_bytes=max_image_bytes(),
        max_pixels=int(os.environ["MAX_IMAGE_MEGAPIXELS"]) * 1_000_000,
        max_frames=int(os.environ["MAX_IMAGE_FRAMES"]),
    )


@logger.inject_lambda_context(correlation_id_path="owner", clear_state=True)
@errors_counted
def handler(payload: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with what was applied."""
    task = Task.parse(payload)
    with logged_attempt(worker(), task, context, logger) as attempt:
        gray = partial(to_grayscale, limits=limits())
        applied = applied_answer(worker().convert(task.event, attempt, gray))
        logger.info("converted", extra=applied)
    return applied
