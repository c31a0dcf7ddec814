import importlib
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO, StringIO
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, Protocol

import pytest
from PIL import Image

from objectlock.errors import (
    AttemptInFlight,
    InputChanged,
    InvalidEvent,
    LeaseLost,
    LockWaitTimeout,
    OutputChanged,
    ServiceUnavailable,
    SourceRejected,
    UnknownRecordVersion,
    WriteInDoubt,
)
from objectlock.ports import Label, Picture
from objectlock.protocol import LockProtocol
from objectlock.record import APPLIED_SEQUENCER, LEASE_EXPIRES_AT, OBJECT_ID, OWNER, RECORD_VERSION, WORKER_UNTIL
from objectlock.work import Worker
from tests.memory import HandClock, InMemoryLockStore, InMemoryOutput, InMemorySource, StoredObject
from tests.sample_events import BUCKET, KEY, load
from tests.unit.status_changes import ended

FUNCTIONS = Path(__file__).parents[2] / "functions"
HANDLERS = sorted(FUNCTIONS.glob("*/app.py"))
NO_EXECUTION = {"changefeed", "compare_objects", "export_changes"}  # of the state machine calls these
ME = "arn:aws:states:us-east-1:111122223333:execution:lockstep:one"
OTHER = "arn:aws:states:us-east-1:111122223333:execution:lockstep:other"
ID = f"{BUCKET}/{KEY}"
BY_HAND = StoredObject(Picture(b"by hand", "image/png"), Label("", "", 0))

State = dict[str, Any]
Reap = Callable[[State], Any]
Log = Callable[[], list[dict[str, Any]]]
Counted = Callable[[], dict[str, float]]


class Invoke(Protocol):
    def __call__(self, function: str, state: State, owner: str = ME) -> Any: ...


class Context:
    """What the logger and the handlers read from a Lambda context."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:function"
    aws_request_id = "6f7c"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


def app(name: str) -> ModuleType:
    return importlib.import_module(f"{name}.app")


@pytest.fixture
def store() -> InMemoryLockStore:
    return InMemoryLockStore()


@pytest.fixture
def source() -> InMemorySource:
    return InMemorySource()


@pytest.fixture
def output() -> InMemoryOutput:
    return InMemoryOutput()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def invoke(
    store: InMemoryLockStore,
    source: InMemorySource,
    output: InMemoryOutput,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Invoke:
    """Call a Lambda as the state machine does, JSON in and out, with everything behind it in memory."""
    lock = LockProtocol(store, source, BUCKET, lease_ms=30_000, wait_limit_ms=60_000, now_ms=clock)
    monkeypatch.setenv("RETRY_INTERVAL_SECONDS", "2")
    monkeypatch.setenv("MAX_IMAGE_MEGABYTES", "100")
    monkeypatch.setenv("MAX_IMAGE_MEGAPIXELS", "100")
    monkeypatch.setenv("MAX_IMAGE_FRAMES", "1000")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Lockstep")
    for name in ("acquire_lock", "release_lock", "reaper"):
        monkeypatch.setattr(app(name), "lock_protocol", lambda: lock)
    for name in ("grayscale", "delete_output"):
        monkeypatch.setattr(app(name), "worker", lambda: Worker(lock, source, output))

    def call(function: str, state: State, owner: str = ME) -> Any:
        caught = {"caught": state["error"]} if "error" in state else {}
        payload = json.loads(json.dumps({"owner": owner, "state": state, **caught}))
        return json.loads(json.dumps(app(function).handler(payload, Context())))

    return call


@pytest.fixture
def reap(invoke: Invoke) -> Reap:  # noqa: ARG001  # which puts everything behind it in memory
    """Call the reaper as EventBridge does."""

    def call(change: State) -> Any:
        return json.loads(json.dumps(app("reaper").handler(json.loads(json.dumps(change)), Context())))

    return call


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """The lines that were logged; in one process, the functions have their handler in common."""
    stream = StringIO()
    handler = app("grayscale").logger.registered_handler
    monkeypatch.setattr(handler, "stream", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def counted(capsys: pytest.CaptureFixture[str]) -> Counted:
    """The metrics since the last call, read as CloudWatch reads them from the log: name to value."""

    def read() -> dict[str, float]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
        return dict(pair for line in lines for pair in metrics_in(line))

    return read


def metrics_in(line: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Of one line in the embedded metric format: in our namespace, without dimensions, in the right unit."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Lockstep"
    assert directive["Dimensions"] == [[]]
    for metric in directive["Metrics"]:
        assert metric["Unit"] == ("Seconds" if metric["Name"].endswith("Seconds") else "Count")
        (value,) = line[metric["Name"]]
        yield metric["Name"], value


def png(colour: tuple[int, int, int]) -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 4), colour).save(out, "PNG")
    return out.getvalue()


def event(name: str = "created-put") -> State:
    return load(name)


def failed(state: State, error: Exception) -> State:
    """The state after a Catch: Lambda sends the class name and a JSON document."""
    cause = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []})
    return {**state, "error": {"Error": type(error).__name__, "Cause": cause}}


def record(store: InMemoryLockStore) -> dict[str, Any]:
    return dict(store.items.get(f"{BUCKET}/{KEY}", {}))


def test_an_upload_comes_out_gray_and_the_lock_is_free(
    invoke: Invoke, store: InMemoryLockStore, source: InMemorySource, output: InMemoryOutput
) -> None:
    """The common path: AcquireLock, ConvertToGrayscale, ReleaseLock."""
    source.put(BUCKET, KEY, png((200, 0, 0)))
    state = event()
    state["lock"] = invoke("acquire_lock", state)
    assert state["lock"]["work"] == "GRAYSCALE"
    assert record(store)[OWNER] == ME
    state["applied"] = invoke("grayscale", state)
    assert invoke("release_lock", state) == {"released": f"{BUCKET}/{KEY}"}
    with Image.open(BytesIO(output.objects[KEY].picture.body)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (8, 4))
    assert output.objects[KEY].picture.content_type == "image/png"
    assert OWNER not in record(store)
    assert record(store)[APPLIED_SEQUENCER] == "0069a5551842f1c09b"
    assert invoke("acquire_lock", event())["work"] == "STALE"


def in_step(invoke: Invoke, state: State, owner: str = ME) -> State:
    """A whole execution that nothing comes between; what its state is in the end."""
    state = {**state, "lock": invoke("acquire_lock", state, owner)}
    worker = {"GRAYSCALE": "grayscale", "DELETE": "delete_output"}[state["lock"]["work"]]
    state["applied"] = invoke(worker, state, owner)
    return {**state, "released": invoke("release_lock", state, owner)}


def test_a_deletion_removes_the_output_and_the_lock_is_free(
    invoke: Invoke, store: InMemoryLockStore, source: InMemorySource, output: InMemoryOutput
) -> None:
    source.put(BUCKET, KEY, png((200, 0, 0)))
    in_step(invoke, event())
    source.delete(BUCKET, KEY)
    state = event("deleted")
    state["lock"] = invoke("acquire_lock", state)
    assert state["lock"]["work"] == "DELETE"
    state["applied"] = invoke("delete_output", state)
    assert invoke("release_lock", state) == {"released": ID}
    assert output.objects == {}
    assert OWNER not in record(store)


@pytest.mark.parametrize("worker", ["grayscale", "delete_output"])
def test_a_worker_may_run_as_long_as_its_context_says(
    invoke: Invoke, store: InMemoryLockStore, clock: HandClock, worker: str
) -> None:
    invoke("acquire_lock", event())
    invoke(worker, event())
    assert record(store)[WORKER_UNTIL] == clock.now + 20_000 + 5_000


def test_the_key_stays_as_it_is_on_the_whole_way(
    invoke: Invoke, source: InMemorySource, output: InMemoryOutput
) -> None:
    state = event("key-with-spaces-plus-japanese")
    key = state["detail"]["object"]["key"]
    source.put(BUCKET, key, png((0, 0, 0)))
    state["lock"] = invoke("acquire_lock", state)
    invoke("grayscale", state)
    assert output.objects.keys() == {key}


def test_a_held_lock_is_answered_with_how_long_to_wait(invoke: Invoke, clock: HandClock) -> None:
    """The next visit brings `waiting_since` back."""
    invoke("acquire_lock", event(), OTHER)
    state = event("deleted")
    state["lock"] = invoke("acquire_lock", state)
    assert state["lock"]["work"] == "HELD"
    assert state["lock"]["wait_seconds"] == 2
    assert OTHER in state["lock"]["reason"]
    clock.advance(seconds=10)
    assert invoke("acquire_lock", state)["waiting_since"] == state["lock"]["waiting_since"] == clock.now - 10_000


def test_a_folder_is_answered_as_one(invoke: Invoke, store: InMemoryLockStore) -> None:
    assert invoke("acquire_lock", event("folder-created"))["work"] == "FOLDER"
    assert store.items == {}


def test_after_a_lost_lease_the_lock_is_taken_whatever_the_watermark(
    invoke: Invoke, source: InMemorySource, clock: HandClock
) -> None:
    source.put(BUCKET, KEY, png((200, 0, 0)))
    state = event()
    state["lock"] = invoke("acquire_lock", state)
    state["applied"] = invoke("grayscale", state)
    clock.advance(seconds=31)
    newer = event("version-deleted")
    newer["lock"] = invoke("acquire_lock", newer, OTHER)
    with pytest.raises(LeaseLost):
        invoke("release_lock", state)
    with pytest.raises(OutputChanged):
        invoke("grayscale", newer, OTHER)
    newer["applied"] = invoke("grayscale", newer, OTHER)
    invoke("release_lock", newer, OTHER)
    assert invoke("acquire_lock", state)["work"] == "STALE"
    assert invoke("acquire_lock", {**state, "look_again": {}})["work"] == "GRAYSCALE"


def test_a_rejected_input_frees_the_lock_and_is_not_tried_again(
    invoke: Invoke, store: InMemoryLockStore, source: InMemorySource, output: InMemoryOutput
) -> None:
    """The execution fails with the reason in plain words; the output of the image that was there before is gone."""
    source.put(BUCKET, KEY, png((200, 0, 0)))
    in_step(invoke, event())
    source.put(BUCKET, KEY, b"text")
    state = event("version-deleted")
    state["lock"] = invoke("acquire_lock", state)
    with pytest.raises(SourceRejected) as raised:
        invoke("grayscale", state)
    assert OWNER not in record(store)
    answer = invoke("release_lock", failed(state, raised.value))
    assert answer["error"] == "SourceRejected"
    assert answer["cause"].startswith(f"{BUCKET}/{KEY}: not an image")
    assert output.objects == {}
    assert OWNER not in record(store)
    assert invoke("acquire_lock", event("version-deleted"))["work"] == "STALE"


def test_any_other_failure_frees_the_lock_and_may_be_tried_again(invoke: Invoke, store: InMemoryLockStore) -> None:
    state = event()
    state["lock"] = invoke("acquire_lock", state)
    answer = invoke("release_lock", {**state, "error": {"Error": "States.Timeout"}})
    assert answer == {"error": "Timeout", "cause": "no cause was given"}
    assert OWNER not in record(store)
    assert APPLIED_SEQUENCER not in record(store)
    assert invoke("acquire_lock", event())["work"] == "DELETE"


def test_a_failure_does_not_free_the_lock_while_the_worker_may_be_running(
    invoke: Invoke, store: InMemoryLockStore, clock: HandClock
) -> None:
    """The machine gave up on it, which does not stop it; the next execution comes when it is over."""
    state = event()
    state["lock"] = invoke("acquire_lock", state)
    invoke("delete_output", state)
    assert invoke("release_lock", {**state, "error": {"Error": "States.Timeout"}})["error"] == "Timeout"
    assert record(store)[OWNER] == ME
    clock.advance(seconds=30.001)
    assert invoke("acquire_lock", event(), OTHER)["work"] == "DELETE"


@pytest.mark.parametrize("error", [SourceRejected("no"), TimeoutError("no")])
def test_a_failure_does_not_free_the_lock_of_another(
    invoke: Invoke, store: InMemoryLockStore, error: Exception
) -> None:
    """An execution that failed while it waited, or after its lease ended, holds nothing."""
    invoke("acquire_lock", event(), OTHER)
    before = record(store)
    assert invoke("release_lock", failed(event(), error))["error"] == type(error).__name__
    assert record(store) == before


@pytest.mark.parametrize("state", [{}, {"detail-type": "Object Restore Completed"}, {"detail": {"object": None}}])
def test_an_invalid_event_locks_nothing_and_its_failure_is_told(
    invoke: Invoke, store: InMemoryLockStore, state: State
) -> None:
    """The release after it has no object to release; it must still say what was wrong."""
    with pytest.raises(InvalidEvent) as raised:
        invoke("acquire_lock", state)
    assert invoke("release_lock", failed(state, raised.value)) == {"error": "InvalidEvent", "cause": str(raised.value)}
    assert store.items == {}


# --- reaper ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_the_lock_of_an_execution_that_was_stopped_is_freed(
    invoke: Invoke, reap: Reap, store: InMemoryLockStore, status: str
) -> None:
    """Nobody has to wait for its lease; nothing was applied, so its event can be tried again."""
    invoke("acquire_lock", event())
    assert reap(ended(ME, event(), status)) == {"object_id": ID, "lock": "freed"}
    assert OWNER not in record(store)
    assert APPLIED_SEQUENCER not in record(store)
    assert invoke("acquire_lock", event(), OTHER)["work"] == "DELETE"


def test_the_lock_of_a_worker_that_goes_on_frees_itself(
    invoke: Invoke, reap: Reap, store: InMemoryLockStore, clock: HandClock
) -> None:
    """Stopping an execution does not stop its Lambda."""
    invoke("acquire_lock", event())
    invoke("delete_output", event())
    clock.advance(seconds=1)
    invoke("acquire_lock", event())
    assert reap(ended(ME, event())) == {"object_id": ID, "lock": "will free itself"}
    assert record(store)[OWNER] == ME
    assert record(store)[LEASE_EXPIRES_AT] == record(store)[WORKER_UNTIL] + 5_000 == clock.now - 1_000 + 30_000


def test_the_lock_of_another_execution_is_left_alone(invoke: Invoke, reap: Reap, store: InMemoryLockStore) -> None:
    """As of every execution that failed in the usual way, after its own release."""
    invoke("acquire_lock", event(), OTHER)
    before = record(store)
    assert reap(ended(ME, event())) == {"object_id": ID, "lock": "held nothing"}
    assert record(store) == before


def test_an_execution_without_an_s3_event_has_nothing_to_be_reaped(
    invoke: Invoke, reap: Reap, store: InMemoryLockStore
) -> None:
    """It can be started by hand with any input."""
    invoke("acquire_lock", event(), OTHER)
    before = dict(store.items)
    assert reap(ended(ME, {"hello": "world"})) == {"object_id": None, "lock": "held nothing"}
    assert store.items == before


# --- metrics -----------------------------------------------------------------------------------------------


def test_a_conversion_counts_its_grant_and_how_long_it_waited(
    invoke: Invoke, source: InMemorySource, clock: HandClock, counted: Counted
) -> None:
    """Only the first of its steps does: the others are counted when they go wrong."""
    source.put(BUCKET, KEY, png((200, 0, 0)))
    invoke("acquire_lock", event(), OTHER)
    assert counted() == {"Granted": 1, "WaitSeconds": 0}
    state = event("version-deleted")
    state["lock"] = invoke("acquire_lock", state)
    assert counted() == {"Held": 1, "WaitingSeconds": 0}
    clock.advance(seconds=2.5)
    state["lock"] = invoke("acquire_lock", state)
    assert counted() == {"Held": 1, "WaitingSeconds": 2.5}
    invoke("release_lock", {**event(), "error": {"Error": "States.Timeout"}}, OTHER)
    assert counted() == {}
    state["lock"] = invoke("acquire_lock", state)
    assert counted() == {"Granted": 1, "WaitSeconds": 2.5}
    state["applied"] = invoke("grayscale", state)
    invoke("release_lock", state)
    assert counted() == {}


def test_a_record_of_an_unknown_version_fails_the_execution_with_that_error(
    invoke: Invoke, store: InMemoryLockStore
) -> None:
    """The step that frees the lock passes: there is nothing that it could know how to free."""
    store.items[ID] = {OBJECT_ID: ID, RECORD_VERSION: 2}
    with pytest.raises(UnknownRecordVersion) as caught:
        invoke("acquire_lock", event())
    error = {"Error": "UnknownRecordVersion", "Cause": json.dumps({"errorMessage": str(caught.value)})}
    assert invoke("release_lock", {**event(), "error": error}) == {
        "error": "UnknownRecordVersion",
        "cause": f"{ID}: the lock record has version 2, and this code knows 1",
    }
    assert store.items[ID] == {OBJECT_ID: ID, RECORD_VERSION: 2}


def test_a_lock_held_past_its_lease_is_counted_by_who_takes_it_over(
    invoke: Invoke, clock: HandClock, counted: Counted
) -> None:
    invoke("acquire_lock", event(), OTHER)
    counted()
    clock.advance(seconds=30.001)
    invoke("acquire_lock", event("version-deleted"))
    assert counted() == {"Granted": 1, "WaitSeconds": 0, "LeaseExpired": 1}


def test_a_removal_is_counted_as_a_grant(invoke: Invoke, counted: Counted) -> None:
    in_step(invoke, event("deleted"))
    assert counted() == {"Granted": 1, "WaitSeconds": 0}


def test_skipped_events_are_counted_by_their_kind(invoke: Invoke, counted: Counted) -> None:
    in_step(invoke, event())
    counted()
    invoke("acquire_lock", event(), OTHER)
    assert counted() == {"Stale": 1}
    invoke("acquire_lock", event("folder-created"))
    assert counted() == {"Folder": 1}
    older, newer = event("created-multipart"), event("created-multipart")
    newer["detail"]["object"]["sequencer"] += "ff"
    invoke("acquire_lock", newer)
    counted()
    invoke("acquire_lock", older, OTHER)
    assert counted() == {"Superseded": 1}


def test_a_wait_that_ends_at_its_limit_is_counted(invoke: Invoke, clock: HandClock, counted: Counted) -> None:
    state = event("deleted")
    invoke("acquire_lock", event(), OTHER)
    state["lock"] = invoke("acquire_lock", state)
    clock.advance(seconds=60)
    invoke("acquire_lock", event(), OTHER)
    counted()
    with pytest.raises(LockWaitTimeout):
        invoke("acquire_lock", state)
    assert counted() == {"WaitTimedOut": 1}


def test_a_lost_lease_is_counted_wherever_it_is_found(invoke: Invoke, clock: HandClock, counted: Counted) -> None:
    for worker in ("grayscale", "delete_output"):
        with pytest.raises(LeaseLost):
            invoke(worker, event())
        assert counted() == {"LeaseLost": 1}
    invoke("acquire_lock", event())
    state = {**event(), "applied": invoke("delete_output", event())}
    clock.advance(seconds=31)
    invoke("acquire_lock", event(), OTHER)
    counted()
    with pytest.raises(LeaseLost):
        invoke("release_lock", state)
    assert counted() == {"LeaseLost": 1}


@pytest.mark.parametrize("worker", ["grayscale", "delete_output"])
def test_an_attempt_that_comes_too_early_is_counted(invoke: Invoke, counted: Counted, worker: str) -> None:
    invoke("acquire_lock", event())
    invoke(worker, event())
    counted()
    with pytest.raises(AttemptInFlight):
        invoke(worker, event())
    assert counted() == {"AttemptInFlight": 1}


@pytest.mark.parametrize("worker", ["grayscale", "delete_output"])
def test_a_changed_output_is_counted(invoke: Invoke, output: InMemoryOutput, counted: Counted, worker: str) -> None:
    invoke("acquire_lock", event())
    output.objects[KEY] = BY_HAND
    counted()
    with pytest.raises(OutputChanged):
        invoke(worker, event())
    assert counted() == {"OutputChanged": 1}


def test_an_input_that_is_there_again_is_counted(invoke: Invoke, source: InMemorySource, counted: Counted) -> None:
    invoke("acquire_lock", event("deleted"))
    source.put(BUCKET, KEY, png((200, 0, 0)))
    counted()
    with pytest.raises(InputChanged):
        invoke("delete_output", event("deleted"))
    assert counted() == {"InputChanged": 1}


def test_a_write_in_doubt_is_counted(
    invoke: Invoke,
    source: InMemorySource,
    output: InMemoryOutput,
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def say_nothing(*_: object, **__: object) -> NoReturn:
        raise WriteInDoubt("read timed out")

    source.put(BUCKET, KEY, png((200, 0, 0)))
    invoke("acquire_lock", event())
    monkeypatch.setattr(output, "write", say_nothing)
    counted()
    with pytest.raises(WriteInDoubt):
        invoke("grayscale", event())
    assert counted() == {"WriteInDoubt": 1}


def test_a_rejected_input_is_counted_once(invoke: Invoke, source: InMemorySource, counted: Counted) -> None:
    """Not again by the release that follows it."""
    source.put(BUCKET, KEY, b"text")
    state = event()
    state["lock"] = invoke("acquire_lock", state)
    counted()
    with pytest.raises(SourceRejected) as raised:
        invoke("grayscale", state)
    assert counted() == {"Rejected": 1}
    invoke("release_lock", failed(state, raised.value))
    assert counted() == {}
    folder = event("folder-created")
    folder["detail"]["object"]["size"] = 12
    with pytest.raises(SourceRejected):
        invoke("acquire_lock", folder)
    assert counted() == {"Rejected": 1}


def test_errors_that_tell_of_no_race_are_left_to_lambdas_own_metrics(
    invoke: Invoke, store: InMemoryLockStore, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    with pytest.raises(InvalidEvent):
        invoke("acquire_lock", {})

    def down(_transition: object) -> None:
        raise ServiceUnavailable("the table is down")

    monkeypatch.setattr(store, "apply", down)
    for function in ("acquire_lock", "grayscale", "delete_output"):
        with pytest.raises(ServiceUnavailable):
            invoke(function, event())
    assert counted() == {}


def test_only_a_lock_that_was_freed_counts_as_reaped(invoke: Invoke, reap: Reap, counted: Counted) -> None:
    reap(ended(ME, event()))
    reap(ended(ME, {}))
    assert counted() == {}
    invoke("acquire_lock", event())
    counted()
    reap(ended(ME, event()))
    assert counted() == {"Reaped": 1}
    invoke("acquire_lock", event())
    invoke("delete_output", event())
    counted()
    reap(ended(ME, event()))
    assert counted() == {}


# --- log ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("worker", "there"), [("grayscale", True), ("delete_output", False)])
def test_an_attempt_is_logged_from_its_beginning_to_its_end(
    invoke: Invoke, source: InMemorySource, log: Log, worker: str, there: bool
) -> None:
    """So that a reader can tell whether two were ever at work on one object at once."""
    if there:
        source.put(BUCKET, KEY, png((200, 0, 0)))
    invoke("acquire_lock", event())
    before = len(log())
    invoke(worker, event())
    lines = log()[before:]
    assert [line["message"] for line in lines] == [
        "attempt begins",
        "converted" if there else "removed",
        "attempt ends",
    ]
    assert {(line["object_id"], line["token"], line["correlation_id"]) for line in lines} == {(ID, 1, ME)}


@pytest.mark.parametrize("worker", ["grayscale", "delete_output"])
def test_the_end_of_an_attempt_is_logged_also_when_its_work_fails(
    invoke: Invoke, output: InMemoryOutput, log: Log, worker: str
) -> None:
    invoke("acquire_lock", event())
    output.objects[KEY] = BY_HAND
    before = len(log())
    with pytest.raises(OutputChanged):
        invoke(worker, event())
    lines = log()[before:]
    assert [line["message"] for line in lines] == ["attempt begins", "attempt ends"]
    assert {(line["object_id"], line["token"], line["correlation_id"]) for line in lines} == {(ID, 1, ME)}


@pytest.mark.parametrize("worker", ["grayscale", "delete_output"])
def test_an_attempt_that_does_not_begin_is_not_logged_as_one(invoke: Invoke, log: Log, worker: str) -> None:
    """And the next invocation of the same Lambda does not go on under the object and token of the last."""
    invoke("acquire_lock", event())
    invoke(worker, event())
    before = len(log())
    with pytest.raises(AttemptInFlight):
        invoke(worker, event())
    assert log()[before:] == []
    app(worker).logger.info("of the second invocation")
    assert not log()[-1].keys() & {"object_id", "token"}
    assert log()[-1]["correlation_id"] == ME


def test_every_line_names_its_execution(invoke: Invoke, reap: Reap, log: Log, source: InMemorySource) -> None:
    """One search finds what all the Lambdas did for it."""
    source.put(BUCKET, KEY, png((200, 0, 0)))
    in_step(invoke, event())
    invoke("release_lock", {**event(), "error": {"Error": "States.Timeout"}})
    reap(ended(ME, event()))
    reap(ended(ME, {}))
    assert {line["correlation_id"] for line in log()} == {ME}
    assert [line["message"] for line in log()] == [
        "acquire",
        "attempt begins",
        "converted",
        "attempt ends",
        "released",
        "gave up",
        "failed",
        "reaped",
        "reaped",
    ]


@pytest.mark.parametrize("name", [file.parent.name for file in HANDLERS if file.parent.name not in NO_EXECUTION])
def test_a_line_does_not_name_the_execution_of_the_invocation_before(
    invoke: Invoke, reap: Reap, log: Log, name: str
) -> None:
    invoke("acquire_lock", event())
    app(name).logger.set_correlation_id("of the invocation before")
    before = len(log())
    if name == "reaper":
        reap(ended(ME, event()))
    else:
        invoke(name, event() | ({"error": {"Error": "States.Timeout"}} if name == "release_lock" else {}))
    assert {line["correlation_id"] for line in log()[before:]} == {ME}


def test_a_decision_is_logged_with_its_reason(invoke: Invoke, log: Log) -> None:
    invoke("acquire_lock", event())
    (line,) = log()
    assert (line["object_id"], line["work"], line["reason"]) == (ID, "DELETE", "the input object does not exist")


def test_what_was_released_is_logged(invoke: Invoke, source: InMemorySource, log: Log) -> None:
    source.put(BUCKET, KEY, png((200, 0, 0)))
    state = in_step(invoke, event())
    line = log()[-1]
    assert line["object_id"] == ID
    assert {name: line[name] for name in state["applied"]} == state["applied"]


def test_a_failure_is_logged_as_an_error_with_what_became_of_the_lock(invoke: Invoke, log: Log) -> None:
    invoke("acquire_lock", event())
    invoke("release_lock", {**event(), "error": {"Error": "States.Timeout", "Cause": "too long"}})
    gave_up, failure = log()[-2:]
    assert (gave_up["object_id"], gave_up["lock"]) == (ID, "freed")
    assert (failure["level"], failure["error"], failure["cause"]) == ("ERROR", "Timeout", "too long")


def test_a_reaped_lock_is_logged_with_how_the_execution_ended(invoke: Invoke, reap: Reap, log: Log) -> None:
    invoke("acquire_lock", event())
    reap(ended(ME, event(), "TIMED_OUT"))
    line = log()[-1]
    assert (line["object_id"], line["lock"], line["status"]) == (ID, "freed", "TIMED_OUT")


@pytest.mark.parametrize("name", [file.parent.name for file in HANDLERS])
def test_log_lines_are_such_that_lambda_reads_their_level(name: str) -> None:
    """Beside a timestamp that is not RFC 3339 it takes any line for INFO (Lambda, "advanced logging controls")."""
    line = json.loads(app(name).logger.registered_formatter.format(logging.makeLogRecord({"levelname": "ERROR"})))
    assert line["level"] == "ERROR"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)", line["timestamp"])


def test_there_are_seven_lambdas_and_one_for_any_table() -> None:
    """Or the tests of every one of them test nothing."""
    of_the_machine = ["acquire_lock", "delete_output", "grayscale", "release_lock"]
    names = {*of_the_machine, "compare_objects", "export_changes", "reaper", "changefeed"}
    assert {file.parent.name for file in HANDLERS} == names


@pytest.mark.parametrize("file", HANDLERS, ids=lambda file: file.parent.name)
def test_a_handler_is_thin(file: Path) -> None:
    """At most 60 lines: what needs more belongs into the shared package."""
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 60


def test_the_lambdas_that_only_lock_do_not_load_the_imaging_library() -> None:
    """A cold start without it is faster; and they start again and again while a lock is held."""
    program = (
        "import acquire_lock.app, release_lock.app, delete_output.app, reaper.app, sys; print('PIL' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(FUNCTIONS)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "False"
