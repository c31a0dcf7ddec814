"""An upgrade over executions that run, and its rollback: each ends well, on the version it began with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from lockstep.deployment import deploy
from lockstep.executions import Execution, Follower, Outcome, history
from tests.e2e.conftest import HAPPY_PATH, World, gray, sample, the_one_that_ends, wait_until
from tests.e2e.test_lock_held_by_hand import hold, let_go
from tests.e2e.test_output_follows_input import assert_shows

PHOTO: Final = sample("rocket.jpg")
UPGRADED_PATH: Final = (*HAPPY_PATH[:-1], "FreeLock")
UPGRADED: Final = "upgraded"
NEW_CODE: Final = f"""

_shipped = handler


def handler(payload, context):
    return {{**_shipped(payload, context), "reason": "{UPGRADED}"}}
"""

Deploy = Callable[..., None]


def upgrade(stage: Path) -> None:
    """Another version: a state has another name, and a function has other code."""
    definition = stage / "statemachine/lockstep.asl.json"
    definition.write_text(definition.read_text("utf-8").replace('"ReleaseLock"', '"FreeLock"'), "utf-8")
    with (stage / "functions/acquire_lock/app.py").open("a", encoding="utf-8") as code:
        code.write(NEW_CODE)


@pytest.fixture
def deployed(world: World, tmp_path: Path) -> Iterator[Deploy]:
    """Deploys over the stack that runs; at the end, what is shipped again."""
    shipped = True

    def over(change: Callable[[Path], None] | None = None, parameters: Mapping[str, str] | None = None) -> None:
        nonlocal shipped
        shipped = change is None and not parameters
        deploy(str(world.stack.endpoint_url), tmp_path, lambda _: None, change=change, parameters=parameters)

    yield over
    if not shipped:
        over()


def starts_to_wait(world: World, key: str) -> Follower:
    """Upload an object whose lock is held, and follow its execution, which waits."""
    hold(world, key)
    follower = Follower(world.stack, wants=lambda each: each.key == key)
    world.start_put(key, PHOTO)

    def is_waiting() -> bool:
        follower.poll()
        return [each.outcome for each in follower.executions.values()] == [Outcome.WAITING]

    wait_until(is_waiting, f"the execution of {key} waits")
    return follower


def goes_on(world: World, key: str, follower: Follower) -> Execution:
    let_go(world, key)
    return the_one_that_ends(follower)


def last_reason(world: World, execution: Execution) -> str:
    """What AcquireLock said last, so which code it was."""
    exits = [
        each["stateExitedEventDetails"]
        for each in history(world.stack, execution.arn)
        if each["type"] == "TaskStateExited"
    ]
    answers: list[dict[str, Any]] = [json.loads(each["output"]) for each in exits if each["name"] == "AcquireLock"]
    return str(answers[-1]["lock"]["reason"])


def assert_ran(world: World, execution: Execution, path: tuple[str, ...], *, is_new: bool) -> None:
    """It converted the photo, its end is that of `path`, and the code that answered last is the new or the old one."""
    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert execution.states[-len(path) :] == path
    assert (last_reason(world, execution) == UPGRADED) is is_new
    assert_shows(world.output(execution.key), gray(PHOTO))
    assert world.is_free(execution.key)


def test_an_execution_ends_on_the_version_it_began_with_through_an_upgrade_and_its_rollback(
    world: World, deployed: Deploy
) -> None:
    before = starts_to_wait(world, "upgrade/before")

    deployed(change=upgrade)

    assert_ran(world, goes_on(world, "upgrade/before", before), HAPPY_PATH, is_new=False)
    assert_ran(world, world.put("upgrade/after", PHOTO), UPGRADED_PATH, is_new=True)

    between = starts_to_wait(world, "upgrade/between")

    deployed()

    assert_ran(world, goes_on(world, "upgrade/between", between), UPGRADED_PATH, is_new=True)
    assert_ran(world, world.put("upgrade/rolled-back", PHOTO), HAPPY_PATH, is_new=False)


def test_a_changed_parameter_alone_reaches_new_executions(world: World, deployed: Deploy) -> None:
    """Without a new version of its functions the machine would go on with the old settings."""
    deployed(parameters={"MaxImageMegabytes": "1"})

    rejected = world.put("upgrade/too-large", bytes(1_000_001))

    assert rejected.outcome is Outcome.REJECTED
    assert "more than 1000000" in rejected.explanation
