"""`lockstep feed load`: what it says, where it loads to and from, and how it ends."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from changefeed.file import file_of
from lockstep import local
from lockstep.errors import UserError
from lockstep.feed.database import sqlite_catalogue
from lockstep.feed.loading import load
from tests.unit.account import INPUT, Refused, stack
from tests.unit.feed_account import FEED, NO_ANSWERS, FeedAccount, Files, changed, feed, lines, new_feed_account, other
from tests.unit.feed_killed import in_directory, in_sqlite
from tests.unit.full_disk import room_for


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> FeedAccount:
    return new_feed_account(monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "feed.sqlite"


# --- what it says ---------------------------------------------------------------------------------------------------


def test_people_are_told_of_what_is_no_file_of_a_feed(account: FeedAccount, tmp_path: Path) -> None:
    account.write(changed("a", 1))
    account.store(FEED, "changes/readme.txt", b"hello")

    result = feed("load", "--into", f"sqlite:{tmp_path / 'feed.db'}")

    assert result.exit_code == 0
    assert "1 object left alone, as no file of a feed is named so: changes/readme.txt" in result.output


def test_a_second_load_takes_only_what_is_new(account: FeedAccount, file: Path) -> None:
    account.write(changed("a", 1), changed("b", 1))
    account.write(changed("a", 1))

    first = feed("load", "--into", f"sqlite:{file}")
    account.write(changed("a", 2))
    second = feed("load", "--into", f"sqlite:{file}")
    third = feed("load", "--into", f"sqlite:{file}")

    assert first.stdout == f"loaded 2 files, 3 changes into sqlite:{file}, 1 of them late or told of again\n"
    assert second.stdout == f"loaded 1 file, 1 change into sqlite:{file}\n"
    assert third.stdout == f"nothing new in s3://{FEED}/changes/\n"
    assert (first.exit_code, second.exit_code, third.exit_code) == (0, 0, 0)
    assert in_sqlite(file)[f"{INPUT}/a"][0] == [1, 2]


def test_programs_get_a_summary(account: FeedAccount, file: Path) -> None:
    account.write(changed("a", 1), changed("a", 1))

    result = feed("load", "--into", f"sqlite:{file}", "--json")

    assert lines(result) == [
        {"files": 1, "known": 0, "applied": 1, "dropped": 1, "set_aside": 0, "complete": True},
    ]
    assert "loaded" in result.stderr


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["unreadable/1.json"], "1 object under unreadable/ or aws/lambda/ in s3://lockstep-feed"),
        (["unreadable/1.json", "aws/lambda/x/y"], "2 objects under"),
        ([f"aws/lambda/{number}" for number in range(9)], "2 objects or more under"),
    ],
    ids=["one", "of both", "more than a page"],
)
def test_changes_that_were_set_aside_are_told_in_one_line(
    account: FeedAccount, file: Path, names: list[str], told: str
) -> None:
    for name in names:
        account.lay(FEED, name, b"{}")

    result = feed("load", "--into", f"sqlite:{file}")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == [line for line in result.stdout.splitlines() if told in line]


def test_who_may_only_read_the_feed_can_load_it(account: FeedAccount, file: Path) -> None:
    account.write(changed("a", 1))

    def refuse(operation: str, about: dict[str, Any]) -> None:
        if operation == "ListObjectsV2" and not about["Prefix"].startswith("changes/"):
            raise Refused("AccessDenied", "", 403)

    account.before = refuse

    result = feed("load", "--into", f"sqlite:{file}", "--json")

    assert result.exit_code == 0
    assert lines(result)[0]["set_aside"] is None


def test_a_file_that_cannot_be_read_is_named_and_what_was_loaded_before_it_is_told(
    account: FeedAccount, file: Path
) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    account.write(changed("a", 1, at=hour_ago))
    bad = file_of([changed("b", 1)])
    account.lay(FEED, bad.name, bad.body[:-1])

    result = feed("load", "--into", f"sqlite:{file}", "--json")

    assert result.exit_code == 2
    assert f"error: {bad.name}: is no gzip file, or not the whole of one" in result.stderr
    assert "stopped after 1 file; what was loaded is kept\n" in result.stderr
    assert "the same command" not in result.stderr
    assert lines(result)[0] | {"known": 0} == {
        "files": 1,
        "known": 0,
        "applied": 1,
        "dropped": 0,
        "set_aside": None,
        "complete": False,
    }


@pytest.mark.parametrize("into", ["{}", "sqlite:{}"])
def test_of_a_disk_that_is_full_the_file_is_named_and_programs_are_told_how_far_it_came(
    account: FeedAccount, tmp_path: Path, into: str
) -> None:
    account.write(changed("a", 1, at=datetime.now(UTC) - timedelta(hours=1)))
    account.write(changed("b", 1, etag="x" * 300_000))

    with room_for(200_000):
        result = feed("load", "--into", into.format(tmp_path / "feed"), "--json")

    assert result.exit_code == 2
    assert f"error: {tmp_path / 'feed'}" in result.stderr
    assert "None" not in result.stderr
    assert "stopped after 1 file; what was loaded is kept\n" in result.stderr
    assert [(each["files"], each["complete"]) for each in lines(result)] == [(1, False)]

    assert feed("load", "--into", into.format(tmp_path / "feed")).exit_code == 0


def test_programs_are_told_how_far_it_came_until_another_load_held_the_database_for_too_long(
    account: FeedAccount, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockstep.feed.database._BUSY_SECONDS", 0)
    account.write(changed("a", 1))

    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as another:

        def begin(operation: str, _: dict[str, Any]) -> None:
            if operation == "GetObject":
                another.execute("BEGIN IMMEDIATE")

        account.before = begin
        result = feed("load", "--into", f"sqlite:{file}", "--json")

    assert result.exit_code == 2
    assert "another load works on it" in result.stderr
    assert "stopped after 0 files; what was loaded is kept\n" in result.stderr
    assert [(each["files"], each["complete"]) for each in lines(result)] == [(0, False)]


def test_an_interrupted_load_says_how_to_go_on(account: FeedAccount, file: Path) -> None:
    account.write(changed("a", 1))
    account.refuse("GetObject", KeyboardInterrupt())  # type: ignore[arg-type]

    result = feed("load", "--into", f"sqlite:{file}")

    assert result.exit_code == 130
    assert "the same command goes on" in result.stdout

    account.allow()
    assert feed("load", "--into", f"sqlite:{file}").exit_code == 0
    assert len(in_sqlite(file)) == 1


def test_a_load_of_a_feed_without_any_file_says_so(account: FeedAccount, file: Path) -> None:
    account.write(changed("a", 1))

    mistyped = feed("load", "--into", f"sqlite:{file}", "--prefix", "chagnes/")

    assert mistyped.exit_code == 0
    assert mistyped.stdout == f"there is no file yet in s3://{FEED}/chagnes/\n"


def test_a_file_that_goes_between_listing_and_reading_is_named(account: FeedAccount, file: Path) -> None:
    name = account.write(changed("a", 1))
    account.refuse("GetObject", Refused("NoSuchKey", "", 404))

    result = feed("load", "--into", f"sqlite:{file}")

    assert result.exit_code == 2
    assert name in result.stderr


# --- following ------------------------------------------------------------------------------------------------------


def test_a_load_that_follows_takes_what_comes_and_ends_well_by_ctrl_c(account: FeedAccount, file: Path) -> None:
    account.write(changed("a", 1))
    account.steps = [
        lambda: account.write(changed("a", 2)),
        lambda: None,
        lambda: account.write(changed("b", 1)),
        lambda: account.lay(FEED, "unreadable/1", b""),
        *[lambda: None] * 1200,
        lambda: account.write(changed("b", 2)),
    ]

    result = feed("load", "--into", f"sqlite:{file}", "--follow", "--json")

    assert result.exit_code == 0
    assert [(each["applied"], each["set_aside"]) for each in lines(result)] == [(1, 0), (1, 0), (1, 0), (1, 1)]
    assert in_sqlite(file)[f"{INPUT}/b"][0] == [1, 2]
    assert result.stderr.count("unreadable/") == 1


@pytest.mark.parametrize("error", NO_ANSWERS, ids=repr)
def test_a_load_that_follows_goes_on_after_a_while_without_answer_and_says_so_once(
    account: FeedAccount, file: Path, error: Exception
) -> None:
    account.steps = [
        lambda: account.refuse("ListObjectsV2", error),
        lambda: None,
        lambda: account.write(changed("a", 1), changed("b", 1)),
        lambda: account.refuse("GetObject", error),
        account.allow,
    ]

    result = feed("load", "--into", f"sqlite:{file}", "--follow", "--json")

    assert result.exit_code == 0
    assert result.stderr.count("no answer, trying again\n") == 1
    assert [(each["applied"], each["complete"]) for each in lines(result)] == [(2, True)]
    assert set(in_sqlite(file)) == {f"{INPUT}/a", f"{INPUT}/b"}


def test_programs_are_told_that_a_load_that_follows_got_only_a_part(account: FeedAccount, file: Path) -> None:
    account.write(changed("a", 1, at=datetime.now(UTC) - timedelta(hours=1)))
    second = account.write(changed("a", 2))

    def lose(operation: str, about: dict[str, Any]) -> None:
        if operation == "GetObject" and about["Key"] == second:
            raise NO_ANSWERS[0]

    account.before = lose
    account.steps = [account.allow]

    result = feed("load", "--into", f"sqlite:{file}", "--follow", "--json")

    assert [(each["applied"], each["complete"]) for each in lines(result)] == [(1, False), (1, True)]


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket"])
def test_a_refusal_ends_a_load_that_follows(account: FeedAccount, file: Path, code: str) -> None:
    account.steps = [lambda: account.refuse("ListObjectsV2", Refused(code, "", 403)), lambda: pytest.fail("it went on")]

    assert feed("load", "--into", f"sqlite:{file}", "--follow").exit_code == 2


def test_a_late_file_is_loaded_within_five_minutes_and_only_recent_names_are_listed_until_then(
    account: FeedAccount, file: Path
) -> None:
    now = datetime.now(UTC)
    account.write(changed("a", 1))
    account.steps = [
        lambda: account.write(changed("late", 1, at=now - timedelta(hours=24))),
        *[lambda: None] * 600,
    ]
    feed("load", "--into", f"sqlite:{file}")
    account.calls.clear()

    feed("load", "--into", f"sqlite:{file}", "--follow")

    assert f"{INPUT}/late" in in_sqlite(file)
    listed = [
        about["StartAfter"]
        for operation, about in account.calls
        if operation == "ListObjectsV2" and about["Prefix"] == "changes/" and "StartAfter" in about
    ]
    recent = f"{now - timedelta(hours=2):changes/%Y/%m/%d/%H/%Y%m%dT%H%M%SZ}"
    assert len([each for each in listed if each > recent]) > 590
    assert len([each for each in listed if each < recent]) < 20


def test_a_look_at_recent_names_does_not_count_as_one_at_all(file: Path) -> None:
    """So that who is killed between two looks at all begins where the last of these began."""
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    files = Files(file_of([changed("a", 1)]))

    with sqlite_catalogue(file, "feed") as catalogue:
        load(files, catalogue, now=lambda: hour_ago)
        before = catalogue.start_after()
        load(files, catalogue, start_after=before + "x")

        assert catalogue.start_after() == before


# --- where to -------------------------------------------------------------------------------------------------------


def test_a_directory_gets_a_file_for_each_object(account: FeedAccount, tmp_path: Path) -> None:
    account.write(changed("a", 1), changed("A", 1), changed("b", 1))

    assert feed("load", "--into", str(tmp_path / "feed")).exit_code == 0

    assert set(in_directory(tmp_path / "feed")) == {f"{INPUT}/a", f"{INPUT}/A", f"{INPUT}/b"}
    assert len(list((tmp_path / "feed").glob("*.json"))) == 3


@pytest.mark.usefixtures("account")
def test_a_database_of_something_else_is_refused_and_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE accounts (id)")
    before = file.read_bytes()

    result = feed("load", "--into", f"sqlite:{file}")

    assert result.exit_code == 2
    assert "is a database of something else, with accounts" in result.stderr
    assert file.read_bytes() == before


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("target", ["sqlite:{0}", "{0}", "sqlite:{0}/a.sqlite", "{1}", "sqlite:{1}", "{1}/no/such"])
def test_what_cannot_be_loaded_into_is_named(tmp_path: Path, target: str) -> None:
    text = tmp_path / "text.txt"
    text.write_text("this is no database, and longer than the head of one, so that nobody takes it for one; " * 3)
    into = target.format(text, tmp_path)

    result = feed("load", "--into", into)

    assert result.exit_code == 2
    assert str(tmp_path) in result.stderr
    assert "this is no database" in text.read_text()


@pytest.mark.usefixtures("account")
def test_a_file_where_a_directory_is_meant_is_told_with_what_may_be_meant(file: Path) -> None:
    file.touch()

    assert "is a file: name a directory, or sqlite:FILE" in feed("load", "--into", str(file)).stderr


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("sqlite:no/such/x.db", "there is no directory no/such"),
        ("no/such/dir", "there is no directory no/such"),
        ("sqlite:samples", "samples is a directory"),
        ("a.db", "sqlite:a.db is a database; a directory of that name is a.db/"),
        ("a.sqlite", "sqlite:a.sqlite is a database"),
        ("a.sqlite3", "sqlite:a.sqlite3 is a database"),
        (f"sqlite:{'x' * 300}/y", "File name too long"),
    ],
)
def test_what_is_wrong_with_a_path_is_told_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples").mkdir()

    result = feed("load", "--into", target)

    assert result.exit_code == 2
    assert told in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["samples"]


@pytest.mark.usefixtures("account")
def test_a_directory_may_be_named_as_a_database_mostly_is(tmp_path: Path) -> None:
    assert feed("load", "--into", f"{tmp_path}/a.db/").exit_code == 0
    assert feed("load", "--into", f"{tmp_path}/a.db").exit_code == 0


@pytest.mark.parametrize(
    "target", ["", "sqlite:", "s3://bucket", "sqlite3:feed.db", "postgres:x", "sqlite://feed.db", "sqlite:///feed.db"]
)
def test_a_target_that_is_mistyped_makes_no_directory(
    account: FeedAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(tmp_path)

    result = feed("load", "--into", target)

    assert result.exit_code == 2
    assert "sqlite:FILE" in result.stderr
    assert ("without slashes" in result.stderr) == ("sqlite:/" in target)
    assert list(tmp_path.iterdir()) == []
    assert not account.calls


def test_a_catalogue_of_another_feed_is_refused(account: FeedAccount, file: Path) -> None:
    """Its files have other names, so nothing would be as it seems."""
    account.lay("sensors", file_of([other("device", 1)]).name, file_of([other("device", 1)]).body)
    account.write(changed("a", 1))
    feed("load", "--into", f"sqlite:{file}")

    result = feed("load", "--into", f"sqlite:{file}", "--bucket", "sensors")

    assert result.exit_code == 2
    assert f"is of the feed s3://{FEED}/changes/, not of s3://sensors/changes/" in result.stderr


@pytest.mark.parametrize("target", ["sqlite:{0}/feed.sqlite", "{0}/feed"])
def test_a_prefix_that_was_mistyped_does_not_take_the_catalogue(
    account: FeedAccount, tmp_path: Path, target: str
) -> None:
    account.write(changed("a", 1))
    into = target.format(tmp_path)
    feed("load", "--into", into, "--prefix", "chagnes/")

    assert feed("load", "--into", into).stdout == f"loaded 1 file, 1 change into {into}\n"
    assert feed("load", "--into", into, "--prefix", "chagnes/").exit_code == 2


def test_of_two_feeds_that_are_loaded_at_a_time_one_takes_the_catalogue(file: Path) -> None:
    with sqlite_catalogue(file, "one") as one, sqlite_catalogue(file, "other") as another:
        load(Files(file_of([changed("a", 1)])), one)

        with pytest.raises(UserError, match="is of the feed one, not of other"):
            load(Files(file_of([changed("b", 1)])), another)

    assert set(in_sqlite(file)) == {f"{INPUT}/a"}


@pytest.mark.usefixtures("account")
def test_a_catalogue_of_a_later_version_is_refused(file: Path) -> None:
    feed("load", "--into", f"sqlite:{file}")
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 2")

    result = feed("load", "--into", f"sqlite:{file}")

    assert result.exit_code == 2
    assert "another version" in result.stderr


@pytest.mark.usefixtures("account")
def test_what_another_process_works_on_is_told(tmp_path: Path) -> None:
    feed("load", "--into", str(tmp_path / "feed"))
    with closing(sqlite3.connect(tmp_path / "feed" / "lockstep-feed.sqlite")) as other_load:
        other_load.execute("PRAGMA locking_mode = EXCLUSIVE")
        other_load.execute("BEGIN EXCLUSIVE")

        result = feed("load", "--into", str(tmp_path / "feed"))

    assert result.exit_code == 2
    assert "another load works on it" in result.stderr


# --- where from -----------------------------------------------------------------------------------------------------


def test_changes_that_come_days_late_are_loaded_from_the_start(account: FeedAccount, file: Path) -> None:
    account.write(changed("a", 1))
    feed("load", "--into", f"sqlite:{file}")
    account.write(changed("late", 1, at=datetime.now(UTC) - timedelta(days=3)))

    assert "nothing new" in feed("load", "--into", f"sqlite:{file}").stdout
    assert "loaded 1 file, 1 change" in feed("load", "--into", f"sqlite:{file}", "--from-start").stdout


def test_a_folder_of_the_console_is_no_file(account: FeedAccount, file: Path) -> None:
    account.lay(FEED, "changes/", b"")

    assert feed("load", "--into", f"sqlite:{file}").exit_code == 0


def test_what_is_set_aside_or_beside_the_feed_is_not_loaded(account: FeedAccount, file: Path) -> None:
    account.write(changed("a", 1))
    account.lay(FEED, "unreadable/2026/1.json", b"{}")
    account.lay(FEED, "notes.txt", b"hello")

    assert feed("load", "--into", f"sqlite:{file}").exit_code == 0
    assert len(in_sqlite(file)) == 1


@pytest.mark.parametrize("command", [["tail"], ["load", "--into", "sqlite:feed.sqlite"], ["verify"]])
def test_a_stack_without_a_feed_is_told_and_nothing_is_made(
    account: FeedAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(local, "running_stack", lambda: replace(stack(), feed_bucket=None))

    result = feed(*command)

    assert result.exit_code == 2
    assert "stack 'lockstep' has no change feed" in result.stderr
    assert list(tmp_path.iterdir()) == []
    assert not account.calls


@pytest.mark.parametrize("command", [["tail"], ["load", "--into", "sqlite:feed.sqlite"], ["load", "--into", "feed"]])
@pytest.mark.usefixtures("account")
def test_a_bucket_that_is_mistyped_is_told_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """A catalogue is of one feed; one of the mistake would be in the way."""
    monkeypatch.chdir(tmp_path)

    no_such, empty = feed(*command, "--bucket", "no-such"), feed(*command, "--bucket", "")

    assert (no_such.exit_code, empty.exit_code) == (2, 2)
    assert "there is no bucket 'no-such'" in no_such.stderr
    assert "--bucket is empty" in empty.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_feed_on_aws_needs_no_stack(account: FeedAccount, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "running_stack", lambda: pytest.fail("the local stack was asked for"))
    asked: list[dict[str, str | None]] = []

    def session(**about: str | None) -> boto3.Session:
        asked.append(about)
        return stack().session

    monkeypatch.setattr("lockstep.feed.s3.boto3.Session", session)
    account.lay("sensors", file_of([other("device", 1)]).name, file_of([other("device", 1)]).body)

    result = feed("load", "--into", f"sqlite:{file}", "--bucket", "sensors", "--region", "eu-west-1")

    assert result.exit_code == 0
    assert asked == [{"profile_name": None, "region_name": "eu-west-1"}]
    assert set(in_sqlite(file)) == {"device"}


def test_a_profile_that_does_not_exist_is_named(
    account: FeedAccount,  # noqa: ARG001
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    result = feed("load", "--into", f"sqlite:{file}", "--bucket", "sensors", "--profile", "no-such-profile")

    assert result.exit_code == 2
    assert "no-such-profile" in result.stderr
