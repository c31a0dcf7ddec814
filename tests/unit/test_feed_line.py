"""A line of the feed is a change that can be put in order, or is refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changefeed.change import Change
from changefeed.file import line_of
from lockstep.feed.line import Incomparable, Line, UnreadableLine, is_later, parse

LINE = {"key": "in/a.jpg", "watermark": [1763838000123, 7], "sequence_number": "42", "change": {"operation": "PUT"}}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
WATERMARKS = st.lists(st.integers(), min_size=1, max_size=3).map(tuple) | st.lists(TEXT, min_size=1).map(tuple)


@given(key=TEXT, watermark=WATERMARKS, change=st.dictionaries(TEXT, st.none() | st.booleans() | TEXT))
def test_what_the_exporter_writes_is_read_as_it_was(
    key: str, watermark: tuple[int | str, ...], change: dict[str, Any]
) -> None:
    assert parse(line_of(Change(key, watermark, "42", 0, change)).rstrip(b"\n")) == Line(key, watermark, "42", change)


def test_what_a_later_version_adds_is_left_alone() -> None:
    assert parse(json.dumps({**LINE, "more": 1}).encode()).key == "in/a.jpg"


@pytest.mark.parametrize("number", [10**18, 10**37, -(10**37)])
def test_a_number_of_dynamodb_is_kept_to_the_last_digit(number: int) -> None:
    assert parse(json.dumps({**LINE, "watermark": [number]}).encode()).watermark == (number,)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        json.dumps(LINE).encode("utf-16"),
        *(json.dumps({**LINE, name: None}).encode() for name in LINE),
        *(json.dumps({k: v for k, v in LINE.items() if k != name}).encode() for name in LINE),
        *(json.dumps({**LINE, "watermark": each}).encode() for each in ([], 7, "7", [7.5], [True], [None], [[1]])),
        json.dumps({**LINE, "change": {"x": float("nan")}}).encode(),
        json.dumps({**LINE, "change": ["PUT"]}).encode(),
        json.dumps({**LINE, "key": "half a letter: \ud83d"}).encode(),
        json.dumps({**LINE, "change": {"name": "half a letter: \ud83d"}}).encode(),
    ],
)
def test_what_is_no_line_is_refused_with_a_reason(line: bytes) -> None:
    with pytest.raises(UnreadableLine, match=r"is no|has no"):
        parse(line)


@given(st.lists(st.integers(), min_size=2, max_size=2), st.lists(st.integers(), min_size=2, max_size=2))
def test_a_watermark_is_compared_element_by_element(one: list[int], other: list[int]) -> None:
    (a, b), (c, d) = one, other

    assert is_later(tuple(one), tuple(other)) == (a > c or (a == c and b > d))


def test_an_equal_watermark_is_not_later() -> None:
    assert not is_later((1, "a"), (1, "a"))


def test_numbers_are_compared_as_numbers_and_texts_as_texts() -> None:
    assert is_later((10,), (9,))
    assert is_later(("9",), ("10",))


@pytest.mark.parametrize(("one", "other"), [((1,), ("1",)), ((1,), (1, 2)), ((2, 1), (1, "a")), (("a", 1), (1, "a"))])
def test_watermarks_that_no_order_holds_for_are_not_compared(
    one: tuple[int | str, ...], other: tuple[int | str, ...]
) -> None:
    """Not even where the elements before would tell: one of them is a mistake."""
    for each in ((one, other), (other, one)):
        with pytest.raises(Incomparable, match="cannot be compared"):
            is_later(*each)
