"""What is going to happen, drawn from a seed: the same seed, the same plan. When things happen is not in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

from tests.e2e.chaos.pictures import no_picture, picture

SHUFFLE_WINDOW: Final = 10  # changes that come between an event and its delivery, at most
LATE_BY: Final = (30, 80)
CHANGES_A_KILL: Final = 8
CHANGES_A_STOP: Final = 12


class Act(Enum):
    """What is done to the input bucket; the words are for people."""

    UPLOAD = "upload"
    NO_IMAGE = "upload of no image"
    DELETE = "delete"
    DELETE_VERSION = "delete of a version"
    REMOVE_MARKER = "removal of a delete marker"


class Moment(Enum):
    """When a worker is killed, seen from the effect of its call to AWS."""

    BEFORE = "before it"
    AFTER = "after it"
    ON_ITS_WAY = "on its way"  # it takes effect seconds later


@dataclass(frozen=True)
class Kill:
    """The caller of the next call with this HTTP method is killed."""

    method: str
    moment: Moment


# An UpdateItem is a POST. A worker that is killed after it has begun costs its object half a minute.
_KILLS: Final = {"PUT": 4, "DELETE": 2, "GET": 1, "HEAD": 1, "POST": 5}
_WEIGHTS: Final = {Act.UPLOAD: 52, Act.NO_IMAGE: 6, Act.DELETE: 16, Act.DELETE_VERSION: 14, Act.REMOVE_MARKER: 12}


@dataclass(frozen=True)
class Change:
    """One change of the input bucket, which S3 tells in one event.

    Attributes:
        number: from 1, in the order in which they are made.
        undoes: number of the change whose version or delete marker is deleted; None for other acts.
        leaves: number of the upload that is the object afterwards; None if there is none.
        sent_after: when each copy of its event is delivered: as soon as so many changes are made. The same number
            twice means twice at once.
    """

    number: int
    key: str
    act: Act
    undoes: int | None
    leaves: int | None
    sent_after: tuple[int, ...]

    @property
    def body(self) -> bytes:
        """What is uploaded."""
        return no_picture(self.number) if self.act is Act.NO_IMAGE else picture(self.number)


@dataclass(frozen=True)
class Plan:
    """All that is drawn.

    Attributes:
        kills: after which changes a worker is killed, and where.
        stops: after which changes an execution is stopped.
    """

    seed: int
    changes: Sequence[Change]
    kills: Mapping[int, Kill]
    stops: frozenset[int]

    @property
    def last(self) -> dict[str, Change]:
        """The last change of each key."""
        return {each.key: each for each in self.changes}

    @classmethod
    def drawn(cls, seed: int, changes: int, keys: int) -> Plan:
        """Draw it. Some changes follow one another on one key, the others jump about."""
        dice = Random(seed)
        objects = {f"{number:02}/photo": _Versions() for number in range(keys)}
        key = ""
        found = []
        for number in range(1, changes + 1):
            if not key or dice.random() < 0.6:
                key = dice.choice(list(objects))
            act, undoes = objects[key].change(number, dice)
            found.append(Change(number, key, act, undoes, objects[key].newest, _deliveries(number, dice)))
        numbers = range(1, changes + 1)
        kills = {number: _kill(dice) for number in dice.sample(numbers, changes // CHANGES_A_KILL)}
        return cls(seed, found, kills, frozenset(dice.sample(numbers, changes // CHANGES_A_STOP)))


class _Versions:
    """The versions and delete markers of one object, as S3 keeps them."""

    def __init__(self) -> None:
        self._uploads: list[int] = []  # numbers of the changes that made them, oldest first
        self._markers: list[int] = []

    @property
    def newest(self) -> int | None:
        """Number of the upload that is the object now."""
        top = max(self._uploads + self._markers, default=None)
        return top if top in self._uploads else None

    def change(self, number: int, dice: Random) -> tuple[Act, int | None]:
        """Draw what can be done to it, and do it."""
        (act,) = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        match act:
            case Act.DELETE if self.newest is not None:
                self._markers.append(number)
                return act, None
            case Act.DELETE_VERSION if self._uploads:
                return act, _taken_from(self._uploads, dice)
            case Act.REMOVE_MARKER if self._markers:
                return act, _taken_from(self._markers, dice)
        self._uploads.append(number)
        return (Act.NO_IMAGE if act is Act.NO_IMAGE else Act.UPLOAD), None


def _taken_from(numbers: list[int], dice: Random) -> int:
    """One of them; the newest half of the time, as that changes the object."""
    return numbers.pop(-1 if dice.random() < 0.5 else dice.randrange(len(numbers)))


def _kill(dice: Random) -> Kill:
    (method,) = dice.choices(list(_KILLS), list(_KILLS.values()))
    reads = method in {"GET", "HEAD"}
    return Kill(method, dice.choice([each for each in Moment if not (reads and each is Moment.ON_ITS_WAY)]))


def _deliveries(number: int, dice: Random) -> tuple[int, ...]:
    """Most a little late, so that they change places; some very late, some twice, some twice at once."""
    late = dice.random() < 0.08
    first = number + (dice.randint(*LATE_BY) if late else dice.randrange(SHUFFLE_WINDOW))
    chance = dice.random()
    if chance < 0.06:
        return (first, first)
    if chance < 0.12:
        return (first, first + dice.randrange(1, LATE_BY[1]))
    return (first,)
