"""What the stepper refuses, what each step comes to, and where an execution ends as States.Runtime."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.simulation.stepper import Ended, Invoke, NotKnownError, Position, Sleep, Stepper
from tests.simulation.stepper_engine import CONTEXT, StepperEngine
from tests.workflow.kit.cases import NO_ANSWER, THROTTLED, Answer, Case, Raises, Returns, Succeeded
from tests.workflow.kit.engines.base import EndlessError
from tests.workflow.kit.machine import Machine
from tests.workflow.machine import shipped_machine
from tests.workflow.recorded.parts import WORK, catch, invoke, retry

# --- what is refused ---------------------------------------------------------------------------------------

PASS: Final[Mapping[str, Any]] = {"Type": "Pass", "End": True}
RULE: Final = {"Variable": "$.a", "StringEquals": "word", "Next": "Next"}
NO_INVOKE: Final = "a Task that is not arn:aws:states:::lambda:invoke with a FunctionName and a Payload"


def machine(*states: Mapping[str, Any], **fields: Any) -> Machine:
    """A machine of these states: Work, and then Next."""
    named = dict(zip(("Work", "Next"), states, strict=False))
    return Machine(json.dumps({"StartAt": "Work", "States": named, **fields}))


def called(**parameters: Any) -> dict[str, Any]:
    return {**invoke(), "Parameters": parameters}


def choice(**fields: Any) -> dict[str, Any]:
    return {"Type": "Choice", "Choices": [{**RULE, **fields}]}


def wait(**fields: Any) -> dict[str, Any]:
    return {"Type": "Wait", "End": True, **fields}


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"Type": "Parallel", "Branches": [], "End": True}, "Work: a Parallel"),
        (invoke(InputPath="$.a"), "Work: InputPath"),
        (invoke(HeartbeatSeconds=3), "Work: HeartbeatSeconds"),
        (invoke(QueryLanguage="JSONata"), "Work: QueryLanguage"),
        (invoke(Retry=[retry("A"), retry("B", Assign={})]), "Work.Retry: Assign"),
        (invoke(Retry=[retry("A"), retry("B", JitterStrategy="HALF")]), "Work.Retry: the JitterStrategy HALF"),
        (invoke(Catch=[catch("A", then="Next", Assign={})]), "Work.Catch: Assign"),
        (wait(TimestampPath="$.a"), "Work: TimestampPath"),
        (wait(), "Work: a state without one of Seconds and SecondsPath"),
        (wait(Seconds=1, SecondsPath="$.a"), "Work: a state without one of Seconds and SecondsPath"),
        ({"Type": "Pass", "Result": 1, "End": True}, "Work: Result"),
        ({"Type": "Pass"}, "Work: what follows"),
        ({"Type": "Pass", "Next": "Next", "End": True}, "Work: what follows"),
        ({"Type": "Pass", "Next": "Nowhere"}, "Work.Next -> Nowhere: that state"),
        ({"Type": "Succeed", "OutputPath": "$.a"}, "Work: OutputPath"),
        ({"Type": "Fail", "Error": "a"}, "Work: a state without one of Cause and CausePath"),
        ({"Type": "Fail", "Error": "a", "CausePath": "States.UUID()"}, "Work: the path States.UUID()"),
        (choice(NumericEquals=1), "Work.Choices: NumericEquals"),
        (choice(And=[RULE]), "Work.Choices: And"),
        ({**choice(), "OutputPath": "$.a"}, "Work: OutputPath"),
        (invoke(ResultPath=None), "Work: the path None"),
        (invoke(ResultPath="$$.Execution.a"), "Work: the path $$.Execution.a"),
        (invoke({"a": {"b.$": "$.c[0]"}}), "Work: the path $.c[0]"),
        (invoke({"a": [1]}), "Work: the list a in a template"),
        (called(FunctionName=WORK), f"Work: {NO_INVOKE}"),
        (called(Payload={}, Qualifier="1"), f"Work: {NO_INVOKE}"),
        (called(FunctionName=WORK, Payload={}, Qualifier="1"), f"Work: {NO_INVOKE}"),
        (called(FunctionName=WORK, Qualifier="1"), "Work.Parameters: Qualifier"),
        ({"Type": "Task", "Resource": WORK, "End": True}, f"Work: {NO_INVOKE}"),
        ({**invoke(), "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"}, f"Work: {NO_INVOKE}"),
        *[
            (choice(Variable=path), f"Work: the path {path}")
            for path in ("$.a[0]", "$..a", "$.*", "$.a-b", "a", "$a", "$.", "$$", "$$.State.Name", "$$.ExecutionId", 1)
        ],
        *[
            (invoke(ResultSelector={"a.$": path}), f"Work: the path {path}")
            for path in ("$", "$.SdkHttpMetadata", "$.Payloads", "$$.Task.Token")
        ],
        (invoke(ResultSelector={"a": {"b.$": "$.SdkHttpMetadata"}}), "Work: the path $.SdkHttpMetadata"),
    ],
)
def test_a_state_with_what_is_not_known_is_refused(state: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(NotKnownError, match=f"^{re.escape(sentence)} is not known here$"):
        Stepper(machine(state, PASS))


def test_a_machine_with_what_is_not_known_is_refused() -> None:
    with pytest.raises(NotKnownError, match=r"^the machine: QueryLanguage is not known here$"):
        Stepper(machine(PASS, QueryLanguage="JSONata"))
    with pytest.raises(NotKnownError, match=r"^StartAt -> Nowhere: that state is not known here$"):
        Stepper(machine(PASS, StartAt="Nowhere"))


# --- steps -------------------------------------------------------------------------------------------------

BAD: Final = Raises("Bad")
WORSE: Final = Raises("Worse")


def pauses(**fields: Any) -> list[Sleep]:
    """What a retrier sleeps until it is used up."""
    stepper = Stepper(machine(invoke(Retry=[retry("Bad", **fields)])))
    position, found = stepper.start(CONTEXT, {}), []
    while isinstance((position := stepper.answered(position, BAD)).wants, Sleep):
        found.append(position.wants)
        position = stepper.slept(position)
    return found


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, [1, 2, 4]),
        ({"MaxAttempts": 0}, []),
        ({"MaxAttempts": 1, "IntervalSeconds": 7}, [7]),
        ({"IntervalSeconds": 2, "BackoffRate": 1.5}, [2, 3, 4.5]),
        ({"IntervalSeconds": 3, "BackoffRate": 1, "MaxAttempts": 5}, [3, 3, 3, 3, 3]),
        ({"MaxDelaySeconds": 3, "MaxAttempts": 4}, [1, 2, 3, 3]),
        ({"MaxDelaySeconds": 4}, [1, 2, 4]),
    ],
)
def test_pauses_grow_up_to_the_longest(fields: Mapping[str, Any], seconds: Sequence[float]) -> None:
    assert pauses(**fields) == [Sleep(each, jitter=False, is_retry=True) for each in seconds]


def test_a_pause_says_whether_it_is_at_random() -> None:
    assert {pause.jitter for pause in pauses(JitterStrategy="FULL")} == {True}
    assert {pause.jitter for pause in pauses(JitterStrategy="NONE")} == {False}


def test_a_wait_is_no_retry() -> None:
    for state in (wait(Seconds=5), wait(SecondsPath="$.a.b")):
        stepper = Stepper(machine(state))
        position = stepper.start(CONTEXT, {"a": {"b": 5}})
        assert position.wants == Sleep(5, jitter=False, is_retry=False)
        assert stepper.slept(position).wants == Ended("SUCCEEDED", {"a": {"b": 5}})


@pytest.mark.parametrize(("value", "state"), [("word", "Next"), ("words", "Other"), ("Word", "Other")])
def test_a_choice_is_by_the_whole_word(value: str, state: str) -> None:
    states = {"Work": {**choice(), "Default": "Other"}, "Next": PASS, "Other": PASS}
    position = Stepper(Machine(json.dumps({"StartAt": "Work", "States": states}))).start(CONTEXT, {"a": value})

    assert position == Position(CONTEXT, state, {"a": value}, (), Ended("SUCCEEDED", {"a": value}))


def test_an_invoke_says_all_that_is_needed() -> None:
    payload = {"owner.$": "$$.Execution.Id", "all": {"state.$": "$", "b.$": "$.a.b", "c": 1}}
    position = Stepper(machine(invoke(payload, TimeoutSeconds=30))).start(CONTEXT, {"a": {"b": 2}})

    given = {"owner": CONTEXT["Execution"]["Id"], "all": {"state": {"a": {"b": 2}}, "b": 2, "c": 1}}
    assert position == Position(CONTEXT, "Work", {"a": {"b": 2}}, (), Invoke("work", given, 30))


def test_without_timeout_seconds_a_task_has_three_years() -> None:
    """99,999,999 s (Developer Guide, "Task workflow state")."""
    assert Stepper(machine(invoke())).start(CONTEXT, {}).wants == Invoke("work", {}, 99_999_999)


def test_the_machines_own_time_is_for_whoever_has_a_clock() -> None:
    assert Stepper(shipped_machine()).timeout_seconds == 900
    assert Stepper(machine(PASS)).timeout_seconds is None


def test_results_go_where_the_paths_say() -> None:
    state = invoke(ResultSelector={"c.$": "$.Payload.c"}, ResultPath="$.a.b")
    stepper = Stepper(machine(state))
    for data, output in (({}, {"a": {"b": {"c": 1}}}), ({"a": {"d": 2}}, {"a": {"d": 2, "b": {"c": 1}}})):
        ended = stepper.answered(stepper.start(CONTEXT, data), Returns({"c": 1}))
        assert ended == Position(CONTEXT, "Work", data, (), Ended("SUCCEEDED", output))
    with pytest.raises(NotKnownError, match=r"^Work: a ResultPath into \[\] is not known here$"):
        stepper.answered(stepper.start(CONTEXT, {"a": []}), Returns({"c": 1}))


def test_an_execution_can_begin_anew_where_it_failed() -> None:
    """As a redrive does: at the state that failed, with its input, and all its retries."""
    events: list[str] = []
    work = invoke(Retry=[retry("Worse"), retry("Bad", MaxAttempts=1)])
    stepper = Stepper(machine({"Type": "Pass", "Next": "Next"}, work), lambda type_, _: events.append(type_))
    begun = stepper.start(CONTEXT, {"a": 1})
    paused = stepper.answered(begun, BAD)
    failed = stepper.answered(stepper.slept(paused), BAD)
    assert (begun.retries, paused.retries, failed.retries) == ((0, 0), (0, 1), (0, 1))
    assert failed.wants == Ended("FAILED", error="Bad", cause=BAD.cause)

    events.clear()
    assert stepper.enter(failed.context, failed.state, failed.data) == begun
    assert events == ["TaskStateEntered", "TaskScheduled", "TaskStarted"]


ANSWERS: Final[Sequence[Answer]] = [Returns({"c": {"d": 1}}), BAD, WORSE, THROTTLED, NO_ANSWER]


def test_a_position_is_a_value() -> None:
    """Different answers to the same position lead to different ones, each time to the same, and leave it as it was."""
    catchers = [catch("Worse", then="Next", ResultPath="$.a.error")]
    stepper = Stepper(machine(invoke(ResultPath="$.a.c", Retry=[retry("Bad")], Catch=catchers), PASS))
    position = stepper.start(copy.deepcopy(CONTEXT), {"a": {"b": [1]}})
    before = copy.deepcopy(position)

    first = [stepper.answered(position, answer) for answer in ANSWERS]
    assert [stepper.answered(position, answer) for answer in reversed(ANSWERS)] == [*reversed(first)]
    assert len({repr(each) for each in first}) == len(ANSWERS)
    assert position == before
    assert stepper.slept(first[1]) == stepper.slept(first[1]) == replace(position, retries=(1,))
    assert position.data["a"]["b"] is first[0].wants.output["a"]["b"]  # type: ignore[union-attr]  # ended


def test_an_endless_execution_is_noticed() -> None:
    endless = machine(invoke(Catch=[catch("States.ALL", then="Work")]))
    with pytest.raises(EndlessError, match="more than 25000 events"):
        StepperEngine().run(endless, Case("endless", {}, [], Succeeded()))
    with pytest.raises(RecursionError):
        Stepper(machine({"Type": "Pass", "Next": "Work"})).start(CONTEXT, {})


def test_an_answer_is_for_a_task_and_time_for_a_sleep() -> None:
    waiting, asking = Stepper(machine(wait(Seconds=1))), Stepper(machine(invoke()))
    with pytest.raises(AssertionError, match="Work has asked no function"):
        waiting.answered(waiting.start(CONTEXT, {}), BAD)
    with pytest.raises(AssertionError, match="Work does not sleep"):
        asking.slept(asking.start(CONTEXT, {}))


# --- States.Runtime ----------------------------------------------------------------------------------------

HERE: Final = "An error occurred while executing the state 'Work' (entered at the event id #?)."
INVALID: Final = "Invalid path '$.a': The choice state's condition path references an invalid value."
NO_WAY: Final = "Failed to transition out of the state. The state does not point to a next state."
NO_LONG: Final = "The SecondsPath parameter cannot be parsed as a long value: $.a == true"
NO_STRINGS: Final = "An error and a cause must be strings."
SHOWN: Final = json.dumps(CONTEXT, separators=(",", ":"))


def nowhere(path: str, field: str, data: str) -> str:
    return f"The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{data}'"


@pytest.mark.parametrize(
    ("state", "data", "says"),
    [
        (choice(), {"b": 1}, INVALID),
        ({**choice(), "Default": "Next"}, {"b": 1}, INVALID),
        (choice(), {"a": "other"}, NO_WAY),
        (wait(SecondsPath="$.a"), {}, "The SecondsPath parameter does not reference an input value: $.a"),
        (wait(SecondsPath="$.a"), {"a": True}, NO_LONG),
        ({"Type": "Fail", "ErrorPath": "$.a", "Cause": "b"}, {"a": None}, NO_STRINGS),
        ({"Type": "Fail", "Error": "a", "CausePath": "$.a"}, {"a": 1}, NO_STRINGS),
        (invoke({"e.$": "$.a.b"}), {"a": ["b"]}, nowhere("$.a.b", "e.$", '{"a":["b"]}')),
        (invoke({"e.$": "$$.Execution.Name"}), {}, nowhere("$$.Execution.Name", "e.$", SHOWN)),
    ],
)
def test_what_leads_nowhere_ends_the_execution_and_nothing_catches_it(
    state: Mapping[str, Any], data: Mapping[str, Any], says: str
) -> None:
    stepper = Stepper(machine(state, PASS))

    assert stepper.start(CONTEXT, data).wants == Ended("FAILED", error="States.Runtime", cause=f"{HERE} {says}")


def test_an_answer_without_a_field_that_is_selected_ends_the_execution() -> None:
    retriers, catchers = [retry("States.ALL")], [catch("States.Runtime", "States.ALL", then="Next")]
    state = invoke(ResultSelector={"e.$": "$.Payload.e"}, Retry=retriers, Catch=catchers)
    stepper = Stepper(machine(state, PASS))
    position = stepper.answered(stepper.start(CONTEXT, {"a": 1}), Returns({}))

    envelope = '{"ExecutedVersion":"$LATEST","Payload":{},"StatusCode":200}'
    cause = f"{HERE} {nowhere('$.Payload.e', 'e.$', envelope)}"
    assert position == Position(CONTEXT, "Work", {"a": 1}, (0,), Ended("FAILED", None, "States.Runtime", cause))
