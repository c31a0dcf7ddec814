"""What is wrong with an image, said once and in the same words for every format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from objectlock.errors import SourceRejected


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """On broken data decoders raise whatever they stumble over: all of it means that the image is broken.

    Wrap what reads, never what writes: an error of ours is no fault of the image.

    Raises: SourceRejected.
    """
    try:
        yield
    except (SourceRejected, MemoryError):
        raise
    except (OSError, SyntaxError) as error:  # Pillow's own words
        raise broken(kind, str(error)) from error
    except Exception as error:
        raise broken(kind, "it makes no sense") from error


def broken(kind: str, why: str) -> SourceRejected:
    """The rejection of an image that is not whole."""
    return SourceRejected(f"truncated or corrupt {kind}: {why}")


def unsupported(kind: str, what: str) -> SourceRejected:
    """The rejection of an image that would lose something on the way."""
    return SourceRejected(f"unsupported: {kind} with {what}")
