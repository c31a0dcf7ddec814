"""Whatever was done to a stack behind its back, `lockstep reconcile` puts it right, and touches nothing else."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest
from rich.console import Console

from lockstep.executions import Execution, Outcome, history, listed
from lockstep.objects import listing, out_of_step
from lockstep.reconcile.distributed import Distributed
from lockstep.reconcile.here import Here
from lockstep.reconcile.wanted import Manner, Wanted
from objectlock.comparison import REPAIRED as REPAIRED_KINDS
from objectlock.comparison import Kind
from tests.e2e.conftest import World, gray, sample, wait_until

ROCKET: Final = sample("rocket.jpg")
ASTRONAUT: Final = sample("astronaut.png")
WAYS: Final = [pytest.param(False, id="from here"), pytest.param(True, id="by Step Functions")]


@dataclass(frozen=True)
class Bench:
    """The objects of one test: all below a prefix of its own, as the stack is everybody's."""

    world: World
    prefix: str

    def key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def put(self, name: str, body: bytes = ROCKET) -> None:
        self.world.put(self.key(name), body)

    def outputs(self) -> dict[str, Any]:
        """What there is, and when and by which attempt it was written."""
        s3, bucket = self.world.stack.s3, self.world.stack.output_bucket
        found = {}
        for each in listing(self.world.stack, bucket, self.prefix):
            head = s3.head_object(Bucket=bucket, Key=each["Key"])
            name = each["Key"].removeprefix(self.prefix)
            found[name] = (head["ETag"], head["LastModified"], head["Metadata"].get("fencing-token"))
        return found

    def records(self) -> dict[str, Any]:
        stack = self.world.stack
        pages = stack.dynamodb.get_paginator("scan").paginate(TableName=stack.lock_table)
        begins = self.world.object_id(self.prefix)
        items = [item for page in pages for item in page["Items"]]
        return {item["object_id"]["S"]: item for item in items if item["object_id"]["S"].startswith(begins)}

    def repairs(self) -> dict[str, Execution]:
        """All that was ever started to repair an object here, by the object."""
        stack = self.world.stack
        names = [each["executionArn"] for each in listed(stack) if each["name"].startswith("reconcile-")]
        read = [Execution.read(arn, history(stack, arn)) for arn in names]
        return {each.key.removeprefix(self.prefix): each for each in read if each.key.startswith(self.prefix)}

    def reconcile(self, *, distributed: bool, dry_run: bool = False, kinds: Sequence[Kind] = REPAIRED_KINDS) -> bool:
        """As the command does it."""
        wanted = Wanted(prefix=self.prefix, kinds=kinds, dry_run=dry_run)
        manner = Manner(yes=True, rate=50, at_once=20, as_json=False)
        screen = Console(file=io.StringIO())
        if distributed:
            return Distributed(self.world.stack, wanted, manner, screen).reconcile()
        return Here(self.world.stack, wanted, manner, screen).reconcile()

    @contextmanager
    def events_are_lost(self) -> Iterator[None]:
        """What is done in the block starts nothing, as before the stack was deployed."""
        rule = self.world.physical_id("ObjectEventRule").rpartition("|")[2]
        events = self.world.client("events")
        events.disable_rule(Name=rule)
        try:
            yield
        finally:
            events.enable_rule(Name=rule)


@pytest.fixture
def bench(world: World) -> Bench:
    return Bench(world, f"reconcile-{uuid.uuid4().hex[:8]}/")


@pytest.fixture
def damaged(bench: Bench) -> Bench:
    """Everything that can be wrong, beside something that is not."""
    stack = bench.world.stack
    for name in ("fine.jpg", "deleted ü+.jpg", "overwritten.jpg", "no record.jpg", "input gone.jpg", "changed.jpg"):
        bench.put(name)
    bench.put("notes.txt", b"no image")
    stack.s3.delete_object(Bucket=stack.output_bucket, Key=bench.key("deleted ü+.jpg"))
    stack.s3.put_object(Bucket=stack.output_bucket, Key=bench.key("overwritten.jpg"), Body=b"by hand")
    stack.s3.put_object(Bucket=stack.output_bucket, Key=bench.key("orphan.jpg"), Body=b"by hand")
    stack.dynamodb.delete_item(
        TableName=stack.lock_table, Key={"object_id": {"S": bench.world.object_id(bench.key("no record.jpg"))}}
    )
    with bench.events_are_lost():
        bench.world.start_put(bench.key("before/1.jpg"), ROCKET)
        bench.world.start_put(bench.key("before/2.png"), ASTRONAUT)
        bench.world.start_put(bench.key("changed.jpg"), ASTRONAUT)
        bench.world.start_put(bench.key("folder/"), b"")
        stack.s3.delete_object(Bucket=stack.input_bucket, Key=bench.key("input gone.jpg"))
    return bench


REPAIRED: Final = {
    "before/1.jpg": Outcome.CONVERTED,
    "before/2.png": Outcome.CONVERTED,
    "changed.jpg": Outcome.CONVERTED,
    "deleted ü+.jpg": Outcome.CONVERTED,
    "input gone.jpg": Outcome.DELETED,
    "orphan.jpg": Outcome.DELETED,
    "overwritten.jpg": Outcome.CONVERTED,
}


@pytest.mark.parametrize("distributed", WAYS)
def test_everything_comes_into_step_and_what_was_in_step_is_not_touched(damaged: Bench, distributed: bool) -> None:
    before = damaged.outputs()

    assert damaged.reconcile(distributed=distributed)

    after = damaged.outputs()
    assert {name: each.outcome for name, each in damaged.repairs().items()} == REPAIRED
    for name in ("fine.jpg", "no record.jpg"):
        assert after[name] == before[name]
    assert sorted(after) == sorted(
        ["fine.jpg", "no record.jpg", *(name for name, outcome in REPAIRED.items() if outcome is Outcome.CONVERTED)]
    )
    stack = damaged.world.stack
    left = {key.removeprefix(damaged.prefix) for key in out_of_step(stack, damaged.prefix)}
    assert left == {"notes.txt", "folder/"}  # which have no counterpart
    shown = damaged.world.output(damaged.key("changed.jpg"))
    assert shown is not None
    assert shown.tobytes() == gray(ASTRONAUT).tobytes()
    assert all(damaged.world.is_free(damaged.key(name)) for name in REPAIRED)


@pytest.mark.parametrize("distributed", WAYS)
def test_a_second_run_finds_nothing(damaged: Bench, distributed: bool) -> None:
    damaged.reconcile(distributed=distributed)
    outputs, records, repairs = damaged.outputs(), damaged.records(), damaged.repairs()

    assert damaged.reconcile(distributed=not distributed)

    assert (damaged.outputs(), damaged.records(), damaged.repairs()) == (outputs, records, repairs)


@pytest.mark.parametrize("distributed", WAYS)
def test_a_dry_run_changes_nothing(damaged: Bench, distributed: bool) -> None:
    outputs, records = damaged.outputs(), damaged.records()

    assert not damaged.reconcile(distributed=distributed, dry_run=True)

    assert (damaged.outputs(), damaged.records()) == (outputs, records)
    assert damaged.repairs() == {}


@pytest.mark.parametrize("distributed", WAYS)
def test_a_rejected_input_is_tried_again_if_asked_and_only_then(bench: Bench, distributed: bool) -> None:
    bench.put("notes.txt", b"no image")
    assert bench.reconcile(distributed=distributed)
    assert bench.repairs() == {}

    assert bench.reconcile(distributed=distributed, kinds=(Kind.REJECTED,))

    assert {name: each.outcome for name, each in bench.repairs().items()} == {"notes.txt": Outcome.REJECTED}


def test_an_event_that_comes_after_a_repair_still_has_its_place(bench: Bench) -> None:
    """A repair never moves the order: the next upload is applied, and its event is not stale."""
    with bench.events_are_lost():
        bench.world.start_put(bench.key("photo"), ROCKET)
    assert bench.reconcile(distributed=False)

    execution = bench.world.put(bench.key("photo"), ASTRONAUT)

    assert execution.outcome is Outcome.CONVERTED
    shown = bench.world.output(bench.key("photo"))
    assert shown is not None
    assert shown.tobytes() == gray(ASTRONAUT).tobytes()


def test_the_second_machine_needs_to_be_told_only_what_is_unusual(bench: Bench) -> None:
    """As when a schedule starts it."""
    with bench.events_are_lost():
        bench.world.start_put(bench.key("photo"), ROCKET)
    stack, asked = bench.world.stack, json.dumps({"prefix": bench.prefix})
    client = stack.stepfunctions
    arn = client.start_execution(stateMachineArn=str(stack.reconcile_machine_arn), input=asked)["executionArn"]

    wait_until(lambda: client.describe_execution(executionArn=arn)["status"] != "RUNNING", "it has ended")

    ended = client.describe_execution(executionArn=arn)
    assert json.loads(ended["output"]) == {"inputs": [[1, 1]], "outputs": [[1]]}
    assert bench.repairs()["photo"].outcome is Outcome.CONVERTED
