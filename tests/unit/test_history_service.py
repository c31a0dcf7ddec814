"""What the page asks for has the form that it expects, and says of an execution what can be done about it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lockstep.executions import Outcome
from lockstep.history.archive import archive
from lockstep.history.graph import Graph
from lockstep.history.index import Index
from lockstep.history.service import History
from lockstep.problems import ProblemError
from tests.unit.account import INPUT, KEY, OUTPUT, Account, Refused, arn_of, new_account, stack
from tests.unit.web import Seen, use_small_page

ROW = {
    *("name", "bucket", "key", "change", "outcome", "started", "stopped", "state", "explanation", "sequencer"),
}
FAR = 4_000_000_000_000


@pytest.fixture
def account() -> Account:
    return new_account()


def served(*, is_live: bool = True, is_local: bool = True) -> History:
    on = stack(is_local=is_local)
    return History(on, Graph.deployed(on), Index(on), is_live=is_live)


# --- the stack ----------------------------------------------------------------------------------------------------


def test_the_stack_tells_where_it_is() -> None:
    new_account()
    local, remote = served().about(), served(is_local=False, is_live=False).about()

    assert (local["where"], local["is_local"], local["is_live"]) == ("http://127.0.0.1:4566", True, True)
    assert (remote["where"], remote["is_local"], remote["is_live"]) == ("AWS eu-west-1", False, False)
    assert (local["input_bucket"], local["output_bucket"]) == (INPUT, OUTPUT)


def test_every_outcome_has_a_tone_and_a_meaning() -> None:
    new_account()
    told = served().about()["outcomes"]

    assert {each["outcome"] for each in told} == {each.value for each in Outcome}
    assert {each["tone"] for each in told} == {"busy", "waiting", "good", "quiet", "odd", "bad"}
    assert all(each["meaning"] for each in told)


# --- an execution -------------------------------------------------------------------------------------------------


def test_an_execution_has_all_that_the_page_shows(account: Account) -> None:
    account.start("a", sequencer="01")
    account.enter("a", "AcquireLock")
    account.leave("a", "AcquireLock")
    account.fail("a", "LeaseLost", "to another")
    found = served().execution("a")

    assert found.keys() >= {
        *("execution", "error", "cause", "plain", "again", "holder", "path", "current", "states", "events"),
        *("input", "output"),
    }
    assert found["execution"].keys() == ROW
    assert (found["error"], found["cause"]) == ("LeaseLost", "to another")
    assert found["plain"].keys() == {"title", "text", "advice"}
    assert found["again"] == {"name": "a-again"}
    json.dumps(found)


@pytest.mark.parametrize("name", ["none", "", "a:b", "x" * 300, "ü", "*"])
def test_an_execution_that_there_is_not_is_a_problem(account: Account, name: str) -> None:
    account.start("a")

    with pytest.raises(ProblemError) as raised:
        served().execution(name)
    assert raised.value.status == 404
    assert raised.value.problem.advice


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "InvalidArn", "ValidationException"])
def test_a_name_that_aws_does_not_like_is_one_that_there_is_not(account: Account, code: str) -> None:
    account.start("a")
    account.refuse("GetExecutionHistory", Refused(code))

    with pytest.raises(ProblemError) as raised:
        served().execution("a")
    assert raised.value.status == 404


def test_an_execution_that_has_only_just_been_started_is_a_problem(account: Account) -> None:
    account.start("a", is_readable=False)

    with pytest.raises(ProblemError, match="only just been started"):
        served().execution("a")


def test_an_execution_that_has_just_been_read_is_known_in_the_list(account: Account) -> None:
    account.start("a")
    history = served()
    history.execution("a")

    assert [each.arn for each in history.index.since(0)] == [arn_of("a")]


@pytest.mark.parametrize(
    ("end", "is_offered"),
    [("convert", False), ("skip", False), ("fail", True), ("abort", True), ("time_out", True), ("start", False)],
)
def test_only_what_ended_badly_is_offered_to_be_started_again(account: Account, end: str, is_offered: bool) -> None:
    account.start("a")
    if end != "start":
        getattr(account, end)("a")

    assert (served().execution("a")["again"] is not None) is is_offered


def test_nothing_is_offered_to_be_started_again_where_nobody_can(account: Account) -> None:
    account.start("a")
    account.fail("a")

    assert served(is_live=False).execution("a")["again"] is None


# --- who holds the lock -------------------------------------------------------------------------------------------


def waits(account: Account, holder: str = "the holder") -> History:
    account.start("a")
    account.wait("a", holder)
    return served()


def test_an_execution_that_waits_tells_who_holds_the_lock_now(account: Account) -> None:
    history = waits(account)
    record: dict[str, Any] = {"owner": arn_of("another"), "lease_expires_at": FAR}
    account.records[f"{INPUT}/{KEY}"] = record

    assert history.execution("a")["holder"] == {"owner": "another", "is_execution": True, "until": FAR, "is_live": True}


@pytest.mark.parametrize("record", [None, {"fencing_token": 3}])
def test_nobody_is_told_as_holder_of_a_lock_that_is_free(account: Account, record: dict[str, Any] | None) -> None:
    """It was let go while the execution waits for its next look."""
    history = waits(account)
    if record is not None:
        account.records[f"{INPUT}/{KEY}"] = record

    assert history.execution("a")["holder"] is None


def test_who_held_the_lock_is_told_when_the_table_cannot_be_read(account: Account) -> None:
    history = waits(account)
    account.refuse("GetItem", Refused("AccessDeniedException"))

    assert history.execution("a")["holder"]["owner"] == "the holder"


def test_nobody_holds_a_lock_against_an_execution_that_does_not_wait(account: Account) -> None:
    account.start("a")
    account.enter("a", "AcquireLock")

    assert served().execution("a")["holder"] is None
    assert "GetItem" not in account.operations


# --- an object ----------------------------------------------------------------------------------------------------


def test_an_object_has_all_that_the_page_shows(account: Account) -> None:
    account.start("a", sequencer="01")
    history = served()
    history.index.poll()
    found = history.object(INPUT, KEY)

    assert found.keys() == {
        *("bucket", "key", "lock", "lock_problem", "events", "input", "output", "in_step", "in_step_text"),
    }
    assert found["events"][0].keys() == {"execution", "fate", "why", "covered_by"}
    assert found["events"][0]["execution"].keys() == ROW
    assert found["input"].keys() >= {"exists", "etag", "size", "modified", "url", "problem"}


def test_an_object_without_any_event_can_be_looked_at(account: Account) -> None:
    account.store(INPUT, "quiet.jpg")

    assert served().object(INPUT, "quiet.jpg")["input"]["exists"] is True


def test_a_bucket_of_somebody_else_is_not_looked_into(account: Account) -> None:
    with pytest.raises(ProblemError) as raised:
        served().object("another-bucket", KEY)

    assert raised.value.status == 404
    assert INPUT in raised.value.problem.advice
    assert account.operations == {"DescribeStateMachine"}


def test_an_object_of_another_bucket_is_not_shown_with_pictures_of_ours(account: Account) -> None:
    """Somebody may start an execution by hand with any input."""
    account.store(INPUT, KEY)
    account.start("by-hand", bucket="another-bucket")
    history = served()
    history.index.poll()
    try:
        found = history.object("another-bucket", KEY)
    except ProblemError:
        return

    assert found["input"]["exists"] is None
    assert found["input"]["url"] is None


# --- starting again -----------------------------------------------------------------------------------------------


def test_what_failed_is_started_again_and_its_name_told(account: Account) -> None:
    account.start("a")
    account.fail("a")

    assert served().start_again("a") == "a-again"
    assert account.executions["a-again"].text == account.executions["a"].text


@pytest.mark.parametrize("end", ["convert", "skip", None])
def test_nothing_else_is_started_again(account: Account, end: str | None) -> None:
    account.start("a")
    if end:
        getattr(account, end)("a")

    with pytest.raises(ProblemError, match="Only what failed"):
        served().start_again("a")
    assert "StartExecution" not in account.operations


def test_a_page_without_a_server_starts_nothing(account: Account) -> None:
    """Nobody asks it to; but what is not live says so."""
    account.start("a")
    account.fail("a")
    history = served(is_live=False)

    assert history.about()["is_live"] is False
    assert history.execution("a")["again"] is None


# --- in one file --------------------------------------------------------------------------------------------------


@pytest.fixture
def web(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use_small_page(tmp_path, monkeypatch)


@pytest.mark.usefixtures("web")
def test_the_one_file_has_what_a_server_would_answer(account: Account) -> None:
    account.store(INPUT, KEY)
    account.start("a", sequencer="01")
    account.convert("a", "01")
    account.start("b", "other </script>.jpg")
    account.fail("b")
    account.start("c", text="by hand")
    live = served()

    data = json.loads(Seen(archive(stack(), ["c", "b", "a"])).data)

    assert data["stack"].keys() == live.about().keys()
    assert data["stack"]["is_live"] is False
    assert [each["name"] for each in data["rows"]] == ["c", "b", "a"]
    assert data["executions"].keys() == {"a", "b", "c"}
    assert data["executions"]["b"].keys() == live.execution("b").keys()
    assert data["objects"].keys() == {f"{INPUT}/{KEY}", f"{INPUT}/other </script>.jpg"}
    assert data["objects"][f"{INPUT}/{KEY}"]["input"]["url"].startswith("data:image/jpeg;base64,")
    assert data["objects"][f"{INPUT}/{KEY}"].keys() == live.object(INPUT, KEY).keys()
    assert account.operations == {
        *("GetExecutionHistory", "DescribeStateMachine", "GetItem", "HeadObject", "GetObject"),
    }


@pytest.mark.parametrize("text", ["1e999", "NaN", '"\\ud800"', '{"detail": {"object": {"key": "\\ud800"}}}'])
@pytest.mark.usefixtures("web")
def test_the_one_file_can_be_read_whatever_an_execution_was_started_with(account: Account, text: str) -> None:
    """A browser takes no Infinity for JSON, and a file no half of a character."""
    account.start("odd", text=text)

    html = archive(stack(), ["odd"]).encode().decode()

    assert json.loads(Seen(html).data, parse_constant=_refuse)["rows"][0]["name"] == "odd"


@pytest.mark.usefixtures("web")
def test_only_the_newest_objects_have_their_pictures_in_the_one_file(account: Account) -> None:
    for number in range(14):
        account.start(f"{number}", f"{number}.jpg")
        account.store(INPUT, f"{number}.jpg")

    objects = json.loads(Seen(archive(stack(), [f"{number}" for number in range(14)])).data)["objects"]

    pictured = [name for name, each in objects.items() if each["input"]["url"]]
    assert pictured == [f"{INPUT}/{number}.jpg" for number in range(13, 1, -1)]


@pytest.mark.usefixtures("web")
def test_an_execution_that_there_is_not_is_in_no_file(account: Account) -> None:
    account.start("a")
    with pytest.raises(ProblemError, match="no execution of that name"):
        archive(stack(), ["a", "none"])


def _refuse(constant: str) -> None:
    raise AssertionError(constant)
