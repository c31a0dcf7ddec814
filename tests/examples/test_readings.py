"""The example's readings, and how they come into the table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.errors import UserError
from lockstep.pace import Clock
from sensor_feed import table
from sensor_feed.readings import Reading, readings, text_of

START = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)


def made(count: int, *, devices: int = 5, seed: int = 1) -> list[Reading]:
    return list(readings(devices, count, seed=seed, start=START))


def test_the_same_seed_gives_the_same_readings_and_another_gives_others() -> None:
    assert made(50) == made(50)
    assert made(50) != made(50, seed=2)


@given(seed=st.integers(), devices=st.integers(1, 40))
def test_times_grow_as_texts_so_that_no_two_readings_are_one_item(seed: int, devices: int) -> None:
    times = [each.reading_time for each in made(60, devices=devices, seed=seed)]
    assert all(one < next_one for one, next_one in pairwise(times))
    assert {len(each) for each in times} == {len(text_of(START))}


@given(seed=st.integers())
def test_one_comes_or_goes_at_a_time_and_nobody_leaves_an_empty_room(seed: int) -> None:
    for device in {each.device_id for each in made(100, seed=seed)}:
        people = [each.people for each in made(100, seed=seed) if each.device_id == device]
        assert min(people) >= 0
        assert all(abs(one - next_one) == 1 for one, next_one in pairwise(people))


def test_a_sensor_stays_in_its_room() -> None:
    rooms = {(each.device_id, each.room) for each in made(500, devices=30)}
    assert len(rooms) == len({device for device, _ in rooms}) == len({room for _, room in rooms}) == 30


@dataclass
class Time:
    """A clock that a sleep moves on."""

    seconds: float = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Table:
    """Takes so many items of a request; the others come back."""

    takes: int = 25
    items: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803  # boto3's name
        ((name, wanted),) = RequestItems.items()
        assert 1 <= len(wanted) <= 25
        self.requests += 1
        self.items += [each["PutRequest"]["Item"] for each in wanted[: self.takes]]
        left = wanted[self.takes :]
        return {"UnprocessedItems": {name: left} if left else {}}

    def take(self, some: list[Reading], time: Time, *, per_second: float = 1e9) -> None:
        table.put(cast("Any", self), "readings", some, per_second=per_second, clock=time.clock)

    @property
    def readings(self) -> list[Reading]:
        return [
            Reading(each["device_id"]["S"], each["reading_time"]["S"], each["room"]["S"], int(each["people"]["N"]))
            for each in self.items
        ]


def test_readings_are_put_in_their_order_as_many_at_once_as_the_table_takes() -> None:
    taking = Table()
    taking.take(made(60), Time())
    assert taking.readings == made(60)
    assert taking.requests == 3


def test_what_the_table_did_not_take_is_put_again() -> None:
    taking = Table(takes=7)
    taking.take(made(60), Time())
    assert sorted(taking.readings, key=lambda each: each.reading_time) == made(60)
    assert len(taking.items) == 60


def test_a_table_that_takes_nothing_more_ends_in_one_message_and_not_in_an_endless_loop() -> None:
    time = Time()
    with pytest.raises(UserError, match="table readings takes no more: 25 readings were not put"):
        Table(takes=0).take(made(60), time)
    assert 5 < time.seconds < 60


def test_no_more_are_put_a_second_than_was_asked_for() -> None:
    time = Time()
    Table().take(made(100), time, per_second=50)
    assert time.seconds == pytest.approx(2.0)


def test_a_reading_is_what_its_item_says() -> None:
    (reading,) = made(1)
    assert text_of(datetime(2026, 1, 2, 3, 4, 5, 6999, tzinfo=UTC)) == "2026-01-02T03:04:05.006Z"
    assert datetime.fromisoformat(reading.reading_time) > START
    assert replace(reading, people=0) != reading
