"""The alarms and the dashboard: what they look at exists, and each alarm says what it means and what to do."""

from __future__ import annotations

import ast
import json
import re
from typing import Any, Final

import pytest

from objectlock import errors, metrics
from tests.deployment.filter_pattern import FilterPattern
from tests.deployment.shipped import FUNCTION_DEFAULTS, PARAMETERS, RESOURCES, ROOT, load_template, of_type

ALARMS: Final = of_type("AWS::CloudWatch::Alarm")
(FILTER,) = of_type("AWS::Logs::MetricFilter").values()
(DASHBOARD,) = of_type("AWS::CloudWatch::Dashboard").values()
BODY: Final[dict[str, Any]] = json.loads(DASHBOARD["DashboardBody"])
FAILED: Final = "ExecutionsFailed-${AWS::StackName}"

BY_STACK: Final = {"service": "AWS::StackName"}
BY_MACHINE: Final = {"StateMachineArn": "StateMachine"}
BY_MAPPING: Final = {"EventSourceMappingUUID": "ExportChangesMapping"}

# By alarm: namespace, metric, statistic, dimensions.
PROMISED: Final[dict[str, tuple[str, str, str, dict[str, str]]]] = {
    "ExecutionsFailedAlarm": ("Lockstep", FAILED, "Sum", {}),
    "ExecutionsTimedOutAlarm": ("AWS/States", "ExecutionsTimedOut", "Sum", BY_MACHINE),
    "ExecutionsAbortedAlarm": ("AWS/States", "ExecutionsAborted", "Sum", BY_MACHINE),
    "EventsLateAlarm": ("AWS/Events", "RetryInvocationAttempts", "Sum", {"RuleName": "ObjectEventRule"}),
    "UndeliveredEventsAlarm": (
        *("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
        {"QueueName": "UndeliveredEventsQueue.QueueName"},
    ),
    "EventsLostAlarm": ("AWS/Events", "InvocationsFailedToBeSentToDlq", "Sum", {"RuleName": "ObjectEventRule"}),
    "OldestWaitAlarm": ("Lockstep", "WaitingSeconds", "Maximum", BY_STACK),
    "LeaseLostAlarm": ("Lockstep", "LeaseLost", "Sum", BY_STACK),
    "LockReapedAlarm": ("Lockstep", "Reaped", "Sum", BY_STACK),
    "LeaseExpiredAlarm": ("Lockstep", "LeaseExpired", "Sum", BY_STACK),
    "ReconcileFailedAlarm": ("AWS/States", "ExecutionsFailed", "Sum", {"StateMachineArn": "ReconcileStateMachine"}),
    "FeedBehindAlarm": ("AWS/Lambda", "IteratorAge", "Maximum", {"FunctionName": "ExportChangesFunction"}),
    "FeedStoppedAlarm": ("AWS/Lambda", "PolledEventCount", "SampleCount", BY_MAPPING),
    "UnreadableRecordsAlarm": ("Lockstep", "UnreadableRecords", "Sum", BY_STACK),
    "ChangesGivenUpAlarm": ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", "Sum", BY_MAPPING),
    "ChangesLostAlarm": ("AWS/Lambda", "DroppedEventCount", "Sum", BY_MAPPING),
}

# What AWS's documentation lists, by namespace and dimensions. AWS/States: Step Functions Developer Guide, "Step
# Functions metrics for CloudWatch" (execution metrics; API metrics). AWS/Events: EventBridge User Guide, "Monitoring
# Amazon EventBridge", where a metric with RuleName alone is one of the default bus. AWS/Lambda: Lambda Developer Guide,
# "Types of metrics for Lambda functions".
AWS_METRICS: Final[dict[tuple[str, tuple[str, ...]], set[str]]] = {
    ("AWS/States", ("StateMachineArn",)): {
        *("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"),
        "ExecutionThrottled",  # of its transitions, not of its starts
    },
    ("AWS/States", ("APIName",)): {"ThrottledEvents"},
    ("AWS/SQS", ("QueueName",)): {"ApproximateNumberOfMessagesVisible"},
    ("AWS/Events", ("RuleName",)): {
        *("InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq"),
        *("RetryInvocationAttempts", "IngestionToInvocationSuccessLatency"),
    },
    ("AWS/Lambda", ("FunctionName",)): {"Errors", "Throttles", "Duration", "IteratorAge"},
    ("AWS/Lambda", ("EventSourceMappingUUID",)): {
        *("PolledEventCount", "FilteredOutEventCount", "InvokedEventCount", "FailedInvokeEventCount"),
        *("DroppedEventCount", "OnFailureDestinationDeliveredEventCount"),
    },
    ("AWS/DynamoDB", ("TableName",)): {"WriteThrottleEvents"},
    ("AWS/DynamoDB", ("TableName", "Operation")): {"ThrottledRequests", "SystemErrors"},
}


def counted_in_code() -> dict[str, str]:
    """The unit of each metric that functions/ write, by name, as `count`, `seconds` and `single_metric` are called."""
    tables = {"METRICS", "_COUNTED_ERRORS"}  # those that are looked up
    found: dict[str, str] = {}
    for path in (ROOT / "functions").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="count" | "seconds" as kind)
                    | ast.Attribute(value=ast.Name(id="metrics"), attr="count" | "seconds" as kind),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    found[name] = {"count": "Count", "seconds": "Seconds"}[kind]
                case ast.Call(
                    func=ast.Name(id="single_metric"),
                    args=[ast.Constant(value=str(name)), ast.Attribute(value=ast.Name(id="MetricUnit"), attr=unit), *_],
                ):
                    found[name] = unit
                case (
                    ast.Assign(targets=[ast.Name(id=table)], value=ast.Dict(values=values))
                    | ast.AnnAssign(target=ast.Name(id=table), value=ast.Dict(values=values))
                ) if table in tables:
                    found |= {ast.literal_eval(value): "Count" for value in values}
    return found


COUNTED: Final = counted_in_code()


def is_known(namespace: str, metric: str, dimensions: dict[str, str]) -> bool:
    """Whether somebody writes that metric, with these dimensions and no other."""
    if namespace != "Lockstep":
        return metric in AWS_METRICS.get((namespace, tuple(dimensions)), set())
    if dimensions == BY_STACK:
        return metric in COUNTED
    filtered = {each["MetricName"] for each in FILTER["MetricTransformations"] if each["MetricNamespace"] == namespace}
    return not dimensions and metric in filtered


def dimensions_of(alarm: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])}


# --- the alarms --------------------------------------------------------------------------------------------


def test_every_alarm_that_is_promised_exists_and_looks_at_its_metric() -> None:
    found = {
        name: (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"], dimensions_of(alarm))
        for name, alarm in ALARMS.items()
    }
    assert found == PROMISED


@pytest.mark.parametrize("name", ALARMS)
def test_the_metric_of_an_alarm_is_one_that_somebody_writes(name: str) -> None:
    """CloudWatch accepts an alarm on a metric that never comes, and such an alarm never goes off."""
    alarm = ALARMS[name]
    assert is_known(alarm["Namespace"], alarm["MetricName"], dimensions_of(alarm))


HOLDS_NOW: Final = {"OldestWaitAlarm", "UndeliveredEventsAlarm"}  # of what there is; the others, of what happens
FOR_LONG: Final = {"EventsLateAlarm", "FeedStoppedAlarm"}  # in each of three periods


@pytest.mark.parametrize("name", sorted(ALARMS.keys() - {"OldestWaitAlarm", "FeedBehindAlarm"} - FOR_LONG))
def test_an_alarm_goes_off_at_the_first_one(name: str) -> None:
    alarm = ALARMS[name]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) == 1


@pytest.mark.parametrize("name", sorted(ALARMS.keys() - HOLDS_NOW - FOR_LONG))
def test_an_alarm_is_over_when_nothing_has_happened_for_a_quarter_of_an_hour(name: str) -> None:
    """One failure every ten minutes is one alarm, and not six in an hour."""
    assert (ALARMS[name]["Period"], ALARMS[name]["EvaluationPeriods"]) == (300, 3)


def test_events_are_late_when_they_were_in_each_of_three_periods() -> None:
    """A burst that the second or third try takes care of wakes nobody."""
    alarm = ALARMS["EventsLateAlarm"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (300, 3)
    assert "DatapointsToAlarm" not in alarm


def test_the_feed_has_stopped_when_nobody_has_looked_for_changes_in_each_of_three_periods() -> None:
    """Lambda tells how many it has found, and 0 where there are none: so no news is that nobody looks.

    The source is PolledEventCount in "Types of metrics for Lambda functions" in the Lambda Developer Guide.
    """
    alarm = ALARMS["FeedStoppedAlarm"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (300, 3)
    assert "DatapointsToAlarm" not in alarm


def test_the_feed_is_behind_when_it_is_later_than_any_window_makes_it_and_long_before_anything_is_given_up() -> None:
    alarm = ALARMS["FeedBehindAlarm"]
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    seconds = alarm["Threshold"] / 1000
    assert (alarm["ComparisonOperator"], alarm["DatapointsToAlarm"]) == ("GreaterThanThreshold", 1)
    assert 2 * PARAMETERS["FeedWindowSeconds"]["MaxValue"] < seconds < mapping["MaximumRecordAgeInSeconds"] / 10


def test_the_mapping_writes_the_metrics_that_alarms_look_at() -> None:
    """It writes none unless it is told to."""
    looked_at = {name for name, alarm in ALARMS.items() if dimensions_of(alarm) == BY_MAPPING}
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    assert looked_at
    assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}


def test_the_oldest_wait_is_told_before_whoever_waits_fails_but_not_for_a_worker_that_was_killed() -> None:
    alarm = ALARMS["OldestWaitAlarm"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", "OldestWaitAlarmSeconds")
    seconds = PARAMETERS["OldestWaitAlarmSeconds"]["Default"]
    assert seconds > PARAMETERS["LeaseSeconds"]["Default"], "for so long a killed worker holds its lock"
    last_look = PARAMETERS["LockWaitSeconds"]["Default"] - PARAMETERS["RetryIntervalSeconds"]["Default"]
    assert seconds < last_look, "it is measured when an execution looks"
    assert COUNTED["WaitingSeconds"] == "Seconds"


@pytest.mark.parametrize("name", ALARMS)
def test_no_news_is_good_news_but_for_a_queue_that_nobody_asks_and_a_stream_that_nobody_reads(name: str) -> None:
    treated = {"UndeliveredEventsAlarm": "ignore", "FeedStoppedAlarm": "breaching"}
    assert ALARMS[name]["TreatMissingData"] == treated.get(name, "notBreaching")


@pytest.mark.parametrize("name", ALARMS)
def test_without_a_topic_nobody_is_told_and_with_one_that_it_began_and_that_it_is_over(name: str) -> None:
    assert not {"AlarmActions", "OKActions", "InsufficientDataActions"} & ALARMS[name].keys()
    topic = "arn:aws:sns:eu-west-1:111122223333:on-call"
    told = load_template(ROOT / "template.yaml", AlarmTopicArn=topic)["Resources"][name]["Properties"]
    assert told["AlarmActions"] == told["OKActions"] == ["AlarmTopicArn"]


@pytest.mark.parametrize(
    ("topic", "is_one"),
    [
        ("", True),
        ("arn:aws:sns:eu-west-1:111122223333:on-call", True),
        ("arn:aws-us-gov:sns:us-gov-west-1:111122223333:on-call", True),
        ("on-call", False),
        ("somebody@example.com", False),
        ("arn:aws:sqs:eu-west-1:111122223333:on-call", False),
        ("arn:aws:sns:eu-west-1:111122223333:on-call:6b0e71bd-7e97-4d97-80ce-4a0994e55286", False),  # a subscription
    ],
)
def test_what_is_no_topic_is_refused(topic: str, is_one: bool) -> None:
    assert bool(re.search(PARAMETERS["AlarmTopicArn"]["AllowedPattern"], topic)) is is_one


@pytest.mark.parametrize("name", ALARMS)
def test_a_description_says_what_it_means_and_what_to_do_and_where_to_read_on(name: str) -> None:
    description = ALARMS[name]["AlarmDescription"]
    assert len(description) <= 1024, "AWS allows no more"
    parts = re.fullmatch(
        r"(?P<means>[A-Z].+\.) What to do: (?P<do>.+\.) See docs/runbook\.md#[a-z-]+", description, re.DOTALL
    )
    assert parts, description
    assert re.search(r"output|lock", parts["means"]), "is anybody hurt?"
    assert re.search(r"`lockstep \w+", parts["do"]), "names a command"


# --- what is counted ---------------------------------------------------------------------------------------


def test_our_metrics_carry_the_stacks_name_as_the_alarms_expect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = FUNCTION_DEFAULTS["Environment"]["Variables"]
    for name in ("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"):
        monkeypatch.setenv(name, variables[name])

    metrics.seconds("WaitingSeconds", 46.5)

    written = json.loads(capsys.readouterr().out)
    assert written["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Lockstep",
            "Dimensions": [list(BY_STACK)],
            "Metrics": [{"Name": "WaitingSeconds", "Unit": "Seconds"}],
        }
    ]
    assert {name: written[name] for name in BY_STACK} == BY_STACK
    assert written["WaitingSeconds"] == [46.5]


# --- executions that failed --------------------------------------------------------------------------------


def log_entry(kind: str, **details: str) -> str:
    """As Step Functions writes it: the history's event, with its details under one name."""
    return json.dumps(
        {
            "id": "19",
            "type": kind,
            "details": details,
            "previous_event_id": "18",
            "event_timestamp": "1795363704582",
            "execution_arn": "arn:aws:states:eu-west-1:111122223333:execution:lockstep:0e3f",
            "redrive_count": "0",
        }
    )


OURS: Final = {
    name for name, each in vars(errors).items() if isinstance(each, type) and each.__module__ == errors.__name__
}
REJECTED: Final = errors.SourceRejected.__name__

both_ways = pytest.mark.parametrize("missing_differs", [True, False])


def is_counted(message: str, *, missing_differs: bool) -> bool:
    return FilterPattern(FILTER["FilterPattern"], missing_differs).matches(message)


@both_ways
@pytest.mark.parametrize("error", sorted({*OURS, "Lambda.Unknown", "States.Runtime", "KeyError"} - {REJECTED}))
def test_an_execution_that_failed_is_counted(error: str, missing_differs: bool) -> None:
    entry = log_entry("ExecutionFailed", error=error, cause="input/a.jpg: held by somebody, given up after 60 s")
    assert is_counted(entry, missing_differs=missing_differs)


@both_ways
def test_one_that_failed_without_a_name_is_counted_too(missing_differs: bool) -> None:
    assert is_counted(log_entry("ExecutionFailed"), missing_differs=missing_differs)


@both_ways
@pytest.mark.parametrize(
    "message",
    [
        pytest.param(log_entry("ExecutionFailed", error=REJECTED, cause="not an image"), id="an input was rejected"),
        pytest.param(log_entry("TaskFailed", error="LeaseLost", cause="{}"), id="a step failed, which was caught"),
        pytest.param(log_entry("FailStateEntered", name="Failed"), id="the same failure, one step before"),
        pytest.param(log_entry("ExecutionAborted"), id="aborted, which has an alarm of its own"),
        pytest.param(log_entry("ExecutionTimedOut"), id="timed out, which has one too"),
        pytest.param("Permissions are set correctly to allow AWS CloudWatch Logs to write", id="AWS's own first line"),
    ],
)
def test_nothing_else_is_counted(message: str, missing_differs: bool) -> None:
    assert not is_counted(message, missing_differs=missing_differs)


def test_what_the_filter_reads_is_what_the_machine_writes() -> None:
    logging = RESOURCES["StateMachine"]["Properties"]["Logging"]
    assert logging["Level"] in {"ERROR", "ALL"}
    assert logging["IncludeExecutionData"] is True, "without it AWS leaves out what it calls sensitive"
    (destination,) = logging["Destinations"]
    assert destination["CloudWatchLogsLogGroup"]["LogGroupArn"] == f"{FILTER['LogGroupName']}.Arn"


def test_each_failure_counts_one_and_for_its_own_stack_only() -> None:
    """A filter's metric may take dimensions from the log entry alone, and that does not name the stack."""
    (written,) = FILTER["MetricTransformations"]
    assert (written["MetricNamespace"], written["MetricName"], written["MetricValue"]) == ("Lockstep", FAILED, "1")
    assert "Dimensions" not in written


# --- the dashboard -----------------------------------------------------------------------------------------

WIDGETS: Final[list[dict[str, Any]]] = BODY["widgets"]
GRAPHS: Final = [each["properties"] for each in WIDGETS if each["type"] == "metric"]


def shown() -> list[tuple[str, str, dict[str, str], dict[str, str]]]:
    """Every line of every graph: namespace, metric, dimensions as the template has them, and options."""
    found = []
    for graph in GRAPHS:
        for namespace, metric, *rest in graph["metrics"]:
            *dimensions, options = rest
            pairs = zip(dimensions[::2], dimensions[1::2], strict=True)
            found.append((namespace, metric, {name: re.sub(r"^\$\{(.+)\}$", r"\1", at) for name, at in pairs}, options))
    return found


def test_every_metric_on_the_dashboard_is_one_that_somebody_writes() -> None:
    assert [line for line in shown() if not is_known(*line[:3])] == []


def test_every_metric_of_ours_that_tells_of_something_wrong_is_on_the_dashboard() -> None:
    promised = {(namespace, metric) for namespace, metric, _, _ in PROMISED.values()}
    assert promised <= {(namespace, metric) for namespace, metric, _, _ in shown()}


def test_the_state_of_every_alarm_is_on_the_dashboard() -> None:
    (widget,) = (each for each in WIDGETS if each["type"] == "alarm")
    assert widget["properties"]["alarms"] == [f"${{{name}.Arn}}" for name in PROMISED]


def test_the_dashboard_has_the_words_of_the_runbook() -> None:
    """Before a comma, if there is one."""
    anchors = {alarm["AlarmDescription"].rpartition("#")[2] for alarm in ALARMS.values()}
    labels = {options["label"].partition(",")[0].lower().replace(" ", "-") for _, _, _, options in shown()}
    assert anchors <= labels


def test_the_dashboard_shows_every_function() -> None:
    functions = of_type("AWS::Serverless::Function").keys()
    for metric in ("Errors", "Throttles", "Duration"):
        assert {at["FunctionName"] for _, name, at, _ in shown() if name == metric} == functions


def test_every_resource_on_the_dashboard_exists_and_nothing_overlaps() -> None:
    named = {each.partition(".")[0] for each in re.findall(r"\$\{([^}]+)\}", DASHBOARD["DashboardBody"])}
    assert named <= RESOURCES.keys() | {"AWS::StackName", "AWS::Region"}
    fields = [
        (x, y)
        for each in WIDGETS
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]
    assert len(fields) == len(set(fields))
    assert max(x for x, _ in fields) < 24, "as wide as a dashboard is"
    assert all(graph["region"] == "${AWS::Region}" for graph in GRAPHS)


def test_stacks_of_one_name_in_two_regions_have_a_dashboard_each() -> None:
    assert DASHBOARD["DashboardName"] == "${AWS::StackName}-${AWS::Region}"
