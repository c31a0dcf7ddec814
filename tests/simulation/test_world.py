"""A world and its copies, its limits, and its names."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation import moves, system, user
from tests.simulation.by_hand import KEY, SYSTEM, only, settled, started, until, world
from tests.simulation.choices import Chance, Record
from tests.simulation.exhaustive import fingerprint
from tests.simulation.lambdas import Call
from tests.simulation.settings import swarm
from tests.simulation.stepper import Invoke
from tests.simulation.timeline import Timeline
from tests.simulation.world import EPOCH_MS, TIMED_OUT, Doubt, World

SEEDS = st.integers(0, 10**6)


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running():
        yield


# --- copies --------------------------------------------------------------------------------------------------


def swarming(seed: int, steps: int) -> World:
    chance = Chance(seed)
    found = World(SYSTEM, swarm(chance, keys=2, changes=3), chance, Timeline())
    some_steps(found, steps)
    return found


def some_steps(found: World, number: int) -> None:
    for _ in range(number):
        if not moves.step(found):
            return


@settings(max_examples=25, deadline=None)
@given(SEEDS, SEEDS, st.integers(0, 60), st.integers(1, 40))
def test_what_happens_in_a_copy_stays_there(seed: int, other_seed: int, before: int, steps: int) -> None:
    original, left_alone = swarming(seed, before), swarming(seed, before)
    twin = original.copy(Chance(other_seed))
    twin.tell = None
    some_steps(twin, steps)
    assert fingerprint(original) == fingerprint(left_alone)
    after = fingerprint(twin)
    for each in (original, left_alone):
        moves.run(each)
    assert str(original.tell) == str(left_alone.tell)
    assert fingerprint(original) == fingerprint(left_alone)
    assert fingerprint(twin) == after


@settings(max_examples=15, deadline=None)
@given(SEEDS, SEEDS, st.integers(0, 60))
def test_a_copy_goes_on_as_the_original_would(seed: int, other_seed: int, before: int) -> None:
    original = swarming(seed, before)
    twin = original.copy(Chance(other_seed))
    twin.tell = Timeline()
    moves.run(original)
    moves.run(twin)
    again = swarming(seed, before)
    again.chooser, again.tell = Chance(other_seed), Timeline()
    moves.run(again)
    assert str(twin.tell) == str(again.tell)
    assert fingerprint(twin) == fingerprint(again)


@pytest.mark.parametrize("change", ["-", "v", "b"])
def test_what_the_user_does_in_a_copy_stays_there(change: str) -> None:
    original = world("a" + change, versioned=True)
    user.changes(original)
    twin, untouched = original.copy(Record([])), original.copy(Record([]))
    user.changes(twin)
    twin.early.add(KEY)
    twin.highest[KEY] = 1
    twin.told[KEY] = {}
    twin.behind.add(KEY)
    for each in (original, untouched):
        assert [version and version.body for version in each.versions[KEY]] == [user.picture("a")]
        assert (each.done, each.early, each.highest, each.told) == (1, set(), {}, {})
        assert each.behind == set()
    user.changes(original)
    assert original.versions == twin.versions


# --- limits --------------------------------------------------------------------------------------------------


def test_a_lambda_ends_at_its_time_limit_and_its_execution_hears_of_it() -> None:
    found = started()
    execution, invocation = only(found)
    found.passes(SYSTEM.time_limit_ms - 1)
    assert found.invocations == [invocation]
    found.passes(1)
    assert found.invocations == []
    assert invocation.stands_before is None
    assert f"AcquireLock -> {TIMED_OUT.error}" in str(found.tell)
    assert sum(execution.position.retries) == 1


def test_an_execution_that_hears_nothing_goes_on_at_its_time_out() -> None:
    found = started(silences=1)
    execution, _ = only(found)
    assert isinstance(execution.position.wants, Invoke)
    assert execution.until == EPOCH_MS + execution.position.wants.timeout_seconds * 1000
    moves.not_heard(found, execution)
    assert sorted(found.moments()) == [EPOCH_MS + SYSTEM.time_limit_ms, execution.until]
    settled(found)
    assert (execution.position.state, execution.waits_for) == ("AcquireLock", None)
    assert found.moments() == [execution.until]
    found.passes(execution.until - found.now)
    moves.wakes(found, execution)
    assert sum(execution.position.retries) == 1


def test_an_execution_ends_at_the_limit_of_its_machine_and_the_reaper_hears_of_it() -> None:
    found = started()
    execution, _ = only(found)
    found.passes(SYSTEM.machine_limit_ms - 1)
    assert execution.status == "RUNNING"
    execution.until = found.now + 1000
    assert found.moments() == [found.now + 1]
    found.passes(1)
    assert (execution.status, execution.waits_for) == ("TIMED_OUT", None)
    found.passes(1)
    assert [(each.name, each.status) for each in found.reports] == [(execution.name, "TIMED_OUT")]
    moves.reports(found, found.reports[0])
    assert only(found)[1].payload["detail"]["status"] == "TIMED_OUT"


@pytest.mark.parametrize(("plan", "reports"), [("a", []), ("x", ["FAILED"])])
def test_the_reaper_hears_of_who_has_not_succeeded(plan: str, reports: list[str]) -> None:
    """What can never be converted is settled, so that nobody starts it again; but its execution has failed."""
    found = settled(started(plan))
    assert found.executions == []
    assert [each.status for each in found.reports] == reports


@pytest.mark.parametrize("state", ["AcquireLock", "ConvertToGrayscale", "ReleaseLock"])
def test_a_redrive_goes_on_in_the_state_where_it_ended(state: str) -> None:
    found = until(started(stops=1), state)
    execution, invocation = only(found)
    name, data = execution.name, execution.position.data
    moves.stopped(found, execution)
    found.passes(1000)
    moves.goes_on(found, invocation)
    assert (execution.status, execution.position.state) == ("ABORTED", state)
    found.redrive(execution)
    assert (execution.status, execution.name) == ("RUNNING", name)
    assert (execution.position.state, execution.position.data) == (state, data)
    assert execution.ends_at == found.now + SYSTEM.machine_limit_ms
    assert execution.waits_for == found.invocations[-1].number != invocation.number


def test_who_was_stopped_hears_nothing_more() -> None:
    found = started(stops=1)
    execution, _ = only(found)
    moves.stopped(found, execution)
    settled(found)
    assert (execution.status, execution.position.state) == ("ABORTED", "AcquireLock")


# --- names ---------------------------------------------------------------------------------------------------


def _it_runs(_: World) -> None:
    pass


def _its_lock(found: World) -> None:
    until(found, "ConvertToGrayscale")
    found.invocations.clear()
    found.executions.clear()


def _its_lambda(found: World) -> None:
    found.executions.clear()


def _its_doubt(found: World) -> None:
    found.executions.clear()
    found.doubts.append(Doubt(Call("output", "write"), found.invocations.pop(), found.now))


def _its_report(found: World) -> None:
    moves.stopped(found, found.executions[0])
    found.invocations.clear()
    found.executions.clear()


@pytest.mark.parametrize("left", [_it_runs, _its_lock, _its_lambda, _its_doubt, _its_report])
def test_a_name_of_which_something_is_left_is_not_free(left: Callable[[World], None]) -> None:
    """Nothing that is left of one execution is taken for another's."""
    found = started(stops=1)
    assert found.executions[0].name == "cat-1018Fa"
    left(found)
    found.deliver(0)
    assert found.executions[-1].name == "cat-1018Fb"


def test_one_of_which_nothing_is_left_is_free() -> None:
    found = settled(started())
    found.deliver(0)
    assert [each.name for each in found.executions] == ["cat-1018Fa"]
