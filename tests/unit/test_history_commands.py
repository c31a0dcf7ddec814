"""`lockstep history`, `show` and `watch`: what they print, what they write, and by which code they end."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from typer.testing import CliRunner, Result

from lockstep import emulator, local
from lockstep.cli import app
from lockstep.errors import UserError
from lockstep.history import commands
from lockstep.history import server as server_module
from lockstep.stack import Stack
from tests.unit.account import Account, Refused, arn_of, new_account, stack
from tests.unit.web import Seen, use_small_page


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """One that failed, one that went well, and one that waits, newest last; the stack runs on this machine."""
    account = new_account()
    account.start("failed-1", "rocket.jpg", "01")
    account.fail("failed-1", "LeaseLost", "to another")
    account.start("good-1", "photos/cat.jpg", "02")
    account.convert("good-1", "02")
    account.start("waits-1", "dog.jpg", "03")
    account.wait("waits-1", "somebody")
    monkeypatch.setattr(local, "running_stack", stack)
    return account


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(commands, "_has_screen", lambda: False)
    monkeypatch.setattr(local, "_running_emulator", lambda: None)
    monkeypatch.setattr(emulator, "leave_aws", lambda: None)
    monkeypatch.setattr("lockstep.command.signal.signal", lambda *_: None)  # the test runner's own
    monkeypatch.delenv("LOCKSTEP_STACK_NAME", raising=False)
    use_small_page(tmp_path, monkeypatch)


def lockstep(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result


def mistake(*arguments: str) -> str:
    """What is said about a mistake."""
    result = lockstep(*arguments)
    assert result.exit_code == 2, result.output
    return " ".join(result.stderr.split())


def names(result: Result) -> list[str]:
    return [each["name"] for each in json.loads(result.stdout)]


# --- history ------------------------------------------------------------------------------------------------------


def test_without_a_screen_the_history_is_a_table_and_says_how_to_get_the_page(account: Account) -> None:
    result = lockstep("history")

    assert result.exit_code == 0
    for expected in ("rocket.jpg", "photos/cat.jpg", "dog.jpg", "failed", "converted", "waiting"):
        assert expected in result.stdout
    assert "--port" in result.stderr
    assert account.operations == {"ListExecutions", "GetExecutionHistory"}


@pytest.mark.usefixtures("account")
def test_a_table_that_was_asked_for_needs_no_explanation() -> None:
    result = lockstep("history", "--text")

    assert "rocket.jpg" in result.stdout
    assert result.stderr == ""


@pytest.mark.usefixtures("account")
def test_programs_get_json_and_nothing_else_newest_first() -> None:
    result = lockstep("history", "--json")

    assert names(result) == ["waits-1", "good-1", "failed-1"]
    assert json.loads(result.stdout)[2]["explanation"] == "LeaseLost: to another"
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--key", ".jpg"], ["waits-1", "good-1", "failed-1"]),
        (["--key", "photos/"], ["good-1"]),
        (["--key", "none"], []),
        (["--outcome", "failed"], ["failed-1"]),
        (["--outcome", "failed", "--outcome", "waiting"], ["waits-1", "failed-1"]),
        (["--outcome", "timed out"], []),
        (["--outcome", "FAILED"], ["failed-1"]),
        (["--key", "cat", "--outcome", "failed"], []),
        (["--limit", "1"], ["waits-1"]),
        (["--limit", "2"], ["waits-1", "good-1"]),
    ],
)
@pytest.mark.usefixtures("account")
def test_the_table_can_be_narrowed(options: list[str], expected: list[str]) -> None:
    assert names(lockstep("history", "--json", *options)) == expected


@pytest.mark.parametrize("spelling", ["timed out", "timed-out", "Timed-Out", "TIMED_OUT"])
def test_an_outcome_is_understood_however_it_is_spelled(account: Account, spelling: str) -> None:
    account.start("late-1")
    account.time_out("late-1")

    assert names(lockstep("history", "--json", "--outcome", spelling)) == ["late-1"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--outcome", "aborted"], "none of the 3 executions is aborted"),
        (["--outcome", "stale", "--key", "x"], "none of the 3 executions is stale and has 'x' in its key"),
        (["--key", "x", "--limit", "2"], "none of the 2 newest executions has 'x' in its key; --limit looks at more"),
    ],
)
@pytest.mark.usefixtures("account")
def test_a_table_that_is_narrowed_to_nothing_does_not_say_that_there_are_no_executions(
    options: list[str], expected: str
) -> None:
    assert lockstep("history", "--text", *options).stdout == f"{expected}\n"


@pytest.mark.usefixtures("account")
def test_a_table_and_a_file_at_once_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "history.html"

    assert "--text and --html" in mistake("history", "--text", "--html", str(file))
    assert not file.exists()


@pytest.mark.parametrize("options", [["--limit", "0"], ["--limit", "x"], ["--outcome", "none"], ["--port", "x"]])
@pytest.mark.usefixtures("account")
def test_an_option_that_makes_no_sense_is_refused(options: list[str]) -> None:
    assert options[0] in mistake("history", *options)


def test_no_more_histories_are_read_than_are_shown(account: Account) -> None:
    lockstep("history", "--text", "--limit", "2")

    assert account.reads() == ["waits-1", "good-1"]


def test_an_empty_history_is_no_mistake(account: Account) -> None:
    account.executions.clear()

    assert lockstep("history").exit_code == 0
    assert lockstep("history", "--json").stdout == "[]\n"


def test_an_execution_that_goes_while_the_history_is_read_does_not_keep_the_others_from_being_shown(
    account: Account,
) -> None:
    """Step Functions forgets executions, and the list may be behind."""
    account.refuse("GetExecutionHistory", Refused("ExecutionDoesNotExist"), name="failed-1")

    assert names(lockstep("history", "--json")) == ["waits-1", "good-1"]


# --- the page -----------------------------------------------------------------------------------------------------


class Served:
    """Instead of the server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: OSError | None = None) -> None:
        self.ports: list[int | None] = []
        self.opened: list[str] = []
        self._error = error
        monkeypatch.setattr(commands, "serving_stack", self._serve)
        monkeypatch.setattr(commands, "Event", Interrupted)
        monkeypatch.setattr("lockstep.history.commands.webbrowser.open", self.opened.append)

    @contextmanager
    def _serve(self, _: Stack, port: int | None) -> Iterator[str]:
        self.ports.append(port)
        if self._error is not None:
            raise self._error
        yield "http://127.0.0.1:8484"


class Interrupted:
    def wait(self) -> NoReturn:
        raise KeyboardInterrupt


@pytest.mark.usefixtures("account")
def test_with_a_screen_the_page_is_opened_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served(monkeypatch)
    monkeypatch.setattr(commands, "_has_screen", lambda: True)
    result = lockstep("history")

    assert "http://127.0.0.1:8484" in result.stdout
    assert (result.exit_code, served.ports, served.opened) == (0, [None], ["http://127.0.0.1:8484"])


@pytest.mark.usefixtures("account")
def test_with_a_port_the_page_is_served_without_a_screen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served(monkeypatch)
    result = lockstep("history", "--port", "9000")

    assert (result.exit_code, served.ports, served.opened) == (0, [9000], [])


@pytest.mark.parametrize("code", [errno.EADDRINUSE, errno.EACCES])
@pytest.mark.usefixtures("account")
def test_a_port_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(_: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("lockstep.history.server.socket.create_server", refuse)

    assert mistake("history", "--port", "9000") == f"error: port 9000: {os.strerror(code)}"


@pytest.mark.parametrize("port", ["-1", "65536", "99999999999"])
@pytest.mark.usefixtures("account")
def test_a_number_that_is_no_port_is_named(port: str) -> None:
    assert "--port" in mistake("history", "--port", port)


@pytest.mark.usefixtures("account")
def test_when_the_usual_port_is_taken_another_is_served_but_never_instead_of_the_one_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[tuple[str, int]] = []

    def create(address: tuple[str, int]) -> Any:
        tried.append(address)
        if address[1] != 0:
            raise OSError(errno.EADDRINUSE, "taken")
        return SimpleNamespace(setsockopt=lambda *_: None, address=address)

    monkeypatch.setattr("lockstep.history.server.socket.create_server", create)

    found: Any = server_module._listen(None)
    assert found.address == ("127.0.0.1", 0)
    with pytest.raises(UserError, match="port 9000: taken"):
        server_module._listen(9000)
    assert tried == [("127.0.0.1", 8484), ("127.0.0.1", 0), ("127.0.0.1", 9000)]


# --- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("account")
def test_the_file_has_the_newest_and_its_name_is_told(tmp_path: Path) -> None:
    file = tmp_path / "history.html"
    result = lockstep("history", "--html", str(file))

    assert (result.exit_code, "history.html" in result.stdout) == (0, True)
    data = json.loads(Seen(file.read_text()).data)
    assert [each["name"] for each in data["rows"]] == ["waits-1", "good-1", "failed-1"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--key", "photos/"], ["good-1"]),
        (["--limit", "1"], ["waits-1"]),
        (["--execution", "failed-1"], ["failed-1"]),
        (["--execution", "failed-1", "--execution", arn_of("waits-1")], ["failed-1", "waits-1"]),
        (["--execution", "fail"], ["failed-1"]),
    ],
)
@pytest.mark.usefixtures("account")
def test_the_file_can_be_narrowed(tmp_path: Path, options: list[str], expected: list[str]) -> None:
    file = tmp_path / "history.html"
    lockstep("history", "--html", str(file), *options)

    assert [each["name"] for each in json.loads(Seen(file.read_text()).data)["rows"]] == expected


@pytest.mark.usefixtures("account")
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "history.html"

    assert str(missing) in mistake("history", "--html", str(missing)).replace(" ", "")
    assert "directory" in mistake("history", "--html", str(tmp_path))


@pytest.mark.parametrize("text", ['"\\ud800"', '{"detail": {"object": {"key": "\\ud800"}}}'])
def test_the_file_is_written_whatever_an_execution_was_started_with(
    account: Account, tmp_path: Path, text: str
) -> None:
    account.start("odd", text=text)
    file = tmp_path / "history.html"

    assert lockstep("history", "--html", str(file)).exit_code == 0
    assert json.loads(Seen(file.read_text()).data)["rows"][0]["name"] == "odd"


@pytest.mark.parametrize("options", [["history"], ["history", "--json"], ["show", "odd"], ["show", "odd", "--json"]])
def test_half_a_character_can_be_printed(account: Account, options: list[str]) -> None:
    """JSON may have that, by its escape; UTF-8 may not."""
    account.start("odd", text='{"detail": {"object": {"key": "\\ud800"}}}')

    assert lockstep(*options).exit_code == 0


def test_nothing_is_written_when_there_is_a_mistake(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "history.html"
    mistake("history", "--html", str(file), "--execution", "none")
    account.refuse("ListExecutions", Refused("AccessDeniedException"))
    mistake("history", "--html", str(file))

    assert not file.exists()


@pytest.mark.usefixtures("account")
def test_an_execution_asked_for_without_a_file_is_not_ignored() -> None:
    assert "--html" in mistake("history", "--text", "--execution", "failed-1")


# --- show ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "code"), [("good-1", 0), ("waits-1", 0), ("failed-1", 1)])
@pytest.mark.usefixtures("account")
def test_show_ends_by_what_came_of_the_execution(name: str, code: int) -> None:
    for options in ([], ["--json"]):
        assert lockstep("show", name, *options).exit_code == code


@pytest.mark.parametrize("given", ["failed-1", "failed", "f", arn_of("failed-1")])
@pytest.mark.usefixtures("account")
def test_an_execution_is_found_by_name_by_arn_or_by_the_beginning_of_its_name(given: str) -> None:
    found = json.loads(lockstep("show", given, "--json").stdout)

    assert found["execution"]["name"] == "failed-1"
    assert found["error"] == "LeaseLost"


@pytest.mark.usefixtures("account")
def test_show_tells_the_object_and_why_it_failed() -> None:
    shown = lockstep("show", "failed-1").stdout

    assert "rocket.jpg" in shown
    assert "LeaseLost" in shown


def test_a_name_that_is_another_s_beginning_means_itself(account: Account) -> None:
    """Also when the other one is newer."""
    account.start("failed-1-again")

    assert json.loads(lockstep("show", "failed-1", "--json").stdout)["execution"]["name"] == "failed-1"


def test_a_beginning_that_many_have_is_a_mistake_that_names_some(account: Account) -> None:
    for number in range(4):
        account.start(f"many-{number}")

    assert mistake("show", "many") == "error: 4 executions begin with 'many': many-3, many-2, many-1, …"


UUID = "de1a7f61-52e5-4834-b367-abce52f5a656"


@pytest.fixture
def started_again(account: Account) -> Account:
    """One that failed three times; each has its key, and there is another execution that is not of them."""
    for name in (UUID, f"{UUID}-again", f"{UUID}-again2"):
        account.start(name)
        account.fail(name)
    account.start("de1a0000")
    return account


def shown_name(*arguments: str) -> str:
    found: str = json.loads(lockstep("show", *arguments, "--json").stdout)["execution"]["name"]
    return found


@pytest.mark.usefixtures("started_again")
def test_a_beginning_that_only_an_execution_and_its_successors_have_means_the_first_and_names_the_others() -> None:
    said = " ".join(lockstep("show", "de1a7", "--json").stderr.split())

    assert shown_name("de1a7") == UUID
    assert f"{UUID}-again, {UUID}-again2" in said


def test_that_beginning_still_means_the_first_when_that_is_forgotten(started_again: Account) -> None:
    started_again.forget(UUID)

    assert shown_name("de1a7") == f"{UUID}-again"


@pytest.mark.usefixtures("started_again")
def test_every_name_that_the_table_shows_is_understood_by_show() -> None:
    everything = {each["name"] for each in json.loads(lockstep("history", "--json").stdout)}
    rows = lockstep("history", "--text").stdout.splitlines()[1 : len(everything) + 1]

    assert {shown_name(each.split()[-1]) for each in rows} == everything


def test_show_tells_what_it_was_started_again_as(started_again: Account) -> None:
    assert lockstep("show", UUID).stdout.splitlines()[-1] == f"It was started again as {UUID}-again"
    assert "lockstep redrive --key" in lockstep("show", f"{UUID}-again2").stdout

    started_again.refuse("DescribeExecution", Refused("AccessDeniedException"), name=f"{UUID}-again")
    shown = lockstep("show", UUID)
    assert (shown.exit_code, "lockstep redrive --key" in shown.stdout) == (1, True)


@pytest.mark.parametrize("given", ["none", "GOOD-1", arn_of("none")])
@pytest.mark.usefixtures("account")
def test_a_name_that_there_is_not_is_a_mistake_that_says_where_to_look(given: str) -> None:
    said = mistake("show", given)

    assert repr(given) in said
    assert "lockstep history --text" in said


def test_an_execution_that_has_only_just_been_started_is_no_stack_trace(account: Account) -> None:
    account.start("young", is_readable=False)

    assert "only just been started" in mistake("show", "young")


# --- mistakes of all three ----------------------------------------------------------------------------------------

COMMANDS = [["history"], ["history", "--html", "file.html"], ["history", "--json"], ["show", "name"], ["watch"]]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_without_a_local_stack_they_say_how_to_start_one(arguments: list[str]) -> None:
    said = mistake(*arguments)

    assert "make up" in said
    assert "--stack-name" in said


@pytest.mark.parametrize("arguments", COMMANDS)
def test_aws_options_without_a_stack_are_not_ignored(arguments: list[str]) -> None:
    assert "--stack-name" in mistake(*arguments, "--profile", "production")


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_stack_that_does_not_exist_is_named(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object, operation: str, __: object) -> NoReturn:
        answer: Any = {"Error": {"Code": "ValidationError", "Message": "Stack does not exist"}}
        raise ClientError(answer, operation)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refuse)

    assert "no-such-stack" in mistake(*arguments, "--stack-name", "no-such-stack", "--region", "eu-west-1")


@pytest.mark.parametrize("arguments", COMMANDS)
def test_when_the_local_stack_has_gone_they_say_so(arguments: list[str], account: Account) -> None:
    account.refuse("ListExecutions", EndpointConnectionError(endpoint_url="http://127.0.0.1:4566"))

    assert "http://127.0.0.1:4566 does not answer" in mistake(*arguments)


@pytest.mark.parametrize("arguments", COMMANDS)
def test_what_aws_refuses_is_told(arguments: list[str], account: Account) -> None:
    account.refuse("ListExecutions", Refused("AccessDeniedException", "not authorized to list"))

    assert "not authorized to list" in mistake(*arguments)


def test_watching_ends_well_when_it_is_interrupted(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(_: float) -> None:
        if account.executions["waits-1"].has_ended:
            raise KeyboardInterrupt
        account.convert("waits-1")
        account.start("other")
        account.fail("other")

    monkeypatch.setattr("lockstep.view.time.sleep", sleep)
    result = lockstep("watch", "--key", "dog", "--json")

    assert result.exit_code == 0
    assert [json.loads(line)["outcome"] for line in result.stdout.splitlines()] == ["converted"]


def test_what_is_written_for_others_to_see_is_a_plain_file(account: Account, tmp_path: Path) -> None:
    """An existing file is replaced, with its rights."""
    account.executions.pop("waits-1")
    file = tmp_path / "history.html"
    file.write_text("before")
    file.chmod(0o600)
    lockstep("history", "--html", str(file))

    assert "before" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
