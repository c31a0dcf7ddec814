"""An event that has not had its effect, and what would be started for it."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from lockstep.batch import Fate, Item


class Left(Enum):
    """Why something is not started again: what one says of so many of them."""

    REJECTED = "rejected: upload another image in its place; after an upgrade, `lockstep reconcile --rejected`"
    STARTED_AGAIN = "started again already"
    NO_OBJECT = "about no object of the input bucket: the same would come of it"
    NOT_READABLE = "not to be read yet: try again in a moment"


@dataclass(frozen=True, eq=False)
class Failure:
    """One event that has not had its effect.

    Attributes:
        when: it failed, or was put into the queue.
        outcome: in a word; "undelivered" in the queue.
        why: for people; empty where nobody said.
        item: what would be started.
        origin: where it comes from, for programs: an execution or a message.
    """

    when: datetime
    bucket: str
    key: str
    change: str
    outcome: str
    why: str
    item: Item
    origin: Mapping[str, str | None]

    def as_json(self, fate: Fate | None, problem: str = "") -> dict[str, Any]:
        """For programs, with what has come of it."""
        execution = fate.execution if fate else None
        return {
            **self.origin,
            "bucket": self.bucket,
            "key": self.key,
            "change": self.change,
            "when": self.when.isoformat(),
            "outcome": self.outcome,
            "why": self.why,
            "successor": self.item.name,
            "start": fate.start.value if fate else None,
            "outcome_after": execution.outcome.value if execution else None,
            "explanation": problem or (fate.problem if fate else "") or (execution.explanation if execution else ""),
        }


@dataclass(frozen=True)
class Stray:
    """A message in the queue that is no event of the input bucket, and stays there.

    Attributes:
        why: it is none.
        body: how its text begins.
    """

    when: datetime
    message_id: str
    why: str
    body: str

    def as_json(self) -> dict[str, Any]:
        """For programs: as a failure is told, with the body beside it."""
        return {
            "message_id": self.message_id,
            "bucket": None,
            "key": None,
            "change": None,
            "when": self.when.isoformat(),
            "outcome": "left in the queue",
            "why": self.why,
            "successor": None,
            "start": None,
            "outcome_after": None,
            "explanation": "",
            "body": self.body,
        }


@dataclass
class Found:
    """What there is to be started again, oldest first, and what is left as it is.

    Attributes:
        left: how many, by the reason.
        strays: those of them that are messages without an event.
    """

    failures: list[Failure] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    strays: list[Stray] = field(default_factory=list)


def is_meant(key: str, wanted: str) -> bool:
    """Whether a key begins with what is wanted, taken literally, or matches it as a pattern with `*`, `?` or `[`."""
    return key.startswith(wanted) or fnmatch.fnmatchcase(key, wanted)
