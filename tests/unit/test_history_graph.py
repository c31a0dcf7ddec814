"""The machine's picture shows every state and every way of the definition that is deployed, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lockstep.history.graph import END, START, Graph, Kind
from tests.unit import account
from tests.unit.account import DEFINITION

SHIPPED = json.loads(DEFINITION.read_text(encoding="utf-8"))
PASS = {"Type": "Pass", "End": True}


def test_every_way_of_the_shipped_definition_is_in_the_picture_and_no_other() -> None:
    """Collected here in another manner: whatever is called Next or Default, at any depth, leads to a state."""
    expected = {(START, SHIPPED["StartAt"], Kind.NEXT)}
    for name, state in SHIPPED["States"].items():
        rest = {field: each for field, each in state.items() if field != "Catch"}
        expected |= {(name, target, Kind.NEXT) for target in _targets(rest)}
        expected |= {(name, target, Kind.CATCH) for target in _targets(state.get("Catch", []))}
        if state["Type"] in {"Succeed", "Fail"} or state.get("End"):
            expected.add((name, END, Kind.NEXT))

    graph = Graph.of(SHIPPED)

    assert {(each.source, each.target, each.kind) for each in graph.edges} == expected
    assert len(graph.edges) == len(expected)
    assert [each.name for each in graph.states] == list(SHIPPED["States"])


def test_what_the_definition_says_about_a_state_is_kept() -> None:
    described = {each.name: (each.type, each.comment) for each in Graph.of(SHIPPED).states}

    assert described == {name: (each["Type"], each["Comment"]) for name, each in SHIPPED["States"].items()}


def test_the_definition_is_the_one_that_is_deployed() -> None:
    account.new_account()

    assert Graph.deployed(account.stack()) == Graph.of(SHIPPED)


def test_a_way_says_when_it_is_gone() -> None:
    ways = {(each["from"], each["to"], each["kind"]): each for each in Graph.of(SHIPPED).as_json()["edges"]}

    assert ways["RouteWork", "WaitForLock", "next"]["label"] == "HELD"
    assert ways["RouteWork", "Skipped", "next"]["label"] == "otherwise"
    assert ways["WaitForLock", "AcquireLock", "next"]["label"] == ""
    assert ways["", "AcquireLock", "next"]["title"] == "start → AcquireLock"
    assert ways["Failed", "", "next"]["title"] == "Failed → end"
    caught = ways["AcquireLock", "ReleaseLockAfterFailure", "catch"]
    assert caught["label"] == ""
    assert caught["title"] == "AcquireLock → ReleaseLockAfterFailure: on States.ALL"


def test_there_is_at_most_one_way_of_a_kind_between_two_states() -> None:
    choice = {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.a", "StringEquals": "ONE", "Next": "B"},
            {"Variable": "$.a", "StringEquals": "TWO", "Next": "B"},
        ],
        "Default": "B",
    }

    (_, to_b, *_) = _graph(A=choice, B=PASS).as_json()["edges"]

    assert (to_b["from"], to_b["to"], to_b["label"]) == ("A", "B", "ONE, TWO, otherwise")
    assert len(_graph(A=choice, B=PASS).edges) == 3


def test_an_error_caught_goes_another_way_than_success_even_to_the_same_state() -> None:
    task = {"Type": "Task", "Next": "B", "Catch": [{"ErrorEquals": ["X", "Y"], "Next": "B"}]}

    ways = [(each.source, each.target, each.kind, each.labels) for each in _graph(A=task, B=PASS).edges]

    assert ways[1:3] == [("A", "B", Kind.NEXT, ()), ("A", "B", Kind.CATCH, ("X", "Y"))]


@pytest.mark.parametrize(
    ("rule", "label"),
    [
        ({"Variable": "$.n", "NumericEquals": 3}, "3"),
        ({"Variable": "$.n", "IsPresent": True}, ""),
        ({"And": [{"Variable": "$.n", "StringEquals": "x"}]}, ""),
        ({"Condition": "{% $n = 1 %}"}, ""),
    ],
)
def test_a_definition_of_another_version_can_be_drawn_too(rule: dict[str, Any], label: str) -> None:
    choice = {"Type": "Choice", "Choices": [{**rule, "Next": "B"}]}

    assert _graph(A=choice, B=PASS).as_json()["edges"][1]["label"] == label


def test_a_rule_that_is_no_plain_comparison_leaves_no_gap_in_a_label() -> None:
    choice = {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.n", "IsPresent": True, "Next": "B"},
            {"Variable": "$.n", "StringEquals": "x", "Next": "B"},
        ],
    }

    assert _graph(A=choice, B=PASS).as_json()["edges"][1]["label"] == "x"


@pytest.mark.parametrize("comparison", ["NumericLessThanEquals", "TimestampGreaterThanEquals"])
def test_at_most_is_not_shown_as_equal(comparison: str) -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.n", comparison: 5, "Next": "B"}]}

    assert _graph(A=choice, B=PASS).as_json()["edges"][1]["label"] != "5"


def _graph(**states: Any) -> Graph:
    return Graph.of({"StartAt": "A", "States": states})


def _targets(found: object) -> set[str]:
    if isinstance(found, list):
        return {target for each in found for target in _targets(each)}
    if not isinstance(found, dict):
        return set()
    own = {str(found[name]) for name in ("Next", "Default") if name in found}
    return own | {target for each in found.values() for target in _targets(each)}
