"""How fast AWS is asked: so many requests a second, and a while of none when it says that it is too many."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from botocore.exceptions import ClientError

_TOO_MANY: Final = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "ExecutionLimitExceeded"}
)
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0

T = TypeVar("T")


@dataclass(frozen=True)
class Clock:
    """Where time comes from.

    Attributes:
        now: seconds that never go back.
        sleep: lets so many of them pass.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def is_throttling(error: ClientError) -> bool:
    """Whether AWS says: not now."""
    return error.response["Error"].get("Code") in _TOO_MANY


class Pace:
    """A token bucket: at most `per_second` requests on average, `burst` at once, none during a pause."""

    def __init__(self, clock: Clock, per_second: float, burst: int = 1) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._at = clock.now()
        self._paused_until = self._at
        self._pause_seconds = 0.0

    @property
    def is_throttled(self) -> bool:
        """Whether AWS has refused the latest request."""
        return self._pause_seconds > 0

    @property
    def due_at(self) -> float:
        """When the next request may be made, by the clock; past or now if at once."""
        self._fill()
        return max(self._paused_until, self._at + max(0.0, 1 - self._tokens) / self._per_second)

    def take(self) -> None:
        """A request is made: wait until it may be."""
        while (seconds := self.due_at - self._clock.now()) > 0:
            self._clock.sleep(seconds)
        self._tokens -= 1

    def patiently(self, request: Callable[[], T]) -> T:
        """Make a request at this pace; throttling is waited out, other errors are raised."""
        while True:
            self.take()
            try:
                answer = request()
            except ClientError as error:
                if not is_throttling(error):
                    raise
                self.refused()
            else:
                self.accepted()
                return answer

    def accepted(self) -> None:
        """AWS has answered it."""
        self._pause_seconds = 0.0

    def refused(self) -> None:
        """AWS has throttled it: pause, twice as long each time, up to half a minute."""
        self._pause_seconds = min(max(2 * self._pause_seconds, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
        self._paused_until = self._clock.now() + self._pause_seconds

    def _fill(self) -> None:
        now = self._clock.now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
