"""What people see in the terminal of an execution that has ended."""

from __future__ import annotations

import pytest

from lockstep.view import line
from tests.unit.account import new_account


@pytest.mark.parametrize(("waits", "told"), [(0, "created, 2.0 s"), (1, "waited once,"), (2, "waited 2 times,")])
def test_a_line_tells_how_often_it_waited_in_plain_english(waits: int, told: str) -> None:
    account = new_account()
    account.start("name")
    for _ in range(waits):
        account.wait("name", "somebody")
    account.convert("name")

    assert told.replace("2.0 s", f"{waits + 1}.0 s") in line(account.read("name")).plain
