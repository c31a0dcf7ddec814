"""For any table: write the changes of its stream to the feed, by the settings ORDERING_KEY and WATERMARK."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from changefeed.exporter import Exporter
from changefeed.wiring import feed_bucket, ordering

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the records that Lambda has to deliver again."""
    return Exporter(ordering(), feed_bucket(), logger).export(event)
