"""An object as the page shows it, in one of the two buckets."""

from __future__ import annotations

import base64
import re
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from lockstep.history.run import milliseconds
from lockstep.problems import Problem, ProblemError, problem_of
from lockstep.stack import Stack

_MAX_BYTES: Final = 32 * 1024 * 1024
_MAX_EMBEDDED_BYTES: Final = 1024 * 1024
# What browsers show, by first bytes: a key's extension is only a name, and so is what was uploaded as its type.
_SHOWN: Final = {
    rb"\xff\xd8\xff": "image/jpeg",
    rb"\x89PNG\r\n\x1a\n": "image/png",
    rb"GIF8": "image/gif",
    rb"RIFF.{4}WEBP": "image/webp",
    rb"BM": "image/bmp",
}


_NOT_HERE: Final = Problem("The picture is not in this file", "It is too large, or no image, or one of too many.")


class Side(StrEnum):
    """Which bucket."""

    INPUT = "input"
    OUTPUT = "output"

    def bucket(self, stack: Stack) -> str:
        return stack.input_bucket if self is Side.INPUT else stack.output_bucket


@dataclass(frozen=True)
class Picture:
    """An object of one bucket.

    Attributes:
        exists: None where that could not be seen.
        size: bytes.
        source_etag: of the input that an output was made from.
        url: where the browser finds it; None where there is nothing to show.
    """

    exists: bool | None
    etag: str = ""
    size: int = 0
    modified: datetime | None = None
    source_etag: str = ""
    url: str | None = None
    problem: Problem | None = None

    def as_json(self) -> dict[str, Any]:
        """For the page."""
        modified = None if self.modified is None else milliseconds(self.modified)
        return {**asdict(self), "modified": modified}


def look(stack: Stack, side: Side, key: str) -> Picture:
    """What is there; what may not be seen is a problem of this picture alone."""
    try:
        found = stack.s3.head_object(Bucket=side.bucket(stack), Key=key)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "404":
            return Picture(exists=False)
        return Picture(exists=None, problem=problem_of(error, stack))
    etag = found["ETag"].strip('"')
    return Picture(
        exists=True,
        etag=etag,
        size=found["ContentLength"],
        modified=found["LastModified"],
        source_etag=found["Metadata"].get("source-tag", "").partition("@")[0],
        url=f"/api/picture?{urlencode({'side': side, 'key': key, 'etag': etag})}",
    )


def fetch(stack: Stack, side: Side, key: str) -> tuple[bytes, str]:
    """An image and its type.

    Raises:
        ProblemError: it is none that a browser shows, or too large.
        ClientError, BotoCoreError: it cannot be read.
    """
    found = stack.s3.get_object(Bucket=side.bucket(stack), Key=key)
    if found["ContentLength"] > _MAX_BYTES:
        found["Body"].close()
        raise ProblemError(Problem("The picture is too large to be shown here", "Download it from its bucket."), 413)
    body = found["Body"].read()
    for start, type_ in _SHOWN.items():
        if re.match(start, body, re.DOTALL):
            return body, type_
    raise ProblemError(Problem("Browsers cannot show it", "It is no JPEG, PNG, GIF, WebP or BMP."), 415)


def described(stack: Stack, side: Side, key: str) -> Picture:
    """What is there, without the picture itself."""
    picture = look(stack, side, key)
    return replace(picture, url=None, problem=picture.problem or (_NOT_HERE if picture.exists else None))


def embedded(stack: Stack, side: Side, key: str) -> Picture:
    """The same with its bytes in the URL, for a page without a server, unless it is large."""
    picture = described(stack, side, key)
    if not picture.exists or picture.size > _MAX_EMBEDDED_BYTES:
        return picture
    try:
        body, type_ = fetch(stack, side, key)
    except (ClientError, BotoCoreError, ProblemError):
        return picture
    return replace(picture, problem=None, url=f"data:{type_};base64,{base64.b64encode(body).decode()}")
