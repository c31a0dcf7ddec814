"""What a test needs of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ..cases import Case
from ..history import Run
from ..machine import Machine


class EndlessError(TimeoutError):
    """An execution has more events than it may have."""


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
            TimeoutError: it does not end in time.
            EndlessError: it has too many events, so that it is in a loop.
        """


@dataclass(frozen=True)
class Deviation:
    """What a server does otherwise than AWS.

    Attributes:
        reason: what it does, for whoever asks why a case was not run.
        concerns: whether a case would come out wrong for it.
    """

    reason: str
    concerns: Callable[[Machine, Case], bool]


def first_reason(deviations: Iterable[Deviation], machine: Machine, case: Case) -> str | None:
    """Why a case cannot be run where there are these deviations; None if it can."""
    return next((each.reason for each in deviations if each.concerns(machine, case)), None)
