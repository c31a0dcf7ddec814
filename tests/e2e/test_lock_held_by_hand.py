"""The demonstration of the system that Lockstep comes from: hold the lock by hand, upload, watch it wait, let go."""

from __future__ import annotations

import time

from lockstep.executions import Follower, Outcome
from tests.e2e.conftest import World, sample, the_one_that_ends, wait_until


def test_an_execution_waits_visibly_while_the_lock_is_held_and_goes_on_when_it_is_free(world: World) -> None:
    key = "held.jpg"
    hold(world, key)
    follower = Follower(world.stack, wants=lambda each: each.key == key)

    world.start_put(key, sample("rocket.jpg"))

    def is_waiting() -> bool:
        follower.poll()
        outcomes = [each.outcome for each in follower.executions.values()]
        assert not any(each.is_final for each in outcomes), "it did not wait"
        return outcomes == [Outcome.WAITING]

    wait_until(is_waiting, "the execution waits for the lock")
    assert world.output(key) is None
    record = world.record(key)
    assert record is not None
    assert record["owner"] == {"S": "by hand"}
    assert "newest_sequencer" in record  # it is on record that somebody waits

    let_go(world, key)

    execution = the_one_that_ends(follower)
    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert execution.states[:4] == ("AcquireLock", "RouteWork", "WaitForLock", "AcquireLock")
    assert execution.states[-2:] == ("ConvertToGrayscale", "ReleaseLock")
    assert world.output(key) is not None
    assert world.is_free(key)


def test_a_lease_that_has_ended_blocks_nobody(world: World) -> None:
    key = "abandoned.jpg"
    hold(world, key, lease_seconds=-1)

    execution = world.put(key, sample("rocket.jpg"))

    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert "WaitForLock" not in execution.states


def test_a_lock_whose_owner_never_existed_is_passed_on_when_its_lease_ends(world: World) -> None:
    key = "nobody.jpg"
    hold(world, key, lease_seconds=5)
    lease_ends = world.time(key, "lease_expires_at")

    execution = world.put(key, sample("rocket.jpg"))

    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert "WaitForLock" in execution.states
    (attempt,) = world.attempts(key)
    assert attempt.began > lease_ends
    assert world.is_free(key)


def hold(world: World, key: str, lease_seconds: int = 600) -> None:
    lease_expires_at = int((time.time() + lease_seconds) * 1000)
    world.stack.dynamodb.put_item(
        TableName=world.stack.lock_table,
        Item={
            "object_id": {"S": world.object_id(key)},
            "owner": {"S": "by hand"},
            "lease_expires_at": {"N": str(lease_expires_at)},
        },
    )


def let_go(world: World, key: str) -> None:
    world.stack.dynamodb.update_item(
        TableName=world.stack.lock_table,
        Key={"object_id": {"S": world.object_id(key)}},
        UpdateExpression="REMOVE #owner, lease_expires_at",
        ExpressionAttributeNames={"#owner": "owner"},
    )
