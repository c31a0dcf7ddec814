"""The runbook: a section for every alarm, and no command that does not exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
import typer.main
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.session import Session
from moto import mock_aws

from changefeed.file import unreadable_file
from lockstep.cli import app
from objectlock.record import APPLIED_AT, APPLIED_BY, FENCING_TOKEN, OBJECT_ID, RECORD_SINCE
from tests.deployment.shipped import ROOT, of_type

TEXT: Final = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
DESCRIPTIONS: Final[dict[str, str]] = {
    name: alarm["AlarmDescription"] for name, alarm in of_type("AWS::CloudWatch::Alarm").items()
}
PARTS: Final = ["What it means.", "Is anybody hurt?", "Look.", "Do.", "Safe to ignore"]


def sections() -> dict[str, str]:
    """Each section's text, by the anchor that its heading gets."""
    _, *found = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    texts: dict[str, str] = {}
    for each in found:
        heading, _, text = each.partition("\n")
        texts[re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")] = text
    return texts


SECTIONS: Final = sections()


def commands(text: str) -> list[list[str]]:
    """What is to be typed: the lines of console blocks, and code in the text that begins with `lockstep`."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in re.findall(r"^\$ ((?:.*\\\n)*.*)", block, re.MULTILINE)]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`(lockstep [^`]+)`", " ".join(prose.split()))
    return [shlex.split(each, comments=True) for each in [*lines, *inline]]


COMMANDS: Final = commands(TEXT)
GROUP: Final = typer.main.get_command(app)


def is_understood(program: str, name: str, *arguments: str) -> bool:
    """Whether `lockstep`, Python or the AWS CLI would take a command line; nothing is run."""
    if program == "lockstep":
        return _is_of_group(GROUP, name, *arguments)
    if (program, name) == ("python", "-c"):
        return compile(arguments[0], program, "exec") is not None  # raises where it is none
    return program == "aws" and _is_of_aws(name, *arguments)


def _is_of_group(group: object, name: str, *arguments: str) -> bool:
    known = getattr(group, "commands", {})
    if name not in known:
        return False
    if arguments and hasattr(known[name], "commands"):
        return _is_of_group(known[name], *arguments)
    if arguments:  # without any, a sentence may only name it
        known[name].make_context(name, list(arguments))  # raises what the user would be told
    return True


def _is_of_aws(service: str, operation: str, *arguments: str) -> bool:
    given = {each[2:] for each in arguments if each.startswith("--")} - {"query", "output"}
    if (service, operation) == ("logs", "tail"):  # the AWS CLI's own
        return given <= {"since", "follow", "filter-pattern"}
    try:
        model = Session().get_service_model({"s3api": "s3"}.get(service, service))
    except UnknownServiceError:
        return False
    named = {xform_name(each, "-"): each for each in model.operation_names}
    if operation == "wait":
        waiters = Session().get_waiter_model(service)
        asked = {xform_name(each, "-"): waiters.get_waiter(each).operation for each in waiters.waiter_names}
        operation = xform_name(asked.get(arguments[0], ""), "-")
    if operation not in named:
        return False
    shape = model.operation_model(named[operation]).input_shape
    assert shape is not None
    members = {xform_name(each, "-") for each in shape.members}
    required = {xform_name(each, "-") for each in shape.required_members}
    return required <= given <= members


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_alarm_has_the_section_that_its_description_names(name: str) -> None:
    anchor = DESCRIPTIONS[name].rpartition("docs/runbook.md#")[2]
    assert anchor in SECTIONS
    assert f"`{name}`" in SECTIONS[anchor].partition("**")[0]


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_section_says_what_it_means_who_is_hurt_where_to_look_what_to_do_and_when_not(name: str) -> None:
    text = SECTIONS[DESCRIPTIONS[name].rpartition("#")[2]]
    assert [part for part in re.findall(r"^\*\*(.+?)(?<!:):?\*\*", text, re.MULTILINE) if part in PARTS] == PARTS
    assert "lockstep" in {each[0] for each in commands(text)}


def test_there_is_no_section_for_an_alarm_that_is_gone() -> None:
    named = re.findall(r"^`(\w+Alarm)`$", TEXT, re.MULTILINE)
    assert named == list(DESCRIPTIONS)


def test_general_sections_are_there() -> None:
    assert {
        "an-output-is-wrong-or-missing",
        "roll-back-a-deployment",
        "a-bucket-was-changed-by-hand",
        "the-lock-table-was-restored-from-a-backup",
    } <= SECTIONS.keys()


def test_links_within_lead_somewhere() -> None:
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= SECTIONS.keys()


@pytest.mark.parametrize("command", [each for each in COMMANDS if each[0] != "export"], ids=" ".join)
def test_every_command_exists_with_its_options(command: list[str]) -> None:
    assert is_understood(*command)


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_every_command_in_a_description_exists(name: str) -> None:
    named = commands(DESCRIPTIONS[name])
    assert named
    assert all(is_understood(*each) for each in named)


def operations(section: str) -> list[str]:
    """Of AWS, in the order in which they are to be done."""
    return [each[2] for each in commands(SECTIONS[section]) if each[0] == "aws"]


def test_an_alarm_that_is_over_sooner_or_later_than_after_15_minutes_is_named() -> None:
    (said,) = re.findall(r"^- \*\*An alarm that is over\*\*.*?(?=^- )", TEXT, re.MULTILINE | re.DOTALL)
    others = {
        DESCRIPTIONS[name].rpartition("#")[2].replace("-", " ")
        for name, alarm in of_type("AWS::CloudWatch::Alarm").items()
        if (alarm["Period"], alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm")) != (300, 3, 1)
    }
    assert others == {each for each in others if each in " ".join(said.lower().split())}


@pytest.mark.parametrize("outcome", ["failed", "timed-out", "aborted"])
def test_the_executions_of_an_alarm_are_found_however_many_have_started_since(outcome: str) -> None:
    named = commands(SECTIONS[f"executions-{outcome}"])
    assert ["lockstep", "redrive", "--outcome", outcome, "--dry-run", "--json"] in named


def test_the_history_of_an_object_is_looked_for_beyond_the_newest_50_executions() -> None:
    of_some = [each for each in COMMANDS if each[:2] == ["lockstep", "history"] and {"--key", "--outcome"} & set(each)]
    assert of_some
    assert all("--limit" in each for each in of_some)


def test_what_differs_from_the_template_is_read_when_it_was_detected_and_in_one_place_for_all() -> None:
    place = "what-differs-from-the-template"
    drift = ["detect-stack-drift", "describe-stack-drift-detection-status", "describe-stack-resource-drifts"]
    assert operations(place) == [each[2] for each in COMMANDS if each[0] == "aws" and "drift" in each[2]] == drift
    linked = {section for section, text in SECTIONS.items() if f"(#{place})" in text}
    assert linked == {"undelivered-events", "events-lost", "feed-stopped", "changes-lost"}


def test_a_log_that_is_read_is_named_by_a_command_before() -> None:
    for text in SECTIONS.values():
        before: list[str] = []
        for each in commands(text):
            assert "LOG_GROUP" not in each or any(word.endswith("LogGroup") for word in before), each
            before += each


def test_a_run_of_reconcile_is_not_taken_for_an_execution_of_the_state_machine() -> None:
    used = [word for each in commands(SECTIONS["reconcile-failed"]) for word in each]
    assert {"RUN", "RUN_ARN"} <= set(used)
    assert not {"NAME", "EXECUTION_ARN"} & set(used)


def test_a_restored_table_is_waited_for_and_gets_events_only_when_its_records_have_begun_anew() -> None:
    text = SECTIONS["the-lock-table-was-restored-from-a-backup"]
    steps = [each[1] if each[0] == "lockstep" else each[2] for each in commands(text)]
    assert [steps[steps.index(each) + 1] for each in ("restore-table-from-backup", "update-table")] == ["wait", "wait"]
    anew = next(each for each in steps if RECORD_SINCE in each)
    in_turn = ["disable-rule", "restore-table-from-backup", anew, "enable-rule", "reconcile"]
    assert [each for each in steps if each in in_turn] == in_turn


# --- to write a change to the feed by hand -----------------------------------------------------------------

RECORD: Final = {
    "eventName": "MODIFY",
    "dynamodb": {
        "SequenceNumber": "800000000003126276362",
        "ApproximateCreationDateTime": 1763838000.0,
        "NewImage": {"object_id": {"S": "my-input/a.jpg"}, "record_since": {"N": "1"}, "fencing_token": {"N": "7"}},
    },
}
# Lambda Developer Guide, "Retain discarded records for a DynamoDB event source": the event is an escaped string.
GIVEN_UP: Final = {"DDBStreamBatchInfo": {"batchSize": 1}, "payload": json.dumps({"Records": [RECORD]})}
ASIDE: Final = json.loads(unreadable_file(RECORD, "it has no 'applied_source'").body)


@pytest.mark.parametrize(
    ("section", "name", "kept"),
    [("changes-given-up", "given-up.json", GIVEN_UP), ("unreadable-records", "aside.json", ASIDE)],
)
def test_what_was_kept_becomes_what_the_function_was_to_be_invoked_with(
    section: str, name: str, kept: dict[str, Any], tmp_path: Path
) -> None:
    (code,) = (each[2] for each in commands(SECTIONS[section]) if each[-2:] == [">", "payload.json"])
    (tmp_path / name).write_text(json.dumps(kept), encoding="utf-8")
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == {"Records": [RECORD]}


@mock_aws
def test_records_from_a_backup_begin_anew_for_the_feed_and_are_no_changes_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    (code,) = (each[2] for each in COMMANDS if each[0] == "python" and RECORD_SINCE in each[2])
    table = boto3.resource("dynamodb").create_table(
        TableName="LOCK_TABLE",
        KeySchema=[{"AttributeName": OBJECT_ID, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": OBJECT_ID, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    applied: dict[str, int | str] = {FENCING_TOKEN: 5, APPLIED_AT: 1763838000123, APPLIED_BY: "an execution"}
    table.put_item(Item={OBJECT_ID: "my-input/a.jpg", RECORD_SINCE: 1763838000000, **applied})
    table.put_item(Item={OBJECT_ID: "my-input/from-before-the-feed.jpg", FENCING_TOKEN: 5})

    exec(code, {})  # noqa: S102  # as whoever follows the page would, in this process

    found = {each[OBJECT_ID]: each for each in table.scan()["Items"]}
    since = found["my-input/a.jpg"].pop(RECORD_SINCE)
    assert since > 1763838000000  # type: ignore[operator]
    assert found == {
        "my-input/a.jpg": {OBJECT_ID: "my-input/a.jpg", FENCING_TOKEN: 5},
        "my-input/from-before-the-feed.jpg": {OBJECT_ID: "my-input/from-before-the-feed.jpg", FENCING_TOKEN: 5},
    }
