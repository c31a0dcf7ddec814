"""The user, who changes what is in the input bucket, and S3, which tells of it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from PIL import Image

from tests.simulation.settings import DELETE, DELETE_NEWEST, DELETE_OLDER, NO_IMAGE
from tests.simulation.world import Event, World

_CHANGES: Final = {
    DELETE: "deletes",
    DELETE_NEWEST: "deletes the newest version of",
    DELETE_OLDER: "deletes an older version of",
}


@cache
def picture(letter: str) -> bytes:
    """A little photo, another one for each letter; no image for one of them."""
    if letter == NO_IMAGE:
        return b"no image"
    out = io.BytesIO()
    Image.new("RGB", (1, 1), (ord(letter) * 7 % 256, ord(letter) * 31 % 256, 90)).save(out, "PNG")
    return out.getvalue()


def changes(world: World) -> None:
    """The next change of the plan, and its event."""
    key, change = world.settings.plan[world.done]
    world.done += 1
    bucket, versions = world.system.input_bucket, world.versions[key]
    is_new_version = False
    match change:
        case _ if change == DELETE and world.settings.versioned:
            versions.append(None)
        case _ if change == DELETE:
            versions.clear()
        case _ if change == DELETE_NEWEST:
            del versions[-1:]
        case _ if change == DELETE_OLDER:
            del versions[-2:-1]
        case _:
            is_new_version = True
            world.source.put(bucket, key, picture(change))
            found = world.source.objects[bucket, key]
            world.versions[key] = [*(versions if world.settings.versioned else ()), found]
    latest = world.versions[key][-1] if world.versions[key] else None
    if latest is None:
        world.source.delete(bucket, key)
    else:
        world.source.objects[bucket, key] = latest
    number = sum(each.key == key for each in world.events) + 1
    in_order = world.settings.in_order or is_new_version or change == DELETE
    # Of different lengths, as S3's are: to be compared after padding the shorter one on the right.
    sequencer = ("1" if in_order else "0") + f"{number:02X}" + ("", "8F", "0")[number % 3]
    event = Event(key, sequencer, _event(bucket, key, sequencer, is_upload=is_new_version))
    world.events.append(event)
    words = f"{_CHANGES.get(change, 'puts ' + change)} {key}"
    if world.done <= world.settings.backfill:
        world.damage(key)
        world.say("user", f"{words}, of which nobody is told")
        return
    world.undelivered.append(len(world.events) - 1)
    world.say("user", f"{words}: event {sequencer}")


def _event(bucket: str, key: str, sequencer: str, *, is_upload: bool) -> Mapping[str, Any]:
    """As EventBridge delivers it."""
    kind, reason = ("Created", "PutObject") if is_upload else ("Deleted", "DeleteObject")
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": sequencer}, "reason": reason}
    return {"source": "aws.s3", "detail-type": f"Object {kind}", "detail": detail}
