"""What can happen next, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulation import moves, origin, system, user
from tests.simulation.by_hand import KEY, SYSTEM, call, changed, only, settled, started, until
from tests.simulation.choices import Record
from tests.simulation.settings import Settings, small
from tests.simulation.world import EPOCH_MS, World


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running():
        yield


# --- time ----------------------------------------------------------------------------------------------------


def to_come(found: World, do: Callable[..., None]) -> list[Any]:
    """With what such a thing can happen next."""
    return [move.arguments[0] for move in moves.possible(found) if move.do is do]


def test_time_passes_only_when_nobody_can_go_on_and_then_to_the_next_moment() -> None:
    found = started(silences=1)
    execution, _ = only(found)
    moves.not_heard(found, execution)
    assert to_come(found, moves.passes) == []
    settled(found)
    assert to_come(found, moves.passes) == [execution.until - found.now]


def test_time_may_stand_at_the_first_moment_at_which_a_lease_is_over_by_some_clock() -> None:
    found = started(skews=(0, 5_000))
    call(found)
    ends = int(found.record(KEY)["lease_expires_at"])
    assert sorted(found.ends_on_record()) == [ends + 1 - 5_000, ends + 1]


def test_a_call_takes_as_long_as_is_said() -> None:
    found = started(tick_ms=200)
    call(found)
    assert found.now == EPOCH_MS + 200


def test_where_it_is_calm_an_event_waits_for_the_execution_of_the_one_before() -> None:
    found = changed("ab", calm=True)
    assert to_come(found, moves.delivers) == [0]
    moves.delivers(found, 0)
    assert to_come(found, moves.delivers) == []
    settled(found)
    assert to_come(found, moves.delivers) == [1]
    assert to_come(changed("ab"), moves.delivers) == [0, 1]


def test_a_lambda_that_sleeps_does_nothing_until_it_wakes() -> None:
    """Only the protocol that Lockstep comes from has one that does."""
    found = World(origin.published(), small("ab"), Record([]))
    for number in range(2):
        user.changes(found)
        moves.delivers(found, number)
    holder, waiter = found.invocations
    while not waiter.wakes_at:
        moves.goes_on(found, holder if "get" in str(holder.stands_before) or not found.locks.items else waiter)
    assert waiter.wakes_at == EPOCH_MS + origin.INTERVAL_MS
    assert to_come(found, moves.goes_on) == [holder]
    assert waiter.wakes_at in found.moments()
    found.passes(origin.INTERVAL_MS)
    assert to_come(found, moves.goes_on) == [holder, waiter]


# --- who sees to it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "decision", "names", "redriven"),
    [
        ("ABORTED", 0, ["cat-1018Fa"], False),
        ("ABORTED", 1, ["cat-1018Fa"], True),
        ("TIMED_OUT", 1, ["cat-1018Fa"], True),
        ("FAILED", 1, ["cat-1018Fa"], False),  # that would only fail again
    ],
)
def test_who_has_not_succeeded_is_started_again_or_redriven(
    status: str, decision: int, names: list[str], redriven: bool
) -> None:
    found = until(started(), "ConvertToGrayscale")
    execution, _ = only(found)
    found.stop(execution, status)
    found.chooser = Record([decision])
    found.invocations.clear()
    found.reports.clear()
    found.locks.items.clear()
    moves.tried_again(found, execution)
    assert [each.name for each in found.executions] == names
    assert (found.executions == [execution]) == redriven
    assert found.executions[0].position.state == ("ConvertToGrayscale" if redriven else "AcquireLock")


def test_nobody_sees_to_one_whose_change_is_outdone() -> None:
    """A newer event of the same object has been applied since; an older one, or one of another object, says nothing."""
    for later, first_event, outdone in (("cat.png", 0, True), ("cat.png", 1, False), ("dog.png", 0, False)):
        found = World(SYSTEM, Settings((("cat.png", "a"), (later, "b"))), Record([]))
        user.changes(found)
        user.changes(found)
        moves.delivers(found, first_event)
        first, _ = only(found)
        found.stop(first, "ABORTED")
        found.invocations.clear()
        moves.delivers(found, 1 - first_event)
        assert not first.is_outdone
        settled(found)
        assert found.executions == [first]
        assert first.is_outdone == outdone
        found.chooser = Record([2])
        moves.tried_again(found, first)
        assert (found.executions == []) == outdone
