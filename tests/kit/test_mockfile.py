"""The cases as a mock configuration file: what AWS Step Functions Local would read in it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.workflow.cases import CASES
from tests.workflow.kit.cases import NO_ANSWER, THROTTLED, Answer, Case, Raises, Returns, Succeeded, task
from tests.workflow.kit.mockfile import MockFile
from tests.workflow.kit.script import UNSCRIPTED

first, second = task("First"), task("Second")
DONE = Returns({"size": 75})


def case(name: str, *steps: Any) -> Case:
    return Case(name, {}, steps, Succeeded())


def read_as_local_does(file: Any, machine: str, test_case: str, state: str) -> list[Any]:
    """What a state's invocations get in one execution, in order: one counter for all of them."""
    response = file["MockedResponses"][file["StateMachines"][machine]["TestCases"][test_case][state]]
    found: list[Any] = []
    for numbers, mocked in response.items():
        start, _, end = numbers.partition("-")
        assert int(start) == len(found), f"{numbers} does not follow: {list(response)}"
        found += [mocked] * (int(end or start) - int(start) + 1)
    return found


def as_mocked(answer: Answer) -> Any:
    if isinstance(answer, Returns):
        return {"Return": {"StatusCode": 200, "Payload": answer.payload}}
    return {"Throw": {"Error": answer.error, "Cause": answer.cause}}


def test_it_has_the_format_of_the_developer_guide() -> None:
    cases = [
        case("works at once", first(DONE), second(DONE)),
        case("throttled, twice; then late", first(THROTTLED, THROTTLED, NO_ANSWER, DONE), second(DONE)),
    ]

    assert MockFile("photos", cases).document == {
        "StateMachines": {
            "photos": {
                "TestCases": {
                    "works-at-once": {"First": "First in works-at-once", "Second": "Second in works-at-once"},
                    "throttled-twice-then-late": {
                        "First": "First in throttled-twice-then-late",
                        "Second": "Second in works-at-once",
                    },
                }
            }
        },
        "MockedResponses": {
            "First in works-at-once": {"0": {"Return": {"StatusCode": 200, "Payload": {"size": 75}}}},
            "Second in works-at-once": {"0": {"Return": {"StatusCode": 200, "Payload": {"size": 75}}}},
            "First in throttled-twice-then-late": {
                "0-1": {"Throw": {"Error": "Lambda.TooManyRequestsException", "Cause": "Rate Exceeded."}},
                "2": {"Throw": {"Error": "States.Timeout", "Cause": ""}},
                "3": {"Return": {"StatusCode": 200, "Payload": {"size": 75}}},
            },
        },
    }


def test_a_later_visit_goes_on_where_the_one_before_has_ended() -> None:
    lost = Raises("LeaseLost")
    loops = case("loops", first(THROTTLED, DONE), second(lost), first(DONE), second(lost, DONE))

    file = MockFile("photos", [loops]).document

    assert read_as_local_does(file, "photos", "loops", "First") == [
        as_mocked(answer) for answer in (THROTTLED, DONE, DONE)
    ]
    assert list(file["MockedResponses"]["Second in loops"]) == ["0-1", "2"]


def test_a_task_that_a_case_does_not_come_to_calls_nobody() -> None:
    file = MockFile("photos", [case("both", first(DONE), second(DONE)), case("one", first(DONE))]).document

    (response,) = read_as_local_does(file, "photos", "one", "Second")
    assert response["Throw"]["Error"] == UNSCRIPTED


def test_every_case_of_the_table_is_in_it_with_all_its_answers() -> None:
    mock_file = MockFile("lockstep", CASES)
    file = json.loads(mock_file.text)

    for each in CASES:
        for state in {step.state for step in each.steps if step.answers}:
            read = read_as_local_does(file, "lockstep", mock_file.name_of(each), state)
            assert read == [as_mocked(answer) for answer in each.answers(state)], f"{each}: {state}"


def test_names_can_stand_in_an_arn_and_say_which_case_it_is() -> None:
    mock_file = MockFile("lockstep", CASES)
    names = [mock_file.name_of(each) for each in CASES]

    assert len(set(names)) == len(CASES)
    assert all(re.fullmatch(r"[A-Za-z0-9-]{1,110}", name) for name in names)
    assert "one-that-finds-the-lock-held-waits-and-comes-again" in names


def test_names_that_differ_only_in_what_cannot_stand_there_are_numbered() -> None:
    cases = [case(name, first(DONE)) for name in ("a folder's event", "a folder-s event", "a-folder-S-event-2", "…")]
    mock_file = MockFile("photos", cases)

    assert [mock_file.name_of(each) for each in cases] == [
        "a-folder-s-event",
        "a-folder-s-event-2",
        "a-folder-S-event-2-2",
        "case",
    ]


def test_two_cases_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'twice'"):
        MockFile("photos", [case("twice", first(DONE)), case("twice", second(DONE))])
