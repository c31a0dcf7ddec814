"""A Lambda that is set aside, copied or killed in the middle of what it does."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grayscale.app
from objectlock import wiring
from objectlock.errors import LeaseLost, ServiceUnavailable
from tests.simulation import moves, system
from tests.simulation.choices import Chance
from tests.simulation.lambdas import APPS, Call, Invocation, ask, now_ms
from tests.simulation.settings import swarm
from tests.simulation.timeline import Timeline
from tests.simulation.world import EPOCH_MS, World
from tests.workflow.kit.cases import Raises, Returns
from tests.workflow.template import Handler

NOW: Final = EPOCH_MS
HEARD = st.lists(st.tuples(st.sampled_from(["value", "error"]), st.integers(0, 9)), max_size=6)


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running():
        yield


def begun(handler: Handler, payload: Any = None, *, skew: int = 0) -> Invocation:
    invocation = Invocation(1, "Function", handler, payload, "cat.png", "cat", skew, NOW + 20_000, 20_000)
    invocation.begin(NOW)
    return invocation


def call(number: int) -> Call:
    return Call("locks", "apply", (number,))


def careful(_payload: Any, _context: Any) -> Any:
    """Asks and looks at its clock, over and over; what it says at last depends on all that it has heard."""
    story: list[Any] = []
    while len(story) < 6:
        try:
            story.append(ask(call(len(story))))
        except ServiceUnavailable as error:
            story.append(str(error))
            now_ms()
        story.append(now_ms() - NOW)
    return story


# --- what it answers -----------------------------------------------------------------------------------------


def test_payload_and_answer_pass_through_json() -> None:
    assert begun(lambda payload, _: {"seen": (payload, 1), 2: None}, "a").answer == Returns(
        {"seen": ["a", 1], "2": None}
    )


def test_an_answer_that_is_no_json_is_an_error() -> None:
    assert begun(lambda *_: {object()}).answer == Raises("TypeError", "Object of type set is not JSON serializable")


def test_what_a_handler_does_with_its_payload_stays_with_it() -> None:
    """Run anew, it would else begin with another one; and the state machine would go on with it."""

    def spoils(payload: Any, _context: Any) -> Any:
        payload["state"] = payload["state"] + 1
        return ask(call(payload["state"]))

    payload = {"state": 1}
    invocation = begun(spoils, payload)
    invocation.park()
    invocation.hear(("value", "done"), NOW)
    assert payload == {"state": 1}
    assert invocation.answer == Returns("done")


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (LeaseLost("not yours"), "LeaseLost"),
        (KeyError("a"), "KeyError"),
        (ServiceUnavailable("x"), "ServiceUnavailable"),
    ],
)
def test_an_exception_is_answered_by_the_name_of_its_class(error: Exception, name: str) -> None:
    def fails(_payload: Any, _context: Any) -> None:
        ask(call(0))
        raise error

    invocation = begun(fails)
    assert invocation.stands_before == call(0)
    invocation.hear(("value", None), NOW)
    assert invocation.answer == Raises(name, str(error))


def test_it_is_told_how_much_time_it_has() -> None:
    assert begun(lambda _, context: context.get_remaining_time_in_millis()).answer == Returns(20_000)


def test_an_error_is_raised_at_the_call_and_a_new_one_each_time() -> None:
    """A traceback grows with each raise: one that is raised again and again would keep every frame."""
    error = ServiceUnavailable("busy", 3)
    caught: list[BaseException] = []

    def tries(_payload: Any, _context: Any) -> Any:
        for number in range(2):
            try:
                ask(call(number))
            except ServiceUnavailable as found:
                caught.append(found)
        return [each.args for each in caught[-2:]]

    invocation = begun(tries)
    for _ in range(2):
        invocation.hear(("error", error), NOW)
    assert invocation.answer == Returns([["busy", 3]] * 2)
    assert all(each is not error for each in caught)
    assert error.__traceback__ is None


# --- its clock -----------------------------------------------------------------------------------------------


def test_each_has_a_clock_of_its_own() -> None:
    """Two at once, in turns, as two machines are."""

    def looks(_payload: Any, _context: Any) -> Any:
        return [now_ms(), ask(call(0)), wiring.lock_protocol().now_ms()]

    right, fast = begun(looks), begun(looks, skew=2_500)
    for invocation in (right, fast):
        invocation.hear(("value", None), NOW + 40)
    assert right.answer == Returns([NOW, None, NOW + 40])
    assert fast.answer == Returns([NOW + 2_500, None, NOW + 2_540])


# --- set aside, and copied -----------------------------------------------------------------------------------


def _itself(invocation: Invocation) -> Invocation:
    return invocation


def _parked(invocation: Invocation) -> Invocation:
    invocation.park()
    return invocation


def _copied(invocation: Invocation) -> Invocation:
    return invocation.copy()


@settings(max_examples=50, deadline=None)
@given(HEARD, st.lists(st.sampled_from([_itself, _parked, _copied]), min_size=7, max_size=7))
def test_it_goes_on_where_it_stood(heard: list[tuple[str, Any]], ways: list[Callable[..., Invocation]]) -> None:
    left_alone, other = begun(careful), begun(careful)
    for number, (kind, content) in enumerate(heard):
        other = ways[number](other)
        if left_alone.answer is None:
            what = kind, ServiceUnavailable(f"{content}") if kind == "error" else content
            for each in (left_alone, other):
                each.hear(what, NOW + number)
        assert repr(other.heard) == repr(left_alone.heard)
        assert (other.stands_before, other.answer) == (left_alone.stands_before, left_alone.answer)


def test_a_copy_and_its_original_go_their_own_ways() -> None:
    original = begun(careful)
    original.hear(("value", "both"), NOW)
    twin = original.copy()
    for number in range(2):
        twin.hear(("value", "twin"), NOW + number)
        original.hear(("value", "original"), NOW + 5)
    assert original.answer == Returns(["both", 0, "original", 5, "original", 5])
    assert twin.answer == Returns(["both", 0, "twin", 0, "twin", 1])


def _stays(world: World) -> World:
    return world


def _each_copied(world: World) -> World:
    world.invocations = [each.copy() for each in world.invocations]
    return world


def _all_copied(world: World) -> World:
    return world.copy(world.chooser)


@pytest.mark.parametrize("seed", range(6))
def test_schedules_do_not_depend_on_it(seed: int) -> None:
    """Each Lambda run anew before each step, everything that happens is the same."""
    told = []
    for before_each in (_stays, _each_copied, World.parked, _all_copied):
        chance, timeline = Chance(seed), Timeline()
        world = World(system.shipped(), swarm(chance, keys=2, changes=3), chance, timeline)
        while moves.step(world):
            world = before_each(world)
        told.append(str(timeline))
    assert len(told[0].splitlines()) > 15
    assert told[1:] == told[:1] * 3


# --- killed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [Invocation.end, Invocation.park])
def test_nothing_is_done_on_its_way_out(end: Callable[[Invocation], None]) -> None:
    """What would clean up after an error does not: there is no error, it is just no more."""
    done = []

    def tidy(_payload: Any, _context: Any) -> None:
        try:
            ask(call(0))
        except Exception:
            done.append("an error")
            raise
        finally:
            ask(call(1))
            done.append("a call that it was to make at last")

    invocation = begun(tidy)
    end(invocation)
    assert done == []
    assert invocation.answer is None
    assert invocation.stands_before == (call(0) if end is Invocation.park else None)


def test_it_is_over_for_good() -> None:
    invocation = begun(careful)
    invocation.end()
    invocation.end()
    assert invocation.stands_before is None
    assert invocation.wakes_at == 0


# --- the shipped ones ----------------------------------------------------------------------------------------


def _outside() -> tuple[object, ...]:
    """What the handlers find around them."""
    return dict(os.environ), dict(vars(wiring)), dict(vars(grayscale.app)), [each.logger.log_level for each in APPS]


def test_afterwards_nothing_is_as_in_a_simulation() -> None:
    """The tests that run next find AWS, the clock, the environment and the log as they were."""
    before = _outside()
    with system.running({"LOCK_WAIT_SECONDS": "61"}):
        assert wiring.lock_protocol().wait_limit_ms == 61_000
        assert [each.logger.log_level for each in APPS] == [50] * len(APPS)
    assert _outside() == before
    assert wiring.lock_protocol().wait_limit_ms == 60_000
