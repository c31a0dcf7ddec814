"""The kit credits the edge that an execution took, and no other."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.workflow.kit.coverage import EdgeCoverage
from tests.workflow.kit.history import Run, read, taken
from tests.workflow.kit.machine import Machine

# --- a machine with one of each ----------------------------------------------------------------------------

STATES: Final[dict[str, Any]] = {
    "Work": {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Retry": [
            {"ErrorEquals": ["Throttled", "Busy"]},
            {"ErrorEquals": ["Hopeless"], "MaxAttempts": 0},
            {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1},
        ],
        "Catch": [
            {"ErrorEquals": ["Lost", "Hopeless"], "Next": "Rest"},
            {"ErrorEquals": ["States.ALL"], "Next": "Route"},
        ],
        "Next": "Route",
    },
    "Route": {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.x", "NumericEquals": 1, "Next": "Last"},
            {"Variable": "$.x", "NumericEquals": 2, "Next": "Work"},
            {"Variable": "$.x", "NumericEquals": 3, "Next": "Last"},
            {"Variable": "$.x", "NumericEquals": 4, "Next": "Bad"},
        ],
        "Default": "Done",
    },
    "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Work"},
    "Last": {
        "Type": "Task",
        "Resource": "arn:aws:states:us-east-1:123456789012:function:last",
        "Retry": [{"ErrorEquals": ["States.ALL"]}],
        "End": True,
    },
    "Done": {"Type": "Succeed"},
    "Bad": {"Type": "Fail"},
}
MACHINE: Final = Machine(json.dumps({"StartAt": "Work", "States": STATES}))

GOES_WELL: Final = "goes well"
Event = dict[str, Any]


def entered(state: str, *attempts: str) -> list[Event]:
    """The events of a visit: each attempt goes well, or fails with that error."""
    type_ = STATES.get(state, {"Type": "Pass"})["Type"]
    kind = "LambdaFunction" if state == "Last" else "Task"
    events: list[Event] = [{"type": f"{type_}StateEntered", "stateEnteredEventDetails": {"name": state}}]
    for attempt in attempts:
        events.append({"type": f"{kind}Scheduled"})
        if attempt == GOES_WELL:
            events.append({"type": f"{kind}Succeeded"})
        else:
            how = "TimedOut" if attempt == "States.Timeout" else "Failed"
            details = f"{kind[0].lower()}{kind[1:]}{how}EventDetails"
            events.append({"type": f"{kind}{how}", details: {"error": attempt} if attempt else {}})
    return events


def ran(*visits: list[Event], ends: str = "Succeeded", error: str | None = None) -> Run:
    about = {} if error is None else {"error": error}
    end = {"type": f"Execution{ends}", f"execution{ends}EventDetails": about}
    return read([{"type": "ExecutionStarted"}, *(event for visit in visits for event in visit), end])


def credited(run: Run, machine: Machine = MACHINE) -> dict[str, int]:
    return {str(edge): count for edge, count in taken(machine, run).items()}


START: Final = {"StartAt -> Work": 1}
WORKED: Final = entered("Work", GOES_WELL)
ONWARDS: Final = {**START, "Work.Next -> Route": 1}
DEFAULT: Final = {"Route.Default -> Done": 1, "Done.Succeed -> (end)": 1}
TO_THE_END: Final = (entered("Route"), entered("Done"))


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(ran(WORKED, *TO_THE_END), {**ONWARDS, **DEFAULT}, id="Next, Default and Succeed"),
        pytest.param(
            ran(WORKED, entered("Route"), entered("Last", GOES_WELL)),
            {**ONWARDS, "Route.Choices[0,2] -> Last": 1, "Last.End -> (end)": 1},
            id="a target that rules share, and End",
        ),
        pytest.param(
            ran(WORKED, entered("Route"), entered("Bad"), ends="Failed", error="E"),
            {**ONWARDS, "Route.Choices[3] -> Bad": 1, "Bad.Fail -> (end)": 1},
            id="Fail",
        ),
        pytest.param(
            ran(WORKED, entered("Route"), WORKED, *TO_THE_END),
            {**START, "Work.Next -> Route": 2, "Route.Choices[1] -> Work": 1, **DEFAULT},
            id="a loop",
        ),
        pytest.param(
            ran(entered("Work", "Busy", "Other", "Busy", GOES_WELL), *TO_THE_END),
            {**ONWARDS, **DEFAULT, "Work.Retry[0] Busy": 2, "Work.Retry[2] States.TaskFailed": 1},
            id="retries, each by the first name that matches",
        ),
        pytest.param(
            ran(entered("Work", "Busy", "Busy"), *TO_THE_END),
            {
                **START,
                **DEFAULT,
                "Work.Retry[0] Busy": 1,
                "Work.Retry[0] given up": 1,
                "Work.Catch[1] States.ALL -> Route": 1,
            },
            id="given up, then caught by States.ALL, and not Next although it leads there too",
        ),
        pytest.param(
            ran(entered("Work", "Lost", "Lost"), entered("Rest"), WORKED, *TO_THE_END),
            {
                **ONWARDS,
                **DEFAULT,
                "Work.Retry[2] States.TaskFailed": 1,
                "Work.Retry[2] given up": 1,
                "Work.Catch[0] Lost -> Rest": 1,
                "Rest.Next -> Work": 1,
            },
            id="given up, then caught by name",
        ),
        pytest.param(
            ran(entered("Work", "Hopeless"), entered("Rest"), WORKED, *TO_THE_END),
            {
                **ONWARDS,
                **DEFAULT,
                "Work.Retry[1] given up": 1,
                "Work.Catch[0] Hopeless -> Rest": 1,
                "Rest.Next -> Work": 1,
            },
            id="given up at once, with MaxAttempts 0",
        ),
        pytest.param(
            ran(entered("Work", "States.Timeout"), *TO_THE_END),
            {**START, **DEFAULT, "Work.Catch[1] States.ALL -> Route": 1},
            id="an error that no retrier has: States.TaskFailed is no time-out",
        ),
        pytest.param(
            ran(WORKED, entered("Route"), entered("Last", "Odd", "Odd"), ends="Failed", error="Odd"),
            {
                **ONWARDS,
                "Route.Choices[0,2] -> Last": 1,
                "Last.Retry[0] States.ALL": 1,
                "Last.Retry[0] given up": 1,
            },
            id="given up with no Catch",
        ),
        pytest.param(
            ran(entered("Work", "", GOES_WELL), *TO_THE_END),
            {**ONWARDS, **DEFAULT, "Work.Retry[2] States.TaskFailed": 1},
            id="an error without a name",
        ),
        pytest.param(
            ran(entered("Work", "States.Runtime"), ends="Failed", error="States.Runtime"),
            START,
            id="an error that nothing matches",
        ),
        # --- what must not count -------------------------------------------------------------------------------
        pytest.param(ran(ends="Aborted"), {}, id="stopped before it began"),
        pytest.param(
            ran(entered("Work", "Busy"), ends="Aborted"), START, id="stopped before a retry: nothing was given up"
        ),
        pytest.param(
            ran(entered("Work", "Busy"), ends="TimedOut"),
            START,
            id="out of the machine's time before a retry: nothing was given up",
        ),
        pytest.param(
            ran(WORKED, entered("Route"), entered("Last"), ends="Aborted"),
            {**ONWARDS, "Route.Choices[0,2] -> Last": 1},
            id="stopped in the last state: no End",
        ),
        pytest.param(
            ran(WORKED, entered("Route"), entered("Last", GOES_WELL), ends="Failed", error="States.Runtime"),
            {**ONWARDS, "Route.Choices[0,2] -> Last": 1},
            id="a good answer that ResultPath cannot place: no End",
        ),
        pytest.param(
            ran(WORKED, entered("Route"), ends="Failed", error="States.Runtime"),
            ONWARDS,
            id="a Choice that fails: no branch",
        ),
        pytest.param(
            ran(WORKED, *TO_THE_END, ends="Failed", error="States.Runtime"),
            {**ONWARDS, "Route.Default -> Done": 1},
            id="a Succeed that fails: no success",
        ),
        pytest.param(
            ran(entered("Work"), *TO_THE_END),
            {**START, **DEFAULT},
            id="a Task that fails before its first attempt: no Next, although the Catch leads there",
        ),
        pytest.param(
            ran(entered("Work", "Lost"), ends="Failed", error="States.Runtime"),
            START,
            id="a Catch that fails: not caught",
        ),
        pytest.param(
            ran(entered("Work", "Lost"), *TO_THE_END),
            {**START, "Work.Retry[2] given up": 1, **DEFAULT},
            id="an engine that goes where no Catch leads",
        ),
        pytest.param(
            ran(entered("Work", "Hopeless", GOES_WELL), *TO_THE_END),
            {**ONWARDS, **DEFAULT},
            id="an engine that retries where MaxAttempts is 0",
        ),
        pytest.param(
            ran(entered("Rest"), WORKED, *TO_THE_END),
            {"Work.Next -> Route": 1, "Rest.Next -> Work": 1, **DEFAULT},
            id="an engine that starts elsewhere",
        ),
    ],
)
def test_a_run_is_credited_with_the_edges_it_took(run: Run, expected: Mapping[str, int]) -> None:
    assert credited(run) == expected


def test_what_is_within_a_map_is_not_looked_into() -> None:
    machine = Machine(json.dumps({"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": True}}}))

    assert credited(ran(entered("Each"), entered("Inside")), machine) == {
        "StartAt -> Each": 1,
        "Each.End -> (end)": 1,
    }


def test_every_edge_of_the_machine_is_asked_for_once() -> None:
    assert [str(edge) for edge in MACHINE.edges] == [
        "StartAt -> Work",
        "Work.Retry[0] Throttled",
        "Work.Retry[0] Busy",
        "Work.Retry[0] given up",
        "Work.Retry[1] given up",
        "Work.Retry[2] States.TaskFailed",
        "Work.Retry[2] given up",
        "Work.Catch[0] Lost -> Rest",
        "Work.Catch[0] Hopeless -> Rest",
        "Work.Catch[1] States.ALL -> Route",
        "Work.Next -> Route",
        "Route.Choices[0,2] -> Last",
        "Route.Choices[1] -> Work",
        "Route.Choices[3] -> Bad",
        "Route.Default -> Done",
        "Rest.Next -> Work",
        "Last.Retry[0] States.ALL",
        "Last.Retry[0] given up",
        "Last.End -> (end)",
        "Done.Succeed -> (end)",
        "Bad.Fail -> (end)",
    ]


def test_a_default_that_a_rule_leads_to_as_well_is_one_branch() -> None:
    states = {
        "Pick": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "A"}], "Default": "A"},
        "A": {"Type": "Succeed"},
    }
    machine = Machine(json.dumps({"StartAt": "Pick", "States": states}))

    assert credited(ran(entered("Pick"), entered("A")), machine)["Pick.Choices[0] or Default -> A"] == 1


# --- the sum of many runs ----------------------------------------------------------------------------------

RUNS: Final = [
    ran(WORKED, *TO_THE_END),
    ran(entered("Work", "Busy", GOES_WELL), entered("Route"), entered("Last", GOES_WELL)),
    ran(entered("Work", "Busy", "Busy"), entered("Route"), WORKED, *TO_THE_END),
]


def coverage_of(*runs: Run) -> EdgeCoverage:
    coverage = EdgeCoverage(MACHINE)
    for run in runs:
        coverage.add(run)
    return coverage


def test_counts_add_up() -> None:
    coverage = coverage_of(*RUNS)

    assert coverage.runs == 3
    assert coverage.states == {"Work": 4, "Route": 4, "Rest": 0, "Last": 1, "Done": 2, "Bad": 0}
    assert {str(edge): count for edge, count in coverage.edges.items() if count} == {
        "StartAt -> Work": 3,
        "Work.Retry[0] Busy": 2,
        "Work.Retry[0] given up": 1,
        "Work.Catch[1] States.ALL -> Route": 1,
        "Work.Next -> Route": 3,
        "Route.Choices[0,2] -> Last": 1,
        "Route.Choices[1] -> Work": 1,
        "Route.Default -> Done": 2,
        "Last.End -> (end)": 1,
        "Done.Succeed -> (end)": 2,
    }
    assert [len(coverage.covered), len(coverage.missing), len(coverage.edges)] == [10, 11, 21]
    assert coverage.percentage == pytest.approx(100 * 10 / 21)
    assert "Work.Retry[0] Throttled" in map(str, coverage.missing)


def test_what_two_processes_counted_is_what_one_would_have() -> None:
    coverage = coverage_of(RUNS[0])
    coverage.merge(json.loads(json.dumps(coverage_of(RUNS[1]).document())))
    coverage.merge(coverage_of(RUNS[2]))

    assert coverage.document() == coverage_of(*RUNS).document()


def test_another_machines_counts_are_refused() -> None:
    other = EdgeCoverage(Machine(json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})))
    coverage = coverage_of(*RUNS)
    before = coverage.document()

    with pytest.raises(ValueError, match=r"this one has no StartAt -> A, A\.Succeed"):
        coverage.merge(other)
    assert coverage.document() == before


def test_the_report_sums_up_what_is_covered_and_names_what_is_not() -> None:
    assert coverage_of(*RUNS).text().splitlines() == [
        "         visits   retries  given up   catches   onwards",
        "(start)       3                                     1/1",
        "Work          4       1/3       1/3       1/3       1/1",
        "  missing: Retry[0] Throttled",
        "  missing: Retry[1] given up",
        "  missing: Retry[2] States.TaskFailed",
        "  missing: Retry[2] given up",
        "  missing: Catch[0] Lost -> Rest",
        "  missing: Catch[0] Hopeless -> Rest",
        "Route         4                                     3/4",
        "  missing: Choices[3] -> Bad",
        "Rest          0                                     0/1",
        "  missing: Next -> Work",
        "Last          1       0/1       0/1                 1/1",
        "  missing: Retry[0] States.ALL",
        "  missing: Retry[0] given up",
        "Done          2                                     1/1",
        "Bad           0                                     0/1",
        "  missing: Fail -> (end)",
        "state machine edges: 10 of 21 covered (3 executions)",
    ]


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"), [(True, "", True), (False, "", False), (True, "1", False)]
)
def test_the_report_is_in_colour_only_where_somebody_looks_at_it(
    terminal: bool, no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)

    coverage_of(RUNS[0]).write(stream)

    assert ("\x1b[" in stream.getvalue()) is coloured
    assert stream.getvalue().replace("\x1b[31m", "").replace("\x1b[0m", "").endswith("covered (1 execution)\n")
