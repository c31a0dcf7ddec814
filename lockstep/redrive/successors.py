"""Which executions have been started again already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from lockstep.again import next_name
from lockstep.redrive.reading import Reader

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

_LOOKS_FOR_A_PAGE: Final = 4  # a page of the list takes the time of so many looks at a single execution


class Successors:
    """Tells which executions have a successor, with as few reads as it takes.

    A page of the list has a thousand names, so the list from now back to the oldest failure may tell of all. It is
    read for as long as looking for each successor by its name would take: among millions that came out well, such
    looks are quicker.

    Args:
        failures: those in question, oldest first.
        say: is told how far it is.
    """

    def __init__(
        self, reader: Reader, failures: Sequence[ExecutionListItemTypeDef], say: Callable[[str], None]
    ) -> None:
        """Raises: ClientError, BotoCoreError."""
        self._reader = reader
        self._say = say
        self._names = {each["name"] for each in failures}
        if unknown := {next_name(each) for each in self._names} - self._names:
            self._are_all_known = self._read(unknown, failures[0])
        else:
            self._are_all_known = True

    def is_listed(self, name: str) -> bool:
        """Whether the list has a successor of that execution; costs nothing."""
        return next_name(name) in self._names

    def is_there(self, name: str) -> bool:
        """Whether there is a successor; looks for it if the list was too long. Raises: ClientError, BotoCoreError."""
        return self.is_listed(name) or (not self._are_all_known and self._reader.exists(next_name(name)))

    def _read(self, unknown: set[str], oldest: ExecutionListItemTypeDef) -> bool:
        """Whether what has not been found now is not there: a successor is younger than its predecessor."""
        count = 0
        for number, page in enumerate(self._reader.pages()):
            count += len(page)
            self._say(f"looking for what was started again already: {count:,} executions")
            self._names |= unknown.intersection(each["name"] for each in page)
            if unknown <= self._names or (page and page[-1]["startDate"] < oldest["startDate"]):
                return True
            if number > len(unknown) // _LOOKS_FOR_A_PAGE:
                return False
        return True
