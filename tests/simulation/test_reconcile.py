"""The operator compares and reconciles: who is looked at again, and who is not disturbed by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from objectlock.comparison import Finding, Kind
from tests.simulation import comparison, damage, moves, promises, system
from tests.simulation.by_hand import KEY, SYSTEM, call, changed, only, said, settled, started, until, world
from tests.simulation.choices import Record
from tests.simulation.damage import ANOTHER
from tests.simulation.world import World


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running():
        yield


def at_rest(plan: str = "a", **more: Any) -> World:
    found = settled(started(plan, **more))
    found.undelivered.clear()
    return found


def gone(found: World) -> None:
    found.output.objects.clear()


def put_by_hand(found: World) -> None:
    found.output.objects[KEY] = ANOTHER


def unlabelled(found: World) -> None:
    found.output.objects[KEY] = replace(found.output.objects[KEY], label=damage.BY_HAND)


def nothing(_: World) -> None:
    pass


# --- an execution of its own -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [gone, put_by_hand, unlabelled, nothing])
def test_it_looks_although_the_input_was_applied_and_puts_the_output_right(what: Callable[[World], None]) -> None:
    found = at_rest()
    right, record = dict(found.output.objects), found.record(KEY)
    what(found)
    found.reconcile(KEY)
    settled(found)
    assert found.output.objects[KEY].picture == right[KEY].picture
    assert found.output.objects[KEY].label.source == right[KEY].label.source
    order = ("newest_sequencer", "applied_sequencer")
    assert [found.record(KEY)[mark] for mark in order] == [record[mark] for mark in order]
    assert (found.executions, found.seen["did its work"]) == ([], 2)


def test_it_removes_an_output_that_has_no_input() -> None:
    found = at_rest("-")
    put_by_hand(found)
    found.reconcile(KEY)
    settled(found)
    assert found.output.objects == {}


def test_without_any_record_it_is_before_all_events() -> None:
    found = changed("a", backfill=1)
    found.reconcile(KEY)
    settled(found)
    assert (found.record(KEY)["newest_sequencer"], found.record(KEY)["applied_sequencer"]) == ("0", "0")
    assert list(found.output.objects) == [KEY]


def test_it_waits_its_turn() -> None:
    found = until(started(), "ConvertToGrayscale")
    found.reconcile(KEY)
    while len(found.invocations) > 1:
        moves.goes_on(found, found.invocations[-1])
    assert found.executions[1].position.state == "WaitForLock"
    assert found.record(KEY)["owner"] == found.invocations[0].arn


@pytest.mark.parametrize(("method", "outcomes"), [("apply", {"STALE": 1}), ("read", {"did its work": 2})])
def test_an_event_that_comes_meanwhile_is_stale_only_if_the_reconcile_has_seen_its_effect(
    method: str, outcomes: dict[str, int]
) -> None:
    """That is sure where it was on record before the attempt began. It is never superseded."""
    found = changed("ab", backfill=1)
    found.reconcile(KEY)
    until(found, "ConvertToGrayscale", method)
    moves.delivers(found, 1)
    while found.executions[1].position.state == "AcquireLock":
        moves.goes_on(found, found.invocations[1])
    assert found.executions[1].position.state == "WaitForLock"
    settled(found)
    found.passes(found.moments()[0] - found.now)
    moves.wakes(found, found.executions[0])
    settled(found)
    assert {name: found.seen[name] for name in outcomes} == outcomes
    assert found.seen["SUPERSEDED"] == 0
    assert found.record(KEY)["applied_sequencer"] == "102"


def test_when_it_fails_it_is_started_again_as_a_reconcile() -> None:
    found = world("a")
    found.reconcile(KEY)
    execution, _ = only(found)
    found.stop(execution, "ABORTED")
    found.invocations.clear()
    found.reports.clear()
    found.chooser = Record([0])
    moves.tried_again(found, execution)
    (again,) = found.executions
    assert (again.event, again.name, again.is_running) == (None, "cat-reconcile-a", True)


@pytest.mark.parametrize("is_reconcile_first", [False, True])
def test_it_makes_nobody_s_failure_good_and_nobody_makes_good_its_own(is_reconcile_first: bool) -> None:
    """It has no place among the events: who has failed is started again."""
    found = changed("a")
    for is_reconcile in (is_reconcile_first, not is_reconcile_first):
        if found.executions:
            found.stop(found.executions[0], "ABORTED")
            found.invocations.clear()
        if is_reconcile:
            found.reconcile(KEY)
        else:
            moves.delivers(found, 0)
    settled(found)
    (failed,) = found.executions
    assert (failed.status, failed.is_outdone) == ("ABORTED", False)
    assert (failed.event is None) == is_reconcile_first


def test_the_reaper_is_told_of_it() -> None:
    found = world("a")
    found.reconcile(KEY)
    execution, invocation = only(found)
    call(found)
    found.stop(execution, "ABORTED")
    found.invocations.remove(invocation)
    moves.reports(found, found.reports[0])
    told = json.loads(only(found)[1].payload["detail"]["input"])
    assert told["detail-type"] == "Object Reconcile"
    call(found)
    assert "owner" not in found.record(KEY)


def test_the_operator_may_reconcile_any_object_at_any_time_as_often_as_is_said() -> None:
    found = started("a", reconciles=2)
    for _ in range(2):
        (move,) = [move for move in moves.mishaps(found) if move.do is comparison.at_any_time]
        move.do(found, *move.arguments)
    assert found.left == {}
    assert [each.event for each in found.executions] == [0, None, None]


@pytest.mark.parametrize("is_damaged", [True, False])
def test_after_a_record_that_was_lost_as_an_event_was_taking_it_the_newest_event_is_not_known(is_damaged: bool) -> None:
    """A reconcile does not know it either: it leaves what was applied, and puts itself before all events."""
    found = at_rest()
    object_id, record = f"{SYSTEM.input_bucket}/{KEY}", dict(found.record(KEY))
    del record["newest_sequencer"]
    found.locks.items[object_id] = record
    if is_damaged:
        found.behind.add(KEY)
    found.reconcile(KEY)
    broken = said(lambda: settled(found))
    assert broken == ("" if is_damaged else "no event is applied that is not on record")
    if is_damaged:
        promises.quiet(found)
        assert (found.record(KEY)["newest_sequencer"], found.record(KEY)["applied_sequencer"]) == ("0", "1018f")


# --- the comparison ------------------------------------------------------------------------------------------------


def no_record(found: World) -> None:
    found.locks.items.clear()


def gone_and_no_record(found: World) -> None:
    gone(found)
    no_record(found)


@pytest.mark.parametrize(
    ("plan", "what", "kind"),
    [
        ("a", nothing, None),
        ("a", no_record, None),
        ("a", gone, Kind.MISSING),
        ("a", gone_and_no_record, Kind.MISSING),
        ("a", put_by_hand, Kind.OUTDATED),
        ("a", unlabelled, Kind.OUTDATED),
        ("-", nothing, None),
        ("-", put_by_hand, Kind.ORPHANED),
        ("x", nothing, Kind.REJECTED),
        ("x", put_by_hand, Kind.OUTDATED),
        ("x", no_record, Kind.MISSING),
    ],
)
def test_it_says_how_an_object_is_out_of_step(plan: str, what: Callable[[World], None], kind: Kind | None) -> None:
    """The shipped comparison, in the simulated world."""
    found = at_rest(plan)
    what(found)
    assert comparison.found(found, KEY) == (kind and Finding(kind, KEY))


def test_only_what_was_damaged_is_reconciled() -> None:
    """Else the operator would make good what Lockstep itself does wrong."""
    found = at_rest()
    gone(found)
    assert comparison.due(found) == []
    found.damage(KEY)
    assert comparison.due(found) == [KEY]


def test_what_is_found_in_step_has_to_stay_so_by_itself() -> None:
    found = at_rest()
    found.damage(KEY)
    assert comparison.due(found) == []
    gone(found)
    assert comparison.due(found) == []


def test_one_round_has_to_do() -> None:
    found = at_rest()
    gone(found)
    found.damage(KEY)
    comparison.reconciles(found, comparison.due(found))
    assert found.seen["found out of step"] == 1
    words = "what was reconciled is in step after 1 round, but cat.png"
    assert said(lambda: comparison.due(found)) == words
    settled(found)
    assert comparison.due(found) == []


def test_unless_there_is_damage_again() -> None:
    found = at_rest()
    gone(found)
    found.damage(KEY)
    comparison.reconciles(found, comparison.due(found))
    settled(found)
    gone(found)
    found.damage(KEY)
    assert comparison.due(found) == [KEY]


@pytest.mark.parametrize("what", [put_by_hand, no_record])
def test_what_cannot_be_converted_is_reconciled_once_and_has_no_output_then(what: Callable[[World], None]) -> None:
    found = at_rest("x")
    what(found)
    found.damage(KEY)
    comparison.reconciles(found, comparison.due(found))
    settled(found)
    assert found.seen["SourceRejected"] == 2
    assert comparison.due(found) == []
    assert found.output.objects == {}


def test_what_is_known_to_be_rejected_is_left_alone() -> None:
    found = at_rest("x")
    found.damage(KEY)
    assert comparison.due(found) == []
    assert found.damaged == {}


def test_the_comparison_comes_when_all_is_quiet_and_before_that_is_judged() -> None:
    found = at_rest(deletions=1)
    damage.deletes(found, KEY)
    moves.run(found)
    assert found.seen["found out of step"] == 1
    assert list(found.output.objects) == [KEY]
