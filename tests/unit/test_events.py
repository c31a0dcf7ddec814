import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from objectlock.errors import InvalidEvent
from objectlock.events import Change, ObjectEvent
from objectlock.sequencer import Sequencer
from tests.sample_events import BUCKET, FILES, created, deleted, load, reconcile

MISSING = object()
ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
BAD: dict[str, list[object]] = {
    "detail-type": [MISSING, None, "", 7, "Object Restore Completed", "object created"],
    "detail.bucket.name": [MISSING, None, "", 7],
    "detail.object.key": [MISSING, None, "", 7],
    "detail.object.sequencer": [MISSING, None, "", 7, "not hex", "0x1f"],
    "detail.object.size": [-1, "12", 1.5, True, [], {}],
}
REASONS = {
    "Object Created": {"PutObject", "POST Object", "CopyObject", "CompleteMultipartUpload"},
    "Object Deleted": {"DeleteObject", "Lifecycle Expiration"},
}


def with_value(path: str, value: object) -> dict[str, Any]:
    """A good event with another value at `path`, or without one."""
    event = copy.deepcopy(load("created-put"))
    *parents, last = path.split(".")
    target = event
    for name in parents:
        target = target[name]
    if value is MISSING:
        del target[last]
    else:
        target[last] = value
    return event


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_sample_event_is_understood(file: Path) -> None:
    raw = load(file.stem)
    event = ObjectEvent.parse(raw)
    there = raw["detail"]["object"]
    assert event.change.value == raw["detail-type"]
    assert (event.bucket, event.key, event.size) == (BUCKET, there["key"], there.get("size"))
    assert event.object_id == f"{BUCKET}/{there['key']}"
    assert event.is_of_folder == (file.stem == "folder-created")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_sample_event_is_like_those_of_s3(file: Path) -> None:
    """A test on an event that S3 would never send proves nothing."""
    raw = json.loads(file.read_text(encoding="utf-8"))
    detail = raw["detail"]
    assert raw.keys() == ENVELOPE
    assert raw["resources"] == [f"arn:aws:s3:::{detail['bucket']['name']}"]
    assert detail["reason"] in REASONS[raw["detail-type"]]
    assert ("source-ip-address" in detail) == (detail["reason"] != "Lifecycle Expiration")
    assert ("deletion-type" in detail) == (raw["detail-type"] == "Object Deleted")
    assert re.fullmatch(r"(?:[0-9a-fA-F]{2})?[0-9a-fA-F]{16}", detail["object"]["sequencer"])


def test_a_key_is_taken_as_it_is() -> None:
    """EventBridge does not URL-encode keys: decoding one would turn `+` into a space, and another object."""
    event = ObjectEvent.parse(load("key-with-spaces-plus-japanese"))
    assert event.key == "夏休み 2026/富士山 + 湖 (100%).png"
    assert event.object_id == f"{BUCKET}/夏休み 2026/富士山 + 湖 (100%).png"


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in BAD.items() for value in values])
def test_a_bad_field_is_refused_by_name(path: str, value: object) -> None:
    """Whoever reads the failed execution learns which field was wrong."""
    with pytest.raises(InvalidEvent, match=f"^{re.escape(path)}: "):
        ObjectEvent.parse(with_value(path, value))


@pytest.mark.parametrize("path", ["detail", "detail.bucket", "detail.object"])
@pytest.mark.parametrize("value", [MISSING, None, "text", [], {}])
def test_a_missing_level_is_refused_by_name(path: str, value: object) -> None:
    """What should be an object but is not is as bad as missing; it must not end as a KeyError."""
    with pytest.raises(InvalidEvent, match=f"^{re.escape(path)}"):
        ObjectEvent.parse(with_value(path, value))


@pytest.mark.parametrize("raw", [{}, [], None, "event", 7])
def test_an_input_that_is_no_event_at_all_is_refused(raw: Any) -> None:
    """An execution can be started by hand with any JSON."""
    with pytest.raises(InvalidEvent, match=r"^detail-type: "):
        ObjectEvent.parse(raw)


def test_what_the_state_machine_adds_is_ignored() -> None:
    """Every state passes the event on together with the results so far."""
    raw = load("created-put")
    state = raw | {"lock": {"work": "GRAYSCALE"}, "applied": {}, "error": {"Error": "E"}, "look_again": {}}
    assert ObjectEvent.parse(state) == ObjectEvent.parse(raw)


def test_who_asks_for_a_look_needs_no_sequencer_and_has_none() -> None:
    raw = load("reconcile")
    raw["detail"]["object"]["sequencer"] = "not hex, and never read"
    for event in (reconcile(), ObjectEvent.parse(raw)):
        assert event.is_reconcile
        assert event.sequencer == Sequencer.before_all(event.object_id)
    assert not created("05").is_reconcile


@pytest.mark.parametrize("name", ["bucket", "object"])
def test_who_asks_for_a_look_has_to_say_at_what(name: str) -> None:
    raw = load("reconcile")
    del raw["detail"][name]
    with pytest.raises(InvalidEvent, match=f"^detail.{name}."):
        ObjectEvent.parse(raw)


def test_two_spellings_of_one_sequencer_are_one_event() -> None:
    assert created("00AB10") == created("00ab1")


@pytest.mark.parametrize("event", [created("01", key="a/", size=0), deleted("02", key="a/"), deleted("02", key="a/b/")])
def test_an_empty_object_whose_key_ends_in_a_slash_is_a_folder(event: ObjectEvent) -> None:
    assert event.is_of_folder
    assert not event.is_of_folder_with_content


@pytest.mark.parametrize("key", ["a", "a/b", "/a", " "])
def test_any_other_key_is_no_folder(key: str) -> None:
    """Not even when the object is empty: an empty upload is no image, and has to be said so."""
    assert not created("01", key=key, size=0).is_of_folder


def test_an_upload_under_the_key_of_a_folder_is_told_from_a_folder() -> None:
    assert created("01", key="a/", size=12).is_of_folder_with_content
    assert not created("01", key="a", size=12).is_of_folder_with_content


def test_a_deletion_below_a_slash_is_no_failure() -> None:
    """S3 may tell the size of what was deleted; there is nothing to convert, so nothing to reject."""
    event = deleted("01", key="a/", size=12)
    assert event.change is Change.DELETED
    assert event.is_of_folder
    assert not event.is_of_folder_with_content
