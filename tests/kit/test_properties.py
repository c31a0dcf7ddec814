"""What should hold of any definition is told of one where it does not, and of no other."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.workflow.kit import properties
from tests.workflow.kit.machine import Machine

RETRIER: Final = {"ErrorEquals": ["E"], "MaxDelaySeconds": 9, "JitterStrategy": "FULL", "Comment": "why"}
ALL: Final = {"ErrorEquals": ["States.ALL"], "Next": "Bad", "Comment": "why"}
DOCUMENT: Final[dict[str, Any]] = {
    "Comment": "why",
    "TimeoutSeconds": 60,
    "StartAt": "Take",
    "States": {
        "Take": {
            "Type": "Task",
            "Comment": "why",
            "Resource": "arn:aws:states:::lambda:invoke",
            "TimeoutSeconds": 5,
            "Retry": [RETRIER, {**RETRIER, "ErrorEquals": ["States.ALL"]}],
            "Catch": [{**ALL, "ErrorEquals": ["Lost"], "Next": "Give"}, ALL],
            "Next": "Give",
        },
        "Give": {"Type": "Pass", "Comment": "why", "Next": "Good"},
        "Good": {"Type": "Succeed", "Comment": "why"},
        "Bad": {"Type": "Fail", "Comment": "why"},
    },
}
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def around(machine: Machine) -> list[str]:
    return properties.ways_around(machine, "Take", gates=["Give"], but=["Bad"])


def found(check: Callable[[Machine], list[str]], change: Change | None = None) -> list[str]:
    document = copy.deepcopy(DOCUMENT)
    if change:
        change(document, document["States"]["Take"])
    return check(Machine(json.dumps(document)))


@pytest.mark.parametrize(
    "check",
    [
        properties.unguarded_tasks,
        properties.crowding_retriers,
        properties.crowded_wildcards,
        properties.leading_nowhere,
        properties.choices_without_default,
        properties.without_comment,
        properties.never_entered,
        properties.leading_to_itself,
        properties.not_portable,
        around,
    ],
)
def test_nothing_is_told_where_all_is_well(check: Callable[[Machine], list[str]]) -> None:
    assert found(check) == []


@pytest.mark.parametrize(
    ("check", "change", "told"),
    [
        (
            properties.unguarded_tasks,
            lambda machine, _: machine.pop("TimeoutSeconds"),
            ["the machine has no TimeoutSeconds"],
        ),
        (properties.unguarded_tasks, lambda _, take: take.pop("Catch"), ["Take has no Catch"]),
        (properties.unguarded_tasks, lambda _, take: take["Catch"].pop(), ["Take does not catch every error"]),
        (
            properties.crowding_retriers,
            lambda _, take: take["Retry"][1].pop("MaxDelaySeconds"),
            ["Take.Retry[1] has no MaxDelaySeconds"],
        ),
        (
            properties.crowding_retriers,
            lambda _, take: take["Retry"][0].update(JitterStrategy="NONE"),
            ["Take.Retry[0] has no JitterStrategy FULL"],
        ),
        (
            properties.crowded_wildcards,
            lambda _, take: take["Retry"][1]["ErrorEquals"].append("F"),
            ["Take.Retry[1] has States.ALL"],
        ),
        (properties.crowded_wildcards, lambda _, take: take["Retry"].reverse(), ["Take.Retry[0] has States.ALL"]),
        (properties.leading_nowhere, lambda _, take: take.update(Next="Gvie"), ["Take.Next -> Gvie"]),
        (properties.without_comment, lambda machine, _: machine.pop("Comment"), ["the machine"]),
        (properties.without_comment, lambda _, take: take["Retry"][0].pop("Comment"), ["Take.Retry[0]"]),
        (properties.never_entered, lambda machine, _: machine.update(StartAt="Give"), ["Take", "Bad"]),
        (properties.leading_to_itself, lambda _, take: take.update(Next="Take"), ["Take"]),
        (properties.not_portable, lambda machine, _: machine.update(Version="1.0"), ["Version"]),
        (properties.not_portable, lambda _, take: take.update(Assign={}), ["Take.Assign"]),
        (properties.not_portable, lambda _, take: take["Retry"][0].update(Odd=1), ["Take.Retry.Odd"]),
        (properties.not_portable, lambda _, take: take["Catch"][0].update(Odd=1), ["Take.Catch.Odd"]),
        (properties.not_portable, lambda _, take: take.update(Type="Map"), ["Take.Type Map"]),
        (around, lambda _, take: take.update(Next="Good"), ["Good"]),
        (around, lambda _, take: take["Catch"][0].update(Next="Good"), ["Good"]),
    ],
)
def test_what_does_not_hold_is_told_and_where(
    check: Callable[[Machine], list[str]], change: Change, told: list[str]
) -> None:
    assert found(check, change) == told


def test_errors_that_are_to_be_retried_regularly_are_told_where_they_are_not() -> None:
    def of_e(machine: Machine) -> list[str]:
        return properties.crowding_retriers(machine, regular=["E"])

    assert found(of_e) == ["Take.Retry[0] is at random"]
    assert found(of_e, lambda _, take: take["Retry"][0].pop("JitterStrategy")) == []


def test_a_gate_that_fails_is_not_passed_but_a_last_one_has_been_tried() -> None:
    machine = Machine(json.dumps(DOCUMENT))

    assert properties.ways_around(machine, "Take", gates=["Take"]) == ["Bad", "Good"]
    assert properties.ways_around(machine, "Take", gates=["Take"], last_gates=["Give"]) == ["Bad"]
