from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from objectlock.conditions import Absent, AllOf, AnyOf, Condition, Equals, Item, Less, Value
from objectlock.lock import (
    ABSENT,
    LEASE_EXPIRES_AT,
    OBJECT_ID,
    OWNER,
    Applied,
    Claim,
    Outcome,
    Transition,
    give_up,
    grant,
    grant_overtaken,
    register,
    release,
    release_behind,
)
from objectlock.ports import LockStore
from objectlock.sequencer import Sequencer
from tests.memory import InMemoryLockStore
from tests.unit.transitions import transitions

ANYTHING = Absent("no_such_attribute")
NEVER = Equals("no_such_attribute", "x")
# Explaining a failure takes a thousand more calls.
REMOTE = settings(deadline=None, phases=set(Phase) - {Phase.explain})
_ids = (f"{uuid.uuid4()}/{number}" for number in itertools.count())


@pytest.fixture
def object_id() -> str:
    return next(_ids)


def stored(store: LockStore, object_id: str) -> Item:
    """The item as it is; the port has no read, but a refused write tells."""
    return store.apply(Transition(object_id, NEVER, put={"never": 1})).item


def insert(store: LockStore, object_id: str, **attributes: Value) -> None:
    assert store.apply(Transition(object_id, Absent(OBJECT_ID), put=attributes)).accepted


# --- writes ------------------------------------------------------------------------------------------------


def test_an_accepted_write_answers_with_the_new_item(store: LockStore, object_id: str) -> None:
    insert(store, object_id, a="old", b=1)
    outcome = store.apply(Transition(object_id, Equals("a", "old"), put={"a": "new", "c": 2}))
    assert outcome == Outcome(accepted=True, item={OBJECT_ID: object_id, "a": "new", "b": 1, "c": 2})
    assert stored(store, object_id) == outcome.item


def test_a_refused_write_answers_with_the_item_as_it_is_and_changes_nothing(store: LockStore, object_id: str) -> None:
    """So that why it was refused needs no second read, which another write could come before."""
    insert(store, object_id, a="old", b=1)
    before: Item = {OBJECT_ID: object_id, "a": "old", "b": 1}
    refused = store.apply(Transition(object_id, Equals("a", "other"), put={"a": "new"}, remove=("b",)))
    assert refused == Outcome(accepted=False, item=before)
    assert stored(store, object_id) == before


def test_a_refused_write_to_nothing_answers_with_nothing_and_leaves_nothing(store: LockStore, object_id: str) -> None:
    refused = Outcome(accepted=False, item={})
    assert store.apply(Transition(object_id, Equals("a", "x"), put={"a": "new"})) == refused
    assert stored(store, object_id) == {}


def test_put_and_remove_are_one_write(store: LockStore, object_id: str) -> None:
    """Nobody may see the watermark of a release without its lock being free."""
    insert(store, object_id, owner="me", lease_expires_at=1)
    outcome = store.apply(
        Transition(object_id, Equals("owner", "me"), put={"applied_source": "a"}, remove=("owner", "lease_expires_at"))
    )
    assert outcome == Outcome(accepted=True, item={OBJECT_ID: object_id, "applied_source": "a"})


def test_removing_what_is_not_there_is_no_error(store: LockStore, object_id: str) -> None:
    insert(store, object_id, a=1)
    assert store.apply(Transition(object_id, Equals("a", 1), remove=("b",))).item == {OBJECT_ID: object_id, "a": 1}


def test_a_write_may_remove_only_and_compare_nothing(store: LockStore, object_id: str) -> None:
    """It has no values, and DynamoDB refuses an empty list of them."""
    insert(store, object_id, a=1, b=2)
    outcome = store.apply(Transition(object_id, Absent("c"), remove=("a",)))
    assert outcome == Outcome(accepted=True, item={OBJECT_ID: object_id, "b": 2})


def test_one_attribute_cannot_be_put_and_removed(store: LockStore, object_id: str) -> None:
    """DynamoDB refuses such an expression, so a test in memory must not pass with one."""
    with pytest.raises((ValueError, ClientError)):
        store.apply(Transition(object_id, ANYTHING, put={"a": 1}, remove=("a",)))


def test_objects_do_not_share_an_item(store: LockStore) -> None:
    """Keys that differ in case, in normalisation or in what a URL would make of them are different objects."""
    prefix = next(_ids)
    keys = [f"{prefix}/{key}" for key in ("a b+c", "a+b c", "a%20b+c", "A b+c", "が", "か\u3099", "a b+c/")]
    for number, key in enumerate(keys):
        insert(store, key, number=number)
    assert [stored(store, key)["number"] for key in keys] == list(range(len(keys)))


@pytest.mark.parametrize("value", ["", "text", "富士山 🗻", 0, -1, 1_772_442_904_567, "1772442904567"])
def test_values_come_back_as_they_were(store: LockStore, object_id: str, value: Value) -> None:
    """Type included: a number that comes back as a string would compare as one."""
    insert(store, object_id, value=value)
    found = stored(store, object_id)["value"]
    assert (found, type(found)) == (value, type(value))


# --- conditions: no number is compared with a string here, which moto cannot do; tests/unit/test_conditions.py does ---

ITEM: dict[str, Value] = {"text": "0a1", "empty": "", "number": 10, "owner": "me"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Absent("missing"), True),
        (Absent("text"), False),
        (Absent("empty"), False),
        (Absent(OBJECT_ID), False),
        (Equals("text", "0a1"), True),
        (Equals("text", "0A1"), False),
        (Equals("owner", "me"), True),  # a reserved word
        (Equals("number", 10), True),
        (Equals("number", "10"), False),
        (Equals("empty", ""), True),
        (Equals("missing", ""), False),
        (Less("text", "0a2"), True),
        (Less("text", "0a1"), False),
        (Less("text", "0a"), False),  # what is longer is greater
        (Less("text", "0a10"), True),
        (Less("text", "9"), True),  # character by character, not as numbers
        (Less("text", "B"), True),
        (Less("empty", "0"), True),
        (Less("empty", ""), False),
        (Less("number", 9), False),
        (Less("number", 10), False),
        (Less("number", 100), True),  # as a string "10" < "9"
        (Less("missing", 1), False),
        (Less("missing", "1"), False),
        (AllOf((Absent("missing"), Equals("number", 10))), True),
        (AllOf((Absent("missing"), Equals("number", 11))), False),
        (AnyOf((Equals("number", 11), Equals("text", "0a1"))), True),
        (AnyOf((Equals("number", 11), Absent("text"))), False),
        # AND binds closer than OR: without brackets these two would come out the other way.
        (AllOf((AnyOf((Absent("missing"), Absent("missing"))), Absent("text"))), False),
        (AllOf((Absent("text"), AnyOf((Absent("missing"), Absent("missing"))))), False),
        (AnyOf((AllOf((Absent("missing"), Absent("text"))), Equals("number", 10))), True),
    ],
)
def test_a_condition(store: LockStore, object_id: str, condition: Condition, expected: bool) -> None:
    insert(store, object_id, **ITEM)
    outcome = store.apply(Transition(object_id, condition, put={"written": 1}))
    assert outcome.accepted is expected
    assert ("written" in stored(store, object_id)) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [(Absent("a"), True), (Absent(OBJECT_ID), True), (Equals("a", ""), False), (Less("a", 1), False)],
)
def test_a_condition_on_nothing(store: LockStore, object_id: str, condition: Condition, expected: bool) -> None:
    """An item that does not exist has no attributes."""
    assert store.apply(Transition(object_id, condition, put={"b": 1})).accepted is expected


numbers, texts = st.integers(-20, 20), st.text("09af", max_size=3)
number_names, text_names = st.sampled_from(["a", "b"]), st.sampled_from(["c", "owner"])
items = st.builds(
    lambda some, more: {**some, **more}, st.dictionaries(number_names, numbers), st.dictionaries(text_names, texts)
)
clauses = (
    st.builds(Absent, number_names | text_names)
    | st.builds(Equals, number_names | text_names, numbers | texts)
    | st.builds(Less, number_names, numbers)
    | st.builds(Less, text_names, texts)
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    clauses,
    lambda parts: st.builds(
        lambda kind, some: kind(tuple(some)), st.sampled_from([AllOf, AnyOf]), st.lists(parts, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


@settings(REMOTE, max_examples=150)
@given(condition=conditions, item=items)
def test_any_condition_is_the_same_here_and_there(
    real_store: LockStore, condition: Condition, item: dict[str, Value]
) -> None:
    """What a refusal means is decided by evaluating the clauses here; the store must not see it differently."""
    object_id = next(_ids)
    insert(real_store, object_id, z=0, **item)
    assert real_store.apply(Transition(object_id, condition, put={"y": 1})).accepted is condition.holds(item)


# --- the lock's own writes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("forced", [False, True], ids=["unforced", "forced"])
@pytest.mark.parametrize(
    "request_for",
    [
        lambda claim: grant(claim, now=1, lease_ms=1),
        lambda claim: grant_overtaken(claim, now=1, lease_ms=1),
        register,
        lambda claim: release(claim, Applied("etag", "etag"), now=1),
        lambda claim: release(claim, Applied(ABSENT, None), now=1),
        lambda claim: release_behind(claim, Applied("etag", None), now=1),
        lambda claim: give_up(claim.object_id, claim.owner),
    ],
    ids=["grant", "overtaken", "register", "release", "release a deletion", "release behind", "give up"],
)
def test_every_request_of_the_lock_is_understood(
    store: LockStore, object_id: str, request_for: Callable[[Claim], Transition], forced: bool
) -> None:
    """Accepted or refused, but not an error: an expression that DynamoDB refuses to read stops the execution."""
    transition = request_for(Claim("me", Sequencer.parse(object_id, "01"), forced))
    store.apply(transition)
    store.apply(Transition(object_id, ANYTHING, put={OWNER: "me", LEASE_EXPIRES_AT: 1}))
    assert store.apply(transition).accepted


@settings(REMOTE, max_examples=60)
@given(st.data())
def test_the_same_requests_have_the_same_outcomes_everywhere(real_store: LockStore, data: st.DataObject) -> None:
    """Whatever the unit tests prove in memory holds for the real store."""
    memory, object_id = InMemoryLockStore(), next(_ids)
    for transition in data.draw(st.lists(transitions(object_id), min_size=1, max_size=12)):
        assert real_store.apply(transition) == memory.apply(transition)
    assert stored(real_store, object_id) == stored(memory, object_id)


def race(store: LockStore, object_id: str, *, now: int) -> list[str]:
    """40 executions ask for the lock at the same moment; who gets it?"""
    start = threading.Barrier(40)

    def ask(owner: str) -> bool:
        claim = Claim(owner, Sequencer.parse(object_id, "01"))
        start.wait(timeout=30)
        return store.apply(grant(claim, now=now, lease_ms=1000)).accepted

    owners = [f"execution-{number}" for number in range(40)]
    with ThreadPoolExecutor(max_workers=40) as threads:
        granted = list(threads.map(ask, owners))
    return [owner for owner, accepted in zip(owners, granted, strict=True) if accepted]


# Not moto: its update_item evaluates the condition and writes without a lock around both.
@pytest.mark.parametrize("name", ["memory"])
def test_of_many_at_once_exactly_one_is_granted(request: pytest.FixtureRequest, name: str) -> None:
    """First of a free lock, then of one whose lease has ended."""
    store: LockStore = request.getfixturevalue(f"{name}_store")
    for _ in range(5):
        object_id = next(_ids)
        for now in (0, 1001):
            assert race(store, object_id, now=now) == [stored(store, object_id)[OWNER]]
            assert stored(store, object_id)[LEASE_EXPIRES_AT] == now + 1000
