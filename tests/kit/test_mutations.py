"""Every thing in a definition is changed, and whoever does not notice is told: on machines of a few states."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from tests.workflow.kit.cases import Case, Failed, Raises, Returns, Step, Succeeded, task
from tests.workflow.kit.hunt import PROPERTY, REFUSED, hunt
from tests.workflow.kit.machine import Machine
from tests.workflow.kit.mutations import Mutant, mutants
from tests.workflow.template import ROOT

INVOKE: Final = "arn:aws:states:::lambda:invoke"
ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:"
OUT: Final = "out"


def machine_of(states: dict[str, Any], **about: Any) -> Machine:
    return Machine(json.dumps({"StartAt": next(iter(states)), "States": states, **about}))


def invoking(function: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": ARN + function}, **fields}


# --- the changes -------------------------------------------------------------------------------------------


def changed(machine: Machine, mutant: Mutant) -> dict[str, Any]:
    """The fields of the state that are not as they were, and what they are."""
    documents = [json.loads(text)["States"] for text in (machine.text, mutant.text)]
    was, is_ = (document.pop(mutant.state) for document in documents)
    assert documents[0] == documents[1], "nothing else is changed"
    return {name: is_.get(name, OUT) for name in {**was, **is_} if was.get(name, OUT) != is_.get(name, OUT)}


B: Final = {"B": {"Type": "Succeed"}}
RETRIER: Final = {"ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 1, "MaxDelaySeconds": 9}
CATCHER: Final = {"ErrorEquals": ["E"], "Next": "B"}
ALL: Final = {"ErrorEquals": ["States.ALL"], "Next": "B"}


def rule(**fields: Any) -> list[dict[str, Any]]:
    return [{"Variable": "$.n", **fields, "Next": "B"}]


@pytest.mark.parametrize(
    ("state", "only", "changes"),
    [
        pytest.param(
            {"Type": "Pass", "Next": "B"},
            "",
            {"Next is the end": {"Next": OUT, "End": True}, "Next -> A": {"Next": "A"}},
            id="Next",
        ),
        pytest.param(
            {"Type": "Pass", "End": True},
            "",
            {"End -> A": {"End": OUT, "Next": "A"}, "End -> B": {"End": OUT, "Next": "B"}},
            id="End",
        ),
        pytest.param(
            {"Type": "Choice", "Choices": rule(NumericLessThan=3), "Default": "A"},
            "",
            {
                "Default -> B": {"Default": "B"},
                "Choices[0].Next -> A": {"Choices": [{"Variable": "$.n", "NumericLessThan": 3, "Next": "A"}]},
                "Choices[0] is out": {"Choices": []},
                "Choices[0].Variable is $.Nobody, not $.n": {
                    "Choices": [{"Variable": "$.Nobody", "NumericLessThan": 3, "Next": "B"}]
                },
                "Choices[0].NumericLessThan is 2, not 3": {"Choices": rule(NumericLessThan=2)},
                "Choices[0].NumericLessThan is 4, not 3": {"Choices": rule(NumericLessThan=4)},
                "Choices[0].NumericLessThan is NumericLessThanEquals": {"Choices": rule(NumericLessThanEquals=3)},
                "Default is out": {"Default": OUT},
            },
            id="Choice",
        ),
        pytest.param(
            {"Type": "Choice", "Choices": [{"And": [{"Variable": "$", "BooleanEquals": True}], "Next": "B"}]},
            "BooleanEquals",
            {
                "Choices[0].And[0].BooleanEquals is False, not True": {
                    "Choices": [{"And": [{"Variable": "$", "BooleanEquals": False}], "Next": "B"}]
                }
            },
            id="a rule within a rule",
        ),
        *(
            pytest.param(
                {"Type": "Choice", "Choices": rule(**{one: "$.m"}), "Default": "B"},
                f"{one} is {one[:6]}",
                {f"Choices[0].{one} is {other}": {"Choices": rule(**{other: "$.m"})}},
                id=f"{one}",
            )
            for one, other in [
                ("StringLessThanEqualsPath", "StringLessThanPath"),
                ("StringGreaterThanPath", "StringGreaterThanEqualsPath"),
            ]
        ),
        pytest.param(
            {"Type": "Choice", "Choices": [*rule(StringEquals="x", Comment="why")], "Default": "B"},
            "Choices[0].",
            {
                "Choices[0].Next -> A": {
                    "Choices": [{"Variable": "$.n", "StringEquals": "x", "Comment": "why", "Next": "A"}]
                },
                "Choices[0].Variable is $.Nobody, not $.n": {
                    "Choices": [{"Variable": "$.Nobody", "StringEquals": "x", "Comment": "why", "Next": "B"}]
                },
                "Choices[0].StringEquals is Nobody, not x": {"Choices": rule(StringEquals="Nobody", Comment="why")},
            },
            id="a Comment is nothing to notice",
        ),
        pytest.param(
            invoking("a", End=True, Retry=[RETRIER | {"BackoffRate": 2, "JitterStrategy": "FULL"}]),
            "Retry[0].",
            {
                "Retry[0].ErrorEquals: E is misspelt": "ErrorEquals: ['Nobody']",
                "Retry[0].ErrorEquals: States.TaskFailed is in it too": "ErrorEquals: ['E', 'States.TaskFailed']",
                "Retry[0].IntervalSeconds is 3": "IntervalSeconds: 3",
                "Retry[0].MaxAttempts is 2": "MaxAttempts: 2",
                "Retry[0].MaxAttempts is 0": "MaxAttempts: 0",
                "Retry[0].MaxDelaySeconds is 10": "MaxDelaySeconds: 10",
                "Retry[0].BackoffRate is 2.5": "BackoffRate: 2.5",
                "Retry[0].JitterStrategy is NONE": "JitterStrategy: NONE",
            },
            id="a retrier",
        ),
        pytest.param(
            invoking("a", End=True, Retry=[RETRIER | {"JitterStrategy": "NONE"}]),
            "JitterStrategy",
            {"Retry[0].JitterStrategy is FULL": "JitterStrategy: FULL"},
            id="regular pauses",
        ),
        pytest.param(
            invoking("a", End=True, Retry=[RETRIER], Catch=[CATCHER | {"ErrorEquals": ["E", "F"]}, ALL]),
            "is in it too",
            {
                "Retry[0].ErrorEquals: F is in it too": "ErrorEquals: ['E', 'F']",
                "Retry[0].ErrorEquals: States.TaskFailed is in it too": "ErrorEquals: ['E', 'States.TaskFailed']",
                "Catch[0].ErrorEquals: States.TaskFailed is in it too": "ErrorEquals: ['E', 'F', 'States.TaskFailed']",
            },
            id="names that are caught, in a retrier",
        ),
        pytest.param(
            invoking("a", End=True, Catch=[CATCHER | {"ErrorEquals": ["E", "F"], "ResultPath": "$.e"}, ALL]),
            "Catch",
            {
                "Catch[0].Next -> A": "Next: A",
                "Catch[1].Next -> A": "Next: A",
                "Catch is out": {"Catch": OUT},
                "Catch[0] is out": {"Catch": [ALL]},
                "Catch[0].ResultPath is out": {"Catch": [CATCHER | {"ErrorEquals": ["E", "F"]}, ALL]},
                "Catch[0].ResultPath is not $.e": "ResultPath: $.Nobody",
                "Catch[1] is out": {
                    "Catch": [CATCHER | {"ErrorEquals": ["E", "F"], "ResultPath": "$.e"}],
                },
                "Catch[0].ErrorEquals: E is misspelt": "ErrorEquals: ['F', 'Nobody']",
                "Catch[0].ErrorEquals: E is out": "ErrorEquals: ['F']",
                "Catch[0].ErrorEquals: F is misspelt": "ErrorEquals: ['E', 'Nobody']",
                "Catch[0].ErrorEquals: F is out": "ErrorEquals: ['E']",
                "Catch[1].ErrorEquals: States.ALL is misspelt": "ErrorEquals: ['Nobody']",
                "Catch[0].ErrorEquals: States.TaskFailed is in it too": "ErrorEquals: ['E', 'F', 'States.TaskFailed']",
            },
            id="catchers; what stands for all stands alone",
        ),
        pytest.param(
            invoking("a", End=True, Catch=[CATCHER, CATCHER | {"ErrorEquals": ["F"]}]),
            " is in Catch",
            {
                "Catch[0].ErrorEquals: E is in Catch[1]": {
                    "Catch": [CATCHER | {"ErrorEquals": ["Nobody"]}, CATCHER | {"ErrorEquals": ["F", "E"]}]
                },
                "Catch[1].ErrorEquals: F is in Catch[0]": {
                    "Catch": [CATCHER | {"ErrorEquals": ["E", "F"]}, CATCHER | {"ErrorEquals": ["Nobody"]}]
                },
            },
            id="a name in another catcher",
        ),
        pytest.param(
            {"Type": "Wait", "Seconds": 5, "End": True}, "Seconds", {"Seconds is 6": {"Seconds": 6}}, id="Seconds"
        ),
        pytest.param(
            {"Type": "Wait", "SecondsPath": "$.s", "OutputPath": "$.o", "End": True},
            "Path",
            {
                "SecondsPath is out": {"SecondsPath": OUT},
                "SecondsPath is not $.s": {"SecondsPath": "$.Nobody"},
                "OutputPath is out": {"OutputPath": OUT},
                "OutputPath is not $.o": {"OutputPath": "$.Nobody"},
            },
            id="paths",
        ),
        pytest.param(
            invoking("a", End=True, TimeoutSeconds=7),
            "TimeoutSeconds",
            {"TimeoutSeconds is out": {"TimeoutSeconds": OUT}, "TimeoutSeconds is 8": {"TimeoutSeconds": 8}},
            id="a time-out",
        ),
        pytest.param(
            {"Type": "Pass", "Result": {"n": 1, "t": "x", "l": [True]}, "Parameters": {"p.$": "$.p"}, "End": True},
            "",
            {
                "End -> A": {"End": OUT, "Next": "A"},
                "End -> B": {"End": OUT, "Next": "B"},
                "Parameters.p.$ is out": {"Parameters": {}},
                "Result.n is out": {"Result": {"t": "x", "l": [True]}},
                "Result.n is 0, not 1": {"Result": {"n": 0, "t": "x", "l": [True]}},
                "Result.n is 2, not 1": {"Result": {"n": 2, "t": "x", "l": [True]}},
                "Result.t is out": {"Result": {"n": 1, "l": [True]}},
                "Result.t is Nobody, not x": {"Result": {"n": 1, "t": "Nobody", "l": [True]}},
                "Result.l[0] is out": {"Result": {"n": 1, "t": "x", "l": []}},
                "Result.l[0] is False, not True": {"Result": {"n": 1, "t": "x", "l": [False]}},
            },
            id="values",
        ),
        pytest.param(
            invoking("a", End=True, ResultSelector={"x.$": "$.Payload"}),
            "ResultSelector",
            {"ResultSelector.x.$ is out": {"ResultSelector": {}}, "ResultSelector is out": {"ResultSelector": OUT}},
            id="a selector",
        ),
        pytest.param(
            {"Type": "Fail", "Error": "E", "CausePath": "$.c"},
            "",
            {
                "CausePath is out": {"CausePath": OUT},
                "CausePath is not $.c": {"CausePath": "$.Nobody"},
                "Error is out": {"Error": OUT},
                "Error is Nobody, not E": {"Error": "Nobody"},
            },
            id="Fail",
        ),
    ],
)
def test_every_change_of_a_state_is_what_it_says(
    state: dict[str, Any], only: str, changes: dict[str, dict[str, Any] | str]
) -> None:
    """In short, of an entry: the one field that is another."""
    machine = machine_of({"A": state, **B})
    got: dict[str, dict[str, Any] | str] = {}
    for mutant in mutants(machine):
        if mutant.state == "A" and only in mutant.change:
            got[mutant.change] = changed(machine, mutant)
            if isinstance(changes.get(mutant.change), str):
                ((field, entries),) = changed(machine, mutant).items()
                (entry, was), *more = [pair for pair in zip(entries, state[field], strict=True) if pair[0] != pair[1]]
                assert not more
                got[mutant.change] = ", ".join(
                    f"{name}: {value}" for name, value in entry.items() if value != was[name]
                )

    assert got == changes


def test_the_machine_itself_is_changed_too() -> None:
    machine = machine_of({"A": {"Type": "Pass", "Next": "B"}, **B}, TimeoutSeconds=60)

    found = {str(mutant): json.loads(mutant.text) for mutant in mutants(machine) if mutant.state is None}

    assert found == {
        "StartAt -> B": {**machine.document, "StartAt": "B"},
        "TimeoutSeconds is out": {"StartAt": "A", "States": machine.document["States"]},
    }


def test_a_task_calls_each_other_function() -> None:
    states = {"A": invoking("a", Next="B"), "B": invoking("b:live", Next="C"), "C": invoking("c", Next="D")}
    machine = machine_of({**states, "D": {"Type": "Succeed"}})

    found = {
        str(mutant): json.loads(mutant.text)["States"]["B"]["Parameters"]["FunctionName"]
        for mutant in mutants(machine)
        if mutant.state == "B" and "FunctionName is" in mutant.change and "out" not in mutant.change
    }

    assert found == {"B.Parameters.FunctionName is a": f"{ARN}a", "B.Parameters.FunctionName is c": f"{ARN}c"}


def test_a_change_says_of_which_kind_it_is_and_which_errors_it_is_about() -> None:
    state = invoking("a", End=True, Retry=[RETRIER], Catch=[CATCHER | {"ErrorEquals": ["F", "G"]}], TimeoutSeconds=7)
    found = {mutant.change: (mutant.kind, mutant.errors) for mutant in mutants(machine_of({"A": state, **B}))}

    assert {change: found[change] for change in found if change.endswith((" is out", "-> A", "-> B"))} == {
        "StartAt -> B": ("transition", ()),
        "End -> A": ("transition", ()),
        "End -> B": ("transition", ()),
        "Catch[0].Next -> A": ("transition", ("F", "G")),
        "Retry is out": ("Retry", ()),
        "Retry[0] is out": ("Retry", ("E",)),
        "Catch is out": ("Catch", ()),
        "Catch[0] is out": ("Catch", ("F", "G")),
        "Catch[0].ErrorEquals: F is out": ("ErrorEquals", ("F",)),
        "Catch[0].ErrorEquals: G is out": ("ErrorEquals", ("G",)),
        "TimeoutSeconds is out": ("TimeoutSeconds", ()),
        "Parameters.FunctionName is out": ("data", ()),
    }
    assert found["Catch[0].ErrorEquals: F is misspelt"] == ("ErrorEquals", ("F",))
    assert found["Retry[0].MaxAttempts is 0"] == ("Retry", ("E",))


def test_no_two_changes_are_the_same_and_none_is_no_change() -> None:
    state = invoking("a", Next="B", Retry=[RETRIER], Catch=[CATCHER], TimeoutSeconds=7)
    machine = machine_of({"A": state, **B})
    found = list(mutants(machine))

    assert machine.text not in {mutant.text for mutant in found}
    assert max(Counter(map(str, found)).values()) == 1


# --- who notices -------------------------------------------------------------------------------------------

BUSY: Final = Raises("Busy", "later")
RETRIED: Final = {"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 1}
WORKS: Final = machine_of(
    {
        "Work": invoking("work", Retry=[RETRIED], Catch=[{"ErrorEquals": ["Lost"], "Next": "Over"}], Next="Look"),
        "Look": {"Type": "Pass", "ResultPath": "$.seen", "Result": "much", "Next": "Rest"},
        "Rest": {"Type": "Wait", "SecondsPath": "$.Payload.n", "Next": "Done"},
        "Done": {"Type": "Succeed"},
        "Over": {"Type": "Fail", "Error": "Over", "Cause": "so it is"},
    }
)
work, over = task("Work"), Step("Over")
look, rest, done = (Step(name) for name in ("Look", "Rest", "Done"))
CASES: Final = [
    Case("tried again", {}, [work(BUSY, Returns({"n": 1})), look, rest, done], Succeeded(), pauses=[1]),
    Case("works", {}, [work(Returns({"n": 1})), look, rest, done], Succeeded()),
    Case("is lost", {}, [work(Raises("Lost")), over], Failed("Over", "so it is")),
    Case("is busy", {}, [work(BUSY, BUSY)], Failed("Busy", BUSY.cause)),
]


def complaints(machine: Machine) -> Sequence[str]:
    """A property that a test may choose, and that no case can see."""
    return [f"{name} has no Result" for name in machine.of_type("Pass") if "Result" not in machine.states[name]]


asked: list[str] = []


def worn_out(machine: Machine) -> Sequence[str]:
    """A property that goes wrong in between."""
    asked.append(machine.text)
    return ["worn out"] if len(asked) > 1 else []


def refusal(hunting: Callable[[], object]) -> str:
    try:
        hunting()
    except ValueError as error:
        return str(error)
    return "none"


def hunts() -> dict[str, Any]:
    """All that is hunted here, in a process of its own: a pool of processes is forked from one without threads."""
    small = machine_of(
        {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Succeed"}}
    )
    fine = Case("fine", {}, [Step("A"), Step("B"), Step("C")], Succeeded())
    wrong = Case("wrong", {}, [Step("A"), Step("C")], Succeeded())
    works = hunt(WORKS, CASES, complaints, most_events=40)
    return {
        "works": [(str(each.mutant), each.killer, each.evidence) for each in works],
        "wrong before": refusal(lambda: next(hunt(small, [fine, wrong], processes=1))),
        "wrong after": refusal(lambda: list(hunt(small, [fine], worn_out, processes=1))),
    }


@pytest.fixture(scope="module")
def hunted() -> Any:
    done = subprocess.run(
        [sys.executable, "-m", __name__], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_there_is_a_verdict_on_every_change_in_their_order(hunted: Any) -> None:
    assert [mutant for mutant, _, _ in hunted["works"]] == [str(mutant) for mutant in mutants(WORKS)]


def test_a_change_that_nobody_notices_is_told(hunted: Any) -> None:
    assert [mutant for mutant, killer, _ in hunted["works"] if killer is None] == [
        "Look.ResultPath is not $.seen",
        "Look.Result is Nobody, not much",
    ]


@pytest.mark.parametrize(
    ("mutant", "killer", "evidence"),
    [
        ("StartAt -> Done", "is lost", "path: expected Work > Over, got Done"),
        ("Work.Next -> Done", "works", "path: expected Work > Look > Rest > Done, got Work > Done"),
        ("Work.Retry[0].IntervalSeconds is 2", "tried again", "pauses in seconds: expected [1], got [2.0]"),
        ("Work.Retry[0].MaxAttempts is 2", "is busy", None),
        ("Work.Catch[0].ErrorEquals: Lost is misspelt", "is lost", None),
        ("Over.Cause is Nobody, not so it is", "is lost", "cause: expected so it is, got Nobody"),
        ("Rest.SecondsPath is out", REFUSED, None),
        ("Look.Result is out", PROPERTY, "Look has no Result"),
    ],
)
def test_who_notices_a_change_is_told_with_what_was_noticed(
    hunted: Any, mutant: str, killer: str, evidence: str | None
) -> None:
    (verdict,) = [(by, why) for which, by, why in hunted["works"] if which == mutant]

    assert verdict == (killer, verdict[1] if evidence is None else evidence)


def test_a_change_that_makes_a_loop_is_noticed(hunted: Any) -> None:
    ((killer, why),) = [(by, why) for mutant, by, why in hunted["works"] if mutant == "Look.Next -> Look"]

    assert killer == "works"
    assert "goes on for more than 40 events" in why


def test_a_machine_that_does_not_hold_as_it_is_is_no_ground_to_hunt_on(hunted: Any) -> None:
    assert hunted["wrong before"] == (
        "of the machine as it is, wrong does not hold: path: expected A > C, got A > B > C"
    )


def test_nor_is_one_that_does_not_hold_any_more_afterwards(hunted: Any) -> None:
    assert hunted["wrong after"] == "of the machine as it is, a property of the definition does not hold: worn out"


if __name__ == "__main__":
    print(json.dumps(hunts()))  # noqa: T201  # for the process that has asked
