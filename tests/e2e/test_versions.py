"""A versioned input bucket: the output follows the object as it is, whatever happens to its versions."""

from __future__ import annotations

from lockstep.executions import Outcome
from tests.e2e.conftest import HAPPY_PATH, World, gray, sample
from tests.e2e.test_output_follows_input import assert_shows
from tests.e2e.withheld import deliver, withheld

OLD, NEW = sample("astronaut.png"), sample("rocket.jpg")


def test_an_overwritten_object_has_the_output_of_its_newest_version(world: World) -> None:
    key = "versions/overwritten"
    world.put(key, OLD)

    execution = world.put(key, NEW)

    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert_shows(world.output(key), gray(NEW))


def test_a_delete_marker_takes_the_output_away(world: World) -> None:
    key = "versions/marked"
    world.put(key, NEW)

    execution = world.delete(key)

    assert execution.outcome is Outcome.DELETED, execution.explanation
    assert execution.states == ("AcquireLock", "RouteWork", "DeleteOutput", "ReleaseLock")
    assert world.output(key) is None
    assert world.versions(key), "the version is still there, under the marker"


def test_deleting_an_old_version_leaves_the_output(world: World) -> None:
    """The event says "Object Deleted", but the object is there."""
    key = "versions/old-version-deleted"
    world.put(key, OLD)
    (old,) = world.versions(key)
    world.put(key, NEW)

    execution = world.delete_version(key, old)

    assert execution.change == "deleted"
    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert_shows(world.output(key), gray(NEW))


def test_deleting_the_newest_version_brings_the_output_of_the_one_before_back(world: World) -> None:
    key = "versions/newest-version-deleted"
    world.put(key, OLD)
    world.put(key, NEW)

    execution = world.delete_version(key, world.versions(key)[0])

    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert_shows(world.output(key), gray(OLD))


def test_removing_a_delete_marker_brings_the_output_back(world: World) -> None:
    key = "versions/unmarked"
    world.put(key, NEW)
    world.delete(key)
    assert world.output(key) is None

    execution = world.delete_version(key, world.marker(key))

    assert execution.change == "deleted"
    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert execution.states == HAPPY_PATH
    assert_shows(world.output(key), gray(NEW))
    assert "expires_at" not in (world.record(key) or {}), "the record of an object that is there must not expire"


def test_an_object_that_expired_takes_its_output_with_it(world: World) -> None:
    """The emulator runs no lifecycle rules: a deletion whose event says what S3's says then."""
    key = "versions/expired"
    world.put(key, NEW)
    with withheld(world, key) as caught:
        world.stack.s3.delete_object(Bucket=world.stack.input_bucket, Key=key)
        (event,) = caught.events(1)
    event["detail"] |= {"reason": "Lifecycle Expiration", "deletion-type": "Delete Marker Created"}
    event["detail"].pop("source-ip-address", None)

    execution = deliver(world, event)

    assert execution.outcome is Outcome.DELETED, execution.explanation
    assert world.output(key) is None


def test_an_expired_old_version_leaves_the_output(world: World) -> None:
    key = "versions/old-version-expired"
    world.put(key, OLD)
    (old,) = world.versions(key)
    world.put(key, NEW)
    with withheld(world, key) as caught:
        world.stack.s3.delete_object(Bucket=world.stack.input_bucket, Key=key, VersionId=old)
        (event,) = caught.events(1)
    event["detail"] |= {"reason": "Lifecycle Expiration", "deletion-type": "Permanently Deleted"}

    execution = deliver(world, event)

    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert_shows(world.output(key), gray(NEW))
