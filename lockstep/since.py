"""A point in time as people type it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from lockstep.errors import UserError

_AGO: Final = re.compile(r"(\d{1,4})\s*([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


_BEGINNING: Final = datetime.fromtimestamp(0, UTC)


def point_in_time(text: str, now: datetime) -> datetime:
    """What `24h`, `7d` or `2026-11-20T10:00Z` means; without a zone, in the local one. Never before 1970.

    Raises: UserError.
    """
    try:
        found = _ago(text.strip(), now) or datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"--since {text!r} is no time: 90m, 24h, 7d and 2026-11-20T10:00Z are some"
        raise UserError(msg) from None
    if found > now:
        msg = f"--since {text!r} is still to come"
        raise UserError(msg)
    return max(found, _BEGINNING)


def _ago(text: str, now: datetime) -> datetime | None:
    found = _AGO.fullmatch(text)
    return now - timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
