"""docs/feed.md and docs/ordering.md: what they show runs, and what they say of the feed is so."""

from __future__ import annotations

import gzip
import io
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from unittest import mock

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cost.feed import sample_record
from changefeed.change import Change, read
from changefeed.file import CHANGES, UNREADABLE, file_of, line_of, unreadable_file
from export_changes.app import ORDERING
from lockstep.feed.database import sqlite_catalogue
from lockstep.feed.line import parse
from lockstep.feed.loading import load
from objectlock.sequencer import Sequencer
from tests.unit.feed_account import changed, feed, lines, new_feed_account
from tests.workflow.machine import shipped_template

DOCS: Final = Path(__file__).parents[2] / "docs"
FEED: Final = (DOCS / "feed.md").read_text(encoding="utf-8")
ORDERING_PAGE: Final = (DOCS / "ordering.md").read_text(encoding="utf-8")
PREFIX: Final = "changes/"
A_PAGE: Final = 2  # names, of a listing


def block(page: str, language: str) -> str:
    """The only one of that language."""
    (found,) = re.findall(rf"(?s)```{language}\n(.*?)```", page)
    return str(found)


def run(page: str) -> dict[str, Any]:
    """What the page's Python defines."""
    names: dict[str, Any] = {}
    exec(compile(block(page, "python"), "docs", "exec"), names)  # noqa: S102  # it is for people to run
    return names


def first_column(page: str, head: str) -> list[str]:
    """What is explained in a table, in its order."""
    (rows,) = re.findall(rf"(?m)^\| {re.escape(head)} \|.*\n\| --- .*\n((?:\|.*\n)+)", page)
    return [name for row in rows.splitlines() for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


class Bucket:
    """S3, as far as the reader of the page needs it: it lists by name."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def get_paginator(self, operation: str) -> Bucket:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803  # AWS's names
        assert Bucket == "feed"
        names = sorted(name for name in self.files if name.startswith(Prefix))
        for first in range(0, len(names), A_PAGE):
            yield {"Contents": [{"Key": name} for name in names[first : first + A_PAGE]]}
        yield {}  # as S3 answers where there is nothing

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "feed"
        return {"Body": io.BytesIO(self.files[Key])}


class Files(NamedTuple):
    """A feed, as `load` needs it."""

    bodies: dict[str, bytes]

    def names(self, start_after: str) -> Iterator[str]:
        return iter(sorted(name for name in self.bodies if name > start_after))

    def body(self, name: str) -> bytes:
        return self.bodies[name]


def change(key: str, token: int, at: int) -> Change:
    return Change(
        key, (1763838000123, token), str(10**24 + at), 1763838000 + at, {"fencing_token": token, "n": "ä\u2028"}
    )


def latest(files: dict[str, bytes]) -> dict[str, int]:
    """By the page's reader."""
    with mock.patch.object(boto3, "client", return_value=Bucket(files)):
        found: dict[str, Any] = run(FEED)["latest"]("feed")
    return {key: line["change"]["fencing_token"] for key, line in found.items()}


def files_of(batches: list[list[Change]]) -> dict[str, bytes]:
    return {file.name: file.body for file in map(file_of, batches)}


# --- the reader of the page ----------------------------------------------------------------------------------


def test_the_reader_of_the_page_has_ten_lines() -> None:
    function = block(FEED, "python").partition("def ")[2]

    assert len([line for line in function.splitlines()[1:] if line.strip()]) <= 10


def test_the_reader_of_the_page_finds_the_latest_change_of_each_object() -> None:
    batches = [[change("in/a", 1, 0), change("in/b", 1, 1)], [change("in/a", 2, 60)], [change("in/c", 1, 120)]]

    assert latest(files_of(batches)) == {"in/a": 2, "in/b": 1, "in/c": 1}


def test_the_reader_of_the_page_is_not_misled_by_a_late_file_or_one_that_comes_again() -> None:
    newer, older = [change("in/a", 12, 0), change("in/b", 1, 1)], [change("in/c", 1, 60), change("in/a", 9, 61)]

    assert latest(files_of([newer, older, older[1:], newer[:1]])) == {"in/a": 12, "in/b": 1, "in/c": 1}


def test_the_reader_of_the_page_leaves_alone_what_is_not_of_the_feed() -> None:
    others = {"unreadable/x.json": b"{", "aws/lambda/mapping/shard": b"{}"}

    assert latest(files_of([[change("in/a", 1, 0)]]) | others) == {"in/a": 1}
    assert latest(others) == {}


@given(st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 12), st.integers(0, 99)), min_size=1)))
def test_the_reader_of_the_page_gives_the_same_for_any_files_and_any_order(
    batches: list[list[tuple[str, int, int]]],
) -> None:
    highest = {
        key: max(token for each in batches for k, token, _ in each if k == key) for b in batches for key, _, _ in b
    }

    assert latest(files_of([[change(*each) for each in batch] for batch in batches])) == highest


def test_the_query_of_the_page_is_answered_by_what_load_makes(tmp_path: Path) -> None:
    (query,) = re.findall(r'sqlite3 outputs\.db "(.*)"', FEED)
    made = [shipped_line(), shipped_line(output_etag=None)]
    made[1]["key"] = made[1]["change"]["object"] = "another"
    body = gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in made))

    with sqlite_catalogue(tmp_path / "outputs.db", "s3://feed/changes/") as catalogue:
        load(Files({file_of([change("in/a", 1, 0)]).name: body}), catalogue)
    with closing(sqlite3.connect(tmp_path / "outputs.db")) as database:
        rows = database.execute(query).fetchall()

    told = made[0]["change"]
    assert rows == [(told["object"], told["output_etag"], told["time"])]


# --- what the page says of the feed --------------------------------------------------------------------------


def shipped_line(**without: None) -> dict[str, Any]:
    """As the shipped function writes it."""
    record = sample_record(1)
    for name in without:
        del record["dynamodb"]["NewImage"][name]
    found: dict[str, Any] = json.loads(line_of(cast("Change", read(record, ORDERING))))
    return found


def test_the_page_explains_each_field_of_a_line_in_its_order() -> None:
    line = shipped_line()

    assert first_column(FEED, "in a line") == list(line)
    assert first_column(FEED, "`change`") == list(line["change"])


def test_the_line_that_the_page_shows_has_the_fields_of_one_that_is_written() -> None:
    shown = block(FEED, "json")
    line = shipped_line()

    assert parse(shown.strip().encode()).key == "my-input/photos/a.jpg"
    assert list(json.loads(shown)) == list(line)
    assert list(json.loads(shown)["change"]) == list(line["change"])
    assert shown.strip() == json.dumps(json.loads(shown), separators=(",", ":"))


def test_an_object_without_output_is_told_of_as_the_page_says() -> None:
    gone = shipped_line(output_etag=None)["change"]

    assert gone["operation"] == "DELETE"
    assert gone["output_etag"] is None
    assert gone["source_etag"] is not None  # an input that can never be converted


def test_files_are_named_as_the_page_says() -> None:
    (shown,) = re.findall(r"(?m)^    (changes/\S+)$", FEED)
    name = file_of([change("in/a", 1, 0)]).name

    assert [len(each) for each in re.split(r"[/\-.]", shown)] == [len(each) for each in re.split(r"[/\-.]", name)]
    assert re.sub(r"[0-9a-f]", "0", shown) == re.sub(r"[0-9a-f]", "0", name)
    assert unreadable_file({}, "why").name.startswith(UNREADABLE)
    assert first_column(FEED, "under") == [CHANGES, UNREADABLE, "aws/lambda/"]


def test_what_programs_get_has_the_fields_that_the_page_explains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account = new_feed_account(monkeypatch)
    account.write(changed("a", 1))
    account.put("a", b"by hand")

    (loaded,) = lines(feed("load", "--into", f"sqlite:{tmp_path / 'outputs.db'}", "--json"))
    difference, summary = lines(feed("verify", "--wait", "0", "--json"))
    (tailed,) = lines(feed("tail", "--since", "1h", "--json"))

    assert first_column(FEED, "`load --json`") == list(loaded)
    assert first_column(FEED, "`verify --json`") == list(difference | summary)
    assert first_column(FEED, "in a line") == list(tailed)


def test_the_settings_have_the_defaults_that_the_page_says() -> None:
    (rows,) = re.findall(r"(?m)^\| parameter \| default \|.*\n\| --- .*\n((?:\|.*\n)+)", FEED)
    shown = {row.split(" | ")[0].strip("| `"): row.split(" | ")[1] for row in rows.splitlines()}
    parameters = shipped_template().document["Parameters"]

    assert shown == {name: str(parameters[name]["Default"]) for name in parameters if name.startswith("Feed")}


# --- the page on order ---------------------------------------------------------------------------------------


@given(one=st.text("0123456789abcdefABCDEF", min_size=1), other=st.text("0123456789abcdefABCDEF", min_size=1))
def test_the_sequencers_rule_of_the_page_is_the_one_that_the_lock_keeps(one: str, other: str) -> None:
    is_later = run(ORDERING_PAGE)["is_later"]

    assert is_later(one, other) == (Sequencer.parse("in/a", one) > Sequencer.parse("in/a", other))


def test_nine_is_later_than_ten_as_the_page_says() -> None:
    assert run(ORDERING_PAGE)["is_later"]("9", "10")


# --- both pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["feed.md", "ordering.md"])
def test_what_a_page_links_to_is_there(page: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)\s]*)?\)", (DOCS / page).read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (DOCS / target).exists(), target


@pytest.mark.parametrize("page", ["feed.md", "ordering.md"])
def test_the_place_on_a_page_that_is_linked_to_is_there(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]*)\)", (DOCS / page).read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            titles = re.findall(r"(?m)^#+ (.*)$", (DOCS / (target or page)).read_text(encoding="utf-8"))
            assert anchor in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in titles}, anchor
