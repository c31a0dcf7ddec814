"""Which format an image has, by its first bytes: a key's extension is only a name."""

from __future__ import annotations

import re
from typing import Final

from objectlock.errors import SourceRejected

_SUPPORTED: Final = {
    "BMP": rb"BM",
    "GIF": rb"GIF8[79]a",
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "WebP": rb"RIFF.{4}WEBP",
}
# These are only named, in the message.
_OTHERS: Final = {
    "AVIF": rb".{4}ftypavi[fs]",
    "HEIF": rb".{4}ftyp(hei|hev|mif1|msf1)",
    "Canon CR3": rb".{4}ftypcrx ",
    "MP4": rb".{4}ftyp",
    "JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "ICO": rb"\0\0[\x01\x02]\0",
    "PSD": rb"8BPS",
    "DDS": rb"DDS ",
    "OpenEXR": rb"v/1\x01",
    "PNM": rb"P[1-7]\s",
    "SVG": rb"\s*<svg|\s*<\?xml.*<svg",
    "PDF": rb"%PDF",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
    "ZIP": rb"PK\x03\x04",
}
_LOOK_AT: Final = 1024


def format_of(body: bytes) -> str:
    """The name of a supported format.

    Raises: SourceRejected for any other content; it names the format where it is a known one.
    """
    start = body[:_LOOK_AT]
    for kind, pattern in _SUPPORTED.items():
        if re.match(pattern, start, re.DOTALL):
            return kind
    supported = "BMP, GIF, JPEG, PNG, TIFF, WebP"
    for kind, pattern in _OTHERS.items():
        if re.match(pattern, start, re.DOTALL):
            msg = f"unsupported format {kind} (supported: {supported})"
            raise SourceRejected(msg)
    msg = f"not an image in a supported format ({supported})"
    raise SourceRejected(msg)
