"""Upgrade and rollback: what runs goes on with the code it began with, what starts has the version in use."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

import pytest

from tests.deployment.shipped import (
    FUNCTION_DEFAULTS,
    FUNCTIONS,
    MACHINE,
    PARAMETERS,
    RESOURCES,
    ROOT,
    TASKS,
    TEMPLATE,
    grants,
    load_template,
    of_type,
)
from tests.deployment.test_template import MACHINE_RESOURCE, SUBSTITUTIONS, function_of, is_subset

ALIAS: Final = RESOURCES["StateMachineAlias"]["Properties"]
OF_TASKS: Final = sorted({function_of(task) for task in TASKS.values()})
VERSIONED: Final = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")
LOCAL: Final = load_template(ROOT / "template.yaml", LambdaRuntime="provided.al2023")


def preference(**parameters: Any) -> dict[str, Any]:
    template = load_template(ROOT / "template.yaml", **parameters)
    found: dict[str, Any] = template["Resources"]["StateMachineAlias"]["Properties"]["DeploymentPreference"]
    return found


# --- versions ----------------------------------------------------------------------------------------------


def test_the_machine_names_versions_of_its_functions_so_that_one_rollback_is_one_of_everything() -> None:
    assert sorted(SUBSTITUTIONS.values()) == [f"{name}.Version" for name in OF_TASKS]


@pytest.mark.parametrize("name", OF_TASKS)
def test_every_change_of_a_function_is_a_version_of_it(name: str) -> None:
    assert FUNCTIONS[name]["AutoPublishAlias"]
    assert FUNCTIONS[name]["AutoPublishAliasAllProperties"] is True


def parameters_in(node: Any) -> set[str]:
    """Parameters that a part of the template uses; its references are text already."""
    return {name for name in PARAMETERS if re.search(rf"\b{name}\b", str(node))}


@pytest.mark.parametrize("name", OF_TASKS)
def test_a_changed_parameter_is_a_version_too(name: str) -> None:
    """SAM sees a change of the template only, so with nothing but a parameter changed it would publish none."""
    template = load_template(ROOT / "template.yaml", ExistingInputBucket="a", ExistingOutputBucket="b")
    shared, own = template["Globals"]["Function"], template["Resources"][name]["Properties"]
    used = parameters_in({each: value for each, value in shared.items() if each != "Runtime"}) | parameters_in(own)
    assert parameters_in(own["VersionDescription"]) == used
    assert {"LeaseSeconds", "LogLevel", "ExistingInputBucket"} <= used


@pytest.mark.parametrize("name", OF_TASKS)
def test_older_versions_of_a_function_are_kept(name: str) -> None:
    """SAM hands the policy on to the version, and gives it a DeletionPolicy of its own, unless there is one here."""
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"
    assert "DeletionPolicy" not in RESOURCES[name], "it would be the version's as well"
    assert "VersionDeletionPolicy" not in {**FUNCTION_DEFAULTS, **FUNCTIONS[name]}


def test_every_revision_of_the_machine_is_published_and_older_versions_are_kept() -> None:
    version = RESOURCES["StateMachineVersion"]
    assert version["Properties"] == {
        "StateMachineArn": "StateMachine",
        "StateMachineRevisionId": "StateMachine.StateMachineRevisionId",
    }
    assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_a_role_keeps_its_name_as_older_versions_have_it() -> None:
    """An upgrade deletes a role that has another name in the template, and with it what those versions may do."""
    names = {name: each["Role"] for kind in VERSIONED for name, each in of_type(kind).items()}
    assert names == {name: f"{name}Role.Arn" for name in names}
    assert not {"RoleName", "Path"} & {field for each in of_type("AWS::IAM::Role").values() for field in each}


# --- the alias ---------------------------------------------------------------------------------------------


def assert_starts_the_alias_alone(statement: dict[str, Any]) -> None:
    """IAM is asked about the machine; the alias is a condition (Step Functions, "Authorization for versions")."""
    assert (statement["Action"], statement["Resource"]) == ("states:StartExecution", "StateMachine")
    assert statement["Condition"] == {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": [ALIAS["Name"]]}}


def test_events_start_executions_on_the_alias_alone() -> None:
    (target,) = RESOURCES["ObjectEventRule"]["Properties"]["Targets"]
    assert target["Arn"] == "StateMachineAlias"
    (policy,) = RESOURCES["ObjectEventRuleRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert_starts_the_alias_alone(statement)


def test_repairs_start_on_the_alias_alone() -> None:
    machine = RESOURCES["ReconcileStateMachine"]["Properties"]
    assert machine["DefinitionSubstitutions"]["StateMachineArn"] == "StateMachineAlias"
    (statement,) = (each for each in grants("ReconcileStateMachine") if each["Sid"] == "StartRepairs")
    assert_starts_the_alias_alone(statement)


def test_what_starts_executions_by_hand_is_told_the_alias() -> None:
    assert TEMPLATE["Outputs"]["LiveStateMachineArn"]["Value"] == "StateMachineAlias"


def test_the_reaper_hears_of_executions_on_every_version() -> None:
    """As DescribeExecution does, their events name the machine, and the alias and the version apart from it."""
    detail = RESOURCES["EndedExecutionRule"]["Properties"]["EventPattern"]["detail"]
    assert detail["stateMachineArn"] == ["StateMachine"]


def test_the_local_stack_starts_them_on_the_machine_as_it_knows_no_versions_of_one() -> None:
    assert not {"StateMachineAlias", "StateMachineVersion"} & LOCAL["Resources"].keys()
    (target,) = LOCAL["Resources"]["ObjectEventRule"]["Properties"]["Targets"]
    assert target["Arn"] == "StateMachine"
    (policy,) = LOCAL["Resources"]["ObjectEventRuleRole"]["Properties"]["Policies"]
    assert "Condition" not in policy["PolicyDocument"]["Statement"][0]
    assert LOCAL["Outputs"]["LiveStateMachineArn"]["Value"] == "StateMachine"
    assert LOCAL["Resources"]["StateMachine"]["Properties"] == MACHINE_RESOURCE


# --- deployments -------------------------------------------------------------------------------------------


def test_a_step_lasts_longer_than_an_execution_may_take_to_fail_and_its_alarm_to_hear_of_it() -> None:
    heard_of = max(RESOURCES[name]["Properties"]["Period"] for name in preference(DeploymentType="CANARY")["Alarms"])
    seconds = PARAMETERS["DeploymentIntervalMinutes"]["Default"] * 60
    assert seconds >= MACHINE["TimeoutSeconds"] + heard_of


def test_an_upgrade_leaves_the_stacks_parameters_as_they_are() -> None:
    """SAM CLI sends UsePreviousValue for what it is not given, but with --guided it is given every parameter."""
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    assert settings["upgrade"]["deploy"]["parameters"].keys() == {"capabilities", "confirm_changeset", "resolve_s3"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^upgrade:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert "--guided" not in recipe
    assert "sam deploy --config-env upgrade --stack-name" in recipe


def test_what_is_answered_at_the_first_deployment_is_kept_out_of_the_repository() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "sam deploy --guided --config-file samconfig.local.toml" in makefile
    assert "/samconfig.local.toml" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_all_at_once_is_the_default_and_asks_for_no_steps() -> None:
    assert ALIAS["DeploymentPreference"] == {"StateMachineVersionArn": "StateMachineVersion", "Type": "DeploymentType"}
    assert PARAMETERS["DeploymentType"]["Default"] == "ALL_AT_ONCE"


@pytest.mark.parametrize("kind", ["CANARY", "LINEAR"])
def test_a_gradual_deployment_goes_back_when_executions_fail_or_time_out(kind: str) -> None:
    steps = {"Percentage": "DeploymentPercentage", "Interval": "DeploymentIntervalMinutes"}
    found = preference(DeploymentType=kind)
    assert is_subset(steps, found)
    assert found["Alarms"] == ["ExecutionsFailedAlarm", "ExecutionsTimedOutAlarm"]
    assert {RESOURCES[name]["Type"] for name in found["Alarms"]} == {"AWS::CloudWatch::Alarm"}
