"""Lock records made to order, and what one write makes of them."""

from __future__ import annotations

from objectlock.conditions import Item, Value
from objectlock.record import FENCING_TOKEN, LEASE_EXPIRES_AT, OBJECT_ID, OWNER, WORKER_UNTIL, Outcome, Transition
from objectlock.sequencer import Sequencer
from tests.memory import InMemoryLockStore

ID = "bucket/photo.jpg"
NOW = 1_772_442_904_567
LEASE = 30_000
TOKEN = 7


def seq(text: str) -> Sequencer:
    return Sequencer.parse(ID, text)


def held_by(owner: str, *, until: int = NOW + LEASE, **attributes: Value) -> Item:
    """The lock is taken, and no attempt has begun."""
    return {OBJECT_ID: ID, OWNER: owner, LEASE_EXPIRES_AT: until, **attributes}


def at_work(owner: str, *, until: int = NOW + 25_000, token: int = TOKEN, **attributes: Value) -> Item:
    """An attempt has begun, and nothing was heard of it since."""
    begun: dict[str, Value] = {WORKER_UNTIL: until, FENCING_TOKEN: token, LEASE_EXPIRES_AT: until + 5_000}
    return {**held_by(owner), **begun, **attributes}


def free(**attributes: Value) -> Item:
    return {OBJECT_ID: ID, **attributes}


def without(item: Item, *attributes: str) -> Item:
    return {name: value for name, value in item.items() if name not in attributes}


def applied_to(item: Item, transition: Transition) -> Outcome:
    """What the store makes of one write to `item`."""
    store = InMemoryLockStore()
    if item:
        store.items[ID] = item
    return store.apply(transition)
