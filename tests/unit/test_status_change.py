import json
from typing import Any

import pytest

from objectlock.status_change import EndedExecution
from tests.sample_events import BUCKET, KEY, load
from tests.unit.status_changes import ended

ARN = "arn:aws:states:us-east-1:111122223333:execution:lockstep:one"


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_an_execution_that_has_ended_names_what_it_may_have_locked(status: str) -> None:
    raw = ended(ARN, load("created-put"), status)
    assert EndedExecution.parse(raw) == EndedExecution(ARN, status, f"{BUCKET}/{KEY}")


def test_the_sample_is_understood() -> None:
    raw = load("execution-aborted")
    assert EndedExecution.parse(raw) == EndedExecution(raw["resources"][0], "ABORTED", f"{BUCKET}/{KEY}")


def test_the_key_stays_as_it_is() -> None:
    event = load("key-with-spaces-plus-japanese")
    key = event["detail"]["object"]["key"]
    assert EndedExecution.parse(ended(ARN, event)).object_id == f"{BUCKET}/{key}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="left out"),
        pytest.param("", id="empty"),
        pytest.param("{}", id="no event"),
        pytest.param("null", id="nothing"),
        pytest.param("[1, 2]", id="a list"),
        pytest.param('"text"', id="text"),
        pytest.param('{"detail-type": "Object Cr', id="cut off"),
        pytest.param(json.dumps(load("created-put") | {"detail": {}}), id="an event without an object"),
        pytest.param(json.dumps(load("created-put") | {"detail-type": "Object Tags Added"}), id="another event"),
    ],
)
def test_an_execution_without_an_s3_event_has_locked_nothing(text: str | None) -> None:
    """It can be started by hand with any input; the reaper must not fail for it."""
    raw: dict[str, Any] = ended(ARN, {})
    raw["detail"]["input"] = text
    assert EndedExecution.parse(raw) == EndedExecution(ARN, "ABORTED", None)
    del raw["detail"]["input"]
    assert EndedExecution.parse(raw).object_id is None
