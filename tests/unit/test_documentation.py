"""Pictures in the README show what is, not what was."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from objectlock.images import to_grayscale

ROOT = Path(__file__).parents[2]


def test_the_picture_of_the_machine_has_the_states_of_the_machine() -> None:
    states = json.loads((ROOT / "statemachine/lockstep.asl.json").read_text())["States"]
    picture = (ROOT / "docs/images/machine.svg").read_text()

    words = set(re.findall(r">(\w+)</text>", picture))

    assert states.keys() <= words


def test_the_gray_photo_is_what_the_code_makes_of_the_colour_one() -> None:
    made = Image.open(io.BytesIO(to_grayscale((ROOT / "samples/rocket.jpg").read_bytes()).body))
    shown = Image.open(ROOT / "docs/images/rocket-gray.jpg")

    assert shown.mode == made.mode == "L"
    assert ImageStat.Stat(ImageChops.difference(shown, made)).mean[0] < 1
