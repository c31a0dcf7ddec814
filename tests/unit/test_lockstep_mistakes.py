"""A user's mistake ends as one message that says what to do, and exit code 2; never as a stack trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError
from typer.testing import CliRunner, Result

from lockstep import emulator, local
from lockstep.cli import app
from lockstep.errors import UserError
from tests.unit.account import Refused
from tests.unit.feed_account import new_feed_account
from tests.unit.full_disk import room_for


@pytest.fixture(autouse=True)
def no_local_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_running_emulator", lambda: None)
    monkeypatch.setattr(emulator, "leave_aws", lambda: None)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "LOCKSTEP_STACK_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


@pytest.mark.parametrize(
    "command", [["status"], ["history"], ["show", "x"], ["watch"], ["rm", "key"], ["put", __file__]]
)
def test_without_a_local_stack_commands_say_how_to_start_one(command: list[str]) -> None:
    result = lockstep(*command)

    assert "make up" in result.output
    assert "--stack-name" in result.output


def test_without_a_local_stack_a_profile_alone_does_not_reach_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody deletes on AWS what was meant to be deleted on this machine."""
    monkeypatch.setenv("AWS_PROFILE", "production")

    assert "no local stack is running" in lockstep("rm", "key").output


def test_a_stack_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Any = {"Error": {"Code": "ValidationError", "Message": "Stack with id no-such-stack does not exist"}}

    def refuse(*_: object) -> NoReturn:
        raise ClientError(answer, "DescribeStacks")

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)

    told = lockstep("history", "--stack-name", "no-such-stack", "--region", "eu-west-1").output

    assert "no stack 'no-such-stack' in eu-west-1" in told
    assert "list-stacks" in told


def test_a_missing_region_is_named() -> None:
    assert "region" in lockstep("status", "--stack-name", "any").output


def test_a_profile_that_does_not_exist_is_named() -> None:
    assert "no-such-profile" in lockstep("status", "--stack-name", "any", "--profile", "no-such-profile").output


def test_a_file_that_does_not_exist_is_named() -> None:
    assert "missing.jpg" in lockstep("put", "missing.jpg").output


def test_aws_options_without_a_stack_are_not_ignored() -> None:
    assert "--stack-name" in lockstep("status", "--profile", "production").output


def test_an_empty_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "running_stack", lambda: None)
    assert "a key cannot be empty" in lockstep("put", __file__, "--key", "").output


@pytest.mark.parametrize(
    "command",
    [
        ["reconcile", "--dry-run", "--prefix"],
        ["reconcile", "--dry-run", "--start-after"],
        ["feed", "tail", "--prefix"],
        ["put", __file__, "--key"],
        ["rm"],
    ],
    ids=" ".join,
)
def test_what_was_typed_in_another_encoding_is_told(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Python makes such half letters of bytes that are not UTF-8."""
    new_feed_account(monkeypatch)

    assert r"'caf\udce9' is not UTF-8" in lockstep(*command, "caf\udce9").output


@pytest.mark.parametrize(
    "error",
    [Refused("SlowDown", "", 503), ReadTimeoutError(endpoint_url="https://s3.eu-west-1.amazonaws.com")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    "command",
    [["reconcile", "--dry-run"], ["feed", "load", "--into", "sqlite:feed.db"], ["feed", "verify"]],
    ids=" ".join,
)
def test_a_command_that_ends_does_not_say_that_it_goes_on(
    command: list[str], error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new_feed_account(monkeypatch).refuse("ListObjectsV2", error)

    told = lockstep(*command).stderr

    assert told.endswith("Run the same command again.\n")
    assert "goes on by itself" not in told
    assert "again and again" not in told


# --- what the local stack has kept ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["", '{"payload": {"fun', "{}", "[]", '{"payload": null}', "\udcff"])
def test_a_broken_file_of_the_local_stack_is_named_with_what_to_remove(kept: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "lambda.json").write_text(kept, errors="surrogateescape")

    with (
        pytest.raises(UserError, match=f"{state / 'lambda.json'} is broken: remove {state},"),
        emulator.running(tmp_path),
    ):
        pass


def test_what_the_local_stack_has_kept_is_never_half_written(tmp_path: Path) -> None:
    kept = '{"payload": {"functions": {"name": "so that it is long enough"}, "dynamodb_stream_positions": {"a": 1}}}'
    file = tmp_path / "state" / "lambda.json"
    file.parent.mkdir()
    file.write_text(kept)

    with room_for(40), pytest.raises(OSError, match="too large"), emulator.running(tmp_path):
        pass

    assert file.read_text() == kept


def lockstep(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result
