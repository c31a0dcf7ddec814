"""One object changed faster than it can be converted: the last photo wins, and most of the work is spared."""

from __future__ import annotations

import io
from collections import Counter
from itertools import pairwise

from PIL import Image

from lockstep.executions import Follower, Outcome
from tests.e2e.conftest import World, wait_until
from tests.e2e.gateway import Gateway

OVERWRITES = 50


def test_fifty_overwrites_of_one_object_leave_the_last_photo_after_few_conversions(
    world: World, gateway: Gateway
) -> None:
    key = "overwritten/fifty.png"
    writes = gateway.watch(lambda call: (call.method, call.path) == ("PUT", f"/{world.stack.output_bucket}/{key}"))
    photos = [shade_of_gray(number) for number in range(OVERWRITES)]
    follower = Follower(world.stack, wants=lambda each: each.key == key)

    for photo in photos:
        world.start_put(key, photo)

    def all_ended() -> bool:
        follower.poll()
        executions = follower.executions.values()
        return len(executions) == OVERWRITES and all(each.outcome.is_final for each in executions)

    wait_until(all_ended, "every execution has ended")
    outcomes = Counter(each.outcome for each in follower.executions.values())
    assert set(outcomes) <= {Outcome.CONVERTED, Outcome.STALE, Outcome.SUPERSEDED}
    output = world.output(key)
    assert output is not None
    assert output.getpixel((0, 0)) == OVERWRITES - 1
    attempts = world.attempts(key, at_least=outcomes[Outcome.CONVERTED])
    assert len(attempts) == outcomes[Outcome.CONVERTED]
    assert 1 <= len(writes) <= 4
    assert all(before.ended <= after.began for before, after in pairwise(attempts)), attempts
    assert world.is_free(key)


def shade_of_gray(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (shade, shade, shade)).save(out, "PNG")
    return out.getvalue()
