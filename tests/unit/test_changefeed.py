"""The exporter: from records of a stream to files, and what becomes of a record that is none."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from changefeed.change import Change, Ordering, Unreadable, read
from changefeed.exporter import Exporter
from changefeed.file import file_of, line_of, unreadable_file

AT: Final = 1_763_838_780  # 2025-11-22T19:13:00Z
READINGS: Final = Ordering("device_id", ("reading_time",))
LOGGER: Final = Logger(service="tests")
NUMBER: Final = "4421584500000000017450439091"


class Bucket:
    """A `FeedBucket` in memory.

    Attributes:
        fails: which puts raise, by the beginning of the name.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fails: tuple[str, ...] = ()

    def put(self, name: str, body: bytes) -> None:
        if name.startswith(self.fails):
            raise ConnectionError(name)
        self.files.setdefault(name, body)

    def lines(self) -> list[dict[str, Any]]:
        """Of all files, in the order of their names."""
        bodies = [gzip.decompress(body) for name, body in sorted(self.files.items()) if name.startswith("changes/")]
        return [json.loads(line) for body in bodies for line in body.splitlines()]


@pytest.fixture(autouse=True)
def _counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Lockstep")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "lockstep")


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def reading(number: int, device: str = "door", **item: Any) -> dict[str, Any]:
    """A record of the stream of a table with readings, as Lambda gets it."""
    keys = {"device_id": {"S": device}, "reading_time": {"S": f"09:{number:02}"}}
    return {
        "eventID": f"event-{number}",
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": AT + number,
            "Keys": keys,
            "NewImage": {**keys, **item},
            "SequenceNumber": str(int(NUMBER) + number),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def poisoned(number: int) -> dict[str, Any]:
    """One without the attribute that orders."""
    record = reading(number)
    del record["dynamodb"]["NewImage"]["reading_time"]
    return record


def export(bucket: Bucket, *records: Mapping[str, Any], ordering: Ordering = READINGS) -> list[str]:
    """Which records Lambda has to deliver again, by sequence number."""
    answer = Exporter(ordering, bucket, LOGGER).export({"Records": list(records)})
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


# --- a change --------------------------------------------------------------------------------------------------


def test_a_change_has_its_key_and_its_watermark_by_the_settings() -> None:
    change = read(reading(3, people={"N": "2"}), READINGS)
    assert change == Change(
        key="door",
        watermark=("09:03",),
        sequence_number=str(int(NUMBER) + 3),
        created_at=AT + 3,
        change={"device_id": "door", "reading_time": "09:03", "people": 2},
    )


def test_a_watermark_can_be_of_several_attributes_and_of_numbers() -> None:
    change = read(reading(3, people={"N": "2"}), Ordering("device_id", ("people", "reading_time")))
    assert change is not None
    assert change.watermark == (2, "09:03")


@pytest.mark.parametrize("time", [AT, float(AT), str(AT), f"{AT}.0"])
def test_the_time_may_come_in_any_form(time: object) -> None:
    record = reading(3)
    record["dynamodb"]["ApproximateCreationDateTime"] = time
    change = read(record, READINGS)
    assert change is not None
    assert change.created_at == AT


def test_a_key_that_is_a_number_is_told_as_text() -> None:
    change = read(reading(3, floor={"N": "-1"}), Ordering("floor", ("reading_time",)))
    assert change is not None
    assert change.key == "-1"


def test_a_watermark_has_all_digits_of_a_number() -> None:
    """As a text it could not be compared with a smaller one, and rounded it would be that of another change."""
    later = "38000000000000000000000000000000000001"
    change = read(reading(3, reading_time={"N": later}), READINGS)
    assert change is not None
    assert change.watermark == (int(later),)
    assert json.loads(line_of(change))["watermark"] == [int(later)]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"N": "9007199254740991"}, 9007199254740991),
        ({"N": "-9007199254740992"}, "-9007199254740992"),  # for JavaScript, the same as the next one
        ({"N": "38000000000000000000000000000000000001"}, "38000000000000000000000000000000000001"),
        ({"N": "1E+17"}, "100000000000000000"),
        ({"N": "1.50"}, 1.5),
        ({"N": "0.1"}, 0.1),
        ({"N": "1234567890.12345678901234567890"}, "1234567890.12345678901234567890"),  # a float would be another one
        ({"N": "1E+2"}, 100),
        ({"S": "ü\n"}, "ü\n"),
        ({"BOOL": True}, True),
        ({"NULL": True}, None),
        ({"L": [{"N": "1"}, {"S": "a"}]}, [1, "a"]),
        ({"M": {"a": {"N": "1"}}}, {"a": 1}),
        ({"SS": ["b", "a"]}, ["a", "b"]),
        ({"NS": ["10", "9", "9.00000000000000000001"]}, [9, "9.00000000000000000001", 10]),
        ({"B": "aGk="}, "aGk="),  # Lambda gets it so
        ({"B": b"hi"}, "aGk="),
    ],
)
def test_everything_that_an_item_can_hold_is_told_as_json(value: dict[str, Any], told: object) -> None:
    change = read(reading(3, it=value), READINGS)
    assert change is not None
    assert change.change["it"] == told
    assert json.loads(line_of(change))["change"]["it"] == told


def without(path: str) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for each in parents:
            record = record[each]
        del record[last]

    return change


def of(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda record: record["dynamodb"]["NewImage"].update({name: value})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without("dynamodb"), "it has no 'dynamodb'"),
        (without("dynamodb.NewImage"), "it has no 'NewImage'"),
        (without("dynamodb.SequenceNumber"), "it has no 'SequenceNumber'"),
        (without("dynamodb.ApproximateCreationDateTime"), "it has no 'ApproximateCreationDateTime'"),
        (without("dynamodb.NewImage.device_id"), "it has no 'device_id'"),
        (without("dynamodb.NewImage.reading_time"), "it has no 'reading_time'"),
        (of("reading_time", {"N": "1.5"}), "reading_time is 1.5, which is neither a whole number nor a text"),
        (of("reading_time", {"N": "1.00000000000000000001"}), "is '1.00000000000000000001', which is neither a whole"),
        (of("reading_time", {"BOOL": True}), "reading_time is True, which is neither a whole number nor a text"),
        (of("reading_time", {"NULL": True}), "reading_time is None, which is neither a whole number nor a text"),
        (of("device_id", {"SS": ["a"]}), "device_id is ['a'], which is neither a whole number nor a text"),
        (of("any", {"X": "1"}), "Dynamodb type X is not supported"),
        (of("any", "text"), "'str' object has no attribute 'keys'"),
        (of("any", {}), "list index out of range"),
        (of("any", {"N": "1." + "1" * 38}), "Inexact"),
        (lambda it: it["dynamodb"].update(ApproximateCreationDateTime=None), "float() argument must be"),
        (lambda it: it["dynamodb"].update(SequenceNumber="1a"), "the sequence number is '1a', which is not up to 40"),
        (lambda it: it["dynamodb"].update(SequenceNumber="1" * 41), "which is not up to 40 digits"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(change: Callable[[dict[str, Any]], None], why: str) -> None:
    record = reading(3)
    change(record)
    with pytest.raises(Unreadable) as caught:
        read(record, READINGS)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("error", "why"),
    [(KeyError("owner"), "it has no 'owner'"), (ValueError("so"), "so"), (OSError("too long ago"), "too long ago")],
)
def test_what_cannot_be_described_cannot_be_read(error: Exception, why: str) -> None:
    def describe(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise error

    with pytest.raises(Unreadable, match=why):
        read(reading(3), Ordering("device_id", ("reading_time",), describe))


@pytest.mark.parametrize(("key", "watermark"), [("device_id", ()), ("", ("reading_time",))])
def test_settings_without_an_order_are_refused(key: str, watermark: tuple[str, ...]) -> None:
    """No reader could load such a feed, and it would be full of it by the time that somebody tries."""
    with pytest.raises(ValueError, match="a key and a watermark are needed"):
        Ordering(key, watermark)


# --- a file ----------------------------------------------------------------------------------------------------


def test_a_file_is_lines_of_json() -> None:
    changes = [read(reading(number), READINGS) for number in (1, 2)]
    lines = gzip.decompress(file_of([each for each in changes if each]).body)
    assert lines.decode() == (
        '{"key":"door","watermark":["09:01"],"sequence_number":"4421584500000000017450439092",'
        '"change":{"device_id":"door","reading_time":"09:01"}}\n'
        '{"key":"door","watermark":["09:02"],"sequence_number":"4421584500000000017450439093",'
        '"change":{"device_id":"door","reading_time":"09:02"}}\n'
    )


def test_a_name_tells_the_time_and_the_place_of_the_first_change_and_of_all_what_they_are(bucket: Bucket) -> None:
    export(bucket, reading(1), reading(2))
    ((name, body),) = bucket.files.items()
    digest = hashlib.sha256(gzip.decompress(body)).hexdigest()[:12]
    start = "changes/2025/11/22/19/20251122T191301Z-0000000000004421584500000000017450439092-"
    assert name == f"{start}{digest}.ndjson.gz"


@pytest.mark.parametrize(
    ("one", "later"),
    [
        ({"at": AT}, {"at": AT + 1}),
        ({"at": AT}, {"at": AT + 3600}),
        ({"at": 1_767_225_599}, {"at": 1_767_225_600}),  # the new year
        ({"number": "9"}, {"number": "10"}),
        ({"number": "9" * 39}, {"number": "1" + "0" * 39}),
    ],
)
def test_names_sort_by_time_then_by_place_in_the_stream(one: dict[str, Any], later: dict[str, Any]) -> None:
    def name(at: int = AT, number: str = NUMBER) -> str:
        return file_of([Change("any", (1,), number, at, {})]).name

    assert name(**one) < name(**later)


def test_the_same_batch_makes_the_same_file_and_another_one_another(bucket: Bucket) -> None:
    """Even the same bytes, so that it can come twice; and what comes in other pieces replaces nothing."""
    for _ in range(2):
        export(bucket, reading(1), reading(2))
    ((name, body),) = bucket.files.items()
    assert body[4:8] == bytes(4)  # gzip's own time, which would make it another file a second later
    export(bucket, reading(1))
    assert bucket.files[name] == body
    assert len(bucket.files) == 2


# --- the exporter ----------------------------------------------------------------------------------------------


def test_a_batch_is_one_file_in_its_order(bucket: Bucket) -> None:
    assert export(bucket, reading(2), reading(1), reading(3, "gate")) == []
    assert [(each["key"], each["watermark"]) for each in bucket.lines()] == [
        ("door", ["09:02"]),
        ("door", ["09:01"]),
        ("gate", ["09:03"]),
    ]
    assert len(bucket.files) == 1


def test_a_record_that_cannot_be_read_is_set_aside_whole_and_holds_nobody_up(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(bucket, reading(1), poisoned(2), reading(3)) == []
    assert [each["watermark"] for each in bucket.lines()] == [["09:01"], ["09:03"]]
    ((name, body),) = [(name, body) for name, body in bucket.files.items() if name.startswith("unreadable/")]
    assert json.loads(body) == {"why": "it has no 'reading_time'", "record": poisoned(2)}
    assert name.startswith("unreadable/0000000000004421584500000000017450439093-")
    counted = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "UnreadableRecords" in line]
    assert [each["UnreadableRecords"] for each in counted] == [[1.0]]


@pytest.mark.parametrize("record", [{}, {"dynamodb": None}, {"dynamodb": {"SequenceNumber": "no number"}}])
def test_whatever_it_is_it_can_be_set_aside(record: dict[str, Any]) -> None:
    assert unreadable_file(record, "why").name.startswith("unreadable/")
    assert unreadable_file(record, "why").name != unreadable_file({**record, "other": 1}, "why").name


def test_nothing_is_written_that_comes_after_a_failure(bucket: Bucket) -> None:
    """It would be there before what failed, and a change of the same item with it, when that comes again."""
    bucket.fails = ("unreadable/",)
    assert export(bucket, reading(1), poisoned(2), reading(3)) == [str(int(NUMBER) + 2)]
    assert [each["watermark"] for each in bucket.lines()] == [["09:01"]]
    bucket.fails = ()
    assert export(bucket, poisoned(2), reading(3)) == []
    assert [each["watermark"] for each in bucket.lines()] == [["09:01"], ["09:03"]]


def test_a_mistake_of_ours_is_a_failure_of_that_record_alone(bucket: Bucket) -> None:
    def describe(item: Mapping[str, Any]) -> Mapping[str, Any]:
        if item["reading_time"] == "09:02":
            raise RecursionError
        return item

    ordering = Ordering("device_id", ("reading_time",), describe)
    assert export(bucket, reading(1), reading(2), reading(3), ordering=ordering) == [str(int(NUMBER) + 2)]
    assert len(bucket.lines()) == 1


def test_a_file_that_cannot_be_written_fails_the_batch(bucket: Bucket) -> None:
    bucket.fails = ("changes/",)
    with pytest.raises(ConnectionError):
        export(bucket, reading(1), reading(2))
    assert bucket.files == {}


def test_where_all_fail_the_batch_fails(bucket: Bucket) -> None:
    bucket.fails = ("unreadable/",)
    with pytest.raises(BatchProcessingError):
        export(bucket, poisoned(1), poisoned(2))


def test_a_batch_without_a_change_makes_no_file(bucket: Bucket) -> None:
    nothing = Ordering("device_id", ("reading_time",), lambda _: None)
    assert export(bucket, reading(1), ordering=nothing) == []
    assert export(bucket) == []
    assert bucket.files == {}


def test_an_exporter_can_be_used_again(bucket: Bucket) -> None:
    exporter = Exporter(READINGS, bucket, LOGGER)
    bucket.fails = ("unreadable/",)
    assert exporter.export({"Records": [reading(1), poisoned(2)]})["batchItemFailures"]
    assert not exporter.export({"Records": [reading(3)]})["batchItemFailures"]
