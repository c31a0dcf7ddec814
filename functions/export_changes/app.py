"""ExportChanges: write what was applied to the output bucket to the change feed, from the lock table's stream."""

from typing import Any, Final

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from changefeed.change import Ordering
from changefeed.exporter import Exporter
from changefeed.wiring import feed_bucket
from objectlock.applied_change import applied_change
from objectlock.record import FENCING_TOKEN, OBJECT_ID, RECORD_SINCE

# Tokens grow with every attempt at an object, and begin anew with its next record, after a tombstone has expired.
ORDERING: Final = Ordering(OBJECT_ID, (RECORD_SINCE, FENCING_TOKEN), applied_change)

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the records that Lambda has to deliver again."""
    return Exporter(ORDERING, feed_bucket(), logger).export(event)
