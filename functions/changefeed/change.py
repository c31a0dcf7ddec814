"""One change of one item, read from a table's stream."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import StreamRecord

LONGEST_SEQUENCE_NUMBER: Final = 40  # digits, by the API reference of DynamoDB Streams
_LARGEST: Final = 2**53 - 1  # the whole numbers up to it are the same in every reader of JSON (RFC 8259, section 6)


class Unreadable(ValueError):
    """A record that cannot become a change, now or when it comes again. The message says why."""


def attributes(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """All of an item, as a change is told where nobody says otherwise."""
    return item


@dataclass(frozen=True, slots=True)
class Ordering:
    """What orders the changes of a table, by the names of its attributes.

    Attributes:
        key: changes with the same value of it have an order; those of different ones have none.
        watermark: one or more, whose values grow with every change of one key, compared one after the other.
        describe: what is told of an item as it is now; None where that is no change. It may raise KeyError, ValueError.
    """

    key: str
    watermark: tuple[str, ...]
    describe: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] = attributes

    def __post_init__(self) -> None:
        """Raises: ValueError."""
        if not self.key or not self.watermark:
            raise ValueError("which attributes order the changes? a key and a watermark are needed")


@dataclass(frozen=True, slots=True)
class Change:
    """What a reader of the feed needs to know.

    Attributes:
        watermark: a reader that has one as high or higher for the key drops the change. Whole numbers and texts.
        sequence_number: where it is in its stream; digits.
        created_at: when the item changed, to DynamoDB; epoch seconds.
        change: what is told of it, as JSON can have it.
    """

    key: str
    watermark: tuple[int | str, ...]
    sequence_number: str
    created_at: int
    change: Mapping[str, Any]


def read(record: Mapping[str, Any], ordering: Ordering) -> Change | None:
    """Read a record as Lambda gets it; None where it is no change. Raises: Unreadable."""
    try:
        return _read(record, ordering)
    except KeyError as error:
        msg = f"it has no {error}"
        raise Unreadable(msg) from error
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        raise Unreadable(str(error)) from error


def _read(record: Mapping[str, Any], ordering: Ordering) -> Change | None:
    stream = record["dynamodb"]
    image = StreamRecord({"NewImage": stream["NewImage"]}).new_image  # without one it would be empty, not missing
    item = {name: _plain(value) for name, value in image.items()}
    change = ordering.describe(item)
    if change is None:
        return None
    return Change(
        key=str(_orderable(image, ordering.key)),
        watermark=tuple(_orderable(image, name) for name in ordering.watermark),
        sequence_number=_sequence_number(stream["SequenceNumber"]),
        created_at=int(float(stream["ApproximateCreationDateTime"])),  # whole seconds, in whatever form
        change=change,
    )


def _orderable(item: Mapping[str, Any], name: str) -> int | str:
    """With all its digits, and never a text for a number: no reader could compare the two."""
    value = item[name]
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    msg = f"{name} is {_plain(value)!r}, which is neither a whole number nor a text"
    raise TypeError(msg)


def _sequence_number(number: str) -> str:
    if not number.isdecimal() or len(number) > LONGEST_SEQUENCE_NUMBER:
        msg = f"the sequence number is {number!r}, which is not up to {LONGEST_SEQUENCE_NUMBER} digits"
        raise ValueError(msg)
    return number


def _number(value: Decimal) -> int | float | str:
    """As text where JSON's readers would take it for another number: DynamoDB has 38 digits, and they have 15 to 17."""
    if value == value.to_integral_value():
        return int(value) if abs(value) <= _LARGEST else str(int(value))
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _plain(value: Any) -> Any:  # noqa: ANN401  # what DynamoDB can hold, and what JSON can
    match value:
        case Decimal():
            return _number(value)
        case bytes() | bytearray():
            return base64.b64encode(value).decode()
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case Set():
            return [_plain(each) for each in sorted(value)]
        case list():
            return [_plain(each) for each in value]
        case _:
            return value
