"""CompareObjects, as the Distributed Map invokes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

from compare_objects import app
from lockstep import paths
from objectlock.comparison import Comparison, Finding, Kind, repair_event
from objectlock.events import ObjectEvent
from objectlock.ports import Label, Picture
from objectlock.record import APPLIED_SOURCE
from tests.memory import InMemoryLockStore, InMemoryOutput, InMemorySource, StoredObject
from tests.unit.test_handlers import Context

BUCKET = "bucket"
ALL = ["missing", "outdated", "orphaned"]

Compare = Callable[..., dict[str, Any]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object of each kind."""
    source, outputs, store = InMemorySource(), InMemoryOutput(), InMemoryLockStore()
    monkeypatch.setattr(app, "comparison", lambda: Comparison(source, outputs, store, BUCKET))

    def put_output(key: str, made_from: str) -> None:
        outputs.objects[key] = StoredObject(Picture(b"", "image/png"), Label(made_from, "01", 1))

    put_output("fine", source.put(BUCKET, "fine", b"a"))
    source.put(BUCKET, "missing ü", b"b")
    source.put(BUCKET, "outdated", b"c")
    put_output("outdated", "other")
    put_output("orphan", "gone")
    source.put(BUCKET, "folder/", b"")
    store.items[f"{BUCKET}/rejected"] = {APPLIED_SOURCE: source.put(BUCKET, "rejected", b"d")}


INPUTS = ["fine", "missing ü", "outdated", "folder/", "rejected", "gone since it was listed"]
OUTPUTS = ["fine", "outdated", "orphan", "gone since it was listed"]


def item(key: str, **about: Any) -> dict[str, Any]:
    """What the map's ItemSelector makes of an object."""
    return {"key": key, "listing": "inputs", "run": "run-1", "dry_run": False, "kinds": ALL, **about}


def compare(*items: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(app.handler({"Items": list(items)}, Context())))  # type: ignore[arg-type]
    return found


def keys(answer: dict[str, Any]) -> list[str]:
    return [ObjectEvent.parse(each["event"]).key for each in answer["repairs"]]


@pytest.mark.usefixtures("world")
def test_a_batch_of_inputs_is_answered_with_repairs_and_a_tally() -> None:
    answer = compare(*map(item, INPUTS))

    assert keys(answer) == ["missing ü", "outdated"]
    assert answer["tally"] == [5, 1, 1, 0, 1]  # objects, missing, outdated, orphaned, rejected
    assert answer["repairs"][0]["event"]["detail"]["reason"] == "missing"
    assert answer["repairs"][0]["name"].startswith("reconcile-run-1-")


@pytest.mark.usefixtures("world")
def test_of_the_outputs_only_orphans_are_told_so_that_nothing_is_told_twice() -> None:
    answer = compare(*(item(key, listing="outputs") for key in OUTPUTS))

    assert keys(answer) == ["orphan"]
    assert answer["tally"] == [4, 0, 0, 1]


@pytest.mark.usefixtures("world")
def test_an_input_that_vanishes_after_it_was_listed_is_left_to_the_listing_of_the_outputs() -> None:
    """Its own event is on its way by then, and it would be counted twice."""
    assert compare(item("orphan")) == {"repairs": [], "tally": [1]}


@pytest.mark.usefixtures("world")
def test_an_item_without_a_batch_is_taken_as_well() -> None:
    answer = app.handler(item("outdated"), Context())  # type: ignore[arg-type]

    assert keys(answer) == ["outdated"]
    assert answer["tally"] == [1, 0, 1]


@pytest.mark.usefixtures("world")
def test_a_dry_run_repairs_nothing_and_counts_everything() -> None:
    answer = compare(*(item(key, dry_run=True) for key in INPUTS))

    assert answer == {"repairs": [], "tally": [5, 1, 1, 0, 1]}


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("kinds", "repaired"),
    [([], []), (["outdated"], ["outdated"]), (["missing", "rejected"], ["missing ü", "rejected"])],
)
def test_only_what_is_asked_for_is_repaired(kinds: list[str], repaired: list[str]) -> None:
    answer = compare(*(item(key, kinds=kinds) for key in INPUTS))

    assert keys(answer) == repaired
    assert answer["tally"] == [5, 1, 1, 0, 1]


@pytest.mark.usefixtures("world")
def test_each_finding_is_logged_under_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    monkeypatch.setattr(app.logger.registered_handler, "stream", stream)

    compare(*(item(key, run="of before") for key in INPUTS))
    compare(*map(item, INPUTS))

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = [(each["key"], each["kind"]) for each in lines if each["correlation_id"] == "run-1"]
    assert told == [("missing ü", "missing"), ("outdated", "outdated"), ("rejected", "rejected")]


@pytest.mark.usefixtures("world")
def test_five_hundred_of_the_longest_keys_fit_into_what_a_state_may_answer() -> None:
    """As many of them as the map's MaxInputBytesPerBatch lets through: 256 KiB is Step Functions' limit."""
    machine = json.loads((paths.ROOT / "statemachine/reconcile.asl.json").read_text())
    limits = machine["States"]["Objects"]["ItemBatcher"]
    for length in (1, 60, 250, 1024):
        size = len(json.dumps(item("x" * length)).encode())
        number = min(limits["MaxItemsPerBatch"], limits["MaxInputBytesPerBatch"] // size)
        finding = Finding(Kind.ORPHANED, "x" * length)
        repair = {"name": "n" * 80, "event": repair_event("b" * 63, finding)}
        assert len(json.dumps(repair).encode()) * number < 256 * 1024
