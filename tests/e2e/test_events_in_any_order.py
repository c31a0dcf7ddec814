"""Events come twice, late and out of order: the output is that of the input all the same, and nothing is done twice."""

from __future__ import annotations

from lockstep.executions import Follower, Outcome
from tests.e2e.conftest import World, both_end, gray, sample
from tests.e2e.test_output_follows_input import assert_shows
from tests.e2e.withheld import deliver, start, withheld

OLD, NEW = sample("astronaut.png"), sample("rocket.jpg")


def test_the_old_event_after_the_new_one_is_stale(world: World) -> None:
    key = "order/old-after-new"
    with withheld(world, key) as caught:
        world.start_put(key, OLD)
        world.start_put(key, NEW)
        old, new = caught.events(2)

    assert deliver(world, new).outcome is Outcome.CONVERTED
    late = deliver(world, old)

    assert late.outcome is Outcome.STALE
    assert late.states == ("AcquireLock", "RouteWork", "Skipped")
    assert_shows(world.output(key), gray(NEW))
    assert len(world.attempts(key)) == 1
    assert world.is_free(key)


def test_the_old_event_before_the_new_one_shows_the_object_as_it_is(world: World) -> None:
    key = "order/old-before-new"
    with withheld(world, key) as caught:
        world.start_put(key, OLD)
        world.start_put(key, NEW)
        old, new = caught.events(2)

    assert deliver(world, old).outcome is Outcome.CONVERTED
    assert_shows(world.output(key), gray(NEW))
    assert deliver(world, new).outcome is Outcome.CONVERTED
    assert_shows(world.output(key), gray(NEW))


def test_the_same_event_twice_at_once_is_applied_once(world: World) -> None:
    key = "order/twice-at-once"
    with withheld(world, key) as caught:
        world.start_put(key, NEW)
        (event,) = caught.events(1)
    follower = Follower(world.stack)

    start(world, event)
    start(world, event)

    both_end(follower)
    outcomes = {each.outcome for each in follower.executions.values()}
    assert outcomes == {Outcome.CONVERTED, Outcome.STALE}, follower.executions
    assert len(world.attempts(key)) == 1, follower.executions
    assert_shows(world.output(key), gray(NEW))
    assert world.is_free(key)


def test_the_same_event_again_later_is_stale(world: World) -> None:
    key = "order/again-later"
    with withheld(world, key) as caught:
        world.start_put(key, NEW)
        (event,) = caught.events(1)

    assert deliver(world, event).outcome is Outcome.CONVERTED
    assert deliver(world, event).outcome is Outcome.STALE
    assert len(world.attempts(key)) == 1


def test_the_deletion_before_the_creation_that_it_follows_leaves_no_output(world: World) -> None:
    key = "order/deleted-before-created"
    with withheld(world, key) as caught:
        world.start_put(key, NEW)
        world.stack.s3.delete_object(Bucket=world.stack.input_bucket, Key=key)
        creation, deletion = caught.events(2)

    assert deliver(world, deletion).outcome is Outcome.DELETED
    assert deliver(world, creation).outcome is Outcome.STALE
    assert world.output(key) is None
    assert world.is_free(key)


def test_a_late_deletion_does_not_remove_what_was_uploaded_since(world: World) -> None:
    key = "order/late-deletion"
    with withheld(world, key) as caught:
        world.start_put(key, OLD)
        world.stack.s3.delete_object(Bucket=world.stack.input_bucket, Key=key)
        world.start_put(key, NEW)
        _, deletion, creation = caught.events(3)

    assert deliver(world, creation).outcome is Outcome.CONVERTED
    assert deliver(world, deletion).outcome is Outcome.STALE
    assert_shows(world.output(key), gray(NEW))
