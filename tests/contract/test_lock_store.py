from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from objectlock.conditions import Absent, AllOf, AnyOf, Condition, Equals, Item, Less, Not, Value
from objectlock.ports import LockStore
from objectlock.record import OBJECT_ID, Outcome, Transition
from tests.contract.conftest import Aws, new_object_id, new_table
from tests.contract.implementations import COMPARES_NO_TYPES, NEGATES_ONCE, WRITES_HALF, WRITES_TWICE, every

ANYTHING = Absent("no_such_attribute")
NEVER = Equals("no_such_attribute", "x")


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
    insert(store, object_id, a="old", b=1, c=1)
    before: Item = {OBJECT_ID: object_id, "a": "old", "b": 1, "c": 1}
    refused = store.apply(
        Transition(object_id, Equals("a", "other"), put={"a": "new"}, remove=("b",), add={"c": 1, "d": 1})
    )
    assert refused == Outcome(accepted=False, item=before)
    assert stored(store, object_id) == before


def test_a_refused_write_to_nothing_answers_with_nothing_and_leaves_nothing(store: LockStore, object_id: str) -> None:
    refused = Outcome(accepted=False, item={})
    assert store.apply(Transition(object_id, Equals("a", "x"), put={"a": "new"}, add={"b": 1})) == refused
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


def test_adding_counts_from_nothing_and_goes_on(store: LockStore, object_id: str) -> None:
    """Also where there is no item: a fencing token needs nobody to lay it down first."""
    for total in (1, 2, 3):
        outcome = store.apply(Transition(object_id, ANYTHING, add={"a": 1}))
        assert outcome == Outcome(accepted=True, item={OBJECT_ID: object_id, "a": total})
    assert stored(store, object_id)["a"] == 3


@pytest.mark.parametrize(("number", "total"), [(5, 15), (-3, 7), (0, 10), (-10, 0)])
def test_any_whole_number_can_be_added(store: LockStore, object_id: str, number: int, total: int) -> None:
    insert(store, object_id, a=10)
    assert store.apply(Transition(object_id, Equals("a", 10), add={"a": number})).item["a"] == total
    assert stored(store, object_id)["a"] == total


def test_put_remove_and_add_are_one_write(store: LockStore, object_id: str) -> None:
    """A token that grows without its worker's deadline, or the other way round, would let two attempts begin."""
    insert(store, object_id, owner="me", token=1, gone=1)
    outcome = store.apply(
        Transition(
            object_id, Equals("token", 1), put={"owner": "you", "b": 2}, remove=("gone",), add={"token": 1, "c": 4}
        )
    )
    after: Item = {OBJECT_ID: object_id, "owner": "you", "token": 2, "b": 2, "c": 4}
    assert outcome == Outcome(accepted=True, item=after)
    assert stored(store, object_id) == after


def test_what_is_put_once_stays_as_it_is(store: LockStore, object_id: str) -> None:
    """A record says since when it has been there, whoever comes first."""
    first = Transition(object_id, ANYTHING, put={"a": 1}, put_once={"since": 5})
    assert store.apply(first).item == {OBJECT_ID: object_id, "a": 1, "since": 5}
    again = Transition(object_id, Equals("since", 5), put={"a": 2}, remove=("b",), put_once={"since": 6, "c": "new"})
    after: Item = {OBJECT_ID: object_id, "a": 2, "since": 5, "c": "new"}
    assert store.apply(again) == Outcome(accepted=True, item=after)
    assert stored(store, object_id) == after


def test_a_write_may_put_nothing_but_once(store: LockStore, object_id: str) -> None:
    assert store.apply(Transition(object_id, ANYTHING, put_once={"a": 1})).item == {OBJECT_ID: object_id, "a": 1}


def test_a_refused_write_puts_nothing_once(store: LockStore, object_id: str) -> None:
    insert(store, object_id, a=1)
    assert not store.apply(Transition(object_id, Equals("a", 2), put_once={"b": 1})).accepted
    assert stored(store, object_id) == {OBJECT_ID: object_id, "a": 1}


def test_a_condition_sees_the_number_from_before_the_addition(store: LockStore, object_id: str) -> None:
    counting = Transition(object_id, AnyOf((Absent("a"), Less("a", 2))), add={"a": 1})
    assert [store.apply(counting).accepted for _ in range(4)] == [True, True, False, False]
    assert stored(store, object_id)["a"] == 2


@every("store", but=WRITES_HALF)
def test_nothing_can_be_added_to_a_text(store: LockStore, object_id: str) -> None:
    insert(store, object_id, a="text")
    with pytest.raises((ValueError, ClientError)):
        store.apply(Transition(object_id, ANYTHING, put={"b": 1}, add={"a": 1}))
    assert stored(store, object_id) == {OBJECT_ID: object_id, "a": "text"}


@every("store", but=WRITES_TWICE)
def test_one_attribute_cannot_be_changed_twice_in_a_write(store: LockStore, object_id: str) -> None:
    """DynamoDB refuses such an expression, so a test in memory must not pass with one."""
    for transition in (
        Transition(object_id, ANYTHING, put={"a": 1}, remove=("a",)),
        Transition(object_id, ANYTHING, put={"a": 1}, add={"a": 1}),
        Transition(object_id, ANYTHING, remove=("a",), add={"a": 1}),
        Transition(object_id, ANYTHING, remove=("a", "a")),
        Transition(object_id, ANYTHING, put={"a": 1}, put_once={"a": 1}),
    ):
        with pytest.raises((ValueError, ClientError)):
            store.apply(transition)
    assert stored(store, object_id) == {}


def test_objects_do_not_share_an_item(store: LockStore) -> None:
    """Keys that differ in case, in normalisation or in what a URL would make of them are different objects."""
    prefix = new_object_id()
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


# --- conditions --------------------------------------------------------------------------------------------

YES, NO = Absent("missing"), Absent("text")
ITEM: dict[str, Value] = {"text": "0a1", "empty": "", "number": 10, "owner": "me"}


def accepts(store: LockStore, condition: Condition) -> bool:
    """Whether a write under this condition to ITEM is accepted; a refused one has changed nothing."""
    object_id = new_object_id()
    insert(store, object_id, **ITEM)
    accepted = store.apply(Transition(object_id, condition, put={"written": 1})).accepted
    assert ("written" in stored(store, object_id)) is accepted
    return accepted


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
        (Equals("text", 10), False),
        (Not(Equals("number", "10")), True),
        (Equals("empty", ""), True),
        (Equals("missing", ""), False),
        (Equals("missing", 0), False),
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
        # AND binds closer than OR: without brackets these would come out the other way.
        (AllOf((AnyOf((YES, YES)), NO)), False),
        (AllOf((NO, AnyOf((YES, YES)))), False),
        (AnyOf((AllOf((YES, NO)), YES)), True),
        # So does a group of one part, which has no brackets of its own.
        (AllOf((AnyOf((AnyOf((YES, YES)),)), NO)), False),
        (AllOf((NO, AllOf((AnyOf((YES, YES)),)))), False),
        (Not(YES), False),
        (Not(NO), True),
        (Not(Absent("missing")), False),
        (Not(Absent("text")), True),
        (Not(Equals("text", "0a1")), False),
        (Not(Equals("text", "0a2")), True),
        (Not(Less("number", 10)), True),
        (Not(Less("number", 11)), False),
        # A comparison with nothing is false.
        (Not(Equals("missing", 1)), True),
        (Not(Less("missing", 1)), True),
        (Not(Less("missing", "1")), True),
        # NOT binds closer than AND and OR.
        (AllOf((Not(NO), NO)), False),
        (AllOf((NO, Not(NO))), False),
        (AnyOf((Not(YES), YES)), True),
        (AnyOf((YES, Not(YES))), True),
        (AnyOf((Not(NO), YES)), True),
        (AnyOf((NO, Not(NO))), True),
        (Not(AllOf((NO, YES))), True),
        (Not(AllOf((NO, NO))), True),
        (Not(AllOf((YES, YES))), False),
        (Not(AnyOf((NO, YES))), False),
        (Not(AnyOf((YES, NO))), False),
        (Not(AnyOf((NO, NO))), True),
        (Not(AllOf((AnyOf((YES, YES)),))), False),
        (Not(AnyOf((AllOf((YES, NO)), NO))), True),
        (Not(AllOf((Not(NO), AnyOf((Not(YES), YES))))), False),
        (AnyOf((AllOf((YES, Not(AnyOf((NO, NO))))), NO)), True),
        (AllOf((Not(AllOf((YES, NO))), Not(AnyOf((NO, NO))))), True),
    ],
    ids=str,
)
def test_a_condition(store: LockStore, condition: Condition, expected: bool) -> None:
    assert accepts(store, condition) is expected


@every("store", but=COMPARES_NO_TYPES)
def test_a_number_is_not_less_than_a_text_nor_a_text_than_a_number(store: LockStore) -> None:
    for condition in (Less("number", "9"), Less("number", "x"), Less("text", 9), Less("empty", 9)):
        assert not accepts(store, condition)
        assert accepts(store, Not(condition))


@every("store", but=NEGATES_ONCE)
def test_what_is_negated_twice_is_as_it_was(store: LockStore) -> None:
    assert accepts(store, Not(Not(YES)))
    assert not accepts(store, Not(Not(NO)))
    assert not accepts(store, Not(AllOf((Not(NO),))))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Absent("a"), True),
        (Absent(OBJECT_ID), True),
        (Equals("a", ""), False),
        (Less("a", 1), False),
        (Not(Absent("a")), False),
        (Not(Less("a", 1)), True),
    ],
    ids=str,
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


def begins_with_not(condition: Condition) -> bool:
    match condition:
        case AllOf((part,)) | AnyOf((part,)):
            return begins_with_not(part)
        case _:
            return isinstance(condition, Not)


conditions: st.SearchStrategy[Condition] = st.recursive(
    clauses,
    lambda parts: (
        st.builds(
            lambda kind, some: kind(tuple(some)),
            st.sampled_from([AllOf, AnyOf]),
            st.lists(parts, min_size=1, max_size=3),
        )
        | st.builds(Not, parts.filter(lambda part: not begins_with_not(part)))  # see NEGATES_ONCE
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=100, phases=set(Phase) - {Phase.explain})  # which takes a thousand more calls
@given(condition=conditions, item=items)
def test_any_condition_is_the_same_here_and_there(
    real_store: LockStore, condition: Condition, item: dict[str, Value]
) -> None:
    """What a refusal means is decided by evaluating the clauses here; the store must not see it differently."""
    object_id = new_object_id()
    insert(real_store, object_id, z=0, **item)
    assert real_store.apply(Transition(object_id, condition, put={"y": 1})).accepted is condition.holds(item)


@pytest.mark.parametrize("text", ["((a = :one))", "NOT ((a = :one))", "((a = :one OR a = :one)) AND a = :one"])
def test_redundant_parentheses_are_refused_as_dynamodb_does(aws: Aws, text: str) -> None:
    """So that every condition that a test gets an answer to has none."""
    with pytest.raises(ClientError, match="redundant parentheses"):
        aws.dynamodb.update_item(
            TableName=new_table(aws.dynamodb),
            Key={OBJECT_ID: {"S": "photo.jpg"}},
            UpdateExpression="SET b = :one",
            ConditionExpression=text,
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
