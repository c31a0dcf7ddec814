"""The chaos run's checks notice what they are for: a world that is well, and one thing in it that is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from lockstep.executions import Execution, Outcome
from objectlock.images import to_grayscale
from tests.e2e.chaos.checks import ABSENT, Found, Lock, Made, Run, Stored, Write, early_problems, problems
from tests.e2e.chaos.observer import tell
from tests.e2e.chaos.pictures import no_picture, picture
from tests.e2e.chaos.plan import Act, Change

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS: Final = int(START.timestamp() * 1000) + 600_000
FREE: Final = Lock(None, 0, 0, ABSENT, None)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def made(number: int, key: str, act: Act, leaves: int | None) -> Made:
    """A change a second."""
    return Made(Change(number, key, act, None, leaves, (number,)), at(number), at(number + 0.1), f"event-{number}")


def run(number: int, key: str, outcome: Outcome, explanation: str = "") -> Run:
    """The execution of the event of a change; it runs for half a second after it."""
    execution = Execution(
        f"arn:execution:run-{number}",
        "",
        key,
        "created",
        "",
        "",
        "",
        outcome,
        (),
        at(number),
        at(number + 0.5),
        explanation,
    )
    return Run(f"event-{number}", execution)


def gray(number: int) -> Stored:
    return Stored(to_grayscale(picture(number)).body, f"gray-{number}")


WELL: Final = Found(
    made=[
        made(1, "kept", Act.UPLOAD, 1),
        made(2, "kept", Act.UPLOAD, 2),
        made(3, "gone", Act.UPLOAD, 3),
        made(4, "gone", Act.DELETE, None),
        made(5, "text", Act.NO_IMAGE, 5),
    ],
    inputs={"kept": Stored(picture(2), "kept-2"), "text": Stored(no_picture(5), "text-5")},
    outputs={"kept": gray(2)},
    locks={
        "kept": replace(FREE, applied_source="kept-2", output_etag="gray-2"),
        "gone": FREE,
        "text": replace(FREE, applied_source="text-5"),
    },
    delivered={"event-1": 1, "event-2": 2, "event-3": 1, "event-4": 1, "event-5": 1},
    writes=[Write("kept", 1), Write("gone", 1), Write("kept", 3)],
    runs=[
        run(1, "kept", Outcome.SUPERSEDED, "a newer one is at work"),
        run(2, "kept", Outcome.CONVERTED),
        run(2, "kept", Outcome.STALE, "it is in the output"),
        run(3, "gone", Outcome.ABORTED, "chaos"),
        run(3, "gone", Outcome.STALE, "it is in the output"),
        run(4, "gone", Outcome.DELETED),
        run(5, "text", Outcome.REJECTED, "SourceRejected: not an image"),
    ],
    now_ms=NOW_MS,
)


def without(runs: Iterable[Run], outcome: Outcome) -> list[Run]:
    return [each for each in runs if each.execution.outcome is not outcome]


def locked(key: str, **changed: str | int | None) -> dict[str, Lock]:
    return {**WELL.locks, key: replace(WELL.locks[key], **changed)}  # type: ignore[arg-type]


def test_a_world_that_is_well_has_no_problems() -> None:
    assert problems(WELL) == []


def test_a_lease_that_is_over_holds_nothing() -> None:
    assert problems(replace(WELL, locks=locked("kept", owner="arn:1", lease_expires_at=NOW_MS - 1))) == []


WRONG: Final = {
    "an old picture came back": (
        replace(WELL, outputs={"kept": Stored(gray(1).body, "gray-2")}),
        "kept: the output shows change 1, the input is change 2",
    ),
    "an output is in colour": (
        replace(WELL, outputs={"kept": Stored(picture(2), "gray-2")}),
        "kept: the output shows change 2, the input is change 2",
    ),
    "an output is missing": (
        replace(WELL, outputs={}, locks=locked("kept", output_etag=None)),
        "kept: no output, the input is change 2",
    ),
    "an output outlived its input": (
        replace(WELL, outputs={**WELL.outputs, "gone": gray(3)}, locks=locked("gone", output_etag="gray-3")),
        "gone: an output without an input, it shows change 3",
    ),
    "an output of what is no image": (
        replace(WELL, outputs={**WELL.outputs, "text": gray(3)}, locks=locked("text", output_etag="gray-3")),
        "text: an output, although the input is no image; it shows change 3",
    ),
    "an output of an object that nobody knows": (
        replace(WELL, outputs={**WELL.outputs, "else": gray(3)}, locks={**WELL.locks, "else": FREE}),
        "else: an output without an input, it shows change 3\nelse: the record says the output is None, it is gray-3",
    ),
    "an upload got lost on the way in": (
        replace(
            WELL,
            inputs={**WELL.inputs, "kept": Stored(picture(1), "kept-2")},
            outputs={"kept": Stored(gray(1).body, "gray-2")},
        ),
        "kept: the input is not what change 2 leaves, which is change 2",
    ),
    "an older attempt wrote after a newer one": (
        replace(WELL, writes=[*WELL.writes, Write("kept", 2)]),
        "kept: attempt 2 wrote after attempt 3",
    ),
    "a lock is held": (
        replace(WELL, locks=locked("kept", owner="arn:9", lease_expires_at=NOW_MS + 1)),
        "kept: the lock is held by arn:9",
    ),
    "an attempt was not ended": (
        replace(WELL, locks=locked("kept", worker_until=NOW_MS + 1)),
        "kept: an attempt is on record as running",
    ),
    "a record is missing": (
        replace(WELL, locks={key: lock for key, lock in WELL.locks.items() if key != "gone"}),
        "gone: no lock record",
    ),
    "a record says another input was applied": (
        replace(WELL, locks=locked("kept", applied_source="kept-1")),
        "kept: the record says kept-1 was applied, the input is kept-2",
    ),
    "a record says another output is there": (
        replace(WELL, locks=locked("kept", output_etag="gray-1")),
        "kept: the record says the output is gray-1, it is gray-2",
    ),
    "an event started nothing": (
        replace(WELL, runs=without(WELL.runs, Outcome.SUPERSEDED)),
        "event event-1: delivered 1 times, started 0 executions",
    ),
    "the second delivery of an event started nothing": (
        replace(WELL, runs=[*without(WELL.runs, Outcome.STALE), run(3, "gone", Outcome.STALE, "it is in the output")]),
        "event event-2: delivered 2 times, started 1 executions",
    ),
    "an execution goes on": (
        replace(WELL, runs=[*WELL.runs, run(2, "kept", Outcome.WAITING)]),
        "kept: execution run-2 has not ended",
    ),
    "a skip does not say why": (
        replace(WELL, runs=[*WELL.runs, run(2, "kept", Outcome.STALE)]),
        "kept: execution run-2 is stale, without a reason",
    ),
    "an image was rejected": (
        replace(WELL, runs=[*WELL.runs, run(2, "kept", Outcome.REJECTED, "SourceRejected: truncated")]),
        "kept: execution run-2 rejected an image: SourceRejected: truncated",
    ),
    "nobody was told of what is no image": (
        replace(WELL, runs=[*without(WELL.runs, Outcome.REJECTED), run(5, "text", Outcome.STALE, "as applied")]),
        "text: no image, and no execution has said so",
    ),
    "a stopped execution was not started again": (
        replace(WELL, runs=without(WELL.runs, Outcome.STALE), delivered={**WELL.delivered, "event-2": 1}),
        "gone: execution run-3 aborted: chaos",
    ),
    "a failed execution failed again": (
        replace(
            WELL, runs=[*without(WELL.runs, Outcome.DELETED), *[run(4, "gone", Outcome.FAILED, "KeyError: x")] * 2]
        ),
        "gone: execution run-4 failed: KeyError: x\ngone: execution run-4 failed: KeyError: x",
    ),
}


@pytest.mark.parametrize(("found", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named_with_its_object(found: Found, said: str) -> None:
    assert "\n".join(problems(found)) == said


def test_before_anything_is_started_again_an_output_is_wrong_only_where_its_last_event_failed() -> None:
    stale = replace(WELL, outputs={"kept": gray(1)})
    failed = replace(stale, runs=[*WELL.runs, run(2, "kept", Outcome.FAILED, "KeyError: x")])
    older_failed = replace(stale, runs=[*WELL.runs, run(1, "kept", Outcome.FAILED, "KeyError: x")])
    said = "kept: the output shows change 1, the input is change 2; the execution of its last event had ended well"

    assert list(early_problems(WELL)) == []
    assert list(early_problems(failed)) == []
    assert list(early_problems(older_failed)) == list(early_problems(stale)) == [said]


def test_an_image_that_was_no_image_a_moment_before_may_have_been_rejected() -> None:
    mended = made(6, "text", Act.UPLOAD, 6)
    found = replace(
        WELL,
        made=[*WELL.made, mended],
        inputs={**WELL.inputs, "text": Stored(picture(6), "text-6")},
        outputs={**WELL.outputs, "text": gray(6)},
        locks=locked("text", applied_source="text-6", output_etag="gray-6"),
    )
    assert problems(found) == []
    late = run(7, "text", Outcome.REJECTED, "SourceRejected: truncated")
    assert problems(replace(found, runs=[*found.runs, late])) == [
        "text: execution run-7 rejected an image: SourceRejected: truncated"
    ]


def test_retries_are_counted_by_state_and_by_the_error_before_until_the_execution_ends() -> None:
    told = tell("arn:run-1", history("AcquireLock", "Busy", "Busy", None, "Convert", "Killed", None))

    assert told.invocations == {"AcquireLock": 3, "Convert": 2}
    assert told.retries == {("AcquireLock", "Busy"): 2, ("Convert", "Killed"): 1}
    assert (told.run.event_id, told.run.execution.outcome) == ("event-1", Outcome.ABORTED)


def history(*steps: str | None) -> list[HistoryEventTypeDef]:
    """A state's name, then the errors of its attempts, None for a success; stopped, and the emulator goes on."""
    events: list[dict[str, Any]] = [
        {"type": "ExecutionStarted", "executionStartedEventDetails": {"input": '{"id": "event-1"}'}}
    ]
    for step in steps:
        if step in {"AcquireLock", "Convert"}:
            events.append({"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": step}})
        else:
            events += [{"type": "TaskScheduled"}, *_failed(step)]
    events += [{"type": "ExecutionAborted"}, *_failed("Late"), {"type": "TaskScheduled"}]
    return [
        cast("HistoryEventTypeDef", {"timestamp": START, "id": number, **each}) for number, each in enumerate(events)
    ]


def _failed(error: str | None) -> list[dict[str, Any]]:
    return [] if error is None else [{"type": "TaskFailed", "taskFailedEventDetails": {"error": error}}]
