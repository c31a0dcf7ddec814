"""The ports in memory. They pass the same contract suite as the AWS adapters."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass, field

from objectlock.attempts import OutputObject
from objectlock.conditions import Item, Value
from objectlock.errors import OutputChanged
from objectlock.ports import Label, OversizedObject, Picture, SourceObject
from objectlock.record import OBJECT_ID, Outcome, Transition


class InMemoryLockStore:
    """A `LockStore` and its `LockRecords`: one dict an object, one write at a time."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self._turn = threading.Lock()

    def read(self, object_id: str) -> Item:
        return self.items.get(object_id, {})

    def apply(self, transition: Transition) -> Outcome:
        """Raises: ValueError where DynamoDB would not take the expression either."""
        changed = Counter([*transition.put, *transition.put_once, *transition.remove, *transition.add])
        if twice := [attribute for attribute, times in changed.items() if times > 1]:
            msg = f"changed twice in one write: {twice}"
            raise ValueError(msg)
        with self._turn:
            before = self.items.get(transition.object_id, {})
            if not transition.condition.holds(before):
                return Outcome(accepted=False, item=before)
            once = {each: value for each, value in transition.put_once.items() if each not in before}
            after: dict[str, Value] = {OBJECT_ID: transition.object_id, **before, **once, **transition.put}
            for attribute in transition.remove:
                after.pop(attribute, None)
            for attribute, number in transition.add.items():
                after[attribute] = int(after.get(attribute, 0)) + number
            self.items[transition.object_id] = after
            return Outcome(accepted=True, item=after)


@dataclass
class InMemorySource:
    """A `SourceBucket`, and the user who changes what is in it."""

    versioned: bool = False
    objects: dict[tuple[str, str], SourceObject] = field(default_factory=dict)
    _versions: int = 0
    max_bytes: int = 1_000_000

    def put(self, bucket: str, key: str, body: bytes) -> str:
        """Upload; returns the tag."""
        self._versions += 1
        tag = f"{etag(body)}@{self._versions}" if self.versioned else etag(body)
        self.objects[bucket, key] = SourceObject(tag, body)
        return tag

    def delete(self, bucket: str, key: str) -> None:
        self.objects.pop((bucket, key), None)

    def tag(self, bucket: str, key: str) -> str | None:
        found = self.objects.get((bucket, key))
        return found.tag if found else None

    def read(self, bucket: str, key: str) -> SourceObject | OversizedObject | None:
        found = self.objects.get((bucket, key))
        if found and len(found.body) > self.max_bytes:
            return OversizedObject(found.tag, len(found.body), self.max_bytes)
        return found


@dataclass(frozen=True)
class StoredObject:
    """What was last written to the output bucket under one key."""

    picture: Picture
    label: Label

    @property
    def etag(self) -> str:
        return etag(self.picture.body)


@dataclass
class InMemoryOutput:
    """An `OutputBucket` and its `LabelledOutputs`."""

    objects: dict[str, StoredObject] = field(default_factory=dict)

    def look(self, key: str) -> OutputObject | None:
        found = self.objects.get(key)
        return None if found is None else OutputObject(found.etag, found.label.token)

    def made_from(self, key: str) -> str | None:
        found = self.objects.get(key)
        return None if found is None else found.label.source

    def shows(self, key: str, source: str, etag: str) -> bool:
        found = self.objects.get(key)
        return found is not None and (found.label.source, found.etag) == (source, etag)

    def write(self, key: str, picture: Picture, label: Label, *, replaces: str | None) -> str:
        self._check(key, replaces)
        self.objects[key] = StoredObject(picture, label)
        return etag(picture.body)

    def delete(self, key: str, *, replaces: str) -> None:
        self._check(key, replaces)
        del self.objects[key]

    def _check(self, key: str, replaces: str | None) -> None:
        found = self.look(key)
        if (found and found.etag) != replaces:
            raise OutputChanged(key)


@dataclass
class HandClock:
    """Epoch milliseconds that pass only when told."""

    now: int = 1_772_442_904_000

    def __call__(self) -> int:
        return self.now

    def advance(self, *, seconds: float) -> None:
        self.now += round(seconds * 1000)


def etag(body: bytes) -> str:
    """Of an object that was stored in one piece."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
