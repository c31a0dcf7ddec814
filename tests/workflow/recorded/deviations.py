"""What moto does otherwise than AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.workflow.kit.cases import Matches, Returns
from tests.workflow.recorded.parts import (
    ENTERED,
    GUIDE,
    NOWHERE,
    NOWHERE_SOURCE,
    PASS,
    SUCCEEDED,
    catch,
    execution_failed,
    execution_succeeded,
    exited,
    invoke,
    nowhere,
    work,
)
from tests.workflow.recorded.pin import Part, Pin


def _deviations() -> Iterator[tuple[Pin, str]]:
    metadata = {"SdkHttpMetadata": {"HttpStatusCode": 200}}
    yield (
        Pin(
            "the envelope has the answer's HTTP headers",
            "it is why each Task has a ResultSelector",
            "context_object/test_context_object.py test_result_selector, 2024-09-11",
            {"Work": invoke()},
            [work(Returns({}))],
            [*SUCCEEDED, exited("Task", Part(metadata)), execution_succeeded(Part(metadata))],
        ),
        "moto gives StatusCode, ExecutedVersion and Payload only",
    )
    yield (
        nowhere(
            {"Work": NOWHERE, "Caught": PASS},
            Matches(
                r"An error occurred while executing the state 'Work' \(entered at the event id #2\)\."
                r" Invalid path '\$\.no\.such\.path' : Missing property in path \$\['no'\]"
            ),
            NOWHERE_SOURCE,
            "the cause of a path that leads nowhere says when the state was entered, and which part is missing",
        ),
        "moto names the last event instead, and the whole path",
    )
    unselected = {
        "Work": invoke(ResultSelector={"work.$": "$.Payload.work"}, Catch=[catch("States.ALL")]),
        "Caught": PASS,
    }
    yield (
        nowhere(
            unselected,
            Matches(".+"),
            f"{GUIDE}, States.Runtime (documented; nobody has recorded it of a ResultSelector)",
            "States.ALL does not catch an answer without a field that ResultSelector asks for",
        ),
        "moto makes it a TaskFailed after the TaskSucceeded, and States.ALL catches it",
    )
    yield (
        Pin(
            "States.ALL does not catch a field that Parameters asks for and the state has not",
            "`caught.$` of ReleaseLockAfterFailure takes `$.error`, which each way there must have set",
            f"{GUIDE}, States.Runtime (documented; nobody has recorded it of a Task's Parameters)",
            {"Work": invoke({"caught.$": "$.error"}, Catch=[catch("States.ALL")]), "Caught": PASS},
            [work()],
            [*ENTERED, execution_failed("States.Runtime", Matches(".+"))],
        ),
        "moto makes it a TaskFailed without an attempt, and States.ALL catches it",
    )


DEVIATIONS: Final = [*_deviations()]
