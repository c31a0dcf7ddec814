"""What the workers log alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.attempts import Attempt
from objectlock.task import Task
from objectlock.work import Worker


@contextmanager
def logged_attempt(worker: Worker, task: Task, context: LambdaContext, logger: Logger) -> Iterator[Attempt]:
    """`Worker.attempt`, with its begin and its end in the log, and its object and its token in each line between."""
    event = task.event
    with worker.attempt(event, task.owner, context.get_remaining_time_in_millis()) as attempt:
        logger.append_keys(object_id=event.object_id, token=attempt.token)
        logger.info("attempt begins")
        try:
            yield attempt
        finally:
            logger.info("attempt ends")
