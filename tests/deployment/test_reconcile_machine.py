"""What a reconcile by Step Functions needs from the template, and what it must not be able to do."""

from __future__ import annotations

import json
import re
from typing import Any

from lockstep.reconcile import result
from objectlock import errors
from objectlock.comparison import REPAIRED, TALLIED, Finding, Kind, repair_event
from tests.deployment.shipped import FUNCTIONS, PARAMETERS, RESOURCES, ROOT, grants, grants_for_work

TEXT = (ROOT / "statemachine/reconcile.asl.json").read_text(encoding="utf-8")
DEFINITION = json.loads(TEXT)
STATES = DEFINITION["States"]
OBJECTS = STATES["Objects"]
CHILD = OBJECTS["ItemProcessor"]["States"]
REPAIR = CHILD["Repairs"]["ItemProcessor"]["States"]["Repair"]
RESOURCE = RESOURCES["ReconcileStateMachine"]["Properties"]
SUBSTITUTIONS = RESOURCE["DefinitionSubstitutions"]
OWN_NAME = "${AWS::StackName}-reconcile"


def statements() -> list[dict[str, Any]]:
    return grants("ReconcileStateMachine")


def allowed() -> dict[str, set[tuple[str, str]]]:
    """Actions and resources, by the statement's Sid."""
    found = {}
    for each in statements():
        actions, resources = (
            [value] if isinstance(value, str) else value for value in (each["Action"], each["Resource"])
        )
        found[each["Sid"]] = {(action, str(resource)) for action in actions for resource in resources}
    return found


def test_every_placeholder_is_filled_and_stands_in_quotes() -> None:
    placeholders = re.findall(r"\$\{(\w+)\}", TEXT)
    assert set(placeholders) == set(SUBSTITUTIONS)
    assert len(placeholders) == len(re.findall(r"\$\{(\w+)\}", json.dumps(DEFINITION)))


def test_it_starts_repairs_on_what_events_start_executions_on() -> None:
    """Behind the alias, so that after a rollback repairs run on the version gone back to."""
    (target,) = RESOURCES["ObjectEventRule"]["Properties"]["Targets"]
    assert SUBSTITUTIONS["StateMachineArn"] == target["Arn"]
    (rule_may,) = RESOURCES["ObjectEventRuleRole"]["Properties"]["Policies"]
    (start,) = rule_may["PolicyDocument"]["Statement"]
    (may,) = (each for each in statements() if each["Sid"] == "StartRepairs")
    assert {**may, "Sid": None} == {**start, "Sid": None}
    assert REPAIR["Resource"] == "arn:aws:states:::states:startExecution.sync:2"  # which waits for the end


def test_it_may_run_its_own_children_and_wait_for_repairs_and_nothing_else() -> None:
    states = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
    events = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}"
    rule = f"{events}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
    may = allowed()
    assert RESOURCE["Name"] == OWN_NAME
    assert may["RunChildWorkflows"] == {("states:StartExecution", f"{states}:stateMachine:{OWN_NAME}")}
    executions = f"{states}:execution:{OWN_NAME}:*"
    assert may["SeeToChildWorkflows"] == {
        ("states:DescribeExecution", executions),
        ("states:StopExecution", executions),
    }
    assert may["RedriveChildWorkflows"] == {("states:RedriveExecution", f"{states}:execution:{OWN_NAME}/*:*")}
    repairs = f"{states}:execution:${{StateMachine.Name}}:*"
    assert may["WaitForRepairs"] == {("states:DescribeExecution", repairs), ("states:StopExecution", repairs)}
    assert may["HearOfTheirEnds"] == {(f"events:{each}", rule) for each in ("PutTargets", "PutRule", "DescribeRule")}
    assert may["Compare"] == {("lambda:InvokeFunction", "CompareObjectsFunction.Arn")}
    assert may["ListObjects"] == {("s3:ListBucket", f"{each}Bucket.Arn") for each in ("Input", "Output")}
    assert {each["Effect"] for each in statements()} == {"Allow"}
    on_all = [sid for sid, each in may.items() if any(resource == "*" for _, resource in each)]
    assert on_all == ["DeliverLogs", "SendTraces"]


def test_the_function_that_compares_can_change_nothing() -> None:
    actions = {
        action
        for statement in grants_for_work("CompareObjectsFunction")
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert actions == {"dynamodb:GetItem", "s3:GetObject", "s3:ListBucket"}


def test_the_limit_bounds_the_conversions_themselves() -> None:
    """Children at a time by the parameter, one repair at a time in each, and the child waits for its end."""
    assert OBJECTS["MaxConcurrencyPath"] == "$.settings.concurrency"
    assert STATES["Defaults"]["Parameters"]["defaults"]["concurrency.$"] == (
        "States.StringToJson('${ReconcileConcurrency}')"
    )
    assert CHILD["Repairs"]["MaxConcurrency"] == 1
    assert PARAMETERS["ReconcileConcurrency"]["MinValue"] == 1  # 0 would be no limit
    assert OBJECTS["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}


def test_a_child_stays_below_the_limits_of_a_history() -> None:
    """25,000 events: one that fails has twelve, and three more for each time that it is tried again."""
    retries = sum(each["MaxAttempts"] for each in REPAIR["Retry"])
    assert OBJECTS["ItemBatcher"]["MaxItemsPerBatch"] * (12 + 3 * retries) < 25_000
    assert OBJECTS["ItemBatcher"]["MaxInputBytesPerBatch"] <= 128 * 1024


def test_one_failure_ends_neither_a_batch_nor_the_run() -> None:
    assert OBJECTS["ToleratedFailurePercentage"] == 100
    assert REPAIR["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert CHILD["CompareObjects"]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert "States.TaskFailed" not in json.dumps(REPAIR["Retry"])  # a repair that failed is not made again by itself


def test_task_outwaits_its_lambda() -> None:
    assert CHILD["CompareObjects"]["TimeoutSeconds"] > FUNCTIONS["CompareObjectsFunction"]["Timeout"]


def test_it_ends_as_the_command_knows() -> None:
    assert STATES["Failed"]["Error"] == result.INCOMPLETE


def test_a_rejected_input_is_none_of_the_repairs_that_failed() -> None:
    """By the repair's own error, in what `startExecution.sync:2` tells of it as the cause."""
    states = CHILD["Repairs"]["ItemProcessor"]["States"]
    (rule,) = states["WhyNotRepaired"]["Choices"]
    patterns = [each["StringMatches"] for each in rule["And"][1]["Or"]]
    for separators in ((",", ":"), (", ", ": ")):
        for error, is_rejected in ((errors.SourceRejected.__name__, True), ("ServiceUnavailable", False)):
            cause = described(error, separators)
            assert any(matches(pattern, cause) for pattern in patterns) is is_rejected
    assert (rule["Next"], states["WhyNotRepaired"]["Default"]) == ("SeenTo", "NotRepaired")
    assert states["NotRepaired"]["Result"] in CHILD["Repairs"]["ResultSelector"]["has_failures.$"]


def described(error: str, separators: tuple[str, str]) -> str:
    """What DescribeExecution tells of a failed repair, as text; its key and its cause look like the other error."""
    other = {True: "ServiceUnavailable", False: "SourceRejected"}[error == "SourceRejected"]
    hostile = json.dumps({"Error": other}, separators=separators)
    event = repair_event("input", Finding(Kind.MISSING, hostile))
    about = {
        "ExecutionArn": "arn:aws:states:eu-west-1:111122223333:execution:lockstep:current:reconcile-run-1-0123abcd",
        "Input": json.dumps(event, separators=separators),
        "InputDetails": {"Included": True},
        "Name": "reconcile-run-1-0123abcd",
        "RedriveCount": 0,
        "RedriveStatus": "REDRIVABLE",
        "StartDate": 1767225600000,
        "StateMachineAliasArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:lockstep:current",
        "StateMachineArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:lockstep",
        "StateMachineVersionArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:lockstep:1",
        "Status": "FAILED",
        "StopDate": 1767225601000,
        "Error": error,
        "Cause": json.dumps({"errorMessage": hostile, "errorType": error}, separators=separators),
    }
    return json.dumps(about, separators=separators)


def matches(pattern: str, text: str) -> bool:
    """As StringMatches does: a star stands for anything."""
    return bool(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text))


def test_machine_function_and_command_use_the_same_words_in_the_same_order() -> None:
    assert STATES["Defaults"]["Parameters"]["defaults"]["kinds"] == [kind.value for kind in REPAIRED]
    assert TALLIED == (Kind.MISSING, Kind.OUTDATED, Kind.ORPHANED, Kind.REJECTED)
    assert TALLIED[: len(REPAIRED)] == REPAIRED
