"""The main job: the output bucket follows the input bucket, through the real parts."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops, ImageSequence, ImageStat

from lockstep.executions import Outcome
from tests.e2e.conftest import HAPPY_PATH, World, gray, sample


def test_an_upload_comes_out_gray_by_exactly_four_states(world: World) -> None:
    execution = world.put("follows/rocket.jpg", sample("rocket.jpg"))

    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert execution.states == HAPPY_PATH
    assert_shows(world.output("follows/rocket.jpg"), gray(sample("rocket.jpg")))
    assert world.is_free("follows/rocket.jpg")


def test_an_overwritten_photo_replaces_its_output(world: World) -> None:
    world.put("follows/overwritten", sample("rocket.jpg"))

    execution = world.put("follows/overwritten", sample("astronaut.png"))

    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    assert_shows(world.output("follows/overwritten"), gray(sample("astronaut.png")))


def test_a_deleted_photo_takes_its_output_with_it_and_leaves_a_tombstone(world: World) -> None:
    world.put("follows/deleted.jpg", sample("rocket.jpg"))

    execution = world.delete("follows/deleted.jpg")

    assert execution.outcome is Outcome.DELETED, execution.explanation
    assert execution.states == ("AcquireLock", "RouteWork", "DeleteOutput", "ReleaseLock")
    assert world.output("follows/deleted.jpg") is None
    record = world.record("follows/deleted.jpg")
    assert record is not None
    assert record["applied_source"] == {"S": "absent"}
    assert "expires_at" in record


def test_an_animation_stays_one(world: World) -> None:
    """By the libraries that ship: the conversion is the same code as in the unit tests, its wheels need not be."""
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    body = io.BytesIO()
    frames[0].save(body, "GIF", save_all=True, append_images=frames[1:], duration=[70, 80, 90])

    execution = world.put("follows/animation.gif", body.getvalue())

    assert execution.outcome is Outcome.CONVERTED, execution.explanation
    output = world.output("follows/animation.gif")
    assert output is not None
    shown = [(frame.info["duration"], frame.convert("L").getextrema()) for frame in ImageSequence.Iterator(output)]
    assert shown == [(70, (76, 76)), (80, (75, 75)), (90, (29, 29))]


@pytest.mark.parametrize("key", ["a photo + more.jpg", "写真/ロケット 1.jpg", "100%25.jpg", "a=b&c?d#e.jpg"])
def test_keys_are_taken_as_they_are(world: World, key: str) -> None:
    assert world.put(key, sample("rocket.jpg")).outcome is Outcome.CONVERTED
    assert world.output(key) is not None


def assert_shows(output: Image.Image | None, expected: Image.Image) -> None:
    """Alike to the eye: lossy formats may differ by a little."""
    assert output is not None
    assert output.mode == "L"
    assert output.size == expected.size
    assert ImageStat.Stat(ImageChops.difference(output, expected)).mean[0] < 2
