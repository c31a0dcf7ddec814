"""What a scenario needs while nothing is denied, of which role."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from lockstep.executions import Execution
from tests.e2e.conftest import World
from tests.e2e.gateway import Call, Gateway
from tests.e2e.iam.needs import Need, needs
from tests.e2e.iam.roles import Grant, Roles
from tests.e2e.iam.scenarios import Scenario, Seen, sequence_number

MACHINE: Final = "StateMachineRole"
RECONCILE: Final = "ReconcileStateMachineRole"
RULE: Final = "ObjectEventRuleRole"
EXPORTER: Final = "ExportChangesFunctionRole"


@dataclass(frozen=True)
class Use:
    """One run of a scenario.

    Attributes:
        needs: with the role that has them.
    """

    scenario: Scenario
    seen: Seen
    needs: frozenset[tuple[str, Need]]

    def of(self, grant: Grant) -> bool:
        """Whether the run has needed this."""
        return any(role == grant.role and grant.covers(need) for role, need in self.needs)


def use_of(scenario: Scenario, world: World, gateway: Gateway, roles: Roles) -> Use:
    """Run the scenario, and see what its last step needs."""
    key = scenario.prepare(world, gateway)
    calls: list[tuple[str, Call, int]] = []

    def noted(call: Call, status: int) -> None:
        if key in call.path or key.encode() in call.body or sequence_number(key) in call.path:
            calls.append((roles.caller(call), call, status))

    with gateway.told(noted):
        seen = scenario.last(world, gateway, key)
        if seen.calls_the_reaper:
            world.reaped(key)
    found = {(role, need) for role, call, status in calls for need in needs(call, status)}
    if seen.execution is not None:
        found |= {(MACHINE, need) for need in _of_machine(world, seen.execution)}
        found |= {(RULE, need) for need in _of_rule(world)}
    return Use(scenario, seen, frozenset(found))


def _of_machine(world: World, execution: Execution) -> set[Need]:
    """Which functions it has invoked: those of the states it was in, by the definition that is deployed."""
    states = _definition(world, world.stack.state_machine_arn)["States"]
    tasks = [states[name] for name in execution.states if states[name]["Type"] == "Task"]
    assert {task["Resource"] for task in tasks} == {"arn:aws:states:::lambda:invoke"}
    return {Need("lambda:InvokeFunction", task["Parameters"]["FunctionName"]) for task in tasks}


def _of_rule(world: World) -> set[Need]:
    """Which machine it starts an execution of."""
    found = world.client("events").list_targets_by_rule(Rule=world.physical_id("ObjectEventRule"))
    return {Need("states:StartExecution", target["Arn"]) for target in found["Targets"]}


def needs_of_reconcile(world: World) -> set[Need]:
    """What its definition names, wherever in it: functions, state machines, itself for a Distributed Map, buckets."""
    arn = world.physical_id("ReconcileStateMachine")
    definition = _definition(world, arn)
    text = json.dumps(definition)
    found = {Need("lambda:InvokeFunction", each) for each in re.findall(r'"FunctionName": "([^"]+)"', text)}
    found |= {Need("states:StartExecution", each) for each in re.findall(r'"StateMachineArn": "([^"]+)"', text)}
    found |= {Need("states:StartExecution", arn)} if '"Mode": "DISTRIBUTED"' in text else set()
    return found | {Need("s3:ListBucket", f"arn:aws:s3:::{each}") for each in re.findall(r'"bucket": "([^"]+)"', text)}


def needs_of_lambda(world: World) -> set[Need]:
    """What Lambda does with the exporter's role, by the mapping that is deployed: it reads, and keeps what it gives up.

    The sources are "Process DynamoDB records with Lambda" and "Retain discarded records for a DynamoDB event source" in
    the Lambda Developer Guide.
    """
    mapping = world.client("lambda").get_event_source_mapping(UUID=world.physical_id("ExportChangesMapping"))
    stream, bucket = mapping["EventSourceArn"], mapping["DestinationConfig"]["OnFailure"]["Destination"]
    return {
        *(Need(f"dynamodb:{each}", stream) for each in ("DescribeStream", "GetShardIterator", "GetRecords")),
        Need("dynamodb:ListStreams", "*"),
        Need("s3:PutObject", f"{bucket}/aws/lambda/{mapping['UUID']}/shardId-0/1970/01/01/a-batch"),
        Need("s3:ListBucket", bucket),
    }


def _definition(world: World, arn: str) -> dict[str, Any]:
    found = world.stack.stepfunctions.describe_state_machine(stateMachineArn=arn)
    return dict(json.loads(found["definition"]))
