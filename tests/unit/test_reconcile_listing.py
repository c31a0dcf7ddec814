"""Both buckets side by side: every object once, in S3's order, however odd the keys are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from threading import Barrier

from hypothesis import example, given
from hypothesis import strategies as st

from lockstep.ahead import in_order
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
