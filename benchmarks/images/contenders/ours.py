"""What is shipped."""

from __future__ import annotations

import platform
from typing import Final

from benchmarks.images.contenders import CannotConvert
from objectlock.errors import SourceRejected
from objectlock.images import to_grayscale

VERSION: Final = f"on Python {platform.python_version()}"


def convert(body: bytes) -> bytes:
    """Raises: CannotConvert for what is rejected."""
    try:
        return bytes(to_grayscale(body).body)
    except SourceRejected as rejected:
        msg = f"rejected: {rejected}"
        raise CannotConvert(msg) from None
