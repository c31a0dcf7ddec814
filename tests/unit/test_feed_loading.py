"""Whatever order files come in, however often, and wherever a load is killed: the latest of each key is kept."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changefeed.file import FeedFile, file_of, line_of
from lockstep.errors import UserError
from lockstep.feed.database import SqliteCatalogue, sqlite_catalogue
from lockstep.feed.directory import STATE, DirectoryCatalogue, directory_catalogue
from lockstep.feed.file import lines
from lockstep.feed.loading import Catalogue, Loaded, load
from tests.unit.account import INPUT
from tests.unit.feed_account import Files, changed, other
from tests.unit.feed_killed import Latest, in_directory, in_sqlite

FEED = "s3://feed/changes/"
NOW = datetime(2026, 11, 22, 19, 13, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """Where a catalogue is, of either kind."""

    kind: str
    path: Path

    def open(self) -> AbstractContextManager[Catalogue]:
        return sqlite_catalogue(self.path, FEED) if self.kind == "sqlite" else directory_catalogue(self.path, FEED)

    def read(self) -> Latest:
        return in_sqlite(self.path) if self.kind == "sqlite" else in_directory(self.path)

    def another(self, number: int) -> Place:
        return Place(self.kind, self.path.with_name(f"another-{number}"))


CHANGES = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 5)).map(lambda each: changed(*each, at=NOW)), min_size=1
)
FILES = st.lists(CHANGES.map(file_of), max_size=5)


@pytest.fixture(params=["sqlite", "directory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(request.param, tmp_path / "catalogue")


def latest(*files: FeedFile) -> Latest:
    """What has to be kept of them."""
    found: Latest = {}
    for file in files:
        for text in gzip.decompress(file.body).splitlines():
            line = json.loads(text)
            if line["key"] not in found or found[line["key"]][0] < line["watermark"]:
                found[line["key"]] = line["watermark"], line["change"]
    return found


# --- order ----------------------------------------------------------------------------------------------------------


@given(files=FILES, data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_order_of_the_files_gives_the_same_and_so_do_files_that_come_twice(
    files: list[FeedFile], data: st.DataObject
) -> None:
    with sqlite_catalogue(None, FEED) as catalogue:
        loaded = Loaded()
        for each in data.draw(st.permutations(files + files)):
            before = catalogue.has_loaded(each.name)
            load(Files(each), catalogue, now=lambda: NOW, loaded=loaded)
            assert before or catalogue.has_loaded(each.name)

        assert kept(catalogue) == latest(*files)
        assert loaded.applied + loaded.dropped == sum(
            gzip.decompress(body).count(b"\n") for body in Files(*files).values()
        )


def test_a_later_change_replaces_and_an_earlier_or_equal_one_is_dropped_and_both_are_counted(
    place: Place,
) -> None:
    files = Files(file_of([changed("a", 2), changed("a", 1), changed("b", 1), changed("a", 2), changed("a", 3)]))

    with place.open() as catalogue:
        loaded = load(files, catalogue)

    assert (loaded.files, loaded.applied, loaded.dropped) == (1, 3, 2)
    assert {key: watermark for key, (watermark, _) in place.read().items()} == {
        f"{INPUT}/a": [1, 3],
        f"{INPUT}/b": [1, 1],
    }


def test_a_record_made_anew_goes_before_any_token_of_the_one_before(place: Place) -> None:
    files = Files(file_of([changed("a", 1, since=2), changed("a", 9, since=1)]))

    with place.open() as catalogue:
        load(files, catalogue)

    assert place.read()[f"{INPUT}/a"][0] == [2, 1]


def test_a_late_file_changes_only_what_it_is_later_for(place: Place) -> None:
    files = Files(file_of([changed("a", 5, at=NOW)]))
    late = file_of([changed("a", 4, at=NOW - timedelta(hours=23)), changed("b", 1, at=NOW)])

    with place.open() as catalogue:
        load(files, catalogue)
        files[late.name] = late.body
        again = load(files, catalogue)

    assert (again.files, again.known, again.applied, again.dropped) == (1, 1, 1, 1)
    assert {key: watermark for key, (watermark, _) in place.read().items()} == {
        f"{INPUT}/a": [1, 5],
        f"{INPUT}/b": [1, 1],
    }


@pytest.mark.parametrize("key", ["a", "A", "x" * 1024, "a/../../b", "a\0b", "日本 \U0001f680", ".", "", "\r\n'\""])
def test_any_key_is_kept_apart_from_any_other(place: Place, key: str) -> None:
    with place.open() as catalogue:
        load(Files(file_of([other(key, 1, x=1), other(key.swapcase() + "-", 1)])), catalogue)

    assert place.read()[key] == ([1], {"x": 1})
    assert len(place.read()) == 2


def test_a_deletion_is_kept_as_the_change_that_it_is(place: Place) -> None:
    """Else a late change of before would bring the object back."""
    files = Files(file_of([changed("a", 1), changed("a", 3, etag=None)]), file_of([changed("a", 2)]))

    with place.open() as catalogue:
        load(files, catalogue)

    assert place.read()[f"{INPUT}/a"][1]["operation"] == "DELETE"


# --- how far it looks back ------------------------------------------------------------------------------------------


def test_names_are_listed_from_a_day_and_an_hour_before_and_older_ones_are_forgotten(place: Place) -> None:
    old, new = (
        file_of([changed("a", token, at=NOW - age)]) for token, age in ((1, timedelta(days=9)), (2, timedelta()))
    )
    files = Files(old, new)

    with place.open() as catalogue:
        load(files, catalogue, now=lambda: NOW)
    with place.open() as catalogue:
        load(files, catalogue, now=lambda: NOW)

        assert files.asked == ["", "changes/2026/11/21/18/20261121T181300Z"]
        assert catalogue.has_loaded(new.name)
        assert not catalogue.has_loaded(old.name)


def test_files_that_come_while_a_long_listing_is_made_are_found_by_the_next(place: Place) -> None:
    """It takes three hours: a file comes behind the page that was listed, and one of the end is listed."""
    missed = file_of([changed("missed", 1, at=NOW - timedelta(hours=24))])
    newest = file_of([changed("a", 1, at=NOW + timedelta(hours=3))])
    files = Files(newest)

    with place.open() as catalogue:
        load(files, catalogue, now=lambda: NOW)
        files[missed.name] = missed.body
        load(files, catalogue, now=lambda: NOW + timedelta(hours=4))

    assert f"{INPUT}/missed" in place.read()


def test_it_looks_no_less_far_back_than_before_when_the_clock_goes_back(place: Place) -> None:
    files = Files(file_of([changed("a", 1, at=NOW)]))

    with place.open() as catalogue:
        load(files, catalogue, now=lambda: NOW)
        far = catalogue.start_after()
        load(files, catalogue, now=lambda: NOW - timedelta(days=400))

        assert catalogue.start_after() == far


def test_a_listing_that_was_not_done_does_not_count(place: Place) -> None:
    files = Files(file_of([changed("a", 1)]), file_of([changed("b", 1)]))
    files.before = failing_at(3)

    with place.open() as catalogue:
        with pytest.raises(ConnectionError):
            load(files, catalogue)

        assert catalogue.start_after() == ""


def test_all_files_are_listed_again_where_somebody_asks_for_it(place: Place) -> None:
    files = Files(file_of([changed("a", 1, at=NOW)]))
    days_late = file_of([changed("b", 1, at=NOW - timedelta(days=9))])

    with place.open() as catalogue:
        load(files, catalogue)
        files[days_late.name] = days_late.body
        load(files, catalogue)
        assert f"{INPUT}/b" not in place.read()

        catalogue.listed("")
        load(files, catalogue)

    assert f"{INPUT}/b" in place.read()


# --- what cannot be read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (lambda good: good[:-1], "gzip"),
        (lambda good: gzip.compress(gzip.decompress(good) + b"no line\n"), "line 4"),
        (lambda good: gzip.compress(gzip.decompress(good) + line_of(other(f"{INPUT}/old", "text", 1))), "line 4"),
        (lambda good: gzip.compress(gzip.decompress(good) + line_of(other(f"{INPUT}/a", "text", 1))), "line 4"),
        (lambda good: gzip.compress(gzip.decompress(good) + line_of(other(f"{INPUT}/old", 1))), "line 4"),
    ],
    ids=["cut", "no line", "another kind than on record", "another kind than in the file", "another length"],
)
def test_of_a_file_that_cannot_be_read_nothing_is_loaded_and_what_was_loaded_stays(
    place: Place, body: Callable[[bytes], bytes], told: str
) -> None:
    first = file_of([changed("old", 1, at=NOW)])
    good = file_of([changed("old", 2, at=NOW + timedelta(hours=1)), changed("a", 1), changed("b", 1)])
    last = file_of([changed("c", 1, at=NOW + timedelta(hours=2))])
    files = Files(first, FeedFile(good.name, body(good.body)), last)

    with place.open() as catalogue, pytest.raises(UserError, match=f"{good.name}.*{told}"):
        load(files, catalogue)

    assert place.read() == latest(first)

    files[good.name] = good.body  # put right
    with place.open() as catalogue:
        load(files, catalogue)
    assert place.read() == latest(first, good, last)


def test_what_is_no_file_of_the_feed_is_left_alone_and_holds_up_nothing(place: Place) -> None:
    """It would keep every loader from all that comes after it, until somebody deletes it."""
    files = Files(FeedFile("changes/2026/readme.txt", b"hello"), *some_files())

    with place.open() as catalogue:
        loaded = load(files, catalogue)

    assert loaded.strays == {"changes/2026/readme.txt"}
    assert loaded.files == len(some_files())
    assert place.read() == latest(*some_files())


# --- broken off -----------------------------------------------------------------------------------------------------


def test_it_goes_on_wherever_the_feed_fails(place: Place) -> None:
    for number in count():
        files = Files(*some_files())
        files.before = failing_at(number)
        if not fails(here := place.another(number), files):
            break
        assert not fails(here, files)
        assert here.read() == latest(*some_files())

    assert number == 2 * len(some_files())


def test_it_goes_on_wherever_the_catalogue_fails(place: Place) -> None:
    for number in count():
        files, call = Files(*some_files()), failing_at(number)
        if not fails(here := place.another(number), files, call):
            break
        assert not fails(here, files)
        assert here.read() == latest(*some_files())

    assert number > 50


@pytest.mark.parametrize("kind", ["sqlite", "directory"])
def test_it_goes_on_wherever_its_process_is_killed(kind: str, tmp_path: Path) -> None:
    """Before each thing that is done to a file or a database."""
    files = tmp_path / "files.json"
    files.write_text(json.dumps({each.name: gzip.decompress(each.body).decode() for each in some_files()}))
    command = [sys.executable, "-m", "tests.unit.feed_killed", kind, str(files), str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = {key: list(each) for key, each in latest(*some_files()).items()}
    assert len(found) > 30
    assert all(each == expected for each in found)


def test_what_fails_before_its_end_leaves_nothing_in_a_database() -> None:
    (line,) = [line for _, line in lines("name", file_of([changed("a", 1)]).body)]

    with sqlite_catalogue(None, FEED) as catalogue:
        with suppress(ConnectionError), catalogue.transaction():
            catalogue.keep("name", [line])
            raise ConnectionError

        assert catalogue.watermark(line.key) is None
        assert not catalogue.has_loaded("name")


# --- the catalogues -------------------------------------------------------------------------------------------------


def test_two_loads_into_one_database_at_a_time_give_the_same(tmp_path: Path) -> None:
    """Each file is loaded by the other one when it has been fetched."""
    file, files = tmp_path / "feed.sqlite", Files(*some_files())

    with sqlite_catalogue(file, FEED) as one, sqlite_catalogue(file, FEED) as another:
        calls = count()
        files.before = lambda: next(calls) % 2 and load(Files(*some_files()), another)  # type: ignore[assignment]
        loaded = load(files, one)

    assert in_sqlite(file) == latest(*some_files())
    assert (loaded.files, loaded.known) == (0, len(some_files()))


def test_a_load_waits_while_another_one_writes(tmp_path: Path) -> None:
    with sqlite_catalogue(tmp_path / "feed.sqlite", FEED) as catalogue:
        ((milliseconds,),) = catalogue.database.execute("PRAGMA busy_timeout")

    assert milliseconds >= 30_000


def test_a_second_load_into_a_directory_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with directory_catalogue(tmp_path, FEED) as one:
        load(Files(*some_files()), one)
        with pytest.raises(UserError, match="another load works on it"), directory_catalogue(tmp_path, FEED):
            pass

    with directory_catalogue(tmp_path, FEED):
        pass
    assert in_directory(tmp_path) == latest(*some_files())


def test_a_directory_with_something_else_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(UserError, match=r"thesis\.txt"), directory_catalogue(tmp_path, FEED):
        pass

    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_a_kill_has_left_in_a_directory_is_cleaned_up(tmp_path: Path) -> None:
    with directory_catalogue(tmp_path, FEED) as catalogue:
        load(Files(*some_files()), catalogue)
    (tmp_path / "lockstep-feed.new").write_text("hal")

    with directory_catalogue(tmp_path, FEED):
        pass

    others = {each.name for each in tmp_path.iterdir() if each.suffix != ".json"}
    assert others == {STATE}


def test_a_directory_that_was_made_just_before_a_kill_is_taken_as_new(tmp_path: Path) -> None:
    (tmp_path / STATE).touch()

    with directory_catalogue(tmp_path, FEED) as catalogue:
        load(Files(*some_files()), catalogue)

    assert in_directory(tmp_path) == latest(*some_files())


def test_a_database_that_was_made_just_before_a_kill_is_taken_as_new(tmp_path: Path) -> None:
    file = tmp_path / "feed.sqlite"
    file.touch()

    with sqlite_catalogue(file, FEED) as catalogue:
        load(Files(*some_files()), catalogue)

    assert in_sqlite(file) == latest(*some_files())


def test_a_broken_file_in_the_directory_is_named(tmp_path: Path) -> None:
    with directory_catalogue(tmp_path, FEED) as catalogue:
        load(Files(file_of([changed("a", 1)])), catalogue)
        catalogue.file(f"{INPUT}/a").write_text("half a li")

        with pytest.raises(UserError, match=f"{catalogue.file(f'{INPUT}/a').name}.*load into a new directory"):
            load(Files(file_of([changed("a", 2)])), catalogue)


def test_the_outputs_of_a_lockstep_feed_are_a_table_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "feed.sqlite"
    changes = [changed("b", 1), changed("a", 2), changed("gone", 3, etag=None), other("device", 1)]

    with sqlite_catalogue(file, FEED) as catalogue:
        load(Files(file_of(changes)), catalogue)
        rows = catalogue.database.execute("SELECT object, etag, fencing_token, input_bucket FROM outputs ORDER BY 1")

        assert rows.fetchall() == [("a", "etag-2", 2, INPUT), ("b", "etag-1", 1, INPUT)]
        assert list(catalogue.outputs(INPUT)) == [("a", "etag-2"), ("b", "etag-1")]


# --- help -----------------------------------------------------------------------------------------------------------


def some_files() -> list[FeedFile]:
    """Files that are late, wrongly ordered and there twice."""
    return [
        file_of([changed("a", 1, at=NOW), changed("b", 1, at=NOW)]),
        file_of([changed("a", 3, at=NOW + timedelta(seconds=1)), changed("b", 1, at=NOW)]),
        file_of([changed("a", 2, at=NOW + timedelta(seconds=2)), changed("c", 1, at=NOW)]),
        file_of([changed("b", 2, at=NOW + timedelta(seconds=3), etag=None)]),
    ]


def fails(place: Place, files: Files, call: Callable[[], None] = lambda: None) -> bool:
    """Load, as far as it goes."""
    try:
        with place.open() as catalogue:
            load(files, cast("Catalogue", Failing(catalogue, call)))
    except ConnectionError:
        return True
    return False


def failing_at(number: int) -> Callable[[], None]:
    """Raise at that call, counted from 0."""
    calls = count()

    def call() -> None:
        if next(calls) == number:
            raise ConnectionError

    return call


class Failing:
    """A catalogue that fails at one of its calls, before or after it has done what it was asked."""

    def __init__(self, catalogue: Catalogue, call: Callable[[], None]) -> None:
        self._catalogue = catalogue
        self._call = call

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            self._call()
            found = getattr(self._catalogue, name)(*arguments)
            self._call()
            return found

        return called


def kept(catalogue: SqliteCatalogue | DirectoryCatalogue) -> Latest:
    assert isinstance(catalogue, SqliteCatalogue)
    rows: Iterator[tuple[str, str, str]] = catalogue.database.execute("SELECT key, watermark, change FROM latest")
    return {key: (json.loads(watermark), json.loads(change)) for key, watermark, change in rows}
