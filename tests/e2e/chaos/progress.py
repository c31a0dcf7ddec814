"""How far it is: one line that changes in a terminal, now and then a line in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console

_SECONDS_BETWEEN_LINES: Final = 10


class Progress:
    """A context manager: it shows what is said while it is open."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("") if console.is_terminal else None
        self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
        self._began = time.monotonic()

    def say(self, what: str) -> None:
        """Only the latest matters."""
        line = f"{time.monotonic() - self._began:4.0f} s  {what}"
        if self._status:
            self._status.update(line)
        elif time.monotonic() > self._next_line:
            self._console.print(line)
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()
