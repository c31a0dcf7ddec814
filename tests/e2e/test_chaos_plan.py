"""What the chaos run is going to do, and the pictures that it does it with."""

from __future__ import annotations

import pytest

from objectlock.errors import SourceRejected
from objectlock.images import to_grayscale
from tests.e2e.chaos.pictures import is_gray_of, is_picture, no_picture, number_of, picture
from tests.e2e.chaos.plan import Act, Plan


def test_the_same_seed_gives_the_same_plan_with_all_that_is_to_happen() -> None:
    plan = Plan.drawn(1, 300, 30)

    assert plan == Plan.drawn(1, 300, 30)
    assert plan != Plan.drawn(2, 300, 30)
    assert {each.act for each in plan.changes} == set(Act)
    assert len(plan.last) == 30
    copies = [each.sent_after for each in plan.changes]
    assert any(len(each) == 2 and len(set(each)) == 1 for each in copies), "twice at once"
    assert any(len(set(each)) == 2 for each in copies), "twice"
    assert copies != sorted(copies), "in another order"
    assert plan.kills
    assert plan.stops


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 300, 0xFFFF])
def test_a_picture_tells_its_number_in_gray_too_and_is_taken_for_no_other(number: int) -> None:
    output = to_grayscale(picture(number)).body

    assert number_of(picture(number)) == number_of(output) == number
    assert is_gray_of(output, picture(number))
    assert not any(is_gray_of(output, picture(number ^ 1 << bit)) for bit in range(16))


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_no_picture_is_refused(number: int) -> None:
    assert not is_picture(no_picture(number))
    with pytest.raises(SourceRejected):
        to_grayscale(no_picture(number))
