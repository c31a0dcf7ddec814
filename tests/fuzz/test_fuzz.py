"""The fuzzer finds what it looks for, and says which file it was."""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from itertools import repeat
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, overload

import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from objectlock.images import to_grayscale
from objectlock.ports import Picture
from tests.fuzz import verdict
from tests.fuzz.__main__ import app
from tests.fuzz.campaign import Campaign, Found, made
from tests.fuzz.mutations import kind_of, mutant
from tests.fuzz.seeds import KINDS, Seed, seeds
from tests.fuzz.worker import MEGABYTE, Job, Result, judged, run
from tests.unit.pictures import encoded, photo

JOB: Final = Job(seeds(), KINDS, megabytes=100)
BAD: Final = 3

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow warns of much in broken files


def campaign(work: Callable[[Connection, Job, Path], None] = run, files: int = 8) -> Found:
    # It is given the time that a process needs to start, where many do at once.
    return Campaign(JOB, 0, files, processes=1, deadline=5, work=work).run(Console(file=StringIO()))


def each(connection: Connection, job: Job, on_bad: Callable[[], None]) -> None:
    """As the worker, with one bad file."""
    while True:
        for number in connection.recv():
            if number == BAD:
                on_bad()
            connection.send(Result(number, mutant(number, job.seeds)[0].kind, verdict.REJECTED))


def crashing(connection: Connection, job: Job, _log: Path) -> None:
    each(connection, job, lambda: os.kill(os.getpid(), signal.SIGKILL))


def hanging(connection: Connection, job: Job, _log: Path) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM, signal.SIGUSR1, signal.SIGTERM])
    each(connection, job, lambda: time.sleep(1000))


def stuck(_connection: Connection, _job: Job, _log: Path) -> None:
    time.sleep(1000)


class Endless(Sequence[Seed]):
    """Seeds of which no mutant is ever made: there always is one more, and never one that will do."""

    def __len__(self) -> int:
        return 1

    @overload
    def __getitem__(self, at: int) -> Seed: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Seed]: ...
    def __getitem__(self, at: int | slice) -> Seed | Sequence[Seed]:
        return JOB.seeds[at]

    def __iter__(self) -> Iterator[Seed]:
        return repeat(next(seed for seed in JOB.seeds if seed.kind == "BMP"))


UNMADE: Final = Job(Endless(), ["GIF"], megabytes=100)


# --- seeds and mutants ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", JOB.seeds, ids=lambda seed: f"{seed.kind} {seed.name}")
def test_a_seed_is_whole(seed: Seed) -> None:
    """Lab has no luma of ours; all others are converted."""
    outcome, output = verdict.convert(seed.body)
    if seed.name == "lab":
        assert outcome == verdict.REJECTED
    else:
        assert (outcome, verdict.check(seed.body, output)) == (verdict.CONVERTED, verdict.CONVERTED)


def test_a_number_always_is_the_same_mutant() -> None:
    time.sleep(1.1)  # no seed says what time it is
    again = seeds()
    assert [mutant(number, JOB.seeds) for number in range(200)] == [mutant(number, again) for number in range(200)]


def test_mutants_differ() -> None:
    assert len({mutant(number, JOB.seeds)[1] for number in range(500)}) > 480


@pytest.mark.parametrize("kinds", [KINDS, ["GIF"]])
def test_the_format_of_a_mutant_is_known_without_it(kinds: Sequence[str]) -> None:
    for number in range(200):
        assert kind_of(number, kinds) == mutant(number, JOB.seeds, kinds)[0].kind


@pytest.mark.timeout(60)
def test_a_tiff_directory_without_entries_that_follows_itself_is_broken_as_any() -> None:
    circle = Seed("circle", "TIFF", struct.pack("<2sHIHI", b"II", 42, 8, 0, 8))
    assert len({mutant(number, [circle], ["TIFF"])[1] for number in range(200)}) > 100


@pytest.mark.parametrize("kind", KINDS)
def test_of_each_format_some_mutants_are_converted_and_some_rejected(kind: str) -> None:
    outcomes = set()
    for number in range(150):
        outcomes.add(verdict.convert(mutant(number, JOB.seeds, [kind])[1])[0])
    assert outcomes == {verdict.CONVERTED, verdict.REJECTED}


# --- what is found --------------------------------------------------------------------------------------------


def test_a_crash_is_found_and_the_others_go_on() -> None:
    found = campaign(crashing)
    assert [(result.number, result.outcome) for result in found.broken] == [(BAD, "crash: SIGKILL")]
    assert found.files == 8


def test_a_hang_is_found_and_the_others_go_on() -> None:
    found = campaign(hanging)
    assert [(result.number, result.outcome) for result in found.broken] == [(BAD, "hang: more than 5 s")]
    assert found.files == 8


@pytest.mark.timeout(60)
def test_a_mutant_that_takes_for_ever_to_make_is_a_hang() -> None:
    found = Campaign(UNMADE, 0, 2, processes=1, deadline=5).run(Console(file=StringIO()))
    assert [(result.kind, result.outcome) for result in found.broken] == [("GIF", "hang: more than 5 s")] * 2
    assert all("in mutant" in result.details for result in found.broken)


@pytest.mark.timeout(60)
def test_a_mutant_that_takes_for_ever_to_make_is_given_up() -> None:
    assert made(0, UNMADE, deadline=1) is None


def test_a_mutant_is_made_elsewhere_as_it_is_here() -> None:
    assert made(5, JOB, deadline=60) == mutant(5, JOB.seeds)


def test_when_the_time_is_over_what_is_left_of_a_batch_is_left() -> None:
    found = Campaign(JOB, 0, 8, processes=1, seconds=0.5, deadline=1, work=stuck).run(Console(file=StringIO()))
    assert [(result.number, result.outcome) for result in found.broken] == [(0, "hang: more than 1 s")]
    assert found.files == 1


def instead(monkeypatch: pytest.MonkeyPatch, convert: Callable[[bytes], bytes]) -> Result:
    """What is said of a converter that does this."""
    body = encoded(photo(), "PNG")
    monkeypatch.setattr(verdict, "to_grayscale", lambda body, _limits: Picture(convert(body), "image/png"))
    return judged(1, "PNG", body, megabytes=100, base=0 if convert is hungry else 10**12)


def hungry(body: bytes) -> bytes:
    used = b"1" * (101 * MEGABYTE)
    return body if used else b""


def test_too_much_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert instead(monkeypatch, hungry).outcome == "memory: more than 100 MB"


@pytest.mark.parametrize(
    ("convert", "outcome"),
    [
        (lambda body: body, "not gray"),
        (lambda body: to_grayscale(body).body[:60], "Unreadable"),
        (lambda _: encoded(Image.new("L", (3, 3)), "PNG"), "(32, 24) PNG became (3, 3) PNG"),
        (lambda _: encoded(photo("L"), "BMP"), "(32, 24) PNG became (32, 24) BMP"),
        (lambda body: to_grayscale(body).body + bytes(100_000), "bytes became"),
        (lambda body: body[10**6 :][0].to_bytes(), "IndexError"),
    ],
    ids=["colours", "broken", "size", "format", "length", "another error"],
)
def test_a_wrong_output_is_found(
    monkeypatch: pytest.MonkeyPatch, convert: Callable[[bytes], bytes], outcome: str
) -> None:
    result = instead(monkeypatch, convert)
    assert outcome in result.outcome
    assert result.is_broken


# --- the command ----------------------------------------------------------------------------------------------


def test_the_command_says_how_many_of_each_format_were_converted() -> None:
    result = CliRunner().invoke(
        app, ["--files", "20", "--seed", "1", "--processes", "1", "--no-corpus"], env={"COLUMNS": "200"}
    )
    assert result.exit_code in {0, 1}, result.output
    assert "first seed 1" in result.output
    assert "20 files in" in result.output


def test_the_command_refuses_a_format_that_there_is_not() -> None:
    result = CliRunner().invoke(app, ["--only", "AVIF"])
    assert result.exit_code == 2
    assert "AVIF" in result.output


@pytest.mark.timeout(60)
def test_the_command_ends_where_a_mutant_takes_for_ever_to_make(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tests.fuzz.__main__.seeds", lambda _corpus: Endless())
    options = ["--files", "1", "--seed", "7", "--only", "GIF", "--deadline", "2", "--keep", str(tmp_path)]
    result = CliRunner().invoke(app, options, env={"COLUMNS": "200"})
    assert result.exit_code == 1, result.output
    assert "broken GIF: hang: more than 2 s" in result.output
    assert "no file: it takes more than 2 s to make it" in result.output
    assert "again: .venv/bin/python -m tests.fuzz --files 1 --seed 7 --only GIF" in result.output
    assert not [*tmp_path.iterdir()]
