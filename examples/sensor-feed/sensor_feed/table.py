"""The table of readings: an item for each, by device and time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from lockstep.errors import UserError
from lockstep.pace import Clock
from sensor_feed.readings import Reading

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MOST_AT_ONCE: Final = 25  # by the API reference of BatchWriteItem
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 10.0
_CLOCK: Final = Clock()


def put(
    client: DynamoDBClient, table: str, readings: Iterable[Reading], *, per_second: float, clock: Clock = _CLOCK
) -> None:
    """Put the readings into the table, so many a second at most.

    Raises: UserError when the table goes on refusing some, ClientError.
    """
    began, done = clock.now(), 0
    for batch in _batches(readings):
        _put(client, table, batch, clock)
        done += len(batch)
        clock.sleep(max(0.0, began + done / per_second - clock.now()))


def latest(client: DynamoDBClient, table: str, devices: Iterable[str]) -> dict[str, Reading]:
    """The latest reading of each device that has one: what a loader of the feed has to end up with."""
    found = {}
    for device in devices:
        items = client.query(
            TableName=table,
            KeyConditionExpression="device_id = :device",
            ExpressionAttributeValues={":device": {"S": device}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )["Items"]
        for item in items:
            found[device] = _reading(item)
    return found


def _batches(readings: Iterable[Reading]) -> Iterator[list[Reading]]:
    left = iter(readings)
    while batch := list(islice(left, _MOST_AT_ONCE)):
        yield batch


def _put(client: DynamoDBClient, table: str, batch: Sequence[Reading], clock: Clock) -> None:
    left: Any = [{"PutRequest": {"Item": _item(each)}} for each in batch]
    pause = _FIRST_PAUSE_SECONDS
    while left := client.batch_write_item(RequestItems={table: left}).get("UnprocessedItems", {}).get(table):
        if pause > _LONGEST_PAUSE_SECONDS:
            msg = f"table {table} takes no more: {len(left)} readings were not put; try fewer a second"
            raise UserError(msg)
        clock.sleep(pause)
        pause *= 2


def _item(reading: Reading) -> dict[str, Any]:
    return {
        "device_id": {"S": reading.device_id},
        "reading_time": {"S": reading.reading_time},
        "room": {"S": reading.room},
        "people": {"N": str(reading.people)},
    }


def _reading(item: Any) -> Reading:  # noqa: ANN401  # an item as boto3 has it
    return Reading(item["device_id"]["S"], item["reading_time"]["S"], item["room"]["S"], int(item["people"]["N"]))
