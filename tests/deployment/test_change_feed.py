"""What the promises of the change feed need from Lambda's mapping, and whether template.yaml asks for it."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from moto.events.models import EventPattern

from changefeed.file import CHANGES
from export_changes.app import ORDERING
from objectlock import record
from tests.deployment.shipped import FUNCTIONS, PARAMETERS, RESOURCES, TEMPLATE, grants, of_type

(MAPPING,) = of_type("AWS::Lambda::EventSourceMapping").values()
(FILTER,) = MAPPING["FilterCriteria"]["Filters"]
HOURS: Final = 3600
STREAM_KEEPS_SECONDS: Final = 24 * HOURS  # DynamoDB Developer Guide, "Change data capture for DynamoDB Streams"

OBJECT: Final = {"S": "my-input/photos/a.jpg"}
HELD: Final = {
    record.OBJECT_ID: OBJECT,
    record.FENCING_TOKEN: {"N": "7"},
    record.OWNER: {"S": "arn:aws:states:eu-west-1:111122223333:execution:lockstep:0e3f"},
    record.LEASE_EXPIRES_AT: {"N": "1763838030123"},
}
RELEASED: Final = {
    record.OBJECT_ID: OBJECT,
    record.FENCING_TOKEN: {"N": "7"},
    record.APPLIED_AT: {"N": "1763838000123"},
    record.APPLIED_BY: HELD[record.OWNER],
}


def stream_record(new: dict[str, Any] | None, old: dict[str, Any] | None = None) -> dict[str, Any]:
    """As Lambda's filter sees it, and a function gets it."""
    images = {"NewImage": new, "OldImage": old}
    return {
        "eventName": "MODIFY" if new and old else "INSERT" if new else "REMOVE",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": {record.OBJECT_ID: OBJECT}} | {name: each for name, each in images.items() if each},
    }


def is_exported(event: dict[str, Any]) -> bool:
    """Lambda's filters have the patterns of EventBridge's rules ("Control which events Lambda sends")."""
    matches: bool = EventPattern.load(FILTER["Pattern"]).matches_event(event)  # type: ignore[arg-type]
    return matches


def test_a_change_that_was_applied_is_exported() -> None:
    assert is_exported(stream_record(RELEASED, HELD))


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(stream_record(HELD), id="a lock was granted for the first time"),
        pytest.param(stream_record(HELD, RELEASED), id="a lock was granted again"),
        pytest.param(stream_record(HELD | {"worker_until": {"N": "1"}}, HELD), id="a worker has begun"),
        pytest.param(stream_record({record.OBJECT_ID: OBJECT}, HELD), id="a lock was freed and nothing applied"),
        pytest.param(stream_record(None, RELEASED), id="a tombstone has expired"),
    ],
)
def test_the_traffic_of_the_locks_invokes_nothing(event: dict[str, Any]) -> None:
    assert not is_exported(event)


def test_the_filter_asks_for_the_attribute_that_a_release_writes_as_a_number() -> None:
    asked = json.loads(FILTER["Pattern"])["dynamodb"]["NewImage"]
    assert asked == {record.APPLIED_AT: {"N": [{"exists": True}]}}


def test_the_exporter_hears_of_the_lock_tables_changes_from_the_oldest_on() -> None:
    """A mapping that is made anew, as when its source changes, would lose what came in between with LATEST."""
    assert (MAPPING["EventSourceArn"], MAPPING["StartingPosition"]) == ("LockTable.StreamArn", "TRIM_HORIZON")
    assert MAPPING["FunctionName"] == "ExportChangesFunction"
    assert FUNCTIONS["ExportChangesFunction"]["Handler"] == "export_changes.app.handler"
    assert MAPPING.get("Enabled", True) is True


def test_the_stream_has_what_the_exporter_orders_by() -> None:
    """The item as it is after the change."""
    assert RESOURCES["LockTable"]["Properties"]["StreamSpecification"]["StreamViewType"] in {
        "NEW_IMAGE",
        "NEW_AND_OLD_IMAGES",
    }
    (key,) = RESOURCES["LockTable"]["Properties"]["KeySchema"]
    assert ORDERING.key == key["AttributeName"], "one item per key of the feed: a stream keeps order per item alone"


def test_what_went_well_before_a_failure_does_not_come_again() -> None:
    assert MAPPING["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_batch_that_kills_the_function_is_split_until_one_record_is_left() -> None:
    assert MAPPING["BisectBatchOnFunctionError"] is True


def test_a_record_that_always_fails_is_tried_for_half_a_day_and_then_kept_while_the_others_can_still_be_read() -> None:
    assert MAPPING["MaximumRetryAttempts"] == -1
    assert MAPPING["MaximumRecordAgeInSeconds"] == 12 * HOURS
    assert STREAM_KEEPS_SECONDS - MAPPING["MaximumRecordAgeInSeconds"] >= 12 * HOURS


def test_what_lambda_gives_up_is_kept_with_the_records_in_a_bucket_that_outlives_the_stack() -> None:
    """A queue or a topic would get no records, but only their numbers."""
    bucket, _, attribute = MAPPING["DestinationConfig"]["OnFailure"]["Destination"].partition(".")
    assert attribute == "Arn"
    assert RESOURCES[bucket]["Type"] == "AWS::S3::Bucket"
    assert RESOURCES[bucket]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_a_file_has_the_changes_of_a_window_or_as_many_as_lambda_can_hand_over() -> None:
    assert MAPPING["MaximumBatchingWindowInSeconds"] == "FeedWindowSeconds"
    assert MAPPING["BatchSize"] == 10_000
    window = PARAMETERS["FeedWindowSeconds"]
    assert (window["MinValue"], window["Default"], window["MaxValue"]) == (0, 60, 300)


def test_files_are_written_side_by_side_only_where_somebody_says_so() -> None:
    assert MAPPING["ParallelizationFactor"] == "FeedParallelization"
    lanes = PARAMETERS["FeedParallelization"]
    assert (lanes["MinValue"], lanes["Default"], lanes["MaxValue"]) == (1, 1, 10)


def test_a_change_is_in_the_feed_long_before_its_alarm() -> None:
    alarm = RESOURCES["FeedBehindAlarm"]["Properties"]
    slowest = PARAMETERS["FeedWindowSeconds"]["MaxValue"] + FUNCTIONS["ExportChangesFunction"]["Timeout"]
    assert slowest * 1000 < alarm["Threshold"]


# --- the bucket --------------------------------------------------------------------------------------------


def test_a_file_of_the_feed_stays_for_whoever_comes_late() -> None:
    """Nothing expires, and what somebody deletes can be brought back."""
    bucket = RESOURCES["FeedBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule.keys() == {"Id", "Status", "AbortIncompleteMultipartUpload"}


def test_a_bucket_of_its_name_in_another_account_gets_nothing() -> None:
    """Should the feed's be deleted by hand: Lambda Developer Guide, "Security best practices for S3 destinations"."""
    writes = [each for each in grants("ExportChangesFunction") if each["Action"] == "s3:PutObject"]
    assert len(writes) == 2
    for statement in writes:
        assert statement["Condition"] == {"StringEqualsIfExists": {"s3:ResourceAccount": "AWS::AccountId"}}


def test_the_feed_starts_no_executions() -> None:
    assert "NotificationConfiguration" not in RESOURCES["FeedBucket"]["Properties"]


def test_who_follows_the_feed_is_told_its_bucket_and_its_folder() -> None:
    output = TEMPLATE["Outputs"]["FeedBucketName"]
    assert output["Value"] == "FeedBucket"
    assert CHANGES in output["Description"]
