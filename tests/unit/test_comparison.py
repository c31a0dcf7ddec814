"""What is out of step, and the event that asks to put it right."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from objectlock.comparison import Comparison, Finding, Kind, names_begin, repair_event, repair_name
from objectlock.conditions import Item
from objectlock.events import ObjectEvent
from objectlock.ports import Label, Picture
from objectlock.record import ABSENT, APPLIED_SOURCE, OUTPUT_ETAG
from objectlock.sequencer import Sequencer
from tests.memory import InMemoryLockStore, InMemoryOutput, InMemorySource, StoredObject

BUCKET = "bucket"
KEY = "photo.jpg"
TAGS = st.sampled_from(["a", "a@1", "a@2", "b", "b@3"])


@dataclass
class World:
    """Both buckets and the lock table, for one object or more."""

    source: InMemorySource = field(default_factory=lambda: InMemorySource(versioned=True))
    outputs: InMemoryOutput = field(default_factory=InMemoryOutput)
    store: InMemoryLockStore = field(default_factory=InMemoryLockStore)

    @property
    def comparison(self) -> Comparison:
        return Comparison(self.source, self.outputs, self.store, BUCKET)

    def compare(self, key: str = KEY) -> Kind | None:
        found = self.comparison.compare(key)
        assert found is None or found.key == key
        return None if found is None else found.kind

    def put_output(self, made_from: str, key: str = KEY) -> None:
        self.outputs.objects[key] = StoredObject(Picture(b"gray", "image/png"), Label(made_from, "01", 1))

    def put_record(self, key: str = KEY, **attributes: str) -> None:
        self.store.items[f"{BUCKET}/{key}"] = attributes


@pytest.fixture
def world() -> World:
    return World()


# --- findings -----------------------------------------------------------------------------------------------------


def test_an_output_of_the_present_input_is_in_step(world: World) -> None:
    world.put_output(world.source.put(BUCKET, KEY, b"photo"))

    assert world.compare() is None


def test_an_input_without_output_is_missing_even_if_the_record_says_otherwise(world: World) -> None:
    tag = world.source.put(BUCKET, KEY, b"photo")
    assert world.compare() is Kind.MISSING

    world.put_record(**{APPLIED_SOURCE: tag, OUTPUT_ETAG: "gray"})

    assert world.compare() is Kind.MISSING


def test_an_output_of_another_input_or_of_nobody_is_outdated(world: World) -> None:
    world.put_output(world.source.put(BUCKET, KEY, b"photo"))
    world.source.put(BUCKET, KEY, b"another")
    assert world.compare() is Kind.OUTDATED

    world.put_output("")

    assert world.compare() is Kind.OUTDATED


def test_the_same_bytes_in_another_version_have_the_same_output(world: World) -> None:
    world.put_output(world.source.put(BUCKET, KEY, b"photo"))
    world.source.put(BUCKET, KEY, b"photo")

    assert world.compare() is None


def test_an_output_without_input_is_orphaned_whoever_made_it(world: World) -> None:
    world.put_output("a@1")
    assert world.compare() is Kind.ORPHANED

    world.put_output("")

    assert world.compare() is Kind.ORPHANED


def test_a_rejected_input_is_not_missing_until_another_one_takes_its_place(world: World) -> None:
    tag = world.source.put(BUCKET, KEY, b"no image")
    world.put_record(**{APPLIED_SOURCE: tag})
    assert world.compare() is Kind.REJECTED

    world.source.put(BUCKET, KEY, b"photo")

    assert world.compare() is Kind.MISSING


def test_a_folder_is_never_out_of_step(world: World) -> None:
    world.source.put(BUCKET, "folder/", b"")
    assert world.compare("folder/") is None

    world.source.delete(BUCKET, "folder/")
    world.put_output("", "folder/")

    assert world.compare("folder/") is None
    assert world.comparison.compare_output("folder/") is None


def test_nothing_at_all_is_in_step(world: World) -> None:
    """As when both objects vanish after they were listed."""
    assert world.compare() is None
    assert world.comparison.compare_output(KEY) is None


@given(
    tag=st.none() | TAGS,
    made_from=st.none() | st.just("") | TAGS,
    record=st.dictionaries(st.just(APPLIED_SOURCE), TAGS | st.just(ABSENT)),
    output_etag=st.booleans(),
)
@example(tag="a@1", made_from=None, record={APPLIED_SOURCE: "a@2"}, output_etag=False)
def test_findings_are_what_the_definition_says(
    tag: str | None, made_from: str | None, record: Item, output_etag: bool
) -> None:
    world = World()
    if tag is not None:
        world.source.put(BUCKET, KEY, b"")
        world.source.objects[BUCKET, KEY] = type(world.source.objects[BUCKET, KEY])(tag, b"")
    if made_from is not None:
        world.put_output(made_from)
    world.store.items[f"{BUCKET}/{KEY}"] = {**record, **({OUTPUT_ETAG: "gray"} if output_etag else {})}

    found = world.compare()

    is_rejected = record.get(APPLIED_SOURCE) == tag and not output_etag
    assert (found is Kind.ORPHANED) == (tag is None and made_from is not None)
    assert (found is Kind.MISSING) == (tag is not None and made_from is None and not is_rejected)
    assert (found is Kind.REJECTED) == (tag is not None and made_from is None and is_rejected)
    assert (found is Kind.OUTDATED) == (
        tag is not None and made_from is not None and tag.split("@")[0] != made_from.split("@")[0]
    )
    orphan = world.comparison.compare_output(KEY)
    assert orphan == (Finding(Kind.ORPHANED, KEY) if found is Kind.ORPHANED else None)
    if tag is not None:  # a listing tells the ETag alone
        in_step = world.comparison.shows(KEY, tag.split("@")[0])
        assert in_step == (found is None)


# --- repairs ------------------------------------------------------------------------------------------------------

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


@given(key=KEYS, kind=st.sampled_from(Kind))
def test_the_machine_takes_a_repair_for_a_look_older_than_every_event(key: str, kind: Kind) -> None:
    raw = json.loads(json.dumps(repair_event(BUCKET, Finding(kind, key))))

    event = ObjectEvent.parse(raw)

    assert (event.bucket, event.key, event.is_reconcile) == (BUCKET, key, True)
    assert event.sequencer == Sequencer.before_all(event.object_id)
    assert raw["source"] == "lockstep"
    assert raw["detail"]["reason"] == kind.value


@given(run=st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True), key=KEYS, other=KEYS)
@example(run="a" * 80, key="a", other="b")
def test_a_repair_has_one_name_in_a_run_which_tells_where_it_comes_from(run: str, key: str, other: str) -> None:
    name = repair_name(run, key)

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name)
    assert name == repair_name(run, key)
    assert (name == repair_name(run, other)) == (key == other)
    assert name.startswith(names_begin(run))
    assert name.startswith("reconcile-")
    assert len(run) > 36 or run in name


def test_a_key_is_repaired_again_in_another_run() -> None:
    assert repair_name("a" * 80, KEY) != repair_name("a" * 79 + "b", KEY)
