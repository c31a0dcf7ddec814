"""The kit says what is wrong with a case, and what of a run is not as its case says: that, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.workflow.kit.cases import NO_ANSWER, Case, Failed, Matches, Raises, Refused, Returns, Step, Succeeded, task
from tests.workflow.kit.checks import differences, mistakes
from tests.workflow.kit.history import Run, Visit, read
from tests.workflow.kit.machine import Machine, matches
from tests.workflow.kit.script import UNSCRIPTED

INVOKE: Final = "arn:aws:states:::lambda:invoke"
BAKE: Final = "arn:aws:lambda:us-east-1:123456789012:function:bake:live"
STATES: Final[dict[str, Any]] = {
    "Mix": {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": "mix:3"}, "Next": "Bake"},
    "Bake": {
        "Type": "Task",
        "Resource": BAKE,
        "TimeoutSeconds": 60,
        "Retry": [{"ErrorEquals": ["Cold", "States.Timeout"]}],
        "Next": "Cool",
    },
    "Cool": {"Type": "Wait", "Seconds": 30, "Next": "Served"},
    "Served": {"Type": "Succeed"},
    "Burnt": {"Type": "Fail", "Error": "Burnt"},
    "Named late": {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName.$": "$.function"}, "End": True},
    "Write": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "End": True},
    "Each": {"Type": "Map", "End": True},
    "Both": {"Type": "Parallel", "End": True},
}
DOCUMENT: Final = {"StartAt": "Mix", "States": STATES}
MACHINE: Final = Machine(json.dumps(DOCUMENT))

mix, bake = task("Mix"), task("Bake")
cool, served, burnt = Step("Cool"), Step("Served"), Step("Burnt")
WELL: Final = Returns({"done": True})
COLD: Final = Raises("Cold", "the oven is off")


# --- a case before it is run -------------------------------------------------------------------------------


def case_of(*steps: Step, calls: dict[str, int] | None = None) -> Case:
    return Case("a cake", {}, steps, Succeeded(), calls=calls or {})


def test_nothing_is_wrong_with_a_case_that_the_machine_can_run() -> None:
    case = case_of(mix(WELL), bake(NO_ANSWER, COLD, WELL), cool, served, calls={"mix": 1, "bake": 3})

    assert mistakes(MACHINE, case) == []


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (case_of(Step("Bakes", (WELL,))), ["the machine has no state Bakes, but Bake"]),
        (case_of(Step("Zzz")), ["the machine has no state Zzz"]),
        (case_of(Step("Cool", (WELL,))), ["Cool calls no function that the definition names"]),
        (case_of(Step("Named late", (WELL,))), ["Named late calls no function that the definition names"]),
        (case_of(Step("Write", (WELL,))), ["Write calls no function that the definition names"]),
        (case_of(mix()), ["Mix is a Task: what does it answer?"]),
        (case_of(mix(WELL, NO_ANSWER)), ["Mix has no TimeoutSeconds"]),
        (case_of(Step("Each")), ["Each is a Map: a case cannot say"]),
        (case_of(Step("Both")), ["Both is a Parallel: a case cannot say"]),
        (case_of(mix(WELL), calls={"mix": 1, "stir": 0}), ["the machine calls no function stir"]),
        (case_of(mix(), Step("Zzz"), mix(), Step("Zzz")), ["Mix is a Task", "the machine has no state Zzz"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_case_that_cannot_be_right_is_told_why_and_each_reason_once(case: Case, told: list[str]) -> None:
    found = mistakes(MACHINE, case)

    assert [one[: len(other)] for one, other in zip(found, told, strict=True)] == told


def test_a_machine_in_jsonata_is_refused() -> None:
    machine = Machine(json.dumps({**DOCUMENT, "QueryLanguage": "JSONata"}))

    assert mistakes(machine, case_of(mix(WELL))) == ["the machine is written in JSONata: only JSONPath is known here"]


def test_a_definition_with_substitutions_left_in_it_is_refused_and_they_are_named() -> None:
    text = json.dumps({"StartAt": "${First}", "States": {"${First}": {"Type": "Wait", "Seconds": "${Also}"}}})

    with pytest.raises(ValueError, match=r"not filled in: \$\{Also\}, \$\{First\}$"):
        Machine(text)


def test_a_history_without_an_end_is_no_run() -> None:
    with pytest.raises(ValueError, match=r"has not ended; last of its history: \['ExecutionStarted'\]"):
        read([{"type": "ExecutionStarted"}])


@pytest.mark.parametrize(
    "type_",
    [
        *("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed", "LambdaFunctionFailed"),
        *("LambdaFunctionTimedOut", "LambdaFunctionStartFailed", "LambdaFunctionScheduleFailed"),
    ],
)
def test_an_attempt_fails_in_each_way_that_a_history_has_for_it(type_: str) -> None:
    """GetExecutionHistory, HistoryEvent: the types that end an attempt at a task."""
    history = [
        {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Bake"}},
        {"type": type_, f"{type_[0].lower()}{type_[1:]}EventDetails": {"error": "Burnt"}},
        {"type": "ExecutionFailed", "executionFailedEventDetails": {"error": "Burnt"}},
    ]

    assert [visit.attempts for visit in read(history).visits] == [["Burnt"]]


@pytest.mark.parametrize(
    ("name", "error", "expected"),
    [
        ("States.ALL", "States.Timeout", True),
        ("States.ALL", "States.Runtime", False),
        ("States.TaskFailed", "Burnt", True),
        ("States.TaskFailed", "States.Timeout", False),
        ("States.TaskFailed", "States.Runtime", False),
        ("Burnt", "Burnt", True),
        ("Burnt", "Burn", False),
    ],
)
def test_a_name_stands_for_the_errors_that_the_language_says(name: str, error: str, expected: bool) -> None:
    assert matches(name, error) is expected


# --- a run, held against its case --------------------------------------------------------------------------

CASE: Final = Case(
    "a cake",
    input={"eggs": 3},
    steps=[mix(WELL, given={"eggs": 3}), bake(COLD, NO_ANSWER, WELL, given={"tin": {"round": True}}), cool, served],
    ends=Succeeded({"cake": {"size": 26}}),
    calls={"bake": 3},
    waits=[30],
    pauses=[1, 2],
    timeouts=[60],
)
BAKED: Final = {"tin": {"round": True, "cm": 26}}
LAMBDA: Final = ("LambdaFunctionScheduled", "LambdaFunctionStarted")
EVENTS: Final = (
    *("ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"),
    *("TaskStateEntered", *LAMBDA, "LambdaFunctionFailed", *LAMBDA, "LambdaFunctionTimedOut"),
    *(*LAMBDA, "LambdaFunctionSucceeded", "TaskStateExited"),
    *("WaitStateEntered", "WaitStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"),
)
RUN: Final = Run(
    status="SUCCEEDED",
    error=None,
    cause=None,
    output={"cake": {"size": 26, "taste": "good"}},
    visits=[Visit("Mix", [None]), Visit("Bake", ["Cold", "States.Timeout", None]), Visit("Cool"), Visit("Served")],
    history=[{"type": type_} for type_ in EVENTS],
    calls={"mix": 7, "bake": 3},
    given=[("Mix", {"eggs": 3, "milk": 1}), ("Bake", BAKED), ("Bake", BAKED), ("Bake", BAKED)],
    waits=[30.0],
    pauses=[1.0, 2.0],
    timeouts=[60.0],
    unasked={},
)


@pytest.mark.parametrize("exact", [True, False])
def test_there_is_no_difference_where_all_is_as_the_case_says(exact: bool) -> None:
    assert differences(MACHINE, CASE, RUN, exact=exact) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"visits": [*RUN.visits[:3], Visit("Burnt")]},
            ["path: expected Mix > Bake > Cool > Served, got Mix > Bake > Cool > Burnt"],
        ),
        (
            {"visits": [*RUN.visits[:1], Visit("Bake", ["States.Timeout", "Cold", None]), *RUN.visits[2:]]},
            ["errors: expected Bake: Cold States.Timeout, got Bake: States.Timeout Cold"],
        ),
        (
            {"visits": [Visit("Mix", ["Cold"]), *RUN.visits[1:]]},
            ["errors: expected Bake: Cold States.Timeout, got Mix: Cold, Bake: Cold States.Timeout"],
        ),
        (
            {"visits": [Visit("Mix", [None]), Visit("Bake", [None]), *RUN.visits[2:]]},
            ["errors: expected Bake: Cold States.Timeout, got none"],
        ),
        ({"status": "ABORTED"}, ["status: expected SUCCEEDED, got ABORTED"]),
        ({"error": "Burnt"}, ["error: expected null, got Burnt"]),
        ({"cause": "too höt"}, ["cause: expected null, got too höt"]),
        (
            {"output": {"cake": {"taste": "süß"}}},
            ['output: expected {"cake": {"size": 26}} in {"cake": {"taste": "süß"}}'],
        ),
        ({"output": None}, ['output: expected {"cake": {"size": 26}} in null']),
        ({"unasked": {"Bake": 2}}, ["Bake: 2 of 3 answers were never asked for"]),
        ({"calls": {"bake": 4}}, ['calls: expected {"bake": 3}, got {"bake": 4}']),
        ({"calls": {"mix": 1}}, ['calls: expected {"bake": 3}, got {"bake": 0}']),
        (
            {"given": [("Mix", {"eggs": 2}), ("Bake", {})]},
            ['Mix was to be called with {"eggs": 3}, was with {"eggs": 2}'],
        ),
        (
            {"given": [*RUN.given[:3], ("Bake", None)]},  # type: ignore[index]
            ['Bake was to be called with {"tin": {"round": true}}, was with null'],
        ),
        ({"waits": [31.0]}, ["waits in seconds: expected [30], got [31.0]"]),
        ({"pauses": [1.0]}, ["pauses in seconds: expected [1, 2], got [1.0]"]),
        ({"timeouts": []}, ["timeouts in seconds: expected [60], got []"]),
    ],
    ids=str,
)
def test_what_is_not_as_the_case_says_is_told_in_a_line(changed: dict[str, Any], told: list[str]) -> None:
    assert differences(MACHINE, CASE, replace(RUN, **changed), exact=True) == told


def but(whole: Any, **fields: Any) -> Any:
    """A case or a run, with a few of its fields otherwise."""
    return replace(whole, **fields)


@pytest.mark.parametrize("field", ["calls", "given", "waits", "pauses", "timeouts", "unasked"])
def test_what_an_engine_does_not_tell_is_not_asked_for(field: str) -> None:
    assert differences(MACHINE, CASE, but(RUN, **{field: None}), exact=False) == []


@pytest.mark.parametrize("field", ["status", "error", "cause"])
def test_what_an_engine_has_no_word_of_its_own_for_is_not_asked_for(field: str) -> None:
    run = but(RUN, **{field: "its own"}, unsaid=frozenset({field}))

    assert differences(MACHINE, CASE, run, exact=False) == []


@pytest.mark.parametrize(("field", "got"), [("waits", [5.0]), ("pauses", [5.0]), ("timeouts", [5.0])])
def test_what_a_case_does_not_say_is_not_asked_for(field: str, got: list[float]) -> None:
    case = but(CASE, **{field: None})

    assert differences(MACHINE, case, but(RUN, **{field: got}), exact=True) == []


@pytest.mark.parametrize("nothing_like_an_object", [None, "text", []], ids=str)
def test_a_case_that_says_nothing_of_output_and_payload_does_not_mind_what_they_are(
    nothing_like_an_object: object,
) -> None:
    case = Case("a cake", {}, [mix(WELL), served], Succeeded())
    given = [("Mix", nothing_like_an_object)]
    run = Run("SUCCEEDED", None, None, nothing_like_an_object, [Visit("Mix", [None]), Visit("Served")], given=given)

    assert differences(MACHINE, case, run, exact=False) == []


def test_a_call_without_an_answer_in_the_case_hides_no_more_than_it_must() -> None:
    visits = [Visit("Mix", [UNSCRIPTED]), *RUN.visits[1:]]
    run = but(RUN, visits=visits, status="FAILED", error=UNSCRIPTED, cause="Mix ...", output=None)

    assert differences(MACHINE, CASE, run, exact=True) == [
        f"errors: expected Bake: Cold States.Timeout, got Mix: {UNSCRIPTED}, Bake: Cold States.Timeout",
        "a function was called more often than the case has answers for it",
    ]


def test_what_was_given_is_not_compared_beyond_where_the_calls_part() -> None:
    given = [("Mix", {"eggs": 3}), ("Mix", {}), ("Bake", {})]

    assert differences(MACHINE, CASE, but(RUN, given=given), exact=True) == []


REPORT: Final = COLD.cause


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        (REPORT, REPORT, True),
        (REPORT, json.dumps(json.loads(REPORT), indent=2), True),
        (REPORT, Raises("Cold", "something else").cause, False),
        ("the oven is off", "the oven is off", True),
        ("the oven is off", "the oven is  off", False),
        (Matches(".* off"), "the oven is off", True),
        (Matches("the oven"), "the oven is off", False),
        (Matches(".*"), None, False),
        (None, None, True),
        (None, "", False),
        (None, "null", True),  # the price of comparing what it means
    ],
    ids=str,
)
def test_a_cause_is_compared_whole_but_for_the_blanks_of_a_report(
    expected: str | Matches | None, got: str | None, same: bool
) -> None:
    case = Case("cold", {}, [mix(COLD)], Failed("Cold", expected))
    run = Run("FAILED", "Cold", got, None, [Visit("Mix", ["Cold"])])

    assert [each.partition(":")[0] for each in differences(MACHINE, case, run, exact=False)] == [
        *([] if same else ["cause"])
    ]


# --- the history -------------------------------------------------------------------------------------------


def test_an_event_more_is_told_of_an_engine_that_is_exact_and_of_no_other() -> None:
    run = but(RUN, history=[*RUN.history[:1], {"type": "TaskRetried"}, *RUN.history[1:]])

    (told,) = differences(MACHINE, CASE, run, exact=True)
    assert told.startswith("history: expected ExecutionStarted > TaskStateEntered > ")
    assert "got ExecutionStarted > TaskRetried > " in told
    assert differences(MACHINE, CASE, run, exact=False) == []


def test_a_history_is_not_shown_where_something_else_says_what_is_wrong() -> None:
    run = but(RUN, waits=[1.0], history=[])

    assert differences(MACHINE, CASE, run, exact=True) == ["waits in seconds: expected [30], got [1.0]"]


@pytest.mark.parametrize(
    ("steps", "events"),
    [
        ([burnt], ["FailStateEntered"]),
        ([mix(COLD)], ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed"]),
        (
            [mix(Refused("ServiceException")), burnt],
            ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "TaskStateExited", "FailStateEntered"],
        ),
        ([bake(NO_ANSWER)], ["TaskStateEntered", *LAMBDA, "LambdaFunctionTimedOut"]),
    ],
    ids=lambda steps: str([step.state for step in steps if isinstance(step, Step)]),
)
def test_a_state_that_ends_an_execution_with_an_error_is_never_left(steps: Sequence[Step], events: list[str]) -> None:
    errors = [[getattr(answer, "error", None) for answer in step.answers] for step in steps]
    visits = [Visit(step.state, attempts) for step, attempts in zip(steps, errors, strict=True)]
    history = [{"type": type_} for type_ in ("ExecutionStarted", *events, "ExecutionFailed")]
    run = Run("FAILED", "E", None, None, visits, history)

    assert differences(MACHINE, Case("fails", {}, steps, Failed("E", None)), run, exact=True) == []
