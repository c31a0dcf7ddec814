"""Pixels to encode: photos at their original resolution, a screenshot, pages of text. The same at every run."""

from __future__ import annotations

import random
from functools import cache
from typing import Final

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.images.places import SAMPLES

PHOTOS: Final = ("astronaut.png", "hubble_deep_field.jpg", "rocket.jpg")
TILE: Final = 400  # none of them is smaller
PAPER: Final = (2480, 3508)  # A4 at 300 dpi
TEXT: Final = "the quick brown fox jumps over the lazy dog and "


@cache
def photo(width: int, height: int) -> Image.Image:
    """A mosaic of crops of the samples, turned and mirrored: nothing is scaled, so noise and edges are a camera's."""
    chance = random.Random(1)  # noqa: S311
    samples = [Image.open(SAMPLES / name).convert("RGB") for name in PHOTOS]
    mosaic = Image.new("RGB", (width, height))
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            sample = chance.choice(samples)
            x, y = chance.randint(0, sample.width - TILE), chance.randint(0, sample.height - TILE)
            tile = sample.crop((x, y, x + TILE, y + TILE))
            mosaic.paste(tile.transpose(chance.choice(list(Image.Transpose))), (left, top))
    return mosaic


def cut_out(width: int, height: int) -> Image.Image:
    """The photo with holes, their edges soft."""
    mask = Image.new("L", (width, height), 255)
    draw, chance = ImageDraw.Draw(mask), random.Random(2)  # noqa: S311
    for _ in range(12):
        x, y, radius = chance.randint(0, width), chance.randint(0, height), chance.randint(80, 320)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    result = photo(width, height).copy()
    result.putalpha(mask.filter(ImageFilter.GaussianBlur(6)))
    return result


def screenshot(width: int, height: int) -> Image.Image:
    """Windows with lines of text, bars and buttons: large flat areas of few colours."""
    image = Image.new("RGB", (width, height), "#dfe6ee")
    draw, chance = ImageDraw.Draw(image), random.Random(3)  # noqa: S311
    font = ImageFont.load_default(22)
    for left, top in ((60, 60), (width // 2 + 20, 120), (200, height // 2), (width // 2 + 120, height // 2 + 80)):
        box = (left, top, left + width // 2 - 140, top + height // 2 - 160)
        draw.rounded_rectangle(box, 12, fill="#ffffff", outline="#9aa7b5", width=2)
        draw.rectangle(
            (left + 2, top + 12, box[2] - 2, top + 52), fill=chance.choice(("#2f6fde", "#3a3f4b", "#1a936f"))
        )
        for line in range(top + 72, box[3] - 90, 34):
            start = chance.randint(0, len(TEXT))
            draw.text((left + 24, line), (TEXT * 3)[start : start + chance.randint(20, 80)], "#22272e", font)
        for place in range(left + 24, box[2] - 160, 180):
            colour = chance.choice(("#e4572e", "#f3a712", "#2f6fde", "#c9d3de"))
            draw.rounded_rectangle((place, box[3] - 60, place + 150, box[3] - 20), 8, fill=colour)
    return image


def pages(count: int) -> list[Image.Image]:
    """Scanned pages of text, black and white."""
    chance, font = random.Random(4), ImageFont.load_default(44)  # noqa: S311
    result = []
    for _ in range(count):
        page = Image.new("1", PAPER, 1)
        draw = ImageDraw.Draw(page)
        for line in range(240, PAPER[1] - 240, 64):
            start = chance.randint(0, len(TEXT))
            draw.text((220, line), (TEXT * 3)[start : start + chance.randint(40, 88)], 0, font)
        result.append(page)
    return result


def film(width: int, height: int, count: int) -> list[Image.Image]:
    """A pan over the photo: every pixel changes from frame to frame."""
    whole = photo(2304, 1728)
    steps = [(8 * number, 5 * number) for number in range(count)]
    return [whole.crop((x, y, x + width, y + height)) for x, y in steps]
