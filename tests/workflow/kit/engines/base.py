"""What a test needs of an engine."""

from __future__ import annotations

from typing import Protocol

from ..cases import Case
from ..history import Run
from ..machine import Machine


class Engine(Protocol):
    """Something that runs the cases of one machine."""

    @property
    def exact(self) -> bool:
        """Whether it writes the very sequence of history events that AWS does."""

    def cannot(self, machine: Machine, case: Case) -> str | None:
        """Why it cannot run a case; None if it can."""

    def run(self, machine: Machine, case: Case) -> Run:
        """Run a case to its end.

        Raises:
            TimeoutError: it does not end.
        """
