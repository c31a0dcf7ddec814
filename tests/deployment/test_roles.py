"""What is the same for every role: who may take it, its logs and traces, and that nothing comes from elsewhere.

What each may do for its work is in `test_permissions.py`.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.deployment.shipped import FUNCTIONS, RESOURCES, grants, of_type

ROLES: Final = of_type("AWS::IAM::Role")
MACHINES: Final = of_type("AWS::Serverless::StateMachine")
OWNERS: Final = FUNCTIONS | MACHINES

WRITE_LOG: Final = {"logs:CreateLogStream", "logs:PutLogEvents"}
# Lambda Developer Guide, "Visualize Lambda function invocations using AWS X-Ray".
SEND_TRACES: Final = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
# Step Functions Developer Guide, "IAM policies for AWS X-Ray": a machine asks for the sampling rules, too.
SEND_TRACES_OF_A_MACHINE: Final = SEND_TRACES | {"xray:GetSamplingRules", "xray:GetSamplingTargets"}
# The same, "Logging using CloudWatch Logs".
DELIVER_LOGS: Final = {
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}


def allowed(statements: list[dict[str, Any]], service: str) -> set[tuple[str, str]]:
    """The actions of one service, or of "*", each with its resource."""
    return {
        (action, resource)
        for statement in statements
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.partition(":")[0] in {service, "*"}
    }


def listed(found: str | list[str]) -> list[str]:
    return [found] if isinstance(found, str) else found


def test_every_function_and_machine_has_a_role_of_its_own_and_no_role_is_left_over() -> None:
    """Without `Role` SAM makes one, with policies of AWS in it."""
    taken = [each.get("Role") for each in OWNERS.values()]
    rules = [target.get("RoleArn") for each in of_type("AWS::Events::Rule").values() for target in each["Targets"]]
    assert sorted([*taken, *filter(None, rules)]) == sorted(f"{name}.Arn" for name in ROLES)


@pytest.mark.parametrize("name", ROLES)
def test_all_that_a_role_may_do_is_written_in_it(name: str) -> None:
    """Nothing comes from a managed policy, AWS's or another."""
    assert set(ROLES[name]) == {"AssumeRolePolicyDocument", "Policies"}


def test_nothing_adds_a_permission_from_outside_a_role() -> None:
    """Neither a policy that is a resource, nor what SAM would merge into a role: `Policies`, connectors, events."""
    kinds = {each["Type"] for each in RESOURCES.values()}
    assert {kind for kind in kinds if kind.startswith("AWS::IAM::")} == {"AWS::IAM::Role"}
    assert "AWS::Serverless::Connector" not in kinds
    assert not [name for name, each in RESOURCES.items() if "Connectors" in each]
    assert not [name for name, each in OWNERS.items() if {"Policies", "Events"} & set(each)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_write_to_its_own_log_alone(name: str) -> None:
    """Nor may it make a group: the template makes it. GetAtt's ARN ends in ":*", which is the group's streams."""
    group = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]
    assert RESOURCES[group]["Type"] == "AWS::Logs::LogGroup"
    assert allowed(grants(name), "logs") == {(action, f"{group}.Arn") for action in WRITE_LOG}


def test_no_two_functions_write_to_one_log() -> None:
    assert len({each["LoggingConfig"]["LogGroup"] for each in FUNCTIONS.values()}) == len(FUNCTIONS)


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_may_have_its_log_delivered(name: str) -> None:
    assert allowed(grants(name), "logs") == {(action, "*") for action in DELIVER_LOGS}


@pytest.mark.parametrize("name", OWNERS)
def test_all_may_send_traces_and_see_none(name: str) -> None:
    actions = SEND_TRACES_OF_A_MACHINE if name in MACHINES else SEND_TRACES
    assert allowed(grants(name), "xray") == {(action, "*") for action in actions}


@pytest.mark.parametrize("name", OWNERS)
def test_only_actions_that_know_no_resources_are_allowed_on_all(name: str) -> None:
    """By the Service Authorization Reference; ListStreams is for the one function that Lambda reads a stream for."""
    find_stream = {"dynamodb:ListStreams"} if name == "ExportChangesFunction" else set()
    on_all = {
        each
        for statement in grants(name)
        if "*" in listed(statement["Resource"])
        for each in listed(statement["Action"])
    }
    assert on_all <= SEND_TRACES_OF_A_MACHINE | (DELIVER_LOGS if name in MACHINES else set()) | find_stream


# --- who may take a role -----------------------------------------------------------------------------------

# EventBridge User Guide, "Cross-service confused deputy prevention"; the rule's own ARN would need the rule first.
OWN_ACCOUNT: Final = {"StringEquals": {"aws:SourceAccount": "AWS::AccountId"}}
# As the Step Functions Developer Guide has it in "Creating an IAM role for your state machine".
OWN_MACHINES: Final = OWN_ACCOUNT | {
    "ArnLike": {"aws:SourceArn": "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:*"}
}


def service_of(role: str) -> tuple[str, dict[str, Any]]:
    """Which service takes it, and on which condition, where its documentation has one for roles."""
    name = role.removesuffix("Role")
    if name in FUNCTIONS:
        return "lambda.amazonaws.com", {}
    if name in MACHINES:
        return "states.amazonaws.com", {"Condition": OWN_MACHINES}
    return "events.amazonaws.com", {"Condition": OWN_ACCOUNT}


@pytest.mark.parametrize("name", ROLES)
def test_a_role_can_be_taken_by_one_service_alone_and_for_this_account(name: str) -> None:
    """For it, so that the service cannot be made to take it on behalf of another account's machine or rule."""
    (statement,) = ROLES[name]["AssumeRolePolicyDocument"]["Statement"]
    service, condition = service_of(name)
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        **condition,
    }
