"""Keys that something on the way could take for something else."""

from typing import Final

KEYS: Final = [
    "photo.jpg",
    "a b+c.jpg",
    "夏休み 2026/富士山 + 湖 (100%).png",
    "a%20b.jpg",
    "a%2Fb.jpg",
    "a//b",
    "/a",
    "a/../b",
    "./a",
    "か\u3099.jpg",
    "🗻.jpg",
    "?#&=;:@.jpg",
    "<&>\"'\\|^`{}[]*~.jpg",
    " a ",
    "a\tb\nc\rd",
    "x" * 1024,
]
