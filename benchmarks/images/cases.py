"""What is converted. Each input is made once, into build/bench/inputs."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from PIL import Image

from benchmarks.images import scenes
from benchmarks.images.places import INPUTS

LARGE: Final = (4000, 3000)
MEDIUM: Final = (2304, 1728)
SMALL: Final = (640, 480)
FRAMES: Final = 20
TURNED: Final = 6  # EXIF orientation: to be shown a quarter turn clockwise
ORIENTATION: Final = 0x0112
PREDICTOR: Final = 317  # TIFF's tag, and the horizontal difference as its value


@dataclass(frozen=True)
class Case:
    """One input.

    Attributes:
        name: for `--case`, and of its files.
        title: in the tables.
        quick: measured with `--quick` as well.
    """

    name: str
    title: str
    extension: str
    make: Callable[[], bytes]
    quick: bool = False

    @property
    def path(self) -> Path:
        return INPUTS / f"{self.name}.{self.extension}"

    def made(self) -> Path:
        """Its file, made when there is none yet, or one by an older recipe."""
        recipe = max(Path(str(module)).stat().st_mtime for module in (__file__, scenes.__file__))
        if not self.path.exists() or self.path.stat().st_mtime < recipe:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            body = self.make()  # before the file is there
            self.path.write_bytes(body)
        return self.path


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _film(kind: str, frames: list[Image.Image], **options: Any) -> bytes:
    return _encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, loop=0, **options)


def _turned() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED
    return _encoded(scenes.photo(*LARGE), "JPEG", quality=85, exif=exif)


def _deep() -> bytes:
    """16 bits a channel, the lower ones noise, as a sensor's are."""
    pixels = np.asarray(scenes.photo(*MEDIUM)).astype(np.int32)
    noise = np.random.default_rng(5).integers(-128, 128, pixels.shape)
    deep = (pixels * 257 + noise).clip(0, 65535).astype(np.uint16)
    return bytes(cv2.imencode(".png", cv2.cvtColor(deep, cv2.COLOR_RGB2BGR))[1])


def _fax() -> bytes:
    pages = scenes.pages(5)
    return _encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="group4")


def _tiff() -> bytes:
    return _encoded(scenes.photo(*MEDIUM), "TIFF", compression="tiff_lzw", tiffinfo={PREDICTOR: 2})


CASES: Final = (
    Case(
        "jpeg-420",
        "JPEG 12 MP, 4:2:0, q 85",
        "jpg",
        lambda: _encoded(scenes.photo(*LARGE), "JPEG", quality=85, subsampling="4:2:0"),
        quick=True,
    ),
    Case(
        "jpeg-444",
        "JPEG 12 MP, 4:4:4, q 95",
        "jpg",
        lambda: _encoded(scenes.photo(*LARGE), "JPEG", quality=95, subsampling="4:4:4"),
    ),
    Case(
        "jpeg-progressive",
        "JPEG 12 MP, progressive",
        "jpg",
        lambda: _encoded(scenes.photo(*LARGE), "JPEG", quality=85, progressive=True),
    ),
    Case("jpeg-turned", "JPEG 12 MP, to be shown turned", "jpg", _turned),
    Case("png-rgb", "PNG 4 MP, RGB", "png", lambda: _encoded(scenes.photo(*MEDIUM), "PNG"), quick=True),
    Case("png-rgba", "PNG 4 MP, RGBA", "png", lambda: _encoded(scenes.cut_out(*MEDIUM), "PNG")),
    Case("png-16bit", "PNG 4 MP, 16 bits a channel", "png", _deep),
    Case(
        "png-palette",
        "PNG 4 MP, 256 colours",
        "png",
        lambda: _encoded(scenes.photo(*MEDIUM).quantize(256), "PNG"),
        quick=True,
    ),
    Case("png-flat", "PNG 4 MP, screenshot", "png", lambda: _encoded(scenes.screenshot(*MEDIUM), "PNG")),
    Case("apng", "APNG, 20 frames", "png", lambda: _film("PNG", scenes.film(*SMALL, FRAMES))),
    Case(
        "gif",
        "GIF, 20 frames",
        "gif",
        lambda: _film("GIF", [frame.quantize(256) for frame in scenes.film(*SMALL, FRAMES)]),
        quick=True,
    ),
    Case(
        "webp-lossy",
        "WebP 4 MP, lossy, q 80",
        "webp",
        lambda: _encoded(scenes.photo(*MEDIUM), "WEBP", quality=80),
        quick=True,
    ),
    Case(
        "webp-lossless",
        "WebP 4 MP, lossless",
        "webp",
        lambda: _encoded(scenes.photo(*MEDIUM), "WEBP", lossless=True),
    ),
    Case("webp-film", "WebP, 20 frames, q 80", "webp", lambda: _film("WEBP", scenes.film(*SMALL, FRAMES), quality=80)),
    Case("tiff-lzw", "TIFF 4 MP, RGB, LZW", "tif", _tiff),
    Case("tiff-fax", "TIFF, 5 pages A4, G4 fax", "tif", _fax),
    Case("bmp", "BMP 4 MP, 24 bits", "bmp", lambda: _encoded(scenes.photo(*MEDIUM), "BMP")),
)
