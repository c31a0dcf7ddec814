"""Damage that no event tells of: by hand, by a restored backup, by an event that is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from objectlock.conditions import Item
from objectlock.ports import Label, Picture
from objectlock.record import OWNER
from tests.memory import StoredObject
from tests.simulation.world import World

BY_HAND: Final = Label("", "", 0)  # no metadata of ours
ANOTHER: Final = StoredObject(Picture(b"by hand", "image/png"), BY_HAND)


def deletes(world: World, key: str) -> None:
    _spent(world, "deletions", key, f"deletes the output {key}")
    del world.output.objects[key]


def overwrites(world: World, key: str) -> None:
    """With another picture, or with the same one, but without its metadata."""
    is_same = world.chooser.choose([1, 1])
    _spent(world, "overwrites", key, f"overwrites the output {key}{' with itself' * is_same}")
    here = world.output.objects[key]
    world.output.objects[key] = replace(here, label=BY_HAND) if is_same else ANOTHER


def strays(world: World, key: str) -> None:
    _spent(world, "strays", key, f"puts an output {key} where there is none")
    world.output.objects[key] = ANOTHER


def loses_record(world: World, key: str) -> None:
    _spent(world, "lost_records", key, f"loses the lock record of {key}")
    _replaced(world, key, {})


def backs_up(world: World, key: str) -> None:
    """It takes a backup to restore one. That alone does no harm, and may happen again."""
    world.say("somebody", f"makes a backup of the lock record of {key}")
    world.backups[key] = world.record(key)


def restores(world: World, key: str) -> None:
    _spent(world, "restores", key, f"restores the lock record of {key} from its backup")
    _replaced(world, key, world.backups[key])


def loses_event(world: World, event: int) -> None:
    lost = world.events[event]
    world.undelivered.remove(event)
    _spent(world, "lost_events", lost.key, f"loses event {lost.sequencer} of {lost.key}")


def _spent(world: World, damage: str, key: str, what: str) -> None:
    world.spend(damage)
    world.damage(key)
    world.say("somebody", what)


def _replaced(world: World, key: str, item: Item) -> None:
    """Where somebody holds the lock, or thinks so, two may work at once: that is the second line of defence then."""
    large = (*world.invocations, *(doubt.invocation for doubt in world.doubts))
    is_in_use = OWNER in world.record(key) or OWNER in item or any(each.token for each in large if each.key == key)
    if is_in_use:
        world.early.add(key)
    world.behind.add(key)
    world.replace_record(key, item)


# --- where it may happen -----------------------------------------------------------------------------------------


def outputs(world: World) -> Iterator[tuple[str]]:
    return ((key,) for key in world.versions if key in world.output.objects)


def no_outputs(world: World) -> Iterator[tuple[str]]:
    return ((key,) for key in world.versions if key not in world.output.objects)


def records(world: World) -> Iterator[tuple[str]]:
    return ((key,) for key in world.versions if world.record(key))


def changed_since_backup(world: World) -> Iterator[tuple[str]]:
    return ((key,) for key, record in world.backups.items() if record != world.record(key))


def not_backed_up(world: World) -> Iterator[tuple[str]]:
    return ((key,) for (key,) in records(world) if world.backups.get(key) != world.record(key))
