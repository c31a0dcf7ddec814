import pytest

from objectlock.conditions import Absent, AllOf, AnyOf, Condition, Equals, Item, Less, Not

YES, NO = Absent("no such attribute"), Equals("no such attribute", 1)


@pytest.mark.parametrize(
    ("condition", "item", "expected"),
    [
        (Absent("a"), {}, True),
        (Absent("a"), {"b": 1}, True),
        (Absent("a"), {"a": ""}, False),
        (Absent("a"), {"a": 0}, False),
        (Equals("a", "x"), {"a": "x"}, True),
        (Equals("a", "x"), {"a": "X"}, False),
        (Equals("a", 1), {"a": 1}, True),
        (Equals("a", 1), {"a": "1"}, False),
        (Equals("a", ""), {}, False),
        (Less("a", 10), {"a": 9}, True),
        (Less("a", 10), {"a": 10}, False),
        (Less("a", 10), {"a": 11}, False),
        (Less("a", "10"), {"a": "9"}, False),  # strings by character, not as numbers
        (Less("a", "b"), {"a": "a"}, True),
        (Less("a", "b"), {"a": "b"}, False),
        (Less("a", "b"), {"a": ""}, True),
        (Less("a", "b"), {"a": "B"}, True),
        (Less("a", ""), {"a": ""}, False),
        (Less("a", 10), {}, False),
        (Less("a", 10), {"a": "9"}, False),
        (Less("a", "9"), {"a": 1}, False),
        (Not(YES), {}, False),
        (Not(NO), {}, True),
        (Not(Equals("a", 1)), {"a": 1}, False),
        (Not(Less("a", 10)), {"a": 9}, False),
        (Not(Less("a", 10)), {"a": 10}, True),
        (Not(Less("a", 10)), {}, True),  # as the comparison is false
        (Not(Less("a", 10)), {"a": "9"}, True),
        (Not(Not(YES)), {}, True),
        (Not(AllOf((YES, NO))), {}, True),
        (Not(AnyOf((YES, NO))), {}, False),
        (AllOf((YES, Not(NO))), {}, True),
        (AllOf((YES, YES)), {}, True),
        (AllOf((YES, NO)), {}, False),
        (AllOf((NO, YES)), {}, False),
        (AnyOf((NO, YES)), {}, True),
        (AnyOf((YES, NO)), {}, True),
        (AnyOf((NO, NO)), {}, False),
        (AllOf((YES, AnyOf((NO, YES)))), {}, True),
        (AnyOf((NO, AllOf((YES, NO)))), {}, False),
    ],
)
def test_a_condition_says_what_dynamodb_would_say(condition: Condition, item: Item, expected: bool) -> None:
    """An absent attribute, or one of another type, is never equal and never less."""
    assert condition.holds(item) is expected
