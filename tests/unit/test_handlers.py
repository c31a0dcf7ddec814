import importlib
import json
import logging
import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest
from PIL import Image

from objectlock.errors import InvalidEvent, LeaseLost, SourceRejected
from objectlock.lock import APPLIED_SEQUENCER, OWNER
from objectlock.protocol import LockProtocol
from tests.memory import HandClock, InMemoryLockStore, InMemoryOutput, InMemorySource
from tests.sample_events import BUCKET, KEY, load

FUNCTIONS = Path(__file__).parents[2] / "functions"
HANDLERS = sorted(FUNCTIONS.glob("*/app.py"))
ME = "arn:aws:states:us-east-1:111122223333:execution:lockstep:one"
OTHER = "arn:aws:states:us-east-1:111122223333:execution:lockstep:other"

State = dict[str, Any]


class Invoke(Protocol):
    def __call__(self, function: str, state: State, owner: str = ME) -> Any: ...


class Context:
    """What the logger reads from a Lambda context."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:111122223333:function:function"
    aws_request_id = "6f7c"


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
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Lockstep")
    for name in ("acquire_lock", "release_lock"):
        monkeypatch.setattr(app(name), "lock_protocol", lambda: lock)
    for name in ("grayscale", "delete_output"):
        monkeypatch.setattr(app(name), "output_bucket", lambda: output)
    monkeypatch.setattr(app("grayscale"), "source_bucket", lambda: source)

    def call(function: str, state: State, owner: str = ME) -> Any:
        caught = {"caught": state["error"]} if "error" in state else {}
        payload = json.loads(json.dumps({"owner": owner, "state": state, **caught}))
        return json.loads(json.dumps(app(function).handler(payload, Context())))

    return call


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
    with Image.open(BytesIO(output.objects[KEY].body)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (8, 4))
    assert output.objects[KEY].content_type == "image/png"
    assert OWNER not in record(store)
    assert record(store)[APPLIED_SEQUENCER] == "0069a5551842f1c09b"
    assert invoke("acquire_lock", event())["work"] == "STALE"


def test_a_deletion_removes_the_output_and_the_lock_is_free(
    invoke: Invoke, store: InMemoryLockStore, output: InMemoryOutput
) -> None:
    output.write(KEY, b"gray", "image/png", {})
    state = event("deleted")
    state["lock"] = invoke("acquire_lock", state)
    assert state["lock"]["work"] == "DELETE"
    state["applied"] = invoke("delete_output", state)
    assert invoke("release_lock", state) == {"released": f"{BUCKET}/{KEY}"}
    assert output.objects == {}
    assert OWNER not in record(store)


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


def test_every_decision_is_counted(invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
    """One metric per kind of decision, in CloudWatch's embedded format."""
    invoke("acquire_lock", event())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "AcquireDelete" in line]
    assert [(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], line["AcquireDelete"]) for line in lines] == [
        ("Lockstep", [1.0])
    ]


def test_after_a_lost_lease_the_lock_is_taken_whatever_the_watermark(
    invoke: Invoke, source: InMemorySource, clock: HandClock
) -> None:
    source.put(BUCKET, KEY, png((200, 0, 0)))
    state = event()
    state["lock"] = invoke("acquire_lock", state)
    state["applied"] = invoke("grayscale", state)
    clock.advance(seconds=31)
    newer = event("version-deleted")
    invoke("acquire_lock", newer, OTHER)
    with pytest.raises(LeaseLost):
        invoke("release_lock", state)
    invoke("release_lock", {**newer, "applied": state["applied"]}, OTHER)
    assert invoke("acquire_lock", state)["work"] == "STALE"
    assert invoke("acquire_lock", {**state, "lease_lost": {}})["work"] == "GRAYSCALE"


def test_a_rejected_input_frees_the_lock_and_is_not_tried_again(
    invoke: Invoke, store: InMemoryLockStore, source: InMemorySource, output: InMemoryOutput
) -> None:
    """The execution fails with the reason in plain words; the output of the image that was there before is gone."""
    output.write(KEY, b"gray", "image/jpeg", {})
    source.put(BUCKET, KEY, b"text")
    state = event()
    state["lock"] = invoke("acquire_lock", state)
    with pytest.raises(SourceRejected) as raised:
        invoke("grayscale", state)
    answer = invoke("release_lock", failed(state, raised.value))
    assert answer["error"] == "SourceRejected"
    assert answer["cause"].startswith(f"{BUCKET}/{KEY}: not an image")
    assert output.objects == {}
    assert OWNER not in record(store)
    assert invoke("acquire_lock", event())["work"] == "STALE"


def test_any_other_failure_frees_the_lock_and_may_be_tried_again(invoke: Invoke, store: InMemoryLockStore) -> None:
    state = event()
    state["lock"] = invoke("acquire_lock", state)
    answer = invoke("release_lock", {**state, "error": {"Error": "States.Timeout"}})
    assert answer == {"error": "Timeout", "cause": "no cause was given"}
    assert OWNER not in record(store)
    assert APPLIED_SEQUENCER not in record(store)
    assert invoke("acquire_lock", event())["work"] == "DELETE"


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


@pytest.mark.parametrize("name", ["acquire_lock", "delete_output", "grayscale", "release_lock"])
def test_log_lines_are_such_that_lambda_reads_their_level(name: str) -> None:
    """Beside a timestamp that is not RFC 3339 it takes any line for INFO (Lambda, "advanced logging controls")."""
    line = json.loads(app(name).logger.registered_formatter.format(logging.makeLogRecord({"levelname": "ERROR"})))
    assert line["level"] == "ERROR"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)", line["timestamp"])


def test_there_are_four_lambdas() -> None:
    """Or the test below tests nothing."""
    assert [file.parent.name for file in HANDLERS] == ["acquire_lock", "delete_output", "grayscale", "release_lock"]


@pytest.mark.parametrize("file", HANDLERS, ids=lambda file: file.parent.name)
def test_a_handler_is_thin(file: Path) -> None:
    """At most 60 lines: what needs more belongs into the shared package."""
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 60


def test_the_lambdas_that_only_lock_do_not_load_the_imaging_library() -> None:
    """A cold start without it is faster; and they start again and again while a lock is held."""
    program = "import acquire_lock.app, release_lock.app, delete_output.app, sys; print('PIL' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(FUNCTIONS)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "False"
