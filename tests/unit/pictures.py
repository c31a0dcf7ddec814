"""Pictures for tests, and how to look at what came of them."""

import io
from typing import Any

from PIL import Image, ImageChops

SIZE = (32, 24)


def photo(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    """Colourful, smooth, and different in every corner; with alpha, it fades out to the right."""
    ramp = Image.linear_gradient("L").resize(size)
    across = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(size)
    image = Image.merge("RGB", [ramp, across, Image.new("L", size, 128)])
    if mode.endswith("A"):
        image.putalpha(across)
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(body: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(body))
    image.load()
    return image


def alpha(image: Image.Image) -> bytes:
    return image.convert("RGBA").getchannel("A").tobytes()


def difference(one: Image.Image, other: Image.Image) -> int:
    """The largest between two pixels' brightness."""
    return max(ImageChops.difference(one.convert("L"), other.convert("L")).tobytes())


def is_gray(image: Image.Image) -> bool:
    """Lossy WebP has no gray mode: it keeps colour differences of zero, which its decoder rounds to one at most."""
    red, green, blue = image.convert("RGB").split()
    return max(difference(red, green), difference(red, blue)) <= (1 if image.format == "WEBP" else 0)
