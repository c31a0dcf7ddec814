"""Write the batches of a stream into files, each change in order after the earlier ones of its item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Protocol, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from changefeed.change import Change, Ordering, Unreadable, read
from changefeed.file import file_of, unreadable_file


class FeedBucket(Protocol):
    """Where the files go."""

    def put(self, name: str, body: bytes) -> None:
        """Put an object; one of that name that is there already stays."""
        ...


@dataclass(frozen=True)
class Exporter:
    """At least once, and in order per item: whatever fails comes again, and nothing after it is written before.

    Attributes:
        logger: the handler's, so that each line names the invocation.
    """

    ordering: Ordering
    bucket: FeedBucket
    logger: Logger
    _processor: BatchProcessor = field(default_factory=lambda: BatchProcessor(EventType.DynamoDBStreams))

    def export(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Write one file, and say from which record on Lambda has to deliver again.

        Raises: what the bucket raises, or that every record failed; then the whole batch comes again.
        """
        with self._processor(event["Records"], self._change) as batch:
            results = batch.process()
        before_any_failure = takewhile(lambda each: each[0] == "success", results)
        changes = [change for _, change, _ in before_any_failure if change]
        if changes:
            file = file_of(changes)
            self.bucket.put(file.name, file.body)
            self.logger.info("exported", extra={"file": file.name, "changes": len(changes)})
        return cast("dict[str, Any]", self._processor.response())

    def _change(self, record: DynamoDBRecord) -> Change | None:
        """None where there is none, or where the record can never be read: then it is set aside and holds nobody up."""
        try:
            return read(record.raw_event, self.ordering)
        except Unreadable as error:
            self._set_aside(record, why=str(error))
            return None

    def _set_aside(self, record: DynamoDBRecord, why: str) -> None:
        file = unreadable_file(record.raw_event, why)
        self.bucket.put(file.name, file.body)
        self.logger.error("set aside", extra={"file": file.name, "why": why})
        with single_metric("UnreadableRecords", MetricUnit.Count, 1):
            pass  # written on the way out
