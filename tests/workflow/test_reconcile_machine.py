"""The second state machine on moto, item by item, as moto knows no ItemBatcher: what is compared, started and told."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
import pytest
from moto import mock_aws

from lockstep.reconcile.result import INCOMPLETE, left_out, tallied, tallies
from objectlock.comparison import Finding, Kind, repair_event, repair_name
from tests.workflow.conftest import forget_users_settings
from tests.workflow.kit.cases import Answer, Raises, Refused, Returns
from tests.workflow.kit.endpoint import InvokeEndpoint
from tests.workflow.kit.engines.patched_moto import fast_parsing
from tests.workflow.stack import ACCOUNT, REGION
from tests.workflow.template import ROOT

FUNCTION: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:CompareObjects"
REPAIRER: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:Repair"
ORDINARY: Final = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:ordinary"


@dataclass
class Account:
    """What the command reads a run's end from."""

    stepfunctions: Any


@dataclass
class World:
    """The machine, with a function that finds out of step whatever is called so.

    Attributes:
        items: what the function was asked.
        errors: what it answers first.
        refused: keys that it cannot compare.
        repairs: what Step Functions answers to each start of a repair, where `repaired_by_a_function`.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    errors: list[Answer] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    repairs: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.s3, self.states = boto3.client("s3"), boto3.client("stepfunctions")
        for bucket in ("input", "output"):
            self.s3.create_bucket(Bucket=bucket)
        role = f"arn:aws:iam::{ACCOUNT}:role/any"
        self.machine = self.states.create_state_machine(name="reconcile", definition=shipped(), roleArn=role)

    def repaired_by_a_function(self) -> None:
        """Which has the errors of `startExecution.sync:2`: moto cannot start an execution from a state."""
        definition = json.loads(shipped())
        repairs = definition["States"]["Objects"]["ItemProcessor"]["States"]["Repairs"]
        repair = repairs["ItemProcessor"]["States"]["Repair"]
        repair["Resource"] = "arn:aws:states:::lambda:invoke"
        repair["Parameters"] = {"FunctionName": REPAIRER, "Payload.$": "$"}
        self.states.update_state_machine(
            stateMachineArn=self.machine["stateMachineArn"], definition=json.dumps(definition)
        )

    def put(self, bucket: str, *keys: str) -> None:
        for key in keys:
            self.s3.put_object(Bucket=bucket, Key=key, Body=b"")

    def compare(self, function: str, body: bytes) -> Answer:
        if function == REPAIRER:
            return self.repairs.pop(0)
        if self.errors:
            return self.errors.pop(0)
        item = json.loads(body)
        if item["key"] in self.refused:
            return Raises("AccessDenied")
        self.items.append(item)
        if "missing" not in item["key"]:
            return Returns({"repairs": [], "tally": [1]})
        event = repair_event("input", Finding(Kind.MISSING, item["key"]))
        return Returns({"repairs": [{"name": repair_name("run-1", item["key"]), "event": event}], "tally": [1, 1]})

    def run(self, **asked: Any) -> dict[str, Any]:
        """Run it to its end: its output."""
        found = self.ended(**asked)
        assert found["status"] == "SUCCEEDED", found
        output: dict[str, Any] = json.loads(found["output"])
        return output

    def run_incomplete(self, **asked: Any) -> tuple[str, dict[str, Any]]:
        """Run it to its end, which is a failure: its cause, and the tallies as the command finds them."""
        found = self.ended(**asked)
        assert (found["status"], found["error"]) == ("FAILED", INCOMPLETE), found
        return found["cause"], tallies(Account(self.states), found)  # type: ignore[arg-type]  # all that is used of it

    def ended(self, **asked: Any) -> Any:
        """Run it to its end, as DescribeExecution has it."""
        machine = self.machine["stateMachineArn"]
        arn = self.states.start_execution(stateMachineArn=machine, name="run-1", input=json.dumps(asked))
        while True:
            found = self.states.describe_execution(executionArn=arn["executionArn"])
            if found["status"] != "RUNNING":
                return found
            time.sleep(0.02)  # moto works in this process: whoever asks without a pause keeps it from its work


def shipped() -> str:
    """The definition as SAM deploys it, but for the batches: the function takes an item as well."""
    text = (ROOT / "statemachine/reconcile.asl.json").read_text(encoding="utf-8")
    values = {
        "InputBucketName": "input",
        "OutputBucketName": "output",
        "CompareObjectsFunctionArn": FUNCTION,
        "StateMachineArn": ORDINARY,
        "ReconcileConcurrency": "3",
    }
    definition = json.loads(re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], text))
    objects = definition["States"]["Objects"]
    del objects["ItemBatcher"]
    objects["ItemProcessor"]["States"]["NotCompared"]["Parameters"] = {"not_compared": 1}  # items of a batch otherwise
    objects["ToleratedFailurePercentage"] += 0.0  # moto reads no whole number
    return json.dumps(definition)


@pytest.fixture
def world(lambda_server: InvokeEndpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    forget_users_settings(monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", lambda_server.url)
    with (
        fast_parsing(),
        mock_aws(
            config={
                "stepfunctions": {"execute_state_machine": True},
                "core": {"passthrough": {"urls": [lambda_server.url]}},
            }
        ),
    ):
        world = World()
        lambda_server.answer = world.compare
        yield world


def test_every_object_of_both_buckets_is_compared_with_all_that_the_function_has_to_know(world: World) -> None:
    world.put("input", "1", "2", "3")
    world.put("output", "orphan")

    output = world.run()

    usual = {"run": "run-1", "dry_run": False, "kinds": ["missing", "outdated", "orphaned"]}
    asked = sorted(world.items, key=lambda item: item["key"])
    assert asked == [
        *({**usual, "key": key, "listing": "inputs"} for key in ("1", "2", "3")),
        {**usual, "key": "orphan", "listing": "outputs"},
    ]
    assert world.items[-1]["key"] == "orphan"  # the outputs come last
    assert output.keys() == {"inputs", "outputs"}
    assert tallied(output["inputs"]) == (3, {})
    assert tallied(output["outputs"]) == (1, {})


def test_only_what_differs_from_the_usual_has_to_be_said(world: World) -> None:
    world.put("input", "a/1", "b/1")
    world.put("output", "a/1", "b/1")

    world.run(prefix="a/", dry_run=True, kinds=["outdated"])

    usual = {"key": "a/1", "run": "run-1", "dry_run": True, "kinds": ["outdated"]}
    assert world.items == [{**usual, "listing": "inputs"}, {**usual, "listing": "outputs"}]


def test_a_repair_that_fails_keeps_nothing_else_from_being_compared_and_repaired(world: World) -> None:
    """Each does here: moto cannot start an execution from a state. The emulator can: tests/e2e/test_reconcile.py."""
    world.put("input", "1 missing", "2 missing", "3")
    world.put("output", "4 missing")

    cause, output = world.run_incomplete()

    assert {item["key"] for item in world.items} == {"1 missing", "2 missing", "3", "4 missing"}
    assert tallied(output["inputs"]) == (3, {Kind.MISSING: 2})
    assert tallied(output["outputs"]) == (1, {Kind.MISSING: 1})
    assert left_out(output["inputs"]) == 0
    assert cause.startswith("0 batches were not compared, and 3 batches have repairs")


@pytest.mark.parametrize("error", [Refused("TooManyRequestsException"), Raises("ServiceUnavailable")], ids=str)
@pytest.mark.usefixtures("withhold")  # so that retries take no time
def test_a_comparison_that_could_not_be_made_is_made_again(world: World, error: Answer) -> None:
    world.errors = [error]
    world.put("input", "any")
    world.put("output", "any")

    output = world.run()

    assert (output["inputs"], world.errors) == ([[1]], [])


@pytest.mark.usefixtures("withhold")
def test_what_could_not_be_compared_keeps_nothing_else_from_it_and_the_run_fails_in_the_end(world: World) -> None:
    world.refused = {"2"}
    world.put("input", "1", "2", "3")
    world.put("output", "2", "4")

    cause, output = world.run_incomplete()

    assert [item["key"] for item in world.items if item["listing"] == "outputs"] == ["4"]
    assert (tallied(output["inputs"])[0], left_out(output["inputs"])) == (2, 1)
    assert (tallied(output["outputs"])[0], left_out(output["outputs"])) == (1, 1)
    assert cause.startswith("2 batches were not compared, and 0 batches have repairs")


@pytest.mark.parametrize("code", ["ExecutionAlreadyExists", "ExecutionAlreadyExistsException"])
def test_a_repair_whose_name_has_ended_already_is_never_taken_for_done(world: World, code: str) -> None:
    """As after a redrive of a run that was stopped, and its repairs with it: while one runs, there is no such error."""
    world.repaired_by_a_function()
    world.repairs = [Raises(f"StepFunctions.{code}")]
    world.put("input", "missing")
    world.put("output", "4")

    cause, _ = world.run_incomplete()

    assert world.repairs == []
    assert cause.startswith("0 batches were not compared, and 1 batches have repairs")


def test_a_repair_that_ended_as_rejected_is_seen_to(world: World) -> None:
    world.repaired_by_a_function()
    world.repairs = [Raises("SourceRejected")]
    world.put("input", "missing")
    world.put("output", "4")

    assert world.run() == {"inputs": [[1, 1]], "outputs": [[1]]}
    assert world.repairs == []
