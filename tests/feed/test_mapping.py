"""The model of an event source mapping keeps what AWS promises, and breaks what AWS does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.feed.machine import PROFILE
from tests.feed.mapping import EventSourceMapping, FunctionFailed, MappingSettings, Mishap, given_up
from tests.feed.shipped import lock_mapping, sensor_mapping
from tests.feed.stream import Record, Stream, Table, item_key, sequence_number
from tests.memory import HandClock


class Lambda:
    """A function that does as it is told, and remembers what it was called with."""

    def __init__(self, **settings: Any) -> None:
        self.clock = HandClock()
        self.stream = Stream()
        self.table = Table(self.stream, "key", "sort", self.clock)
        self.answer: Callable[[list[Record]], Any] = lambda _: {"batchItemFailures": []}
        self.batches: list[list[int]] = []
        self.mapping = EventSourceMapping(self.stream, MappingSettings(**settings), self._function, self.clock)

    def write(self, *values: int, key: str = "a", sort: int = 0) -> None:
        for value in values:
            self.table.put({"key": key, "sort": sort, "value": value})

    def deliver(self, mishap: Mishap = Mishap.NONE, *, size: int = 100) -> None:
        self.mapping.deliver(self.mapping.ready()[0], size=size, mishap=mishap)

    def until_done(self) -> None:
        while self.mapping.ready():
            self.deliver()

    def _function(self, event: dict[str, Any]) -> Any:
        self.batches.append([value(record) for record in event["Records"]])
        return self.answer(event["Records"])


def value(record: Record) -> int:
    return int(record["dynamodb"]["NewImage"]["value"]["N"])


def failed(*values: int) -> Callable[[list[Record]], Any]:
    """The function reports these."""

    def answer(records: list[Record]) -> Any:
        return {
            "batchItemFailures": [
                {"itemIdentifier": sequence_number(each)} for each in records if value(each) in values
            ]
        }

    return answer


def killed_by(*values: int) -> Callable[[list[Record]], Any]:
    def answer(records: list[Record]) -> Any:
        if any(value(each) in values for each in records):
            raise FunctionFailed
        return {"batchItemFailures": []}

    return answer


def test_a_batch_that_is_answered_does_not_come_again() -> None:
    function = Lambda()
    function.write(1, 2, 3)
    function.until_done()
    assert function.batches == [[1, 2, 3]]


def test_a_batch_is_as_large_as_the_size_says_at_most() -> None:
    function = Lambda(batch_size=2)
    function.write(1, 2, 3)
    function.until_done()
    assert function.batches == [[1, 2], [3]]


def test_a_batch_whose_answer_is_lost_comes_again_before_anything_new() -> None:
    function = Lambda()
    function.write(1, 2)
    function.deliver(Mishap.ANSWER_LOST)
    function.write(3)
    function.until_done()
    assert function.batches == [[1, 2], [1, 2], [3]]


def test_a_throttled_batch_comes_again() -> None:
    function = Lambda()
    function.write(1)
    function.deliver(Mishap.THROTTLED)
    assert function.batches == []
    function.until_done()
    assert function.batches == [[1]]


def test_from_the_lowest_reported_record_on_a_batch_comes_again() -> None:
    function = Lambda(reports_failures=True)
    function.write(1, 2, 3, 4)
    function.answer = failed(4, 2)
    function.deliver()
    function.answer = failed()
    function.until_done()
    assert function.batches == [[1, 2, 3, 4], [2, 3, 4]]


def test_what_is_reported_is_not_heard_where_the_mapping_does_not_listen() -> None:
    function = Lambda()
    function.write(1, 2)
    function.answer = failed(1)
    function.until_done()
    assert function.batches == [[1, 2]]


def test_an_answer_that_names_no_record_of_the_batch_is_a_failure_of_all() -> None:
    function = Lambda(reports_failures=True)
    function.write(1, 2)
    function.answer = lambda _: {"batchItemFailures": [{"itemIdentifier": ""}]}
    function.deliver()
    function.answer = failed()
    function.until_done()
    assert function.batches == [[1, 2], [1, 2]]


def test_a_batch_that_fails_is_split_in_two_until_the_record_is_alone() -> None:
    function = Lambda(bisect=True, maximum_retries=1)
    function.write(1, 2, 3, 4)
    function.answer = killed_by(3)
    function.until_done()
    assert function.batches == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4]]
    assert [value(record) for record in given_up(function.mapping)] == [3]


def test_a_batch_that_is_too_old_is_given_up_whole_and_the_lane_goes_on() -> None:
    function = Lambda(maximum_age_seconds=60)
    function.write(1)
    function.clock.advance(seconds=30)
    function.write(2)
    function.answer = killed_by(1)
    function.deliver()
    function.clock.advance(seconds=40)
    function.write(3)
    function.until_done()
    assert function.batches == [[1, 2], [3]]
    assert [value(record) for record in given_up(function.mapping)] == [1, 2]


def test_of_what_was_not_read_yet_only_what_is_too_old_is_given_up() -> None:
    function = Lambda(maximum_age_seconds=60)
    function.write(1)
    function.clock.advance(seconds=61)
    function.write(2)
    function.until_done()
    assert function.batches == [[2]]
    assert [value(record) for record in given_up(function.mapping)] == [1]


def test_children_wait_until_their_parent_is_through() -> None:
    function = Lambda()
    function.write(1)
    function.stream.split(function.stream.shards[0])
    function.write(2)
    function.answer = killed_by(1)
    for _ in range(3):
        function.deliver()
    assert function.batches == [[1]] * 3
    function.answer = failed()
    function.until_done()
    assert function.batches[3:] == [[1], [2]]


def test_a_mapping_that_is_made_anew_delivers_the_last_day_again() -> None:
    function = Lambda()
    function.write(1)
    function.deliver()
    function.clock.advance(seconds=25 * 3600)
    function.write(2, 3)
    function.deliver(size=1)
    function.mapping.make_anew(parallelization=1)
    function.until_done()
    assert function.batches == [[1], [2], [2, 3]]


def test_the_filter_leaves_out_what_it_does_not_name() -> None:
    pattern = {"dynamodb": {"NewImage": {"value": {"N": ["2"]}}}}
    function = Lambda(filters=(pattern,))
    function.write(1, 2, 3)
    function.until_done()
    assert function.batches == [[2]]


@given(
    sorts=st.lists(st.integers(0, 5), min_size=1, max_size=30),
    lanes=st.integers(1, 4),
    choices=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(Mishap)), max_size=30),
)
@PROFILE
def test_first_deliveries_of_an_item_are_in_order_whatever_goes_wrong_in_any_number_of_lanes(
    sorts: list[int], lanes: int, choices: list[tuple[int, Mishap]]
) -> None:
    function = Lambda(parallelization=lanes, bisect=True, batch_size=3)
    for number, sort in enumerate(sorts):
        function.write(number, sort=sort)
    for which, mishap in choices:
        if ready := function.mapping.ready():
            function.mapping.deliver(ready[which % len(ready)], mishap=mishap)
    function.until_done()
    delivered = [*dict.fromkeys(number for batch in function.batches for number in batch)]
    assert sorted(delivered) == [*range(len(sorts))]
    items = {
        item_key(record): sort for record in function.stream.records for sort in [record["dynamodb"]["Keys"]["sort"]]
    }
    for sort in items.values():
        of_item = [number for number in delivered if str(sorts[number]) == sort["N"]]
        assert of_item == sorted(of_item)


@pytest.mark.parametrize("settings", [lock_mapping(), sensor_mapping()], ids=["locks", "sensors"])
def test_the_shipped_mappings_lose_nothing_and_are_held_up_by_nothing(settings: MappingSettings) -> None:
    assert settings.reports_failures
    assert settings.bisect
    assert 0 < settings.maximum_age_seconds < 24 * 3600  # before the stream forgets the records behind
    assert settings.filters
