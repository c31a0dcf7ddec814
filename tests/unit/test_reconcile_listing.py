"""Both buckets side by side: every object once, in S3's order, however odd the keys are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count, islice
from threading import Barrier, Event, current_thread
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockstep.ahead import AT_ONCE, in_order
from lockstep.reconcile.listing import Pair, joined

LETTERS = st.sampled_from("aAzZ/ +é日\U0001f680\uffff\x01~")
KEYS = st.text(LETTERS, min_size=1, max_size=6)


def listed(keys: set[str]) -> list[str]:
    """As S3 lists them: by their bytes in UTF-8."""
    return sorted(keys, key=lambda key: key.encode())


@given(inputs=st.sets(KEYS), outputs=st.sets(KEYS))
@example(inputs={"\U0001f680", "\uffff"}, outputs={"\uffff"})  # UTF-16 would have them the other way round
def test_every_key_comes_once_with_what_there_is_of_it(inputs: set[str], outputs: set[str]) -> None:
    found = list(joined(((key, f"etag of {key}") for key in listed(inputs)), listed(outputs)))

    assert [each.key for each in found] == listed(inputs | outputs)
    for each in found:
        assert each.etag == (f"etag of {each.key}" if each.key in inputs else None)
        assert each.has_output == (each.key in outputs)


@given(inputs=st.sets(KEYS, min_size=1), outputs=st.sets(KEYS), data=st.data())
def test_it_goes_on_after_any_key_as_if_it_had_not_stopped(
    inputs: set[str], outputs: set[str], data: st.DataObject
) -> None:
    whole = list(joined(((key, "etag") for key in listed(inputs)), listed(outputs)))
    at = data.draw(st.sampled_from(whole)).key

    rest = list(
        joined(
            ((key, "etag") for key in listed(inputs) if key.encode() > at.encode()),
            [key for key in listed(outputs) if key.encode() > at.encode()],
        )
    )

    assert [each for each in whole if each.key <= at] + rest == whole


def test_a_listing_without_end_is_read_as_far_as_it_is_asked_for() -> None:
    """So that memory does not grow with the bucket."""
    read = 0

    def inputs() -> Iterator[tuple[str, str]]:
        nonlocal read
        for number in count():
            read += 1
            yield f"{number:09}", "etag"

    found = list(islice(joined(inputs(), iter(["000000001"])), 3))

    assert found[1] == Pair("000000001", "etag", has_output=True)
    assert read <= 4


def test_what_is_looked_at_side_by_side_comes_in_order_and_not_far_ahead() -> None:
    asked: list[int] = []
    together = Barrier(4, timeout=30)

    def look(number: int) -> int:
        if number < 4:
            together.wait()  # four at once, or nobody goes on
        return number

    def numbers() -> Iterator[int]:
        for number in count():
            asked.append(number)
            yield number

    found = in_order(look, numbers())

    assert list(islice(found, 1000)) == list(range(1000))
    assert len(asked) < 1000 + 200
    found.close()  # type: ignore[attr-defined]  # a generator


def test_no_more_is_looked_at_at_once_than_there_are_connections_and_few_items_take_few_threads() -> None:
    threads = set()

    def look(_: int) -> None:
        threads.add(current_thread().name + str(current_thread().ident))

    assert len(list(in_order(look, range(3)))) == 3
    assert 1 <= len(threads) <= 3

    threads.clear()
    assert len(list(in_order(look, range(1000)))) == 1000
    assert len(threads) <= AT_ONCE


def test_what_goes_wrong_ahead_is_raised_in_its_turn() -> None:
    def look(number: int) -> int:
        if number == 7:
            raise ConnectionError
        return number

    found = in_order(look, count())

    assert list(islice(found, 7)) == list(range(7))
    with pytest.raises(ConnectionError):
        next(found)


def test_what_was_not_begun_is_not_looked_at_when_nobody_asks_any_more() -> None:
    looked: set[int] = set()
    all_begun, may_end, has_ended = Barrier(AT_ONCE + 1, timeout=30), Event(), Barrier(AT_ONCE + 1, timeout=30)

    def look(number: int) -> int:
        looked.add(number)
        if number:
            all_begun.wait()
            may_end.wait(30)
            has_ended.wait()
        return number

    found = in_order(look, count())
    assert next(found) == 0
    all_begun.wait()
    found.close()  # type: ignore[attr-defined]  # a generator
    may_end.set()
    has_ended.wait()

    assert looked == set(range(AT_ONCE + 1))


INTERRUPTED: Final = """
import os, signal, threading
from lockstep.ahead import in_order
from lockstep.command import app, command

under_way = threading.Event()

def look(number):
    if number:
        under_way.set()
        threading.Event().wait()  # no answer, ever

@command
def ask() -> None:
    for _ in in_order(look, range(1000)):
        under_way.wait()
        os.kill(os.getpid(), signal.SIGINT)

app([])
"""


def test_a_command_that_is_interrupted_ends_though_there_is_no_answer_to_what_it_has_asked() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
