"""How far back whoever follows a feed lists it each time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from lockstep.feed.file import first_name, parts

_RECENT: Final = timedelta(hours=1)
_WHOLE_EVERY_SECONDS: Final = 300.0


class Lookback:
    """An hour, mostly, which is one request; as far as files may come late, every five minutes.

    A listing costs a request for a thousand names, and a busy feed has many thousands in a day.

    Args:
        now: seconds that never go back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._newest = ""
        self._whole_at: float | None = None

    def note(self, name: str) -> None:
        """There is such a file."""
        self._newest = max(self._newest, name)

    def start_after(self) -> str:
        """After which name to look now; empty for all that may have come. Raises: UnreadableFile."""
        now = self._now()
        if not self._newest or self._whole_at is None or now - self._whole_at >= _WHOLE_EVERY_SECONDS:
            self._whole_at = now
            return ""
        prefix, time = parts(self._newest)
        return first_name(prefix, time - _RECENT)
