"""What the promises of Lockstep need from AWS, and whether template.yaml asks for it."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest
from aws_lambda_powertools.shared import constants as powertools
from moto.events.models import EventPattern

from objectlock import errors, record
from objectlock.events import Change
from objectlock.protocol import Work
from tests.deployment.shipped import (
    FUNCTION_DEFAULTS,
    FUNCTIONS,
    MACHINE,
    MACHINE_TEXT,
    PARAMETERS,
    RESOURCES,
    ROOT,
    STATES,
    TASKS,
    TEMPLATE,
    grants,
    grants_for_work,
    load_template,
    of_type,
)

BUCKETS = sorted(of_type("AWS::S3::Bucket"))
LOCK_TABLE = RESOURCES["LockTable"]["Properties"]
RULE = RESOURCES["ObjectEventRule"]["Properties"]
REAPER_RULE = RESOURCES["EndedExecutionRule"]["Properties"]
MACHINE_RESOURCE = RESOURCES["StateMachine"]["Properties"]
SUBSTITUTIONS: dict[str, str] = MACHINE_RESOURCE["DefinitionSubstitutions"]


def statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def is_subset(part: dict[str, Any], whole: dict[str, Any]) -> bool:
    return all(whole.get(name) == value for name, value in part.items())


# --- the lock table ----------------------------------------------------------------------------------------


def test_an_object_has_one_record_so_the_change_feed_is_ordered_per_object() -> None:
    assert LOCK_TABLE["KeySchema"] == [{"AttributeName": record.OBJECT_ID, "KeyType": "HASH"}]
    assert LOCK_TABLE["AttributeDefinitions"] == [{"AttributeName": record.OBJECT_ID, "AttributeType": "S"}]
    assert LOCK_TABLE["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_tombstones_expire_by_the_attribute_that_a_release_writes() -> None:
    assert LOCK_TABLE["TimeToLiveSpecification"] == {"AttributeName": record.EXPIRES_AT, "Enabled": True}


def test_lock_records_can_be_brought_back_and_are_encrypted() -> None:
    assert LOCK_TABLE["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert LOCK_TABLE["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}


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
    """Nor the machine or the rule: only OutputBucket is ever written, and FeedBucket by whoever makes the feed."""
    writes = {
        (name, resource)
        for name in FUNCTIONS
        for statement in grants(name)
        if re.search(r"\*|s3:(?!Get|List)", str(statement["Action"]))
        for resource in as_list(statement["Resource"])
    }
    assert writes == {
        ("GrayscaleFunction", "${OutputBucket.Arn}/*"),
        ("DeleteOutputFunction", "${OutputBucket.Arn}/*"),
        *(
            ("ExportChangesFunction", f"${{FeedBucket.Arn}}/{each}/*")
            for each in ("changes", "unreadable", "aws/lambda")
        ),
    }


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


def rule_matches(event: dict[str, Any], rule: dict[str, Any] = RULE) -> bool:
    matches: bool = EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(event)  # type: ignore[arg-type]
    return matches


@pytest.mark.parametrize("change", [Change.CREATED, Change.DELETED])
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
    assert set(RULE["EventPattern"]["detail-type"]) == {change.value for change in Change} - {Change.RECONCILE.value}


def test_an_event_that_cannot_start_an_execution_is_tried_for_a_day_and_then_kept_for_two_weeks() -> None:
    """Unless somebody would rather have it in the queue sooner."""
    (target,) = RULE["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": "EventAgeSeconds"}
    age = PARAMETERS["EventAgeSeconds"]
    assert (age["MinValue"], age["Default"], age["MaxValue"]) == (60, 24 * 3600, 24 * 3600), "EventBridge's own limits"
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


def test_conversions_are_limited_only_by_whoever_says_so() -> None:
    assert "ReservedConcurrentExecutions" not in FUNCTIONS["GrayscaleFunction"]
    limited = load_template(ROOT / "template.yaml", GrayscaleConcurrency=40)["Resources"]["GrayscaleFunction"]
    assert limited["Properties"]["ReservedConcurrentExecutions"] == "GrayscaleConcurrency"
    assert PARAMETERS["GrayscaleConcurrency"]["Default"] == 0


def test_every_parameter_has_its_place_in_the_console() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(PARAMETERS)


# --- the reaper's rule -------------------------------------------------------------------------------------


def status_change(**detail: str) -> dict[str, Any]:
    """What Step Functions tells EventBridge of an execution of ours that was stopped, with some of it changed."""
    event: dict[str, Any] = json.loads((ROOT / "events/execution-aborted.json").read_text(encoding="utf-8"))
    return event | {"detail": event["detail"] | {"stateMachineArn": "StateMachine"} | detail}


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_every_end_but_success_is_told_to_the_reaper(status: str) -> None:
    assert rule_matches(status_change(status=status), REAPER_RULE)


@pytest.mark.parametrize(
    "event",
    [
        *(pytest.param(status_change(status=status), id=status) for status in ("RUNNING", "SUCCEEDED")),
        pytest.param(status_change(status="PENDING_REDRIVE"), id="about to go on: a lock it holds is its own"),
        pytest.param(status_change(stateMachineArn="StateMachine-2"), id="another machine, whose name begins the same"),
        pytest.param(status_change() | {"source": "my.app"}, id="somebody else's event"),
        pytest.param(status_change() | {"detail-type": "Step Functions Map Run Status Change"}, id="no execution"),
        pytest.param(s3_event(), id="S3's event"),
    ],
)
def test_nothing_else_is_told_to_the_reaper(event: dict[str, Any]) -> None:
    assert not rule_matches(event, REAPER_RULE)


def test_the_reapers_rule_invokes_the_reaper_alone_and_may() -> None:
    assert REAPER_RULE["Targets"] == [{"Id": "Reaper", "Arn": "ReaperFunction.Arn"}]
    assert FUNCTIONS["ReaperFunction"]["Handler"] == "reaper.app.handler"
    assert list(of_type("AWS::Lambda::Permission").values()) == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": "ReaperFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": "EndedExecutionRule.Arn",
        }
    ]


# --- what each may do --------------------------------------------------------------------------------------

UPDATE_RECORD = ("dynamodb:UpdateItem", "LockTable.Arn")
READ_RECORD = ("dynamodb:GetItem", "LockTable.Arn")
READ_INPUT = ("s3:GetObject", "${InputBucket.Arn}/*")
TELL_MISSING_INPUT = ("s3:ListBucket", "InputBucket.Arn")  # without it S3 answers 403 for 404
CONDITION_ON_OUTPUT = ("s3:GetObject", "${OutputBucket.Arn}/*")  # S3 asks it for If-Match, and for HEAD
TELL_MISSING_OUTPUT = ("s3:ListBucket", "OutputBucket.Arn")
WRITE_OUTPUT = ("s3:PutObject", "${OutputBucket.Arn}/*")
REMOVE_OUTPUT = ("s3:DeleteObject", "${OutputBucket.Arn}/*")
WRITE_FILE = ("s3:PutObject", "${FeedBucket.Arn}/changes/*")
SET_ASIDE = ("s3:PutObject", "${FeedBucket.Arn}/unreadable/*")
# Of Lambda itself, by the function's role. Lambda Developer Guide, "Process DynamoDB records with Lambda" and "Retain
# discarded records for a DynamoDB event source".
READ_STREAM = {
    *(
        (f"dynamodb:{each}", "${LockTable.Arn}/stream/*")
        for each in ("DescribeStream", "GetShardIterator", "GetRecords")
    ),
    ("dynamodb:ListStreams", "*"),
}
KEEP_WHAT_IS_GIVEN_UP = {("s3:PutObject", "${FeedBucket.Arn}/aws/lambda/*"), ("s3:ListBucket", "FeedBucket.Arn")}

MAY = {
    "AcquireLockFunction": {UPDATE_RECORD, READ_INPUT, TELL_MISSING_INPUT},
    "GrayscaleFunction": {
        UPDATE_RECORD,
        READ_INPUT,
        TELL_MISSING_INPUT,
        CONDITION_ON_OUTPUT,
        TELL_MISSING_OUTPUT,
        WRITE_OUTPUT,
        REMOVE_OUTPUT,
    },
    "DeleteOutputFunction": {
        UPDATE_RECORD,
        READ_INPUT,
        TELL_MISSING_INPUT,
        CONDITION_ON_OUTPUT,
        TELL_MISSING_OUTPUT,
        REMOVE_OUTPUT,
    },
    "ReleaseLockFunction": {UPDATE_RECORD},
    "ReaperFunction": {UPDATE_RECORD},
    "CompareObjectsFunction": {
        READ_RECORD,
        READ_INPUT,
        TELL_MISSING_INPUT,
        CONDITION_ON_OUTPUT,
        TELL_MISSING_OUTPUT,
    },
    "ExportChangesFunction": {WRITE_FILE, SET_ASIDE} | READ_STREAM | KEEP_WHAT_IS_GIVEN_UP,
}


def as_list(one_or_more: Any) -> list[Any]:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def test_there_is_a_function_for_each_kind_of_step_and_one_each_to_clean_up_to_compare_and_to_tell_of_changes() -> None:
    assert set(FUNCTIONS) == set(MAY)
    others = set(FUNCTIONS) - {function_of(task) for task in TASKS.values()}
    assert others == {"ReaperFunction", "CompareObjectsFunction", "ExportChangesFunction"}


@pytest.mark.parametrize("name", MAY)
def test_function_may_do_what_its_code_does_and_nothing_else(name: str) -> None:
    found = {
        (action, resource)
        for statement in grants_for_work(name)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if statement["Effect"] == "Allow"
    }
    assert found == MAY[name]


def test_machine_may_invoke_the_functions_of_its_tasks_in_any_version_and_nothing_else() -> None:
    """In any: an execution that began before an upgrade invokes an older one."""
    invoke, *others = grants("StateMachine")
    assert (invoke["Effect"], invoke["Action"]) == ("Allow", "lambda:InvokeFunction")
    assert set(invoke["Resource"]) == {f"${{{function_of(task)}.Arn}}:*" for task in TASKS.values()}
    assert [each["Sid"] for each in others] == ["DeliverLogs", "SendTraces"]
    assert all(action.startswith(("logs:", "xray:")) for each in others for action in each["Action"])


# --- the functions -----------------------------------------------------------------------------------------


def assert_does_not_keep_logs_for_ever(log_group: str) -> None:
    resource = RESOURCES[log_group]
    assert resource["Type"] == "AWS::Logs::LogGroup"
    assert resource["Properties"]["RetentionInDays"] == "LogRetentionDays"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_logs_json_at_the_level_asked_for_and_not_for_ever(name: str) -> None:
    logging = FUNCTION_DEFAULTS["LoggingConfig"] | FUNCTIONS[name]["LoggingConfig"]
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
    assert given == environment_reads() - OF_THE_GENERAL_EXPORTER | read_by_powertools


# Of a handler for tables of other stacks: `changefeed.app`, which no function of this one has.
OF_THE_GENERAL_EXPORTER = {"ORDERING_KEY", "WATERMARK"}


def test_the_general_exporters_settings_are_read_by_no_function_of_this_stack() -> None:
    assert environment_reads() >= OF_THE_GENERAL_EXPORTER
    assert "changefeed.app.handler" not in {each["Handler"] for each in FUNCTIONS.values()}


def timeout_of(function: str) -> int:
    seconds: int = FUNCTIONS[function].get("Timeout", FUNCTION_DEFAULTS["Timeout"])
    return seconds


def function_of(state: dict[str, Any]) -> str:
    """The logical id of the Lambda that a Task invokes."""
    placeholder = re.fullmatch(r"\$\{(\w+)\}", state["Parameters"]["FunctionName"])
    assert placeholder
    name, _, attribute = SUBSTITUTIONS[placeholder[1]].partition(".")
    assert attribute == "Version"
    return name


@pytest.mark.parametrize("name", TASKS)
def test_task_outwaits_its_lambda_so_a_retry_never_overlaps_it(name: str) -> None:
    assert TASKS[name]["TimeoutSeconds"] > timeout_of(function_of(TASKS[name]))


# --- the lease ---------------------------------------------------------------------------------------------

WORKERS = ["ConvertToGrayscale", "DeleteOutput"]
MARGIN = record.CLOCK_MARGIN_MS / 1000


def longest_attempt() -> int:
    return max(timeout_of(function_of(TASKS[name])) for name in WORKERS)


def in_flight_retrier(name: str) -> dict[str, Any]:
    (retrier,) = (each for each in TASKS[name]["Retry"] if "AttemptInFlight" in each["ErrorEquals"])
    found: dict[str, Any] = retrier
    return found


def test_a_lease_taken_anew_does_not_end_before_that_of_an_attempt_whatever_is_set() -> None:
    """An owner that takes its lock again, as after a conflict, may have a worker running since a moment ago."""
    assert PARAMETERS["LeaseSeconds"]["MinValue"] >= longest_attempt() + 2 * MARGIN


def test_who_waits_outwaits_a_worker_that_was_killed() -> None:
    freed_after = longest_attempt() + 2 * MARGIN  # the lease that an attempt sets
    assert PARAMETERS["LockWaitSeconds"]["Default"] > freed_after
    assert PARAMETERS["LockWaitSeconds"]["Default"] > PARAMETERS["LeaseSeconds"]["Default"]


@pytest.mark.parametrize("name", WORKERS)
def test_an_attempt_in_flight_is_waited_for_until_it_cannot_be(name: str) -> None:
    """In even steps: jitter may add up to nothing."""
    retrier = in_flight_retrier(name)
    assert retrier["ErrorEquals"] == ["AttemptInFlight"]
    assert retrier.get("JitterStrategy", "NONE") == "NONE"
    assert retrier["BackoffRate"] == 1
    assert "MaxDelaySeconds" not in retrier
    waited = retrier["IntervalSeconds"] * retrier["MaxAttempts"]
    assert waited > timeout_of(function_of(TASKS[name])) + MARGIN


@pytest.mark.parametrize("name", WORKERS)
def test_waiting_for_attempts_in_flight_never_uses_up_the_retries_of_the_error_that_ended_them(name: str) -> None:
    """Or a worker that is killed again and again would fail as AttemptInFlight, which says nothing of why."""
    killed = {"Lambda.Unknown", "Runtime.ExitError", "WriteInDoubt"}
    kills = sum(each["MaxAttempts"] for each in TASKS[name]["Retry"] if killed & set(each["ErrorEquals"]))
    in_flight = in_flight_retrier(name)
    steps = -(-(timeout_of(function_of(TASKS[name])) + MARGIN) // in_flight["IntervalSeconds"])
    assert in_flight["MaxAttempts"] >= kills * steps


@pytest.mark.parametrize("name", WORKERS)
def test_the_next_attempt_finds_the_time_between_the_last_ones_end_and_the_leases(name: str) -> None:
    """It is as long as the margin; who misses it has lost the lock."""
    assert in_flight_retrier(name)["IntervalSeconds"] < MARGIN


def test_an_execution_ends_at_some_time_although_looking_again_has_no_limit() -> None:
    assert PARAMETERS["LockWaitSeconds"]["MaxValue"] < MACHINE["TimeoutSeconds"] <= 3600


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


# What becomes of each error of ours: the Tasks that retry it, and those that have a Catch for it, by name.
ANSWERS: dict[type[Exception], tuple[set[str], set[str]]] = {
    errors.ServiceUnavailable: (set(TASKS), set()),
    errors.AttemptInFlight: (set(WORKERS), set()),
    errors.WriteInDoubt: (set(WORKERS), set()),
    errors.LeaseLost: (set(), {*WORKERS, "ReleaseLock"}),
    errors.InputChanged: (set(), {"DeleteOutput"}),
    errors.OutputChanged: (set(), set(WORKERS)),
    # For good: the execution fails under that name.
    errors.InvalidEvent: (set(), set()),
    errors.SourceRejected: (set(), set()),
    errors.LockWaitTimeout: (set(), set()),
    errors.UnknownRecordVersion: (set(), set()),
}


def naming(error: str, field: str) -> set[str]:
    return {
        name for name, task in TASKS.items() if any(error in handler["ErrorEquals"] for handler in task.get(field, ()))
    }


def test_every_error_of_ours_has_an_answer_wherever_it_can_be_raised() -> None:
    ours = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, Exception) and each.__module__ == errors.__name__
    }
    assert set(ANSWERS) == ours
    found = {error: (naming(error.__name__, "Retry"), naming(error.__name__, "Catch")) for error in ours}
    assert found == ANSWERS


@pytest.mark.parametrize("name", TASKS)
def test_what_has_no_answer_of_its_own_is_not_retried_and_ends_in_a_release(name: str) -> None:
    task = TASKS[name]
    assert not [each for each in task["Retry"] if {"States.ALL", "States.TaskFailed"} & set(each["ErrorEquals"])]
    last = task["Catch"][-1]
    assert last["ErrorEquals"] == ["States.ALL"]
    assert last["Next"] == ("Failed" if name == "ReleaseLockAfterFailure" else "ReleaseLockAfterFailure")


def test_who_looks_again_starts_from_the_lock() -> None:
    again = [
        handler
        for task in TASKS.values()
        for handler in task["Catch"]
        if {"LeaseLost", "OutputChanged"} & set(handler["ErrorEquals"])
    ]
    assert [(each["Next"], each["ResultPath"]) for each in again] == [("AcquireLock", "$.look_again")] * 3


# --- the parameters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_says_what_it_is_and_refuses_nonsense(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter["Description"]
    default = parameter["Default"]
    if "AllowedValues" in parameter:
        assert default in parameter["AllowedValues"]
    elif "AllowedPattern" in parameter:
        assert re.search(parameter["AllowedPattern"], default)
        assert parameter["ConstraintDescription"], "what is wrong, in words: AWS shows the pattern otherwise"
        assert not re.search(parameter["AllowedPattern"], "no such thing")
    else:
        assert parameter["Type"] == "Number", "text needs AllowedValues or AllowedPattern"
        assert parameter["MinValue"] <= default <= parameter["MaxValue"]
