"""Decisions can be repeated from a record, written down, and gone through in every way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.choices import Chance, Chooser, Record, every_way, read, written

SEEDS = st.integers(0, 2**32)
WEIGHTS = st.lists(st.sampled_from([0, 0, 0.15, 1, 8]), min_size=1, max_size=5).filter(any)
FEW = settings(max_examples=60, deadline=None)

Tree = Sequence[tuple[float, "Tree"]]  # what can be decided, how likely each is, and what is decided next; empty: over


def _node(below: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    possibility = st.tuples(st.sampled_from([0.0, 0.15, 1.0]), below)
    return st.lists(possibility, min_size=1, max_size=4).filter(lambda node: any(weight for weight, _ in node))


TREES: st.SearchStrategy[Tree] = st.recursive(st.just(()), _node, max_leaves=20)


def walk(tree: Tree, chooser: Chooser) -> list[int]:
    """Where it leads if the chooser decides."""
    path = []
    while tree:
        path.append(chooser.choose([weight for weight, _ in tree]))
        tree = tree[path[-1]][1]
    return path


def leaves(tree: Tree) -> Iterator[list[int]]:
    """The ways to its ends, from left to right; nothing without weight is on any."""
    if not tree:
        yield []
    for number, (weight, below) in enumerate(tree):
        if weight:
            yield from ([number, *rest] for rest in leaves(below))


@FEW
@given(SEEDS, st.lists(WEIGHTS, max_size=30))
def test_the_same_seed_decides_the_same_way_and_for_nothing_without_weight(seed: int, asked: list[list[float]]) -> None:
    one, other = Chance(seed), Chance(seed)
    decided = [one.choose(weights) for weights in asked]
    assert [other.choose(weights) for weights in asked] == decided == one.made
    assert all(weights[chosen] for weights, chosen in zip(asked, decided, strict=True))


def test_chance_goes_by_the_weights() -> None:
    chance = Chance(1)
    for _ in range(2_000):
        chance.choose([8, 1, 1])
    assert 1_500 < chance.made.count(0) < 1_700


@FEW
@given(SEEDS, TREES)
def test_a_record_repeats_what_chance_has_decided(seed: int, tree: Tree) -> None:
    chance = Chance(seed)
    path = walk(tree, chance)
    record = Record(chance.made)
    assert walk(tree, record) == path == record.made


@pytest.mark.parametrize(
    ("decisions", "weights", "chosen"),
    [
        ([], [1, 1, 1], 0),  # it is too short
        ([], [0, 0, 1], 2),
        ([2], [1, 1], 0),  # there are not so many
        ([7], [0, 1], 1),
        ([1], [1, 0, 1], 0),  # that one is not possible here
        ([1], [0, 0, 0.1], 2),
        ([1], [1, 1], 1),
    ],
)
def test_a_record_falls_back_to_the_first_that_is_possible(
    decisions: list[int], weights: list[float], chosen: int
) -> None:
    record = Record(decisions)
    assert record.choose(weights) == chosen
    assert record.made == [chosen]


def test_after_an_impossible_decision_a_record_goes_on_with_the_next() -> None:
    record = Record([9, 2, 1])
    assert [record.choose([1, 1, 1]) for _ in range(4)] == [0, 2, 1, 0]


@FEW
@given(TREES)
def test_every_way_comes_once_and_the_first_possibility_first(tree: Tree) -> None:
    found = []
    for chooser in every_way():
        assert walk(tree, chooser) == chooser.made
        found.append(chooser.made)
    assert found == list(leaves(tree))


def test_where_nothing_is_decided_there_is_one_way() -> None:
    assert [chooser.made for chooser in every_way()] == [[]]


# --- as text -------------------------------------------------------------------------------------------------

# In runs, as records have them, and of numbers with more than one digit.
RECORDS = st.lists(st.tuples(st.sampled_from([0, 0, 1, 2, 10, 255]), st.integers(1, 12)), max_size=12).map(
    lambda runs: [each for each, times in runs for _ in range(times)]
)


@FEW
@given(RECORDS)
def test_what_is_written_can_be_read_but_for_the_zeros_at_its_end(decisions: list[int]) -> None:
    without_end = list(decisions)
    while without_end and not without_end[-1]:
        without_end.pop()
    assert read(written(decisions)) == without_end
    assert written(decisions).count(".") == max(0, len(list(groupby(without_end))) - 1)


def test_it_is_short_and_needs_no_quotes_on_a_command_line() -> None:
    assert written([3, *[0] * 12, 1, 1, 2, 0, 0]) == "3.0x12.1x2.2"
    assert written([0, 0]) == written([]) == ""


@pytest.mark.parametrize("text", ["-1", "3x-2", "1_0", "1x99999999999999"])
def test_nor_what_is_no_decision(text: str) -> None:
    """It would be another schedule, or none that fits into memory."""
    with pytest.raises(ValueError, match=text):
        read(text)


@pytest.mark.parametrize("text", ["1xq", "a", ".", "3.", "..3", "x2", "3x2x1", "3,1"])
def test_what_was_not_written_by_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(text)
