"""What the user does to the input bucket, and what S3 tells of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation import user
from tests.simulation.by_hand import KEY, SYSTEM, changed, world
from tests.simulation.choices import Record
from tests.simulation.promises import is_newer
from tests.simulation.settings import Settings
from tests.simulation.user import picture
from tests.simulation.world import World

PLANS = st.text("abx-vw", min_size=2, max_size=20)
FEW = settings(max_examples=30, deadline=None)


@pytest.mark.parametrize(
    ("plan", "versioned", "left"),
    [
        ("a", False, "a"),
        ("ab", False, "b"),
        ("ab-", False, ""),
        ("-", False, ""),
        ("ab", True, "ab"),
        ("ab-", True, "ab-"),
        ("-", True, "-"),
        ("ax", True, "ax"),
        ("a-b", True, "a-b"),
        ("abv", True, "a"),  # the newest version is deleted: a is back
        ("abvv", True, ""),
        ("ab-v", True, "ab"),  # the marker is removed: b is back
        ("ab-vv", True, "a"),
        ("abw", True, "b"),  # an older version is deleted
        ("abcw", True, "ac"),
        ("ab-w", True, "a-"),
        ("aw", True, "a"),  # there is no older one
    ],
)
def test_a_plan_leaves_these_versions_and_the_newest_is_the_input(plan: str, versioned: bool, left: str) -> None:
    found = changed(plan, versioned=versioned)
    versions = [None if each == "-" else picture(each) for each in left]
    assert [each and each.body for each in found.versions[KEY]] == versions
    seen = found.input(KEY)
    assert (seen and seen.body) == (versions[-1] if versions else None)


def test_there_is_an_event_for_each_change_also_where_the_input_stays_as_it_is() -> None:
    found = changed("abw-v", versioned=True)
    assert found.undelivered == [0, 1, 2, 3, 4]
    assert found.done == 5
    assert [each.input["detail-type"] for each in found.events] == ["Object Created"] * 2 + ["Object Deleted"] * 3
    assert [each.input["detail"]["object"]["sequencer"] for each in found.events] == [
        each.sequencer for each in found.events
    ]


def test_of_what_was_there_before_anybody_was_told_there_is_no_event() -> None:
    found = changed("aba", backfill=2)
    assert found.undelivered == [2]
    assert [each.sequencer for each in found.events] == ["1018F", "1020", "103"]
    assert found.damaged == {KEY: 0}
    assert changed("aba").damaged == {}


@pytest.mark.parametrize("versioned", [False, True])
def test_what_is_put_again_has_its_old_tag_unless_there_are_versions(versioned: bool) -> None:
    found, tags = world("aba", versioned=versioned), set()
    for _ in range(3):
        user.changes(found)
        seen = found.input(KEY)
        assert seen is not None
        tags.add(seen.tag)
    assert len(tags) == 2 + versioned


def test_a_version_that_is_back_has_its_own_tag() -> None:
    assert changed("abv", versioned=True).input(KEY) == changed("a", versioned=True).input(KEY)


@FEW
@given(PLANS)
def test_sequencers_grow_by_awss_rule(plan: str) -> None:
    found = changed(plan, versioned=True)
    assert all(is_newer(later.sequencer, earlier.sequencer) for earlier, later in pairwise(found.events))


def test_sequencers_are_of_several_lengths_so_that_it_matters_by_what_rule() -> None:
    assert [each.sequencer for each in changed("abc").events] == ["1018F", "1020", "103"]


@FEW
@given(PLANS)
def test_or_they_do_not_for_what_happens_to_versions(plan: str) -> None:
    """S3 documents the order per key, and says nothing of its versions."""
    found = changed(plan, versioned=True, in_order=False)
    of_versions = [each for each, change in zip(found.events, plan, strict=True) if change in "vw"]
    others = [each for each in found.events if each not in of_versions]
    assert all(is_newer(other.sequencer, each.sequencer) for each in of_versions for other in others)
    assert all(is_newer(later.sequencer, earlier.sequencer) for earlier, later in pairwise(others))


def test_each_object_has_its_own_versions_and_sequencers() -> None:
    plan = (("cat.png", "a"), ("dog.png", "b"), ("cat.png", "-"))
    found = World(SYSTEM, Settings(plan), Record([]))
    for _ in plan:
        user.changes(found)
    events = [("cat.png", "1018F"), ("dog.png", "1018F"), ("cat.png", "1020")]
    assert [(each.key, each.sequencer) for each in found.events] == events
    assert found.input("cat.png") is None
    assert found.versions["dog.png"] == [found.input("dog.png")]


def test_each_letter_is_another_picture() -> None:
    assert len({picture(letter) for letter in "abcx"}) == 4
