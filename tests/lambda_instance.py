"""A new instance of a Lambda, for tests in one process."""

from __future__ import annotations

from changefeed import wiring as feed_wiring
from objectlock import wiring


def begin_anew() -> None:
    """The adapters are made anew when they are next needed, from the environment as it is then."""
    for each in (*vars(wiring).values(), *vars(feed_wiring).values()):
        if hasattr(each, "cache_clear"):
            each.cache_clear()
