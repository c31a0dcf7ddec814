"""Workers that are killed, or that go on although the lock is not theirs any more."""

from __future__ import annotations

from lockstep.executions import Follower, Outcome
from tests.e2e.conftest import HAPPY_PATH, World, both_end, gray, sample, stop, the_one_that_ends, wait_until
from tests.e2e.gateway import Call, Gateway
from tests.e2e.test_output_follows_input import assert_shows

OLD, NEW = sample("astronaut.png"), sample("rocket.jpg")


def test_a_killed_worker_is_tried_again_once_it_cannot_be_running_any_more(world: World, gateway: Gateway) -> None:
    key = "lost/killed"
    follower = Follower(world.stack)
    with gateway.breakpoint(world.writes(key, token=1)) as about_to_write:
        world.start_put(key, NEW)
        worker = about_to_write.wait().caller
        deadline = world.time(key, "worker_until")
        worker.kill()
        execution = the_one_that_ends(follower)

    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert_shows(world.output(key), gray(NEW))
    assert world.output_token(key) == "2"
    (second,) = world.attempts(key)
    assert second.began > deadline
    assert world.is_free(key)


def test_a_worker_that_believes_in_a_lost_lease_cannot_overwrite_a_newer_output(world: World, gateway: Gateway) -> None:
    """Nobody puts it right afterwards: its execution is stopped."""
    key = "lost/late-write"
    follower = Follower(world.stack)
    with gateway.breakpoint(world.writes(key, token=1)) as about_to_write:
        world.start_put(key, OLD)
        about_to_write.wait()
        stop(world, follower)
        world.end_lease_now(key)

        newer = world.put(key, NEW)
        assert newer.outcome is Outcome.CONVERTED, newer.explanation
        about_to_write.let_go()

    assert_shows(world.output(key), gray(NEW))
    assert world.output_token(key) == "2"


def test_a_worker_that_finds_its_lease_lost_looks_again(world: World, gateway: Gateway) -> None:
    key = "lost/looks-again"
    follower = Follower(world.stack)
    with gateway.breakpoint(world.writes(key, token=1)) as about_to_write:
        world.start_put(key, OLD)
        about_to_write.wait()
        follower.poll()
        (older,) = follower.executions
        world.end_lease_now(key)
        assert world.put(key, NEW).outcome is Outcome.CONVERTED
        about_to_write.let_go()

    def ended() -> bool:
        follower.poll()
        return follower.executions[older].outcome.is_final

    wait_until(ended, "the older execution has ended")
    execution = follower.executions[older]
    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert execution.states == (*HAPPY_PATH[:3], *HAPPY_PATH)
    assert_shows(world.output(key), gray(NEW))
    assert world.is_free(key)


def test_a_removal_that_comes_late_does_not_remove_a_newer_output(world: World, gateway: Gateway) -> None:
    key = "lost/late-removal"
    world.put(key, OLD)

    def removes(call: Call) -> bool:
        return call.method == "DELETE" and call.path == f"/{world.stack.output_bucket}/{key}"

    follower = Follower(world.stack)
    with gateway.breakpoint(removes) as about_to_remove:
        world.stack.s3.delete_object(Bucket=world.stack.input_bucket, Key=key)
        about_to_remove.wait()
        stop(world, follower)
        world.end_lease_now(key)
        assert world.put(key, NEW).outcome is Outcome.CONVERTED
        about_to_remove.let_go()

    assert_shows(world.output(key), gray(NEW))


def test_an_upload_that_takes_effect_late_leaves_no_output_behind(world: World, gateway: Gateway) -> None:
    """Its worker has given up, and the object is deleted; had the next attempt begun at once, it would find nothing."""
    key = "lost/late-effect"
    follower = Follower(world.stack)
    with gateway.breakpoint(world.writes(key, token=1)) as on_its_way:
        world.start_put(key, OLD)
        on_its_way.wait()
        world.stack.s3.delete_object(Bucket=world.stack.input_bucket, Key=key)
        world.attempts(key)  # which means that the worker has given up
        worker_until = world.time(key, "worker_until")
        on_its_way.let_go()
    assert world.output(key) is not None, "the upload has not taken effect"

    both_end(follower)
    assert world.output(key) is None
    assert world.attempts(key, at_least=2)[1].began > worker_until
    assert world.is_free(key)


def test_a_late_release_does_not_free_the_next_owners_lock(world: World, gateway: Gateway) -> None:
    key = "lost/late-release"
    follower = Follower(world.stack)
    with (
        gateway.breakpoint(world.releases(key, token=1)) as late,
        gateway.breakpoint(world.writes(key, token=2)) as next_one_at_work,
    ):
        world.start_put(key, OLD)
        late.wait()
        world.end_lease_now(key)
        world.start_put(key, NEW)
        next_one_at_work.wait()
        next_owner = (world.record(key) or {})["owner"]
        late.let_go()
        assert (world.record(key) or {})["owner"] == next_owner
        next_one_at_work.let_go()

    both_end(follower)
    assert {each.outcome for each in follower.executions.values()} == {Outcome.CONVERTED}
    assert_shows(world.output(key), gray(NEW))
    assert world.is_free(key)
