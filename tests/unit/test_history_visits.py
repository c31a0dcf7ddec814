"""What the history's page and the terminal read off an execution's events: the way, and what the time was spent on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Self, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.executions import Outcome
from lockstep.history.graph import END, START, Kind
from lockstep.history.run import Run, reason
from lockstep.history.visits import Failure, Spent, Visit
from lockstep.history.way import Way

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

PREFIX: Final = "arn:aws:states:us-east-1:111122223333:execution:machine:"
BEGIN: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREATED: Final = {
    "detail-type": "Object Created",
    "detail": {"bucket": {"name": "input"}, "object": {"key": "a photo.jpg", "sequencer": "0055"}},
}
HELD: Final = {"work": "HELD", "reason": f"held by {PREFIX}other", "wait_seconds": 2}
GRANTED: Final = {"work": "GRAYSCALE", "reason": "the input object exists"}
CONVERTED: Final = {"lock": GRANTED, "applied": {"output_etag": "gray"}, "released": {"object": "photo"}}

WORKING, WAITING, FAILED, MACHINE = Spent.WORKING, Spent.WAITING, Spent.FAILED, Spent.MACHINE


class Dialect(Enum):
    """Who wrote a history, and of which kind of task."""

    AWS = "TaskScheduled, TaskStarted, TaskSucceeded"
    LAMBDA_ARN = "LambdaFunctionScheduled, LambdaFunctionStarted, LambdaFunctionSucceeded"
    EMULATOR = "TaskScheduled, TaskSucceeded; a time-out is a TaskFailed"


@dataclass
class Story:
    """Events of an execution, one after the other, each at the second that is said."""

    dialect: Dialect = Dialect.AWS
    name: str = "name"
    input: Any = field(default_factory=lambda: CREATED)
    events: list[HistoryEventTypeDef] = field(default_factory=list)
    state: str = ""
    type: str = ""

    def __post_init__(self) -> None:
        self.at(0, "ExecutionStarted", input=json.dumps(self.input), roleArn="arn:aws:iam::111122223333:role/machine")

    def at(self, second: float, type_: str, **details: Any) -> Self:
        name = "stateEntered" if type_.endswith("StateEntered") else type_[0].lower() + type_[1:]
        name = "stateExited" if type_.endswith("StateExited") else name
        event: dict[str, Any] = {"timestamp": BEGIN + timedelta(seconds=second), "type": type_}
        event |= {"id": len(self.events) + 1, "previousEventId": len(self.events)}
        if details:
            event[f"{name}EventDetails"] = details
        self.events.append(cast("HistoryEventTypeDef", event))
        return self

    def enters(self, second: float, state: str, seen: Any = None, type_: str = "Task") -> Self:
        self.state, self.type = state, type_
        return self.at(second, f"{type_}StateEntered", name=state, input=json.dumps(seen or self.input))

    def leaves(self, second: float, output: Any = None) -> Self:
        return self.at(second, f"{self.type}StateExited", name=self.state, output=json.dumps(output or self.input))

    def passes(self, begin: float, end: float, state: str, type_: str, seen: Any = None) -> Self:
        """A Choice or a Wait."""
        return self.enters(begin, state, seen, type_).leaves(end, seen)

    def calls(self, second: float) -> Self:
        """A function is called; AWS says a moment later that it has been."""
        self.at(second, f"{self._task}Scheduled", resource="invoke", parameters="{}")
        if self.dialect is not Dialect.EMULATOR:
            self.at(second, f"{self._task}Started")
        return self

    def answers(self, second: float, output: Any = None) -> Self:
        return self.at(second, f"{self._task}Succeeded", output=json.dumps({"Payload": output}))

    def fails(self, second: float, error: str, cause: str = "") -> Self:
        return self.at(second, f"{self._task}Failed", error=error, cause=cause)

    def runs_out_of_time(self, second: float) -> Self:
        if self.dialect is Dialect.EMULATOR:
            return self.fails(second, "States.Timeout", "after 30 seconds")
        return self.at(second, f"{self._task}TimedOut", error="States.Timeout", cause="after 30 seconds")

    def works(self, begin: float, end: float, state: str, output: Any = None) -> Self:
        """A function is called once, and answers."""
        return self.enters(begin, state).calls(begin).answers(end, output).leaves(end, output)

    def waits_once(self, begin: float, lock: Any = HELD) -> Self:
        """A round of the loop, of 3 seconds: 1 of work, 2 of waiting."""
        seen = {**self.input, "lock": lock}
        self.works(begin, begin + 1, "AcquireLock", seen).passes(begin + 1, begin + 1, "RouteWork", "Choice", seen)
        return self.passes(begin + 1, begin + 3, "WaitForLock", "Wait", seen)

    def granted(self, begin: float) -> Self:
        seen = {**self.input, "lock": GRANTED}
        self.works(begin, begin + 1, "AcquireLock", seen)
        return self.passes(begin + 1, begin + 1, "RouteWork", "Choice", seen)

    def ends(self, second: float, how: str, **details: Any) -> Self:
        return self.at(second, f"Execution{how}", **details)

    def ends_well(self, second: float, output: Any = None) -> Self:
        return self.ends(second, "Succeeded", output=json.dumps(CONVERTED if output is None else output))

    @property
    def way(self) -> Way:
        return Way.of(self.events)

    @property
    def run(self) -> Run:
        return Run.of(f"{PREFIX}{self.name}", self.events)

    @property
    def _task(self) -> str:
        return "LambdaFunction" if self.dialect is Dialect.LAMBDA_ARN else "Task"


def failed_in_conversion(story: Story, error: str = "SourceRejected", cause: str = "no image") -> Story:
    """Caught, released, and ended by the Fail state; 5 seconds."""
    story.granted(0).enters(1, "ConvertToGrayscale").calls(1).fails(3, error, cause).leaves(3)
    story.works(3, 4, "ReleaseLockAfterFailure").enters(5, "Failed", type_="Fail")
    return story.ends(5, "Failed", error=error, cause=cause)


@pytest.fixture(params=Dialect, ids=lambda each: each.name)
def story(request: pytest.FixtureRequest) -> Story:
    return Story(request.param)


TimeSpent = tuple[Spent, float, float | None]


def spans(visit: Visit) -> list[TimeSpent]:
    return [(each.spent, second(each.begin), second(each.end)) for each in visit.spans]


def second(at: datetime | None) -> Any:
    return None if at is None else (at - BEGIN).total_seconds()


def assert_covered(way: Way) -> None:
    """By spans one after the other, from entering each state to leaving it, or open where it has not been left."""
    for visit in way.visits:
        at: datetime | None = visit.entered
        for span in visit.spans:
            assert span.begin == at
            assert span.end is None or span.end >= span.begin
            at = span.end
        assert at == visit.exited


# --- what the time was spent on ----------------------------------------------------------------------------


def test_a_function_works_from_its_call_to_its_answer_and_the_rest_is_the_machines(story: Story) -> None:
    story.enters(1, "AcquireLock").calls(2).answers(5).leaves(6).ends_well(7)

    (visit,) = story.way.visits

    assert spans(visit) == [(MACHINE, 1, 2), (WORKING, 2, 5), (MACHINE, 5, 6)]
    assert (second(visit.entered), second(visit.exited), visit.attempts) == (1, 6, 1)
    assert (visit.failures, visit.has_failed) == ([], False)
    assert visit.seconds(MACHINE, BEGIN) == 2


def test_the_time_in_a_wait_state_is_spent_waiting_and_that_in_a_choice_by_the_machine(story: Story) -> None:
    story.passes(0, 1, "RouteWork", "Choice").passes(1, 3, "WaitForLock", "Wait").ends_well(3)

    choice, wait = story.way.visits

    assert (spans(choice), spans(wait)) == ([(MACHINE, 0, 1)], [(WAITING, 1, 3)])
    assert (choice.type, wait.type, wait.attempts) == ("Choice", "Wait", 0)


def test_no_time_at_all_needs_no_span(story: Story) -> None:
    story.passes(1, 1, "RouteWork", "Choice")

    assert story.way.visits[0].spans == []


def test_a_function_that_answers_at_once_has_worked_all_the_same(story: Story) -> None:
    story.works(1, 1, "AcquireLock")

    assert spans(story.way.visits[0]) == [(WORKING, 1, 1)]


def test_an_attempt_that_failed_is_followed_by_waiting_for_the_next(story: Story) -> None:
    story.enters(0, "AcquireLock").calls(0).fails(1, "ServiceUnavailable", "busy").calls(3).runs_out_of_time(6)
    story.calls(8).answers(9).leaves(9)

    (visit,) = story.way.visits

    assert spans(visit) == [(FAILED, 0, 1), (WAITING, 1, 3), (FAILED, 3, 6), (WAITING, 6, 8), (WORKING, 8, 9)]
    assert visit.failures == [Failure("ServiceUnavailable", "busy"), Failure("States.Timeout", "after 30 seconds")]
    assert (visit.attempts, visit.has_failed) == (3, False)


def test_nothing_waits_for_a_retry_after_an_error_that_was_caught(story: Story) -> None:
    story.enters(0, "ConvertToGrayscale").calls(0).fails(2, "LeaseLost").leaves(3).enters(3, "AcquireLock")

    caught = story.way.visits[0]

    assert spans(caught) == [(FAILED, 0, 2), (MACHINE, 2, 3)]
    assert (caught.has_failed, second(caught.exited)) == (True, 3)


def test_nothing_waits_for_a_retry_after_an_error_that_nobody_caught(story: Story) -> None:
    story.enters(0, "AcquireLock").calls(0).fails(2, "Unknown", "why").ends(3, "Failed", error="Unknown", cause="why")

    (visit,) = story.way.visits

    assert spans(visit) == [(FAILED, 0, 2), (MACHINE, 2, 3)]
    assert visit.output is None


@pytest.mark.parametrize("how", ["Aborted", "TimedOut"])
def test_what_goes_on_when_the_execution_is_ended_ends_then(story: Story, how: str) -> None:
    story.enters(0, "AcquireLock").calls(1).ends(4, how)

    (visit,) = story.way.visits

    assert spans(visit) == [(MACHINE, 0, 1), (WORKING, 1, 4)]
    assert (second(visit.exited), visit.output) == (4, None)


@pytest.mark.parametrize("how", ["Aborted", "TimedOut"])
def test_a_wait_that_the_executions_end_cuts_short_was_spent_waiting(story: Story, how: str) -> None:
    story.enters(0, "WaitForLock", type_="Wait").ends(2, how)

    assert spans(story.way.visits[0]) == [(WAITING, 0, 2)]


@pytest.mark.parametrize("how", ["Aborted", "TimedOut"])
def test_a_retry_that_the_executions_end_forestalls_was_waited_for(story: Story, how: str) -> None:
    story.enters(0, "AcquireLock").calls(0).fails(1, "ServiceUnavailable").ends(9, how)

    assert spans(story.way.visits[0]) == [(FAILED, 0, 1), (WAITING, 1, 9)]


def test_a_state_that_aws_reports_as_aborted_ends_with_the_execution() -> None:
    story = Story().enters(0, "AcquireLock").calls(0).at(2, "TaskStateAborted").ends(2, "Aborted", cause="by hand")

    assert spans(story.way.visits[0]) == [(WORKING, 0, 2)]
    assert story.way.failure == Failure("", "by hand")


def test_what_the_emulator_goes_on_with_after_the_end_does_not_count() -> None:
    story = Story(Dialect.EMULATOR).enters(0, "AcquireLock").calls(0).ends(2, "Aborted").answers(5).leaves(5)

    assert spans(story.way.visits[0]) == [(WORKING, 0, 2)]
    assert story.way.is_over


@pytest.mark.parametrize(
    ("told", "goes_on"),
    [
        (lambda story: story.enters(1, "AcquireLock"), [(MACHINE, 1, None)]),
        (lambda story: story.enters(1, "AcquireLock").calls(2), [(MACHINE, 1, 2), (WORKING, 2, None)]),
        (
            lambda story: story.enters(1, "AcquireLock").calls(1).answers(2),
            [(WORKING, 1, 2), (MACHINE, 2, None)],
        ),
        (
            lambda story: story.enters(1, "AcquireLock").calls(1).fails(2, "ServiceUnavailable"),
            [(FAILED, 1, 2), (WAITING, 2, None)],
        ),
        (lambda story: story.enters(1, "WaitForLock", type_="Wait"), [(WAITING, 1, None)]),
    ],
    ids=["entered", "working", "answered", "before a retry", "waiting"],
)
def test_what_goes_on_has_no_end_yet(story: Story, told: Any, goes_on: Sequence[TimeSpent]) -> None:
    way = told(story).way

    assert spans(way.visits[-1]) == goes_on
    assert (way.is_over, way.failure, way.visits[-1].exited) == (False, None, None)


def test_how_long_something_takes_that_goes_on_depends_on_when_one_looks(story: Story) -> None:
    visit = story.enters(1, "AcquireLock").calls(2).way.visits[0]

    assert visit.seconds(WORKING, BEGIN + timedelta(seconds=7)) == 5
    assert visit.seconds(MACHINE, BEGIN + timedelta(seconds=7)) == 1


@pytest.mark.parametrize(
    "type_", ["TaskStartFailed", "TaskSubmitFailed", "LambdaFunctionScheduleFailed", "LambdaFunctionStartFailed"]
)
def test_a_function_that_could_not_be_called_is_a_failed_attempt(type_: str) -> None:
    story = Story().enters(0, "AcquireLock").at(0, "TaskScheduled").at(2, type_, error="Lambda.Unknown", cause="")

    visit = story.leaves(2).way.visits[0]

    assert (spans(visit), visit.has_failed) == ([(FAILED, 0, 2)], True)
    assert visit.failures == [Failure("Lambda.Unknown", "")]


def test_a_failure_that_says_nothing_is_named_by_its_event() -> None:
    story = Story().enters(0, "AcquireLock").calls(0).at(30, "TaskTimedOut")

    assert story.way.visits[0].failures == [Failure("TaskTimedOut", "")]


def test_a_state_from_which_another_was_entered_has_been_left(story: Story) -> None:
    """Even where the history does not say so."""
    way = story.enters(0, "AcquireLock").calls(1).enters(3, "RouteWork", type_="Choice").way

    assert spans(way.visits[0]) == [(MACHINE, 0, 1), (WORKING, 1, 3)]
    assert_covered(way)


# --- redriven ----------------------------------------------------------------------------------------------


def stopped(story: Story) -> Story:
    """In the middle of a conversion, and redriven ten seconds later."""
    story.granted(0).enters(1, "ConvertToGrayscale").calls(1).ends(3, "Aborted", cause="by hand")
    return story.at(13, "ExecutionRedriven", redriveCount=1)


def test_a_redriven_execution_is_not_over(story: Story) -> None:
    way = stopped(story).calls(13).way

    assert (way.is_over, way.failure) == (False, None)


def test_a_redrive_may_enter_another_state_than_it_ended_in(story: Story) -> None:
    stopped(story).works(13, 14, "AcquireLock").ends_well(14)

    convert, again = story.way.visits[-2:]

    assert (spans(convert), spans(again)) == ([(WORKING, 1, 3)], [(WORKING, 13, 14)])
    assert_covered(story.way)


def test_what_goes_on_after_a_redrive_in_the_same_state_has_no_end_yet(story: Story) -> None:
    visit = stopped(story).calls(13).way.visits[-1]

    assert (spans(visit)[-1], visit.exited) == ((WORKING, 13, None), None)


def test_the_time_between_an_end_and_a_redrive_is_not_spent_on_anything(story: Story) -> None:
    stopped(story).calls(13).answers(15).leaves(15).ends_well(15)

    assert sum(visit.seconds(MACHINE, BEGIN) for visit in story.way.visits) == 0


@pytest.mark.parametrize("how", ["Aborted", "Failed"])
def test_a_redrive_that_enters_the_same_state_again_has_taken_no_edge(story: Story, how: str) -> None:
    story.enters(0, "AcquireLock").calls(0)
    if how == "Failed":
        story.fails(1, "AccessDenied")
    story.ends(1, how).at(9, "ExecutionRedriven").enters(9, "AcquireLock")

    assert ("AcquireLock", "AcquireLock") not in {(source, target) for source, target, _ in story.way.edges}


# --- the way -----------------------------------------------------------------------------------------------

NEXT, CATCH = Kind.NEXT, Kind.CATCH


def test_the_way_goes_from_the_start_to_the_end_and_each_edge_is_counted(story: Story) -> None:
    story.waits_once(0).waits_once(3).granted(6).works(7, 8, "ConvertToGrayscale").works(8, 9, "ReleaseLock")

    assert story.ends_well(9).way.edges == {
        (START, "AcquireLock", NEXT): 1,
        ("AcquireLock", "RouteWork", NEXT): 3,
        ("RouteWork", "WaitForLock", NEXT): 2,
        ("WaitForLock", "AcquireLock", NEXT): 2,
        ("RouteWork", "ConvertToGrayscale", NEXT): 1,
        ("ConvertToGrayscale", "ReleaseLock", NEXT): 1,
        ("ReleaseLock", END, NEXT): 1,
    }


def test_an_error_that_was_caught_leads_on_by_another_edge_than_the_next_one(story: Story) -> None:
    edges = failed_in_conversion(story).way.edges

    assert edges["ConvertToGrayscale", "ReleaseLockAfterFailure", CATCH] == 1
    assert ("ConvertToGrayscale", "ReleaseLockAfterFailure", NEXT) not in edges
    assert edges["Failed", END, NEXT] == 1  # a Fail state is an end of the machine


@pytest.mark.parametrize(("is_caught", "kind"), [(False, NEXT), (True, CATCH)])
def test_two_edges_between_the_same_states_are_told_apart(story: Story, is_caught: bool, kind: Kind) -> None:
    story.enters(0, "ReleaseLockAfterFailure").calls(0)
    story = story.fails(1, "ServiceUnavailable") if is_caught else story.answers(1)
    story.leaves(1).enters(1, "Failed", type_="Fail")

    assert story.way.edges == {
        (START, "ReleaseLockAfterFailure", NEXT): 1,
        ("ReleaseLockAfterFailure", "Failed", kind): 1,
    }


def test_an_error_that_a_retry_made_good_leads_on_as_if_it_had_not_been(story: Story) -> None:
    story.enters(0, "AcquireLock").calls(0).fails(1, "ServiceUnavailable").calls(2).answers(3).leaves(3)

    assert ("AcquireLock", "RouteWork", NEXT) in story.enters(3, "RouteWork", type_="Choice").way.edges


@pytest.mark.parametrize("how", ["Failed", "Aborted", "TimedOut"])
def test_what_ends_in_the_middle_has_not_reached_the_end(story: Story, how: str) -> None:
    story.enters(0, "AcquireLock").calls(0).ends(2, how)

    assert story.way.edges == {(START, "AcquireLock", NEXT): 1}
    assert story.way.is_over


@pytest.mark.parametrize("how", [None, "Aborted", "Succeeded"])
def test_an_execution_that_entered_no_state_has_gone_no_way(how: str | None) -> None:
    story = Story() if how is None else Story().ends(1, how)

    assert (story.way.visits, story.way.edges) == ([], {})


def test_a_visit_knows_what_went_in_and_what_came_out(story: Story) -> None:
    visit = story.enters(0, "AcquireLock", {"is": "in"}).calls(0).answers(1).leaves(1, {"is": "out"}).way.visits[0]

    assert (visit.input, visit.output) == ({"is": "in"}, {"is": "out"})


# --- errors and reasons ------------------------------------------------------------------------------------

LAMBDA_CAUSE: Final = json.dumps(
    {"errorMessage": "no image", "errorType": "SourceRejected", "requestId": "4711", "stackTrace": ["  File …"]}
)


@pytest.mark.parametrize(
    ("cause", "plain"),
    [(LAMBDA_CAUSE, "no image"), ("no image", "no image"), ('{"errorMessage": 3}', '{"errorMessage": 3}'), ("7", "7")],
)
def test_a_cause_that_lambda_sends_as_json_becomes_its_message(story: Story, cause: str, plain: str) -> None:
    story.enters(0, "ConvertToGrayscale").calls(0).fails(1, "SourceRejected", cause).leaves(1)

    failure = story.way.visits[0].failures[0]

    assert failure == Failure("SourceRejected", plain)
    assert str(failure) == f"SourceRejected: {plain}"


@pytest.mark.parametrize(
    ("how", "details", "failure"),
    [
        ("Failed", {"error": "SourceRejected", "cause": LAMBDA_CAUSE}, Failure("SourceRejected", "no image")),
        ("Aborted", {"error": "", "cause": ""}, None),
        ("Aborted", {"cause": "by hand"}, Failure("", "by hand")),
        ("TimedOut", {}, None),
        ("TimedOut", {"error": "States.Timeout"}, Failure("States.Timeout", "")),
    ],
)
def test_an_execution_fails_with_what_its_last_event_says(how: str, details: Any, failure: Failure | None) -> None:
    assert Story().enters(0, "AcquireLock").ends(1, how, **details).way.failure == failure


@pytest.mark.parametrize(
    ("failure", "sentence"), [(Failure("Error", ""), "Error"), (Failure("", "why"), "why"), (Failure("", ""), "")]
)
def test_an_error_without_a_cause_and_a_cause_without_an_error_stand_alone(failure: Failure, sentence: str) -> None:
    assert str(failure) == sentence


def test_an_execution_that_ended_well_has_not_failed_whatever_went_wrong_before(story: Story) -> None:
    story.enters(0, "AcquireLock").calls(0).fails(1, "ServiceUnavailable").calls(2).answers(3).leaves(3).ends_well(3)

    assert story.way.failure is None


def test_why_it_went_on_is_what_the_lock_said_where_that_decides(story: Story) -> None:
    acquire, route, wait = map(reason, story.waits_once(0).way.visits)

    assert (acquire, route, wait) == ("", "held by other", "held by other")


def test_why_it_was_skipped_is_what_the_lock_said() -> None:
    seen = {"lock": {"work": "STALE", "reason": "a newer event was applied"}}
    story = Story().passes(0, 0, "RouteWork", "Choice", seen).passes(0, 0, "Skipped", "Succeed", seen)

    assert [reason(each) for each in story.way.visits] == ["a newer event was applied"] * 2


def test_why_it_went_on_after_a_failure_is_the_last_error(story: Story) -> None:
    story.enters(0, "ConvertToGrayscale").calls(0).fails(1, "ServiceUnavailable", "busy").calls(2)

    assert reason(story.fails(3, "LeaseLost", "to another").way.visits[0]) == "LeaseLost: to another"


def test_an_error_that_a_retry_made_good_is_no_reason(story: Story) -> None:
    story.enters(0, "AcquireLock").calls(0).fails(1, "ServiceUnavailable").calls(2).answers(3).leaves(3)

    assert reason(story.way.visits[0]) == ""


@pytest.mark.parametrize("seen", [{"lock": None}, {"lock": "text"}, {"lock": {"reason": None}}, ["no mapping"], 7])
def test_whatever_goes_through_the_machine_it_needs_no_reason(seen: Any) -> None:
    assert reason(Story().passes(0, 0, "RouteWork", "Choice", seen).way.visits[0]) == ""


def test_who_holds_the_lock_is_known_while_it_is_waited_for(story: Story) -> None:
    story.works(0, 1, "AcquireLock").enters(1, "WaitForLock", {"lock": HELD}, "Wait")

    assert (story.run.execution.outcome, story.run.held_by) == (Outcome.WAITING, "other")


def test_an_execution_that_asks_for_the_lock_again_waits_for_nobody(story: Story) -> None:
    assert story.waits_once(0).enters(3, "AcquireLock").run.held_by == ""


def test_an_execution_that_is_over_or_has_not_begun_waits_for_nobody() -> None:
    skipped = Story().passes(0, 0, "RouteWork", "Choice", {"lock": {"work": "STALE", "reason": "old"}})

    assert skipped.ends_well(0, {"lock": {"work": "STALE", "reason": "old"}}).run.held_by == ""
    assert Story().run.held_by == ""


# --- for the page ------------------------------------------------------------------------------------------


def test_the_page_is_told_the_whole_run(story: Story) -> None:
    found = failed_in_conversion(story).run.as_json()

    assert (found["error"], found["cause"], found["current"]) == ("SourceRejected", "no image", None)
    assert found["plain"]["title"] == "The input cannot be converted"
    assert (found["input"], found["output"]) == (CREATED, None)
    assert [each["name"] for each in found["states"]] == [
        *("AcquireLock", "RouteWork", "ConvertToGrayscale", "ReleaseLockAfterFailure", "Failed")
    ]
    assert {"from": "ConvertToGrayscale", "to": "ReleaseLockAfterFailure", "kind": "catch", "count": 1} in found["path"]
    json.dumps(found)  # the page has no other way to get it


def test_the_page_is_told_of_each_visit_in_milliseconds(story: Story) -> None:
    story.waits_once(0).enters(3, "AcquireLock").calls(3.5)
    begin = round(BEGIN.timestamp() * 1000)

    found = story.run.as_json()
    acquire = found["states"][0]

    assert (found["current"], acquire["name"], acquire["type"]) == ("AcquireLock", "AcquireLock", "Task")
    assert [each["attempts"] for each in acquire["visits"]] == [1, 1]
    assert acquire["visits"][0]["spans"] == [{"kind": "working", "from": begin, "to": begin + 1000}]
    assert acquire["visits"][1]["spans"] == [
        {"kind": "machine", "from": begin + 3000, "to": begin + 3500},
        {"kind": "working", "from": begin + 3500, "to": None},
    ]
    assert (acquire["visits"][1]["exited"], acquire["visits"][1]["error"]) == (None, None)


def test_the_page_is_told_how_often_the_way_was_gone(story: Story) -> None:
    path = story.waits_once(0).waits_once(3).waits_once(6).run.as_json()["path"]

    assert {"from": "RouteWork", "to": "WaitForLock", "kind": "next", "count": 3} in path
    assert {"from": "", "to": "AcquireLock", "kind": "next", "count": 1} in path


def test_the_page_is_told_of_each_event_in_which_state_it_was_and_what_was_wrong(story: Story) -> None:
    events = failed_in_conversion(story).run.as_json()["events"]

    assert [each["id"] for each in events] == list(range(1, len(events) + 1))
    assert (events[0]["state"], events[-1]["state"]) == ("", "")
    (wrong,) = [each for each in events if each["type"] in {"TaskFailed", "LambdaFunctionFailed"}]
    assert (wrong["state"], wrong["detail"]) == ("ConvertToGrayscale", "SourceRejected: no image")


def test_an_execution_that_was_started_with_anything_can_be_told() -> None:
    story = Story()
    story.events[0]["executionStartedEventDetails"]["input"] = "no JSON"

    assert story.run.as_json()["input"] == "no JSON"


# --- whatever happens --------------------------------------------------------------------------------------

PAUSE: Final = st.sampled_from([0.0, 0.001, 0.5, 30.0])
ATTEMPTS: Final = st.lists(st.sampled_from(["fails", "runs_out_of_time"]), max_size=3)
ENDS: Final = ["Succeeded", "Failed", "Aborted", "TimedOut", None]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any way through a machine of tasks, choices and waits, with retries, and errors that are caught or not."""
    story, now = Story(draw(st.sampled_from(Dialect))), 0.0

    def later() -> float:
        nonlocal now
        now += draw(PAUSE)
        return now

    for number in range(draw(st.integers(0, 4))):
        type_ = draw(st.sampled_from(["Task", "Choice", "Wait"]))
        story.enters(later(), f"{type_}{number % 2}", type_=type_)
        if type_ == "Task":
            for how in draw(ATTEMPTS):
                story.calls(later())
                story = story.fails(later(), "Error") if how == "fails" else story.runs_out_of_time(later())
            if draw(st.booleans()):
                story.calls(later()).answers(later())
        story.leaves(later())
    end = draw(st.sampled_from(ENDS))
    return story if end is None else story.ends(later(), end)


@given(story=stories(), data=st.data())
def test_however_far_an_execution_has_come_each_moment_of_each_visit_is_accounted_for(
    story: Story, data: st.DataObject
) -> None:
    events = story.events[: data.draw(st.integers(1, len(story.events)))]

    way = Way.of(events)

    assert_covered(way)
    assert [each.state for each in way.visits] == [
        each["stateEnteredEventDetails"]["name"] for each in events if "stateEnteredEventDetails" in each
    ]
    types = Counter(each["type"] for each in events)
    assert sum(each.attempts for each in way.visits) == types["TaskScheduled"] + types["LambdaFunctionScheduled"]
    assert sum(way.edges.values()) == len(way.visits) + bool(way.visits and types["ExecutionSucceeded"])
    assert [each for each in way.visits if each.exited is None] in ([], [*way.visits][-1:])
