"""What no event tells of: what becomes of it, and what is not promised of an object any more then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulation import damage, moves, system
from tests.simulation.by_hand import KEY, changed, settled, started, until
from tests.simulation.choices import Record
from tests.simulation.damage import ANOTHER, BY_HAND
from tests.simulation.settings import DAMAGE
from tests.simulation.world import World


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running():
        yield


def at_rest(plan: str = "a") -> World:
    """A world in which all is done, and anything may be damaged three times."""
    return settled(started(plan, **dict.fromkeys(DAMAGE, 3)))


def may(found: World, do: Callable[..., None]) -> list[Any]:
    """To what it may happen."""
    return [move.arguments[0] for move in moves.mishaps(found) if move.do is do]


def test_an_output_is_deleted() -> None:
    found = at_rest()
    assert may(found, damage.deletes) == [KEY]
    damage.deletes(found, KEY)
    assert found.output.objects == {}
    assert may(found, damage.deletes) == []


@pytest.mark.parametrize(("decision", "is_same"), [(0, False), (1, True)])
def test_an_output_is_overwritten_by_another_or_by_itself_and_has_none_of_our_metadata(
    decision: int, is_same: bool
) -> None:
    found = at_rest()
    before = found.output.objects[KEY]
    found.chooser = Record([decision])
    damage.overwrites(found, KEY)
    after = found.output.objects[KEY]
    assert (after.picture == before.picture) == is_same
    assert after.label == BY_HAND


def test_an_output_appears_only_where_there_is_none() -> None:
    found = at_rest("-")
    assert may(found, damage.strays) == [KEY]
    assert may(found, damage.overwrites) == []
    damage.strays(found, KEY)
    assert found.output.objects == {KEY: ANOTHER}
    assert may(found, damage.strays) == []


def test_a_record_is_lost_and_tokens_begin_anew() -> None:
    found = at_rest()
    assert found.highest == {KEY: 1}
    damage.loses_record(found, KEY)
    assert (found.record(KEY), found.highest) == ({}, {})
    assert may(found, damage.loses_record) == []


def test_a_record_is_restored_to_what_it_was_when_it_was_backed_up() -> None:
    found = started("a", restores=1)
    assert may(found, damage.backs_up) == []
    until(found, "ConvertToGrayscale")
    damage.backs_up(found, KEY)
    then = found.record(KEY)
    assert may(found, damage.backs_up) == may(found, damage.restores) == []
    settled(found)
    assert may(found, damage.backs_up) == may(found, damage.restores) == [KEY]
    assert found.left == {"restores": 1}
    damage.restores(found, KEY)
    assert (found.record(KEY), found.left) == (then, {})


def test_an_event_that_is_lost_is_never_delivered() -> None:
    found = changed("ab", lost_events=1, duplicates=1)
    assert may(found, damage.loses_event) == [0, 1]
    damage.loses_event(found, 1)
    assert found.undelivered == [0]
    assert may(found, moves.delivered_again) == []


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_damaged_is_known_to_be(name: str) -> None:
    """To the simulation, which lets the operator reconcile only that."""
    found = changed("aa") if name == "lost_events" else at_rest("-" if name == "strays" else "a")
    found.left = {name: 1}
    found.backups[KEY] = {}
    wanted = [move for move in moves.mishaps(found) if move.do is not damage.backs_up]
    wanted[0].do(found, *wanted[0].arguments)
    assert found.damaged == {KEY: 0}
    assert found.unsure == {KEY: False}
    assert found.seen[name] == 1
    assert found.left == {}


# --- what is not promised any more ---------------------------------------------------------------------------------


def test_where_a_lock_is_free_before_and_after_all_is_promised_still() -> None:
    found = at_rest()
    damage.loses_record(found, KEY)
    assert (found.early, found.behind) == (set(), {KEY})


def _holds_the_lock(found: World) -> None:
    until(found, "ConvertToGrayscale")


def _held_it_when_it_was_backed_up(found: World) -> None:
    until(found, "ConvertToGrayscale")
    damage.backs_up(found, KEY)
    settled(found)


def _is_at_work(found: World) -> None:
    until(found, "ConvertToGrayscale", "write")
    found.locks.items.clear()


@pytest.mark.parametrize("how", [_holds_the_lock, _held_it_when_it_was_backed_up, _is_at_work])
def test_where_somebody_holds_it_or_thinks_so_two_may_work_at_once(how: Callable[[World], None]) -> None:
    found = started("a", restores=1, lost_records=1)
    how(found)
    (damage.restores if KEY in found.backups else damage.loses_record)(found, KEY)
    assert found.early == {KEY}
