"""Both buckets side by side, as S3 lists them: in the order of their keys, and never more of them than a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lockstep.objects import listed, side_by_side
from lockstep.stack import Stack
from objectlock.comparison import is_folder


@dataclass(frozen=True)
class Pair:
    """An object as the listings have it.

    Attributes:
        etag: the input's; None where there is no input.
        has_output: whether there is an output.
    """

    key: str
    etag: str | None
    has_output: bool


def pairs(stack: Stack, prefix: str, start_after: str) -> Iterator[Pair]:
    """All objects that are in either bucket, folders left out. Raises: ClientError, BotoCoreError."""
    inputs = (
        (each["Key"], each["ETag"].strip('"')) for each in listed(stack.s3, stack.input_bucket, prefix, start_after)
    )
    outputs = (each["Key"] for each in listed(stack.s3, stack.output_bucket, prefix, start_after))
    return (each for each in joined(inputs, outputs) if not is_folder(each.key))


def joined(inputs: Iterable[tuple[str, str]], outputs: Iterable[str]) -> Iterator[Pair]:
    """Merge two listings that are in order."""
    there = ((key, True) for key in outputs)
    return (Pair(key, etag, has_output is not None) for key, etag, has_output in side_by_side(inputs, there))
