"""StopExecution passes no Catch: the reaper and the lease free the lock, but not before a worker is done."""

from __future__ import annotations

from lockstep.executions import Follower, Outcome
from tests.e2e.conftest import HAPPY_PATH, World, gray, sample, stop, the_one_that_ends, wait_until
from tests.e2e.gateway import Gateway
from tests.e2e.test_lock_held_by_hand import hold, let_go
from tests.e2e.test_output_follows_input import assert_shows

OLD, NEW = sample("astronaut.png"), sample("rocket.jpg")


def test_stopped_while_waiting_it_frees_nobody_elses_lock(world: World) -> None:
    key = "stopped/waiting"
    hold(world, key)
    follower = Follower(world.stack)
    world.start_put(key, OLD)

    def is_waiting() -> bool:
        follower.poll()
        return [each.outcome for each in follower.executions.values()] == [Outcome.WAITING]

    wait_until(is_waiting, "the execution waits for the lock")
    stop(world, follower)
    assert world.reaped(key) == "held nothing"
    assert (world.record(key) or {})["owner"] == {"S": "by hand"}

    let_go(world, key)

    assert world.put(key, NEW).outcome is Outcome.CONVERTED
    assert_shows(world.output(key), gray(NEW))


def test_stopped_before_its_worker_began_the_lock_is_freed_at_once(world: World, gateway: Gateway) -> None:
    key = "stopped/before-work"
    follower = Follower(world.stack)
    with gateway.breakpoint(world.updates(key, "fencing_token", "worker_until")) as about_to_begin:
        world.start_put(key, OLD)
        about_to_begin.wait()
        stop(world, follower)
        assert world.reaped(key) == "freed"
        assert world.is_free(key)

    newer = world.put(key, NEW)

    assert newer.outcome is Outcome.CONVERTED, newer.explanation
    assert "WaitForLock" not in newer.states
    assert_shows(world.output(key), gray(NEW))
    assert [each.token for each in world.attempts(key)] == [1], "the stopped execution's worker has begun"


def test_stopped_while_a_worker_runs_the_next_one_begins_when_it_is_done(world: World, gateway: Gateway) -> None:
    key = "stopped/at-work"
    follower = Follower(world.stack)
    with gateway.breakpoint(world.writes(key, token=1)) as about_to_write:
        world.start_put(key, OLD)
        about_to_write.wait()
        worker_until = world.time(key, "worker_until")
        stop(world, follower)
        about_to_write.let_go()
    next_one = Follower(world.stack)
    world.start_put(key, NEW)
    assert world.reaped(key) == "will free itself"

    newer = the_one_that_ends(next_one)
    follower.poll()

    assert [each.outcome for each in follower.executions.values()] == [Outcome.ABORTED, Outcome.CONVERTED]
    assert newer.outcome is Outcome.CONVERTED, newer.explanation
    assert "WaitForLock" in newer.states
    assert_shows(world.output(key), gray(NEW))
    stopped, *following = world.attempts(key, at_least=2)
    assert stopped.ended < worker_until < following[0].began
    assert world.is_free(key)


def test_stopped_between_worker_and_release_the_next_event_gets_through(world: World, gateway: Gateway) -> None:
    """The record does not know of the output that was written; the next worker finds it out."""
    key = "stopped/before-release"
    follower = Follower(world.stack)
    with gateway.breakpoint(world.releases(key, token=1)) as about_to_release:
        world.start_put(key, OLD)
        about_to_release.wait()
        stop(world, follower)
        about_to_release.drop()  # and any further ones: the emulator goes on retrying
        assert_shows(world.output(key), gray(OLD))

        newer = world.put(key, NEW)

    assert newer.outcome is Outcome.CONVERTED, newer.explanation
    assert "WaitForLock" in newer.states
    assert newer.states[-6:] == ("RouteWork", "ConvertToGrayscale", *HAPPY_PATH)
    assert_shows(world.output(key), gray(NEW))
    assert world.is_free(key)
