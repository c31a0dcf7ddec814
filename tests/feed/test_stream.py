"""The model of a stream keeps what AWS promises, and breaks what AWS does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.feed.machine import PROFILE
from tests.feed.stream import Stream, Table, item_key, place, sequence_number
from tests.memory import HandClock

Write = tuple[str, int, int]  # partition key, sort key, value


def table(stream: Stream, *, view: str = "NEW_AND_OLD_IMAGES", sort: str | None = "time") -> Table:
    return Table(stream, "device", sort, HandClock(1_763_838_000_900), view)


def reading(device: str, time: int, value: int = 0) -> dict[str, Any]:
    return {"device": device, "time": time, "value": value}


def test_a_record_has_the_form_that_lambda_gets() -> None:
    record = table(Stream()).put(reading("a", 1))
    assert record is not None
    change = record["dynamodb"]
    assert (record["eventName"], record["eventSource"]) == ("INSERT", "aws:dynamodb")
    assert change["Keys"] == {"device": {"S": "a"}, "time": {"N": "1"}}
    assert change["NewImage"] == {"device": {"S": "a"}, "time": {"N": "1"}, "value": {"N": "0"}}
    assert "OldImage" not in change
    assert change["ApproximateCreationDateTime"] == 1_763_838_000
    assert 21 <= len(change["SequenceNumber"]) <= 40


def test_what_happened_to_an_item_is_told_with_the_images_that_the_view_has() -> None:
    both, new = table(Stream()), table(Stream(), view="NEW_IMAGE")
    for each in (both, new):
        each.put(reading("a", 1))
    modified = [each.put(reading("a", 1, 7)) for each in (both, new)]
    removed = [each.delete(("a", 1)) for each in (both, new)]
    assert [each and each["eventName"] for each in (*modified, *removed)] == ["MODIFY"] * 2 + ["REMOVE"] * 2
    images = [{*each["dynamodb"]} & {"OldImage", "NewImage"} for each in (*modified, *removed) if each]
    assert images == [{"OldImage", "NewImage"}, {"NewImage"}, {"OldImage"}, set()]


def test_a_write_that_changes_nothing_makes_no_record() -> None:
    stream = Stream()
    for _ in range(2):
        table_of_one = table(stream)
        table_of_one.put(reading("a", 1))
        assert table_of_one.put(reading("a", 1)) is None
        assert table_of_one.delete(("b", 1)) is None
    assert len(stream.records) == 2


@given(
    writes=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 9)), max_size=40),
    splits=st.dictionaries(st.integers(0, 40), st.tuples(st.integers(0, 5), st.integers(1, 3)), max_size=6),
)
@PROFILE
def test_each_record_is_in_one_shard_and_those_of_an_item_are_in_order_along_the_lineage(
    writes: list[Write], splits: dict[int, tuple[int, int]]
) -> None:
    stream = Stream()
    modelled, written = table(stream), []
    for number, write in enumerate(writes):
        if number in splits:
            which, children = splits[number]
            stream.split(stream.open_shards[which % len(stream.open_shards)], children=children)
        if record := modelled.put(reading(*write)):
            written.append(record)
    assert sorted(map(id, written)) == sorted(map(id, stream.records))
    assert len({sequence_number(each) for each in written}) == len(written)
    for item in {item_key(record) for record in written}:
        numbers = [int(sequence_number(record)) for record in written if item_key(record) == item]
        assert numbers == sorted(numbers)
        shards = [shard for shard in stream.shards if any(item_key(record) == item for record in shard.records)]
        for later in shards[1:]:
            assert shards[0] in _ancestors(later)


def _ancestors(shard: Any) -> list[Any]:
    return [] if shard.parent is None else [shard.parent, *_ancestors(shard.parent)]


def test_items_of_one_partition_key_are_in_different_shards_after_a_split() -> None:
    stream = Stream()
    stream.split(stream.shards[0])
    modelled = table(stream)
    for time in range(20):
        modelled.put(reading("a", time))
    assert all(shard.records for shard in stream.open_shards)


def test_without_a_sort_key_all_changes_of_a_key_are_in_one_lineage() -> None:
    stream = Stream()
    stream.split(stream.shards[0])
    modelled = table(stream, sort=None)
    for time in range(20):
        modelled.put(reading("a", time))
    assert len([shard for shard in stream.shards if shard.records]) == 1


def test_numbers_of_shards_side_by_side_say_nothing_about_their_order() -> None:
    stream = Stream()
    stream.split(stream.shards[0])
    modelled = table(stream)
    numbers = [int(sequence_number(record)) for time in range(20) if (record := modelled.put(reading("a", time)))]
    assert numbers != sorted(numbers)


def test_a_shard_splits_by_itself_under_load() -> None:
    stream = Stream(splits_after=5)
    modelled = table(stream)
    for time in range(40):
        modelled.put(reading("a", time))
    assert len(stream.open_shards) > 3
    assert all(len(shard.records) == 5 for shard in stream.shards if not shard.is_open)


@pytest.mark.parametrize("children", [1, 2, 3])
def test_every_place_is_in_one_open_shard(children: int) -> None:
    stream = Stream()
    for _ in range(3):
        stream.split(stream.open_shards[-1], children=children)
    for time in range(100):
        assert sum(place(("a", time)) in shard.places for shard in stream.open_shards) == 1
