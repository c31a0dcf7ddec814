"""What the promises of Lockstep need from AWS, and whether template.yaml asks for it."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest
from aws_lambda_powertools.shared import constants as powertools
from moto.events.models import EventPattern

from objectlock import errors, lock
from objectlock.events import Change
from objectlock.protocol import Work
from tests.deployment.shipped import (
    FUNCTION_DEFAULTS,
    FUNCTIONS,
    MACHINE_TEXT,
    PARAMETERS,
    RESOURCES,
    ROOT,
    STATES,
    TASKS,
    of_type,
)

BUCKETS = sorted(of_type("AWS::S3::Bucket"))
LOCK_TABLE = RESOURCES["LockTable"]["Properties"]
RULE = RESOURCES["ObjectEventRule"]["Properties"]
MACHINE_RESOURCE = RESOURCES["StateMachine"]["Properties"]
SUBSTITUTIONS: dict[str, str] = MACHINE_RESOURCE["DefinitionSubstitutions"]


def statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def is_subset(part: dict[str, Any], whole: dict[str, Any]) -> bool:
    return all(whole.get(name) == value for name, value in part.items())


# --- the lock table ----------------------------------------------------------------------------------------


def test_an_object_has_one_record_so_the_change_feed_is_ordered_per_object() -> None:
    assert LOCK_TABLE["KeySchema"] == [{"AttributeName": lock.OBJECT_ID, "KeyType": "HASH"}]
    assert LOCK_TABLE["AttributeDefinitions"] == [{"AttributeName": lock.OBJECT_ID, "AttributeType": "S"}]
    assert LOCK_TABLE["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_tombstones_expire_by_the_attribute_that_a_release_writes() -> None:
    assert LOCK_TABLE["TimeToLiveSpecification"] == {"AttributeName": lock.EXPIRES_AT, "Enabled": True}


def test_lock_records_can_be_brought_back_and_are_encrypted() -> None:
    assert LOCK_TABLE["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert LOCK_TABLE["SSESpecification"] == {"SSEEnabled": True}


@pytest.mark.parametrize("name", [*BUCKETS, "LockTable"])
def test_deleting_the_stack_deletes_no_data(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


# --- the buckets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUCKETS)
def test_bucket_is_private_and_encrypted(name: str) -> None:
    bucket = RESOURCES[name]["Properties"]
    rules = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert [rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules] == ["AES256"]
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@pytest.mark.parametrize("name", BUCKETS)
def test_bucket_takes_nothing_without_tls(name: str) -> None:
    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"{name}.Arn", f"${{{name}.Arn}}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policies = [policy for policy in of_type("AWS::S3::BucketPolicy").values() if policy["Bucket"] == name]
    assert any(is_subset(tls_only, statement) for policy in policies for statement in statements(policy))


def test_input_bucket_keeps_versions_and_tells_of_every_change() -> None:
    bucket = RESOURCES["InputBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_no_function_may_change_the_input() -> None:
    """Nor the machine or the rule: only OutputBucket is ever written."""
    writes = [
        (name, statement)
        for name, function in FUNCTIONS.items()
        for policy in function["Policies"]
        for statement in policy["Statement"]
        if re.search(r"\*|s3:(?!Get|List)", str(statement["Action"]))
    ]
    assert {name for name, _ in writes} == {"GrayscaleFunction", "DeleteOutputFunction"}
    assert {statement["Resource"] for _, statement in writes} == {"${OutputBucket.Arn}/*"}


# --- the rule ----------------------------------------------------------------------------------------------


def s3_event(
    detail_type: str = "Object Created", bucket: str = "InputBucket", source: str = "aws.s3"
) -> dict[str, Any]:
    return {
        "version": "0",
        "detail-type": detail_type,
        "source": source,
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {"version": "0", "bucket": {"name": bucket}, "object": {"key": "a.jpg", "sequencer": "01"}},
    }


def rule_matches(event: dict[str, Any]) -> bool:
    matches: bool = EventPattern.load(json.dumps(RULE["EventPattern"])).matches_event(event)  # type: ignore[arg-type]
    return matches


@pytest.mark.parametrize("change", Change)
def test_every_change_of_an_input_object_starts_an_execution(change: Change) -> None:
    assert rule_matches(s3_event(change.value))


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(s3_event(bucket="OutputBucket"), id="our own writes, or it would run for ever"),
        pytest.param(s3_event(bucket="InputBucket-2"), id="a bucket whose name begins the same"),
        pytest.param(s3_event(source="my.app"), id="somebody else's event"),
        *(
            pytest.param(s3_event(detail_type), id=detail_type)
            for detail_type in (
                "Object ACL Updated",
                "Object Access Tier Changed",
                "Object Restore Completed",
                "Object Restore Expired",
                "Object Restore Initiated",
                "Object Storage Class Changed",
                "Object Tags Added",
                "Object Tags Deleted",
            )
        ),
    ],
)
def test_nothing_else_starts_one(event: dict[str, Any]) -> None:
    assert not rule_matches(event)


def test_rule_and_code_agree_on_what_a_change_is() -> None:
    assert set(RULE["EventPattern"]["detail-type"]) == {change.value for change in Change}


def test_an_event_that_cannot_start_an_execution_is_tried_for_a_day_and_then_kept_for_two_weeks() -> None:
    (target,) = RULE["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 24 * 3600}
    queue, _, attribute = target["DeadLetterConfig"]["Arn"].partition(".")
    assert attribute == "Arn"
    assert RESOURCES[queue]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": f"{queue}.Arn",
        "Condition": {"ArnEquals": {"aws:SourceArn": "ObjectEventRule.Arn"}},
    }
    policies = [policy for policy in of_type("AWS::SQS::QueuePolicy").values() if policy["Queues"] == [queue]]
    assert any(is_subset(may_send, statement) for policy in policies for statement in statements(policy))


# --- the functions -----------------------------------------------------------------------------------------


def assert_does_not_keep_logs_for_ever(log_group: str) -> None:
    resource = RESOURCES[log_group]
    assert resource["Type"] == "AWS::Logs::LogGroup"
    assert resource["Properties"]["RetentionInDays"] == "LogRetentionDays"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_logs_json_at_the_level_asked_for_and_not_for_ever(name: str) -> None:
    logging = FUNCTIONS[name]["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    assert logging["ApplicationLogLevel"] == "LogLevel"
    assert_does_not_keep_logs_for_ever(logging["LogGroup"])


def test_state_machine_does_not_keep_logs_for_ever() -> None:
    (destination,) = MACHINE_RESOURCE["Logging"]["Destinations"]
    log_group, _, _ = destination["CloudWatchLogsLogGroup"]["LogGroupArn"].partition(".")
    assert_does_not_keep_logs_for_ever(log_group)


def environment_reads() -> set[str]:
    """Names that functions/ read from the environment; only literal names count, and all have to be literal."""
    found: set[str] = set()
    for path in (ROOT / "functions").rglob("*.py"):
        source = ast.parse(path.read_text(encoding="utf-8"))
        reads = [
            node.slice.value
            for node in ast.walk(source)
            if isinstance(node, ast.Subscript)
            and ast.unparse(node.value) == "os.environ"
            and isinstance(node.slice, ast.Constant)
        ]
        mentions = [node for node in ast.walk(source) if ast.unparse(node) in {"os.environ", "os.getenv", "environ"}]
        assert len(reads) == len(mentions), (
            f'{path}: read the environment as os.environ["NAME"], so that this test sees it'
        )
        found.update(map(str, reads))
    return found


def test_functions_are_given_every_variable_they_read_and_no_other() -> None:
    given = {*FUNCTION_DEFAULTS["Environment"]["Variables"]}.union(
        *(function.get("Environment", {}).get("Variables", {}) for function in FUNCTIONS.values())
    )
    read_by_powertools = {powertools.SERVICE_NAME_ENV, powertools.METRICS_NAMESPACE_ENV}
    assert given == environment_reads() | read_by_powertools


def timeout_of(function: str) -> int:
    seconds: int = FUNCTIONS[function].get("Timeout", FUNCTION_DEFAULTS["Timeout"])
    return seconds


def function_of(state: dict[str, Any]) -> str:
    """The logical id of the Lambda that a Task invokes."""
    placeholder = re.fullmatch(r"\$\{(\w+)\}", state["Parameters"]["FunctionName"])
    assert placeholder
    name, _, attribute = SUBSTITUTIONS[placeholder[1]].partition(".")
    assert attribute == "Arn"
    return name


@pytest.mark.parametrize("name", TASKS)
def test_task_outwaits_its_lambda_so_a_retry_never_overlaps_it(name: str) -> None:
    assert TASKS[name]["TimeoutSeconds"] > timeout_of(function_of(TASKS[name]))


@pytest.mark.parametrize("name", ["ConvertToGrayscale", "DeleteOutput"])
def test_lease_outlives_a_worker_whatever_is_set(name: str) -> None:
    assert PARAMETERS["LeaseSeconds"]["MinValue"] > timeout_of(function_of(TASKS[name]))


# --- the state machine -------------------------------------------------------------------------------------


def test_every_placeholder_of_the_machine_is_filled_and_stands_in_quotes() -> None:
    """In quotes, so that the file is JSON as it is, for every tool that reads it."""
    placeholders = re.compile(r"\$\{(\w+)\}")
    in_strings: list[str] = []

    def visit(node: Any) -> None:
        match node:
            case dict():
                visit([*node, *node.values()])
            case list():
                for each in node:
                    visit(each)
            case str():
                in_strings.extend(placeholders.findall(node))

    visit(json.loads(MACHINE_TEXT))
    assert sorted(in_strings) == sorted(placeholders.findall(MACHINE_TEXT))
    assert set(in_strings) == set(SUBSTITUTIONS)


def test_machine_and_code_use_the_same_words() -> None:
    """Error names without a dot are exceptions of ours; the words that are routed on are kinds of `Work`."""
    handlers = [handler for state in STATES.values() for handler in (*state.get("Retry", ()), *state.get("Catch", ()))]
    ours = {name for handler in handlers for name in handler["ErrorEquals"] if "." not in name}
    assert ours <= {name for name, each in vars(errors).items() if isinstance(each, type)}
    routed = {choice["StringEquals"] for choice in STATES["RouteWork"]["Choices"]}
    assert routed <= {work.value for work in Work}


# --- the parameters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_says_what_it_is_and_refuses_nonsense(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter["Description"]
    default = parameter["Default"]
    if "AllowedValues" in parameter:
        assert default in parameter["AllowedValues"]
    else:
        assert parameter["Type"] == "Number", "text needs AllowedValues"
        assert parameter["MinValue"] <= default <= parameter["MaxValue"]
