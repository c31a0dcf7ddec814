"""The rule's dead-letter queue: events that could not start an execution, each a message with the event as its body."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from lockstep.batch import Item
from lockstep.errors import UserError
from lockstep.problems import problem_of
from lockstep.redrive.failure import Failure, Found, Stray, is_meant
from lockstep.stack import Stack
from lockstep.view import visible
from objectlock.errors import InvalidEvent
from objectlock.events import ObjectEvent

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

MOST: Final = 100_000  # messages that one run takes; SQS lets some 120,000 be invisible at a time
_ASKING_SECONDS: Final = 900  # for reading and for asking
_MARGIN_SECONDS: Final = 900  # for AWS to be slow while they are started
_LONGEST_SECONDS: Final = 39600  # twelve hours from the receive (SQS API Reference), less one in which it was asked
_AT_ONCE: Final = 10  # messages in one request, the same
_EMPTY_ANSWERS: Final = 2  # in a row: one alone proves little, as SQS is spread over many servers
_SHOWN: Final = 60  # characters of a message that is no event
_IN_A_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,71}")  # with the prefix at most 80 characters


class Queue:
    """What lies in the queue. Nobody else sees it until the block ends; what was not deleted is there again then.

    Messages that are left alone are invisible for so long too: else they would come again and hide those behind them.
    """

    def __init__(self, stack: Stack) -> None:
        """Raises: UserError when the stack does not tell its queue."""
        if stack.undelivered_events_queue is None:
            msg = f"stack {stack.name!r} has no output UndeliveredEventsQueueUrl: deploy it anew to replay its queue"
            raise UserError(msg)
        self._stack = stack
        self._url = stack.undelivered_events_queue
        self._receipts: dict[str, str] = {}

    def __enter__(self) -> Queue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hide(list(self._receipts.values()), 0)

    def find(self, key: str, say: Callable[[str], None]) -> Found:
        """Take what is there. Raises: ClientError, BotoCoreError."""
        found = Found()
        for message in self._received(say):
            try:
                failure = _failure(message, self._stack.input_bucket)
            except InvalidEvent as error:
                found.left[f"no event of the input bucket: {visible(str(error))}"] += 1
                found.strays.append(_stray(message, str(error)))
                continue
            if is_meant(failure.key, key):
                found.failures.append(failure)
        found.failures.sort(key=lambda each: each.when)
        if len(self._receipts) >= MOST:
            found.left[f"or more may lie behind the first {MOST:,}: the same command goes on with them"] += 1
        return found

    def hold(self, failures: Iterable[Failure], seconds: float) -> None:
        """Keep them invisible, from now on, for so long and a quarter of an hour more.

        What comes to be seen before it is deleted does no harm: its name starts one execution.
        """
        receipts = [self._receipts[str(each.origin["message_id"])] for each in failures]
        self._hide(receipts, min(_LONGEST_SECONDS, int(seconds) + _MARGIN_SECONDS))

    def delete(self, failure: Failure) -> str:
        """Take a message off the queue for good. Returns what went wrong; empty if nothing did."""
        message = str(failure.origin["message_id"])
        try:
            self._stack.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=self._receipts[message])
        except (ClientError, BotoCoreError) as error:
            return f"its message is still in the queue: {problem_of(error, self._stack)}"
        del self._receipts[message]
        return ""

    def _received(self, say: Callable[[str], None]) -> Iterable[MessageTypeDef]:
        """Each message once, though SQS may give it twice."""
        found: dict[str, MessageTypeDef] = {}
        empty = 0
        while empty < _EMPTY_ANSWERS and len(self._receipts) < MOST:
            say(f"reading the queue: {len(found):,} messages")
            answer = self._stack.sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=_AT_ONCE,
                VisibilityTimeout=_ASKING_SECONDS,
                WaitTimeSeconds=1,  # asks all servers
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp"],
            ).get("Messages", [])
            self._receipts |= {each["MessageId"]: each["ReceiptHandle"] for each in answer}
            known = len(found)
            found |= {each["MessageId"]: each for each in answer}
            empty = 0 if len(found) > known else empty + 1
        return found.values()

    def _hide(self, receipts: Sequence[str], seconds: int) -> None:
        """For so many seconds from now on; what cannot be hidden longer, or shown now, SQS shows in time."""
        try:
            for ten in _tens(receipts):
                self._stack.sqs.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                        for number, receipt in enumerate(ten)
                    ],
                )
        except (ClientError, BotoCoreError):
            return


def _tens(receipts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(receipts), _AT_ONCE):
        yield receipts[start : start + _AT_ONCE]


def _failure(message: MessageTypeDef, bucket: str) -> Failure:
    """Raises: InvalidEvent when it is no event of this bucket."""
    body = message.get("Body", "")
    event = ObjectEvent.parse(raw := _json(body))
    if event.bucket != bucket:
        msg = f"detail.bucket.name: expected {bucket!r}, got {event.bucket!r}"
        raise InvalidEvent(msg)
    attributes = message.get("MessageAttributes", {})
    why = [  # EventBridge User Guide, dead-letter queues
        attributes[name].get("StringValue", "") for name in ("ERROR_CODE", "ERROR_MESSAGE") if name in attributes
    ]
    return Failure(
        when=_sent(message),
        bucket=event.bucket,
        key=event.key,
        change=event.change.value.removeprefix("Object ").lower(),
        outcome="undelivered",
        why=": ".join(filter(None, why)),
        item=Item(_name(raw.get("id"), body), body),
        origin={"message_id": message.get("MessageId")},
    )


def _stray(message: MessageTypeDef, why: str) -> Stray:
    return Stray(_sent(message), message.get("MessageId", ""), why, message.get("Body", "")[:_SHOWN])


def _name(event_id: object, body: str) -> str:
    """One for each event, however often it is in the queue."""
    if isinstance(event_id, str) and _IN_A_NAME.fullmatch(event_id):
        return f"redriven-{event_id}"
    return f"redriven-{hashlib.sha256(body.encode()).hexdigest()[:40]}"


def _sent(message: MessageTypeDef) -> datetime:
    sent = message.get("Attributes", {}).get("SentTimestamp")
    return datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else datetime.now(UTC)


def _json(body: str) -> dict[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidEvent("the message is not JSON") from None
    if not isinstance(found, dict):
        raise InvalidEvent("the message is no JSON object")
    return found
