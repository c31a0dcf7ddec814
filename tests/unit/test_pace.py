"""AWS is asked no faster than it allows, and waits are waited, not given up."""

from __future__ import annotations

from itertools import pairwise

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings, strategies

from lockstep.pace import Clock, Pace, is_throttling


class Time:
    def __init__(self) -> None:
        self.seconds = 1e6
        self.clock = Clock(now=lambda: self.seconds, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "StartExecution")


@given(
    per_second=strategies.floats(0.01, 1000),
    burst=strategies.integers(1, 50),
    pauses=strategies.lists(strategies.floats(0, 10), max_size=100),
)
@settings(deadline=None)
def test_there_are_never_more_requests_than_the_burst_and_the_rate_allow(
    per_second: float, burst: int, pauses: list[float]
) -> None:
    time = Time()
    pace = Pace(time.clock, per_second, burst)
    at = []
    for pause in pauses:
        time.sleep(pause)
        pace.take()
        at.append(time.seconds)

    for first in range(len(at)):
        for last in range(first, len(at)):
            assert last - first + 1 <= burst + (at[last] - at[first]) * per_second + 1e-3


def test_requests_come_as_fast_as_is_allowed() -> None:
    time = Time()
    pace = Pace(time.clock, 4)
    for _ in range(9):
        pace.take()

    assert time.seconds - 1e6 == pytest.approx(2)


def test_throttling_pauses_longer_each_time_up_to_half_a_minute_until_it_is_over() -> None:
    time = Time()
    pace = Pace(time.clock, 1000)
    at, refusals = [], iter([True] * 8 + [False])

    def request() -> str:
        at.append(time.seconds)
        assert pace.is_throttled is (len(at) > 1)
        if next(refusals):
            raise refusal("ThrottlingException")
        return "answer"

    assert pace.patiently(request) == "answer"
    assert [round(later - earlier, 2) for earlier, later in pairwise(at)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert not pace.is_throttled


def test_what_is_no_throttling_is_raised_at_once() -> None:
    time = Time()

    def request() -> None:
        raise refusal("AccessDeniedException")

    with pytest.raises(ClientError):
        Pace(time.clock, 1).patiently(request)
    assert time.seconds == 1e6


@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException", "ExecutionLimitExceeded"])
def test_aws_has_many_words_for_too_many(code: str) -> None:
    assert is_throttling(refusal(code))
    assert not is_throttling(refusal("ValidationException"))
