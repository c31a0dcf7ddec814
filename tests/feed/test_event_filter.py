"""Which records the shipped filters let through."""

from __future__ import annotations

from typing import Any

import pytest

from objectlock.record import APPLIED_AT
from tests.feed.event_filter import matches
from tests.feed.shipped import lock_mapping, sensor_mapping

EXISTS = {"a": {"b": [{"exists": True}]}}


@pytest.mark.parametrize(
    ("pattern", "event", "does"),
    [
        (EXISTS, {"a": {"b": 1}}, True),
        (EXISTS, {"a": {"b": None}}, True),
        (EXISTS, {"a": {"b": {"c": 1}}}, False),  # no leaf
        (EXISTS, {"a": {}}, False),
        (EXISTS, {"a": 1}, False),
        (EXISTS, {}, False),
        ({"a": {"b": [{"exists": False}]}}, {}, True),
        ({"a": ["x", "y"]}, {"a": "y"}, True),
        ({"a": ["x", "y"]}, {"a": "z"}, False),
        ({"a": ["x"], "b": ["y"]}, {"a": "x"}, False),
    ],
)
def test_a_pattern_is_met_by_all_that_it_names(pattern: dict[str, Any], event: dict[str, Any], does: bool) -> None:
    assert matches(pattern, event) is does


def test_a_rule_that_is_not_known_is_no_guess() -> None:
    with pytest.raises(NotImplementedError):
        matches({"a": [{"numeric": [">", 1]}]}, {"a": 2})


def record(image: str, **attributes: Any) -> dict[str, Any]:
    return {"eventName": "REMOVE" if image == "OldImage" else "MODIFY", "dynamodb": {image: attributes}}


@pytest.mark.parametrize(
    ("event", "passes"),
    [
        (record("NewImage", **{APPLIED_AT: {"N": "1"}}), True),
        (record("NewImage", owner={"S": "somebody"}), False),
        (record("NewImage", **{APPLIED_AT: {"S": "yesterday"}}), False),
        (record("OldImage", **{APPLIED_AT: {"N": "1"}}), False),  # it has expired
    ],
)
def test_of_the_lock_table_only_applied_changes_invoke_the_exporter(event: dict[str, Any], passes: bool) -> None:
    assert lock_mapping().lets_through(event) is passes


def test_of_the_sensors_only_what_is_there_invokes_the_exporter() -> None:
    settings = sensor_mapping()
    assert settings.lets_through(record("NewImage", reading_time={"S": "2026-11-22T09:00:00.000Z"}))
    assert not settings.lets_through(record("OldImage", reading_time={"S": "2026-11-22T09:00:00.000Z"}))


def test_without_a_filter_everything_does() -> None:
    assert type(lock_mapping())().lets_through({})
