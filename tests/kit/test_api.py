"""The engines at a Step Functions API address: what they ask of it, and what they make of its answers.

The answers of TestState here have the shapes that AWS gives, as LocalStack has recorded them (tests/aws/services/
stepfunctions/v2/test_state/*.snapshot.json).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from unittest import mock

import boto3
import pytest
from botocore.stub import Stubber

from tests.workflow.kit.cases import NO_ANSWER, THROTTLED, Case, Failed, Raises, Returns, Step, Succeeded, task
from tests.workflow.kit.checks import differences
from tests.workflow.kit.engines.api import STEP_FUNCTIONS_LOCAL, MockFileEngine, StateByStateEngine
from tests.workflow.kit.machine import Machine
from tests.workflow.kit.mockfile import MockFile
from tests.workflow.stack import ACCOUNT, REGION

FUNCTION: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:resize"
MACHINE_ARN: Final = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:photos"
EXECUTION_ARN: Final = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:photos:one"
DOCUMENT: Final[dict[str, Any]] = {
    "StartAt": "Resize",
    "States": {
        "Resize": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": FUNCTION, "Payload.$": "$"},
            "ResultSelector": {"size.$": "$.Payload.size"},
            "ResultPath": "$.resized",
            "Retry": [
                {"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 2},
                {"ErrorEquals": ["Lambda.TooManyRequestsException"], "JitterStrategy": "FULL"},
            ],
            "Catch": [{"ErrorEquals": ["Moved"], "ResultPath": "$.moved", "Next": "Resize"}],
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}
MACHINE: Final = Machine(json.dumps(DOCUMENT))
INPUT: Final = {"key": "cat.png"}

resize = task("Resize")
done = Step("Done")
BUSY: Final = Raises("Busy")
MOVED: Final = Raises("Moved")
SMALL: Final = Returns({"size": 75})


def a_case(*steps: Step, pauses: list[float] | None = None, ends: Succeeded | Failed | None = None) -> Case:
    return Case("one", INPUT, steps, ends or Succeeded(), pauses=pauses)


@pytest.fixture(scope="module")
def sfn() -> Any:
    session = boto3.Session("test", "test", region_name=REGION)
    return session.client("stepfunctions")


@pytest.fixture
def stubber(sfn: Any) -> Iterator[Stubber]:
    """Holds what is asked, and what it answers, against the API's own model."""
    with Stubber(sfn) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


# --- TestState, as AWS answers -----------------------------------------------------------------------------


class Recorder:
    """A client that remembers what TestState was asked."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.asked: list[dict[str, Any]] = []

    def test_state(self, **asked: Any) -> Any:
        self.asked.append(asked)
        return self._client.test_state(**asked)


GIVEN: Final = json.dumps({"FunctionName": FUNCTION, "Payload": INPUT})


def said(status: str, **about: Any) -> dict[str, Any]:
    inspected = {"input": json.dumps(INPUT), "afterParameters": GIVEN, **about.pop("inspectionData", {})}
    return {"status": status, **about, "inspectionData": inspected}


def retriable(index: int, seconds: int) -> dict[str, Any]:
    details = {"retryIndex": index, "retryBackoffIntervalSeconds": seconds}
    return said("RETRIABLE", error="Busy", cause="...", inspectionData={"errorDetails": details})


def caught(**fields: Any) -> dict[str, Any]:
    return said(
        "CAUGHT_ERROR",
        error="Moved",
        cause="...",
        nextState="Resize",
        output=json.dumps(INPUT | {"moved": {"Error": "Moved", "Cause": "..."}}),
        inspectionData={"errorDetails": {"catchIndex": 0}},
        **fields,
    )


RESIZED: Final = said("SUCCEEDED", nextState="Done", output=json.dumps(INPUT | {"resized": {"size": 75}}))
ENDED: Final = said("SUCCEEDED", output=json.dumps(INPUT | {"resized": {"size": 75}}))


def walk(sfn: Any, stubber: Stubber, case: Case, *answers: Mapping[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    for answer in answers:
        stubber.add_response("test_state", answer)
    client = Recorder(sfn)
    return StateByStateEngine(client).run(MACHINE, case), client.asked


def test_a_walk_asks_for_each_state_with_what_the_one_before_has_put_out(sfn: Any, stubber: Stubber) -> None:
    case = a_case(resize(SMALL, given=INPUT), done, ends=Succeeded({"resized": {"size": 75}}))

    run, asked = walk(sfn, stubber, case, RESIZED, ENDED)

    assert differences(MACHINE, case, run, exact=False) == []
    assert [each["stateName"] for each in asked] == ["Resize", "Done"]
    assert [json.loads(each["input"]) for each in asked] == [INPUT, INPUT | {"resized": {"size": 75}}]
    assert {each["definition"] for each in asked} == {MACHINE.text}
    assert json.loads(asked[0]["mock"]["result"]) == {"StatusCode": 200, "Payload": {"size": 75}}
    assert "mock" not in asked[1], "AWS refuses it for a Succeed"


def test_a_walk_counts_the_attempts_of_each_retrier_and_anew_at_each_visit(sfn: Any, stubber: Stubber) -> None:
    case = a_case(resize(BUSY, THROTTLED, BUSY, MOVED), resize(BUSY, SMALL), done)
    answers = (retriable(0, 2), retriable(1, 1), retriable(0, 4), caught(), retriable(0, 2), RESIZED, ENDED)

    run, asked = walk(sfn, stubber, case, *answers)

    assert [each.get("stateConfiguration", {}).get("retrierRetryCount") for each in asked] == [
        *(0, 0, 1, None),
        *(0, None, None),
    ]
    assert [json.loads(each["context"])["State"]["RetryCount"] for each in asked] == [0, 1, 2, 3, 0, 1, 0]
    assert [visit.attempts for visit in run.visits] == [["Busy", "Busy", "Busy", "Moved"], ["Busy", None], []]
    assert run.path == ("Resize", "Resize", "Done")


def test_a_walk_knows_the_pauses_that_are_not_random(sfn: Any, stubber: Stubber) -> None:
    case = a_case(resize(BUSY, BUSY, SMALL), done, pauses=[2, 4])

    run, _ = walk(sfn, stubber, case, retriable(0, 2), retriable(0, 8), RESIZED, ENDED)

    assert differences(MACHINE, case, run, exact=False) == ["pauses in seconds: expected [2, 4], got [2, 8]"]


def test_a_walk_does_not_compare_random_pauses(sfn: Any, stubber: Stubber) -> None:
    run, _ = walk(sfn, stubber, a_case(resize(THROTTLED, SMALL), done), retriable(1, 1), RESIZED, ENDED)

    assert run.pauses is None


def test_a_walk_does_not_say_what_the_api_has_not_said(sfn: Any, stubber: Stubber) -> None:
    bare = {field: value for field, value in RESIZED.items() if field != "inspectionData"}

    run, _ = walk(sfn, stubber, a_case(resize(SMALL), done), bare, ENDED)

    assert run.given is None


def test_an_error_that_nobody_catches_is_the_end(sfn: Any, stubber: Stubber) -> None:
    case = a_case(resize(Raises("Broken", "no")), ends=Failed("Broken", Raises("Broken", "no").cause))

    run, asked = walk(sfn, stubber, case, said("FAILED", error="Broken", cause=Raises("Broken", "no").cause))

    assert differences(MACHINE, case, run, exact=False) == []
    assert asked[0]["mock"] == {"errorOutput": {"error": "Broken", "cause": Raises("Broken", "no").cause}}


def test_a_time_out_has_no_cause(sfn: Any, stubber: Stubber) -> None:
    case = a_case(resize(NO_ANSWER), ends=Failed("States.Timeout", ""))

    _, asked = walk(sfn, stubber, case, said("FAILED", error="States.Timeout", cause=""))

    assert asked[0]["mock"] == {"errorOutput": {"error": "States.Timeout", "cause": ""}}


def test_a_walk_goes_where_the_api_says_and_not_where_the_case_does(sfn: Any, stubber: Stubber) -> None:
    case = a_case(resize(BUSY, SMALL), done)
    unretried = said("FAILED", error="Busy", cause="...")

    run, _ = walk(sfn, stubber, case, unretried)

    assert {"path: expected Resize > Done, got Resize", "status: expected SUCCEEDED, got FAILED"} <= {
        *differences(MACHINE, case, run, exact=False)
    }


def test_a_walk_that_goes_in_circles_ends_with_an_error(sfn: Any, stubber: Stubber) -> None:
    with pytest.raises(TimeoutError, match="Resize > Resize"):
        walk(sfn, stubber, a_case(resize(MOVED), resize(SMALL), done), *[caught()] * 16)


# --- executions with a mock file, as any server answers ----------------------------------------------------

NOW: Final = datetime(2025, 1, 15, tzinfo=UTC)
MOCK_FILE_CASE: Final = a_case(resize(SMALL), done, ends=Succeeded({"resized": {"size": 75}}))


def event(number: int, type_: str, **details: Any) -> dict[str, Any]:
    return {"timestamp": NOW, "type": type_, "id": number, **details}


def entered(number: int, type_: str, name: str) -> dict[str, Any]:
    return event(number, f"{type_}StateEntered", stateEnteredEventDetails={"name": name})


def will_create(stubber: Stubber) -> None:
    stubber.add_response("create_state_machine", {"stateMachineArn": MACHINE_ARN, "creationDate": NOW})


def will_start(stubber: Stubber) -> None:
    with_case = {"stateMachineArn": f"{MACHINE_ARN}#one", "name": mock.ANY, "input": json.dumps(INPUT)}
    stubber.add_response("start_execution", {"executionArn": EXECUTION_ARN, "startDate": NOW}, with_case)


def will_be(stubber: Stubber, status: str) -> None:
    about = {"executionArn": EXECUTION_ARN, "stateMachineArn": MACHINE_ARN, "status": status, "startDate": NOW}
    stubber.add_response("describe_execution", about)


def will_end_well(stubber: Stubber) -> None:
    first = [event(1, "ExecutionStarted"), entered(2, "Task", "Resize"), event(3, "TaskSucceeded")]
    output = json.dumps(INPUT | {"resized": {"size": 75}})
    second = [
        entered(4, "Succeed", "Done"),
        event(5, "ExecutionSucceeded", executionSucceededEventDetails={"output": output}),
    ]
    stubber.add_response("get_execution_history", {"events": first, "nextToken": "more"})
    stubber.add_response("get_execution_history", {"events": second})


def test_an_execution_is_started_with_its_case_and_read_page_by_page(sfn: Any, stubber: Stubber) -> None:
    will_create(stubber)
    will_start(stubber)
    will_be(stubber, "RUNNING")
    will_be(stubber, "SUCCEEDED")
    will_end_well(stubber)

    run = MockFileEngine(sfn, MockFile("photos", [MOCK_FILE_CASE])).run(MACHINE, MOCK_FILE_CASE)

    assert differences(MACHINE, MOCK_FILE_CASE, run, exact=False) == []


def test_a_machine_that_is_there_already_is_brought_up_to_date_once(sfn: Any, stubber: Stubber) -> None:
    there = {"stateMachineArn": MACHINE_ARN, "name": "photos", "type": "STANDARD", "creationDate": NOW}
    other = there | {"stateMachineArn": f"{MACHINE_ARN}-2", "name": "photos-2"}
    stubber.add_client_error("create_state_machine", "StateMachineAlreadyExists")
    stubber.add_response("list_state_machines", {"stateMachines": [other, there]})
    new = {"stateMachineArn": MACHINE_ARN, "definition": MACHINE.text}
    stubber.add_response("update_state_machine", {"updateDate": NOW}, new)
    for _ in range(2):
        will_start(stubber)
        will_be(stubber, "SUCCEEDED")
        will_end_well(stubber)
    engine = MockFileEngine(sfn, MockFile("photos", [MOCK_FILE_CASE]))

    for _ in range(2):
        assert engine.run(MACHINE, MOCK_FILE_CASE).path == ("Resize", "Done")


def test_an_execution_that_does_not_end_is_stopped_and_shows_where_it_was(sfn: Any, stubber: Stubber) -> None:
    will_create(stubber)
    will_start(stubber)
    will_be(stubber, "RUNNING")
    stubber.add_response("get_execution_history", {"events": [entered(2, "Task", "Resize")]})
    stubber.add_response("stop_execution", {"stopDate": NOW}, {"executionArn": EXECUTION_ARN})
    engine = MockFileEngine(sfn, MockFile("photos", [MOCK_FILE_CASE]), deadline_seconds=-1)

    with pytest.raises(TimeoutError, match=r"(?s)did not end.*'Resize'"):
        engine.run(MACHINE, MOCK_FILE_CASE)


def test_a_server_in_real_time_gets_no_case_that_takes_minutes(sfn: Any) -> None:
    engine = MockFileEngine(sfn, MockFile("photos", []), deviations=STEP_FUNCTIONS_LOCAL)

    assert engine.cannot(MACHINE, a_case(resize(BUSY, SMALL), done, pauses=[2.0])) is None
    assert "real time" in (engine.cannot(MACHINE, a_case(resize(BUSY, SMALL), done, pauses=[21.0])) or "")
