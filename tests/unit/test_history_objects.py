"""An object's page tells who holds its lock, what became of each event, and whether its output is what it should be."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given, strategies

from lockstep.executions import Execution, Outcome
from lockstep.history.object_page import Fate, Lock, ObjectPage, covering, fate
from lockstep.history.pictures import Picture, Side, described, embedded, look
from tests.unit.account import INPUT, JPEG, KEY, OUTPUT, TABLE, Account, Refused, arn_of, new_account, stack

ID = f"{INPUT}/{KEY}"
NOW = 1_772_442_904_567


@pytest.fixture
def account() -> Account:
    return new_account()


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW / 1000)


def read(account: Account, *names: str) -> dict[str, Any]:
    """The page of the object that some executions, or all, are about."""
    found = [account.read(name) for name in names or account.executions]
    return ObjectPage.read(stack(), INPUT, KEY, found).as_json()


def events(account: Account) -> list[tuple[str, str, str | None]]:
    return [(each["execution"]["name"], each["fate"], each["covered_by"]) for each in read(account)["events"]]


def lock(account: Account, **record: Any) -> dict[str, Any]:
    account.records[ID] = {"object_id": ID, **record}
    found = read(account)["lock"]
    assert isinstance(found, dict)
    return found


# --- the lock -----------------------------------------------------------------------------------------------------


def test_an_object_that_never_had_a_lock_has_none(account: Account) -> None:
    page = read(account)

    assert page["lock"] is None
    assert page["lock_problem"] is None
    assert account.calls[0] == (
        "GetItem",
        {"TableName": TABLE, "Key": {"object_id": {"S": ID}}, "ConsistentRead": True},
    )


def test_a_lock_that_is_held_tells_by_whom_and_until_when(account: Account) -> None:
    found = lock(
        account,
        owner=arn_of("holder"),
        lease_expires_at=NOW + 1,
        worker_until=NOW - 1,
        fencing_token=7,
        applied_sequencer="01",
        newest_sequencer="02",
    )

    assert found == {
        "owner": "holder",
        "is_execution": True,
        "is_live": True,
        "lease_expires_at": NOW + 1,
        "worker_until": NOW - 1,
        "applied_sequencer": "01",
        "newest_sequencer": "02",
        "fencing_token": 7,
        "expires_at": None,
    }


@pytest.mark.parametrize("until", [NOW, NOW - 1, 0])
def test_a_lock_whose_lease_has_ended_is_free_to_take(account: Account, until: int) -> None:
    found = lock(account, owner=arn_of("holder"), lease_expires_at=until)

    assert (found["owner"], found["is_live"], found["lease_expires_at"]) == ("holder", False, until)


def test_a_free_lock_has_no_owner_but_remembers_what_was_applied(account: Account) -> None:
    found = lock(account, applied_sequencer="01", newest_sequencer="01", fencing_token=3)

    assert (found["owner"], found["is_execution"], found["is_live"], found["lease_expires_at"]) == (
        *("", False, False, None),
    )
    assert (found["applied_sequencer"], found["fencing_token"]) == ("01", 3)


def test_a_tombstone_tells_when_it_goes_in_milliseconds_as_all_else(account: Account) -> None:
    """DynamoDB wants seconds."""
    assert lock(account, expires_at=1_775_000_000)["expires_at"] == 1_775_000_000_000


@pytest.mark.parametrize(
    "owner", ["somebody by hand", "maintenance: until noon", "a:b:c", "ü", "arn:aws:iam::1:user/x"]
)
def test_whatever_somebody_wrote_as_owner_is_shown(account: Account, owner: str) -> None:
    found = lock(account, owner=owner, lease_expires_at=NOW + 1)

    assert (found["owner"], found["is_execution"], found["is_live"]) == (owner, False, True)


@pytest.mark.parametrize(
    "record",
    [
        {"owner": "by hand"},
        {"owner": "by hand", "lease_expires_at": {"S": "tomorrow"}},
        {"owner": "by hand", "lease_expires_at": {"S": ""}},
        {"owner": "by hand", "lease_expires_at": {"NULL": True}},
        {"owner": "by hand", "lease_expires_at": {"L": [{"N": "1"}]}},
        {"owner": {"M": {}}, "fencing_token": {"S": "seven"}},
        {"expires_at": {"N": "1775000000.5"}},
    ],
)
def test_a_record_that_somebody_wrote_by_hand_can_be_shown(account: Account, record: dict[str, Any]) -> None:
    assert lock(account, **record)["is_live"] is False


def test_a_fraction_of_a_millisecond_is_no_problem(account: Account) -> None:
    """DynamoDB has no integers."""
    assert lock(account, owner="by hand", lease_expires_at={"N": f"{NOW + 5}.5"})["is_live"] is True


@pytest.mark.parametrize("error", [Refused("AccessDeniedException"), EndpointConnectionError(endpoint_url="http://a")])
def test_a_lock_that_cannot_be_read_is_a_problem_of_the_lock_alone(account: Account, error: Exception) -> None:
    account.store(INPUT, KEY)
    account.refuse("GetItem", error)
    page = read(account)

    assert page["lock"] is None
    assert page["lock_problem"].keys() == {"title", "advice"}
    assert page["input"]["exists"] is True


# --- the events ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations("abcd")))
def test_events_are_in_the_order_in_which_they_happened_to_the_object(account: Account, order: Sequence[str]) -> None:
    """S3 says so by the sequencer; executions start in any order."""
    sequencers = {"a": "0055", "b": "0055AA", "c": "0055aa01", "d": "0056"}
    for name in order:
        account.start(name, sequencer=sequencers[name])

    assert [name for name, _, _ in events(account)] == ["a", "b", "c", "d"]


def test_zeros_at_the_end_do_not_make_an_event_newer(account: Account) -> None:
    """S3 User Guide, "Event message structure": the shorter is padded with zeros."""
    account.start("first", sequencer="0055AA00")
    account.start("second", sequencer="0055aa")
    account.start("third", sequencer="0055AA0000")

    assert [name for name, _, _ in events(account)] == ["first", "second", "third"]


def test_an_event_without_sequencer_comes_first_by_its_start(account: Account) -> None:
    account.start("one", sequencer="01")
    account.start("by-hand")
    account.start("by-hand-too")

    assert [name for name, _, _ in events(account)] == ["by-hand", "by-hand-too", "one"]


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_fate(account: Account, outcome: Outcome) -> None:
    expected = {
        Fate.APPLIED: {Outcome.CONVERTED, Outcome.DELETED, Outcome.SUCCEEDED},
        Fate.SKIPPED: {Outcome.STALE, Outcome.SUPERSEDED, Outcome.FOLDER},
        Fate.PENDING: {Outcome.WORKING, Outcome.WAITING},
        Fate.FAILED: {Outcome.REJECTED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.ABORTED},
    }
    execution = Execution("", "", "", "", "", "", "", outcome, (), account.now, None, "")

    assert outcome in expected[fate(execution)]


def test_an_event_tells_why_it_was_skipped_or_failed(account: Account) -> None:
    account.start("failed", sequencer="01")
    account.fail("failed", "LeaseLost", f"held by {arn_of('other')}")
    account.start("stale", sequencer="02")
    account.skip("stale", reason=f"{arn_of('other')} was first")

    assert [each["why"] for each in read(account)["events"]] == ["LeaseLost: held by other", "other was first"]


def test_an_event_that_was_applied_needs_no_other(account: Account) -> None:
    account.start("a", sequencer="01")
    account.convert("a", "01")

    assert events(account) == [("a", "applied", None)]


def test_an_event_that_was_skipped_is_covered_by_a_newer_one(account: Account) -> None:
    account.start("newer", sequencer="02")
    account.start("older", sequencer="01")
    account.convert("newer", "02")
    account.skip("older")

    assert events(account) == [("older", "skipped", "newer"), ("newer", "applied", None)]


def test_an_event_is_covered_by_the_first_that_brought_it_or_a_newer_one_into_the_output(account: Account) -> None:
    for name, sequencer in (("one", "01"), ("two", "02"), ("three", "03")):
        account.start(name, sequencer=sequencer)
    account.fail("one")
    account.convert("three", "03")
    account.skip("two")
    account.start("later", sequencer="04")
    account.convert("later", "04")

    assert [by for _, _, by in events(account)] == ["three", "three", None, None]


def test_an_event_is_not_covered_by_an_older_one_nor_by_one_that_failed_or_is_at_work(account: Account) -> None:
    account.start("older", sequencer="01")
    account.convert("older", "01")
    account.start("lost", sequencer="02")
    account.fail("lost")
    account.start("failed", sequencer="03")
    account.fail("failed")
    account.start("runs", sequencer="04")

    assert [by for _, _, by in events(account)] == [None, None, None, None]


def test_the_work_of_an_older_event_covers_a_newer_one_when_it_saw_the_newer_input(account: Account) -> None:
    """What is applied is the input as it was then, not the event."""
    account.start("older", sequencer="01")
    account.start("newer", sequencer="02")
    account.convert("older", "02")
    account.skip("newer")

    assert events(account) == [("older", "applied", None), ("newer", "skipped", "older")]


def test_a_second_delivery_of_an_event_is_covered_by_the_first(account: Account) -> None:
    account.start("first", sequencer="01")
    account.start("second", sequencer="0100")
    account.convert("first", "01")
    account.skip("second")

    assert events(account) == [("first", "applied", None), ("second", "skipped", "first")]


def test_an_event_without_sequencer_is_covered_by_none(account: Account) -> None:
    """It has no place among the others."""
    account.start("by-hand")
    account.fail("by-hand")
    account.start("a", sequencer="01")
    account.convert("a", "01")

    assert events(account)[0] == ("by-hand", "failed", None)


@given(
    ends=strategies.lists(
        strategies.tuples(strategies.integers(1, 5), strategies.none() | strategies.integers(1, 5)), max_size=6
    )
)
def test_what_covers_an_event_is_never_older_and_never_later_than_another(ends: list[tuple[int, int | None]]) -> None:
    account = new_account()
    for number, (sequencer, applied) in enumerate(ends):
        account.start(f"{number}", sequencer=f"0{sequencer}")
        if applied is None:
            account.fail(f"{number}")
        else:
            account.convert(f"{number}", f"0{applied}")
    found = [account.read(name) for name in account.executions]

    for each in found:
        covers = [other for other in found if other.applied_sequencer >= each.sequencer]
        by = covering(each, found)
        if by is None:
            assert covers == []
        else:
            assert by in covers
            assert all(by.stopped <= other.stopped for other in covers if by.stopped and other.stopped)


# --- in step ------------------------------------------------------------------------------------------------------


def made_from(account: Account, body: bytes = JPEG) -> None:
    """There is an output, made from an input like that."""
    made = account.store("elsewhere", KEY, body)
    account.store(OUTPUT, KEY, b"gray", source_tag=f"{made.etag}@1")


def in_step(account: Account) -> tuple[bool | None, str]:
    page = read(account)
    assert page["in_step_text"]
    return page["in_step"], page["in_step_text"]


def test_an_output_made_from_the_present_input_is_in_step(account: Account) -> None:
    account.store(INPUT, KEY)
    made_from(account)

    assert in_step(account) == (True, "The output was made from the input as it is now.")


def test_an_output_made_from_another_input_is_not_in_step(account: Account) -> None:
    account.store(INPUT, KEY)
    made_from(account, b"before")

    assert in_step(account)[0] is False


@pytest.mark.parametrize("metadata", [{}, {"source_tag": ""}, {"source_tag": "@1"}, {"other": "a"}])
def test_an_output_that_says_nothing_of_its_input_is_not_in_step(account: Account, metadata: dict[str, str]) -> None:
    account.store(INPUT, KEY)
    account.store(OUTPUT, KEY, b"by hand", **metadata)

    assert in_step(account)[0] is False


def test_without_input_and_output_all_is_in_step(account: Account) -> None:
    assert in_step(account) == (True, "There is no input, and no output.")


def test_an_input_without_output_is_not_in_step(account: Account) -> None:
    account.store(INPUT, KEY)
    assert in_step(account) == (False, "The output is missing.")


def test_an_output_without_input_is_not_in_step(account: Account) -> None:
    made_from(account)

    assert in_step(account) == (False, "The input is gone, but its output is still there.")


def test_while_an_execution_is_at_work_it_is_not_known(account: Account) -> None:
    account.store(INPUT, KEY)
    account.start("a", sequencer="01")

    assert in_step(account) == (None, "Not yet: an execution is at work on it.")


@pytest.mark.parametrize("sequencer", ["", "01"])
def test_while_any_execution_is_at_work_it_is_not_known(account: Account, sequencer: str) -> None:
    """Whatever its event: it brings the input as it is now into the output."""
    account.store(INPUT, KEY)
    account.start("a", sequencer=sequencer)
    account.start("newest", sequencer="02")
    account.skip("newest", "SUPERSEDED")

    assert in_step(account)[0] is None


def test_in_step_is_in_step_even_while_an_execution_is_at_work(account: Account) -> None:
    account.store(INPUT, KEY)
    made_from(account)
    account.start("a", sequencer="01")

    assert in_step(account)[0] is True


def rejected(account: Account, etag: str) -> None:
    about = {"key": KEY, "etag": etag, "sequencer": "01"}
    account.start("a", text=json.dumps({"detail": {"bucket": {"name": INPUT}, "object": about}}))
    account.fail("a", "SourceRejected", "no image")


def test_an_input_that_was_rejected_is_in_step_without_output(account: Account) -> None:
    rejected(account, account.store(INPUT, KEY, b"no image").etag)

    assert in_step(account) == (True, "The input cannot be converted, so there is no output.")


def test_an_input_that_came_after_the_rejected_one_is_not_in_step_without_output(account: Account) -> None:
    """Its own event may be late, or lost."""
    rejected(account, "of another input")
    account.store(INPUT, KEY)

    assert in_step(account) == (False, "The output is missing.")


def test_a_folder_is_in_step_without_output(account: Account) -> None:
    account.store(INPUT, KEY, b"")
    account.start("a", sequencer="01")
    account.skip("a", "FOLDER", "a folder")

    assert in_step(account)[0] is True


def test_an_input_that_was_rejected_is_not_in_step_with_an_output_of_another(account: Account) -> None:
    account.store(INPUT, KEY, b"no image")
    made_from(account)
    account.start("a", sequencer="01")
    account.fail("a", "SourceRejected", "no image")

    assert in_step(account)[0] is False


def test_an_input_whose_execution_failed_is_not_in_step(account: Account) -> None:
    account.store(INPUT, KEY)
    account.start("a", sequencer="01")
    account.fail("a")

    assert in_step(account)[0] is False


@pytest.mark.parametrize("side", Side)
def test_a_bucket_that_cannot_be_read_makes_it_not_known(account: Account, side: Side) -> None:
    account.store(INPUT, KEY)
    made_from(account)

    def refuse(operation: str, asked: dict[str, Any]) -> None:
        if operation == "HeadObject" and asked["Bucket"] == side.bucket(stack()):
            raise Refused("403", "Forbidden", 403)

    account.before = refuse
    page = read(account)

    assert page["in_step"] is None
    assert page[side]["exists"] is None
    assert page[side]["problem"]["title"] == "You may not call HeadObject"
    other = Side.OUTPUT if side is Side.INPUT else Side.INPUT
    assert (page[other]["exists"], page[other]["problem"]) == (True, None)


# --- pictures -----------------------------------------------------------------------------------------------------


def test_a_picture_tells_what_is_there(account: Account) -> None:
    etag = account.store(INPUT, KEY).etag
    found = look(stack(), Side.INPUT, KEY).as_json()

    assert found == {
        "exists": True,
        "etag": etag,
        "size": len(JPEG),
        "modified": 1767225600000,
        "source_etag": "",
        "url": f"/api/picture?side=input&key={KEY}&etag={etag}",
        "problem": None,
    }


def test_another_picture_of_the_same_key_has_another_address(account: Account) -> None:
    """Or a browser would show the one that it has."""
    account.store(INPUT, KEY)
    before = look(stack(), Side.INPUT, KEY).url
    account.store(INPUT, KEY, b"another")

    assert look(stack(), Side.INPUT, KEY).url != before


def test_a_picture_that_is_not_there_is_no_problem() -> None:
    new_account()

    assert look(stack(), Side.OUTPUT, KEY) == Picture(exists=False)


def test_a_page_without_a_server_has_the_picture_in_itself(account: Account) -> None:
    account.store(INPUT, KEY)
    url = embedded(stack(), Side.INPUT, KEY).url

    assert url == f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"


@pytest.mark.parametrize("body", [b"<svg onload='alert(1)'/>", b"<html>", b"II*\0"])
def test_a_page_without_a_server_has_nothing_in_itself_but_pictures(account: Account, body: bytes) -> None:
    account.store(INPUT, KEY, body)
    picture = embedded(stack(), Side.INPUT, KEY)

    assert (picture.exists, picture.url) == (True, None)


def test_a_page_without_a_server_stays_small(account: Account) -> None:
    account.store(INPUT, KEY).says_size = 1024 * 1024 + 1
    assert embedded(stack(), Side.INPUT, KEY).url is None
    assert "GetObject" not in account.operations
    account.store(INPUT, KEY).says_size = 1024 * 1024
    assert embedded(stack(), Side.INPUT, KEY).url is not None
    assert described(stack(), Side.INPUT, KEY).url is None


@pytest.mark.parametrize("error", [Refused("AccessDenied"), Refused("NoSuchKey", status=404)])
def test_a_picture_that_cannot_be_read_does_not_keep_the_page_from_being_made(
    account: Account, error: Exception
) -> None:
    account.store(INPUT, KEY)
    account.refuse("GetObject", error)

    assert embedded(stack(), Side.INPUT, KEY) == described(stack(), Side.INPUT, KEY)


def test_a_lock_is_read_by_whoever_needs_only_that(account: Account) -> None:
    assert Lock.read(stack(), ID) is None
    account.records[ID] = {"object_id": ID, "owner": arn_of("a"), "lease_expires_at": NOW + 1}
    found = Lock.read(stack(), ID)

    assert found is not None
    assert found.is_live
