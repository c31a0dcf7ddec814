"""What nobody can do by mistake: write into the input, name one bucket twice, lose data, or keep it unencrypted."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from tests.conditions import holds
from tests.deployment.shipped import ROOT, TEMPLATE, grants, load_template, read_template
from tests.deployment.test_template import BUCKETS, as_list

KEY: Final = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
EXISTING: Final = {"ExistingInputBucket": "my-photos", "ExistingOutputBucket": "my-gray-photos"}

SOURCE: Final = read_template(ROOT / "template.yaml")
OWN_BUCKETS: Final = load_template(ROOT / "template.yaml", **EXISTING)
OWN_KEY: Final = load_template(ROOT / "template.yaml", KmsKeyArn=KEY)

# What a resource has in it that AWS does not make again. Logs and metrics are no data: they end by themselves.
HOLDS_DATA: Final = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"}
HOLDS_NONE: Final = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::Lambda::EventSourceMapping",  # but its place in the stream, which a new one finds from the beginning
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Serverless::Function",
    "AWS::Serverless::StateMachine",
    "AWS::StepFunctions::StateMachineAlias",
    "AWS::StepFunctions::StateMachineVersion",
}


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] == kind}


def text_of(node: Any) -> str:
    return json.dumps(node)


# --- nothing is lost ---------------------------------------------------------------------------------------


def test_it_is_known_of_every_kind_of_resource_whether_it_holds_data() -> None:
    assert {each["Type"] for each in TEMPLATE["Resources"].values()} <= HOLDS_DATA | HOLDS_NONE


@pytest.mark.parametrize(
    "name", [name for name, each in TEMPLATE["Resources"].items() if each["Type"] in HOLDS_DATA], ids=str
)
def test_what_holds_data_outlives_its_stack(name: str) -> None:
    resource = TEMPLATE["Resources"][name]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


# --- two buckets, new or existing --------------------------------------------------------------------------


def test_input_and_output_can_not_be_the_same_bucket() -> None:
    (rule,) = SOURCE["Rules"].values()
    (objection,) = holds(rule, SOURCE, ExistingInputBucket="photos", ExistingOutputBucket="photos")
    assert "the same bucket" in objection


@pytest.mark.parametrize(
    "parameters",
    [{}, {"ExistingInputBucket": "photos"}, {"ExistingOutputBucket": "photos"}, EXISTING],
    ids=["two new ones", "an input bucket", "an output bucket", "two of one's own"],
)
def test_every_other_choice_of_buckets_is_taken(parameters: dict[str, str]) -> None:
    (rule,) = SOURCE["Rules"].values()
    assert holds(rule, SOURCE, **parameters) == []


def test_existing_buckets_are_used_and_left_as_they_are() -> None:
    """The change feed has a bucket of its own all the same."""
    assert resources(OWN_BUCKETS, "AWS::S3::Bucket").keys() == {"FeedBucket"}
    assert resources(OWN_BUCKETS, "AWS::S3::BucketPolicy").keys() == {"FeedBucketPolicy"}


@pytest.mark.parametrize("section", ["Globals", "Resources", "Outputs"])
def test_nothing_refers_to_a_bucket_that_is_not_made(section: str) -> None:
    assert not re.search(r"\b(In|Out)putBucket\b(?!Name)", text_of(OWN_BUCKETS[section]))


def test_existing_buckets_take_the_place_of_new_ones_everywhere() -> None:
    def renamed(node: Any) -> Any:
        text = text_of(node)
        for side in ("Input", "Output"):
            text = text.replace(f"arn:${{AWS::Partition}}:s3:::${{Existing{side}Bucket}}/*", f"${{{side}Bucket.Arn}}/*")
            text = text.replace(f"arn:${{AWS::Partition}}:s3:::${{Existing{side}Bucket}}", f"{side}Bucket.Arn")
            text = re.sub(rf"(?<!\{{)Existing{side}Bucket\b", f"{side}Bucket", text)
        return json.loads(text)

    for section in ("Globals", "Outputs"):
        assert renamed(OWN_BUCKETS[section]) == TEMPLATE[section]
    for name, each in OWN_BUCKETS["Resources"].items():
        assert renamed(each) == TEMPLATE["Resources"][name], name


# --- a key of one's own ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_are_encrypted_with_the_key_that_is_given_and_ask_for_it_seldom(name: str) -> None:
    (rule,) = OWN_KEY["Resources"][name]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "KmsKeyArn"}
    assert rule["BucketKeyEnabled"] is True


def test_lock_table_is_encrypted_with_the_key_that_is_given() -> None:
    encryption = OWN_KEY["Resources"]["LockTable"]["Properties"]["SSESpecification"]
    assert encryption == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "KmsKeyArn"}


# S3 User Guide, "Using server-side encryption with AWS KMS keys": Decrypt to read, GenerateDataKey to write; a HEAD and
# a DELETE need neither. DynamoDB asks for Decrypt in its caller's name, whatever the call; a stream is encrypted with
# its table's key ("DynamoDB encryption at rest: usage notes"), and Lambda reads it in the name of the function's role.
RECORDS: Final = ("dynamodb.${AWS::Region}.${AWS::URLSuffix}", "kms:Decrypt")
READS: Final = ("s3.${AWS::Region}.${AWS::URLSuffix}", "kms:Decrypt")
WRITES: Final = ("s3.${AWS::Region}.${AWS::URLSuffix}", "kms:GenerateDataKey")
USES: Final = {
    "AcquireLockFunction": {RECORDS},
    "GrayscaleFunction": {RECORDS, READS, WRITES},
    "DeleteOutputFunction": {RECORDS},
    "ReleaseLockFunction": {RECORDS},
    "ReaperFunction": {RECORDS},
    "CompareObjectsFunction": {RECORDS},
    "ExportChangesFunction": {RECORDS, WRITES},
}


def test_it_is_known_of_every_function_what_it_uses_a_key_for() -> None:
    assert set(USES) == set(resources(TEMPLATE, "AWS::Serverless::Function"))


@pytest.mark.parametrize("function", USES)
def test_function_may_use_that_key_for_what_it_does_through_that_service_and_no_other_key(function: str) -> None:
    asked = [each for each in grants(function, OWN_KEY) if "kms:" in str(each["Action"])]
    assert {each["Resource"] for each in asked} == {"KmsKeyArn"}
    found = {
        (each["Condition"]["StringEquals"]["kms:ViaService"], action)
        for each in asked
        for action in as_list(each["Action"])
    }
    assert found == USES[function]


def test_without_a_key_nobody_has_a_permission_on_one() -> None:
    assert "kms:" not in text_of(TEMPLATE["Resources"])


# --- what checkov is not asked -----------------------------------------------------------------------------


def test_what_checkov_leaves_out_is_named_one_by_one_with_a_reason() -> None:
    lines = (ROOT / ".checkov.yaml").read_text("utf-8").partition("skip-check:\n")[2].splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"  - CKV_AWS_\d+ # \S.{20,}", line), line
    for name, each in TEMPLATE["Resources"].items():
        for skipped in each.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert re.fullmatch(r"CKV_AWS_\d+", skipped["id"]), name
            assert skipped["comment"], name


def test_checkov_downloads_nothing_and_looks_at_the_shipped_template() -> None:
    config = yaml.safe_load((ROOT / ".checkov.yaml").read_text("utf-8"))
    assert config["skip-download"] is True
    assert (config["framework"], config["file"]) == (["cloudformation"], ["template.yaml"])
