"""Many executions are started at a rate, each once by its name, and followed to their ends."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings, strategies

from lockstep.batch import Batch, Fate, Item, Start
from lockstep.executions import Outcome
from lockstep.stack import Stack
from tests.unit.account import Refused, stack
from tests.unit.redrive_account import THROTTLED, RedriveAccount, Time, new_redrive_account


@pytest.fixture
def account() -> RedriveAccount:
    return new_redrive_account()


def items(count: int) -> list[Item]:
    return [Item(f"item-{number}", f'{{"number": {number}}}') for number in range(count)]


def batch(*found: Item, at_once: float = inf, per_second: float = 10, of: Stack | None = None) -> tuple[Batch, Time]:
    time = Time()
    return Batch(of or stack(), found, per_second=per_second, at_once=at_once, clock=time.clock), time


def fates(*found: Item) -> list[Fate]:
    return list(batch(*found)[0].run())


def test_each_item_is_told_of_when_it_starts_and_when_it_has_ended(account: RedriveAccount) -> None:
    told = fates(*items(3))

    assert account.starts == ["item-0", "item-1", "item-2"]
    for item in items(3):
        first, last = [each for each in told if each.item == item]
        assert (first.start, first.execution, first.is_final, first.is_good) == (Start.STARTED, None, False, False)
        assert last.execution is not None
        assert (last.start, last.execution.outcome, last.is_good) == (Start.STARTED, Outcome.CONVERTED, True)


def test_a_start_is_told_before_anything_else_is_asked(account: RedriveAccount) -> None:
    """What hangs on it can be done at once, as deleting a message."""
    run = batch(*items(2))[0].run()

    next(run)

    assert [operation for operation, _ in account.calls] == ["StartExecution"]


def test_what_had_been_started_under_that_name_with_that_input_is_followed_too(account: RedriveAccount) -> None:
    account.start("item-0", text=items(1)[0].input)
    account.convert("item-0")

    assert [(each.start, each.is_good) for each in fates(*items(1))] == [(Start.BEFORE, True)]
    assert account.starts == []


def test_what_runs_under_that_name_with_that_input_is_followed_and_not_started_twice(account: RedriveAccount) -> None:
    """AWS answers as if it had started it."""
    fates_of_one, fates_of_another = batch(*items(1))[0].run(), batch(*items(1))[0].run()

    assert (next(fates_of_one).start, next(fates_of_another).start) == (Start.STARTED, Start.STARTED)
    assert [each.is_good for each in (*fates_of_one, *fates_of_another)] == [True, True]
    assert account.starts == ["item-0"]


def test_what_is_not_followed_is_told_of_once_and_never_looked_at(account: RedriveAccount) -> None:
    told = list(batch(*items(3))[0].run(is_followed=False))

    assert [(each.item, each.start, each.execution) for each in told] == [
        (item, Start.STARTED, None) for item in items(3)
    ]
    assert account.operations == {"StartExecution"}


def test_starts_do_not_wait_for_reads_unless_so_many_may_be_at_work(account: RedriveAccount) -> None:
    account.ends = lambda _: None
    time = Time()
    began = time.seconds

    def note(*_: object) -> None:
        assert time.seconds - began < 21

    account.before = note

    for _ in Batch(stack(is_local=False), items(2000), per_second=100, clock=time.clock).run():
        if len(account.starts) == 2000:
            break

    assert len(account.starts) == 2000


def test_a_name_with_another_input_is_refused_and_the_rest_goes_on(account: RedriveAccount) -> None:
    account.start("item-0", text='{"number": 7}')
    account.convert("item-0")

    told = fates(*items(2))

    assert (told[0].start, told[0].is_final, told[0].is_good) == (Start.REFUSED, True, False)
    assert "another input" in told[0].problem
    assert account.starts == ["item-1"]
    assert len(told) == 3


def test_a_name_that_was_taken_a_moment_ago_is_looked_at_until_it_can_be_read(account: RedriveAccount) -> None:
    account.start("item-0", text='{"number": 7}', is_readable=False)
    account.convert("item-0")
    looks = 0

    def later(operation: str, _: object) -> None:
        nonlocal looks
        looks += operation == "GetExecutionHistory"
        account.executions["item-0"].is_readable = looks > 3

    account.before = later

    (told,) = fates(*items(1))

    assert "another input" in told.problem


def test_a_taken_name_that_cannot_be_read_is_no_success(account: RedriveAccount) -> None:
    account.start("item-0", text=items(1)[0].input, is_readable=False)
    account.convert("item-0")

    (told,) = fates(*items(1))

    assert (told.start, told.is_good) == (Start.REFUSED, False)


@pytest.mark.parametrize("code", ["InvalidExecutionInput", "InvalidName"])
def test_an_item_that_aws_does_not_take_does_not_stop_the_others(account: RedriveAccount, code: str) -> None:
    account.refuse("StartExecution", Refused(code, "no"))

    told = fates(*items(2))

    assert [each.problem for each in told] == ["no", "no"]


def test_what_would_stop_the_others_too_is_raised(account: RedriveAccount) -> None:
    account.refuse("StartExecution", Refused("StateMachineDoesNotExist"))

    with pytest.raises(ClientError):
        fates(*items(2))


def test_never_more_are_at_work_than_is_allowed(account: RedriveAccount) -> None:
    made, _ = batch(*items(30), at_once=4, per_second=1000)
    most = 0
    for fate in made.run():
        most = max(most, made.at_work)
        assert made.at_work <= 4
        assert fate.start is Start.STARTED

    assert (most, len(account.starts)) == (4, 30)


def test_items_are_asked_for_as_they_are_started(account: RedriveAccount) -> None:
    """There may be millions."""
    asked = 0

    def endless() -> Iterator[Item]:
        nonlocal asked
        while True:
            yield Item(f"item-{asked}", "{}")
            asked += 1

    for number, _ in enumerate(Batch(stack(), endless(), at_once=5, clock=Time().clock).run()):
        assert asked <= len(account.starts) + 1
        if number == 100:
            break


def test_reading_keeps_to_what_aws_allows(account: RedriveAccount) -> None:
    account.ends = lambda _: None  # at first
    made, time = batch(*items(40), per_second=100, of=stack(is_local=False))
    reads: list[float] = []

    def note(operation: str, _: object) -> None:
        if operation == "GetExecutionHistory":
            reads.append(time.seconds)
        if len(reads) == 300 and not account.executions["item-0"].has_ended:
            for name in account.starts:
                account.convert(name)

    account.before = note

    assert len([each for each in made.run() if each.is_good]) == 40
    assert len(reads) > 300
    assert len(reads) - 150 <= (reads[-1] - reads[0]) * 15 + 1


@given(count=strategies.integers(0, 8), wrong=strategies.sets(strategies.integers(0, 40), max_size=20))
@settings(deadline=None)
def test_throttling_loses_nothing_and_starts_nothing_twice(count: int, wrong: set[int]) -> None:
    account = new_redrive_account()
    with account.going_wrong(dict.fromkeys(wrong, THROTTLED)):
        told = fates(*items(count))

    assert account.starts == [each.name for each in items(count)]
    assert len([each for each in told if each.is_good]) == count
