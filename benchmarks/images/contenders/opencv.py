"""OpenCV."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np

VERSION: Final = str(cv2.__version__)
_HEAD: Final = 64  # bytes in which a PNG or WebP says that it is an animation

cv2.setNumThreads(1)


def convert(body: bytes) -> bytes:
    extension = _extension(body)
    data = np.frombuffer(body, np.uint8)
    if extension == ".gif" or b"acTL" in body[:_HEAD] or b"ANIM" in body[:_HEAD]:
        _, film = cv2.imdecodeanimation(data)
        film.frames = [_gray(frame) for frame in film.frames]
        return bytes(cv2.imencodeanimation(extension, film)[1])
    if extension == ".tif" and cv2.imdecodemulti(data, cv2.IMREAD_GRAYSCALE, range=(1, 2))[0]:
        _, pages = cv2.imdecodemulti(data, cv2.IMREAD_GRAYSCALE)
        return bytes(cv2.imencodemulti(extension, pages)[1])
    gray = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    return bytes(cv2.imencode(extension, gray)[1])


def _gray(frame: Any) -> Any:
    """Of the channels it had: the encoders of animations take no others."""
    if frame.shape[2] == 3:
        return cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    gray = cv2.cvtColor(frame, cv2.COLOR_BGRA2GRAY)
    return cv2.merge([gray, gray, gray, frame[:, :, 3]])


def _extension(body: bytes) -> str:
    begins = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"GI": ".gif", b"RI": ".webp", b"BM": ".bmp"}
    return begins.get(body[:2], ".tif")
