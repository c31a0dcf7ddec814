"""Two states are one where the same can follow, and only there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from objectlock.ports import Label
from tests.memory import StoredObject
from tests.simulation import moves, system, user
from tests.simulation.by_hand import KEY, call, only, started, until, world
from tests.simulation.exhaustive import fingerprint
from tests.simulation.lambdas import Call, to_grayscale
from tests.simulation.settings import small
from tests.simulation.stepper import Sleep
from tests.simulation.world import EPOCH_MS, Doubt, Report, World


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running(small("a").environment):
        yield


LATER: Final = EPOCH_MS + 12_345
MOST_OF_IT: Final = {"kills": 2, "duplicates": 1, "stops": 1, "doubts": 1, "restores": 1}


def busy(now: int = 0) -> World:
    """A world in which there is something of everything: a worker in the middle of its attempt, a doubt, a report."""
    found = world("ab-", **MOST_OF_IT)
    found.now += now
    for _ in range(2):
        user.changes(found)
    moves.delivers(found, 0)
    until(found, "ConvertToGrayscale", "write")
    (invocation,) = found.invocations
    found.passes(700)
    found.doubts.append(Doubt(Call("output", "write", ("a",)), invocation.copy(), found.now + 3_000))
    found.reports.append(Report("cat-1018Fb", 0, KEY, "ABORTED"))
    found.output.objects[KEY] = StoredObject(to_grayscale(user.picture("c")), Label("tag", "1018f", 1))
    return found


def test_worlds_at_different_times_are_one() -> None:
    assert fingerprint(busy()) == fingerprint(busy()) == fingerprint(busy(now=123_456_789))


def _record(**change: int | str) -> Callable[[World], None]:
    def do(found: World) -> None:
        (object_id,) = found.locks.items
        found.locks.items[object_id] = {**found.locks.items[object_id], **change}

    return do


def _set(what: str, **change: Any) -> Callable[[World], None]:
    """Something about the one execution, or the one Lambda."""

    def do(found: World) -> None:
        execution, invocation = only(found)
        vars(execution if what == "execution" else invocation).update(change)

    return do


def _position(**change: Any) -> Callable[[World], None]:
    def do(found: World) -> None:
        execution, _ = only(found)
        execution.position = replace(execution.position, **change)

    return do


def _output(found: World) -> None:
    stored = found.output.objects[KEY]
    found.output.objects[KEY] = replace(stored, picture=replace(stored.picture, body=b"other"))


def _label(found: World) -> None:
    stored = found.output.objects[KEY]
    found.output.objects[KEY] = replace(stored, label=replace(stored.label, token=2))


def _heard_otherwise(found: World) -> None:
    _, invocation = only(found)
    kind, _ = invocation.heard[-1]
    invocation.heard[-1] = kind, None


def _heard_more(found: World) -> None:
    only(found)[1].heard.append(("value", None))


def _of_the_state(found: World) -> None:
    _, invocation = only(found)
    invocation.payload = {**invocation.payload, "state": {**invocation.payload["state"], "look_again": {}}}


def _tried(found: World) -> None:
    execution, _ = only(found)
    _position(retries=(*execution.position.retries[:-1], 1))(found)


def _waits(found: World) -> None:
    execution, _ = only(found)
    _position(data={**execution.position.data, "lock": {"waiting_since": found.now - 1}})(found)


def _nobody_waits(found: World) -> None:
    only(found)[0].waits_for = None


def _doubt(**change: Any) -> Callable[[World], None]:
    def do(found: World) -> None:
        found.doubts[0] = replace(found.doubts[0], **change)

    return do


def _doubt_of_another(found: World) -> None:
    other = found.doubts[0].invocation.copy()
    other.token += 1
    found.doubts[0] = replace(found.doubts[0], invocation=other)


MATTERS: Final[dict[str, Callable[[World], Any]]] = {
    "lease": _record(lease_expires_at=LATER),
    "owner": _record(owner="another"),
    "token": _record(fencing_token=7),
    "watermark": _record(applied_sequencer="1"),
    "no record": lambda it: it.locks.items.clear(),
    "output": _output,
    "label": _label,
    "no output": lambda it: it.output.objects.clear(),
    "budget": lambda it: it.left.update(kills=1),
    "no budget": lambda it: it.left.pop("stops"),
    "plan": user.changes,
    "how far the plan is": lambda it: vars(it).update(done=3),
    "undelivered": lambda it: it.undelivered.clear(),
    "delivered once": lambda it: vars(it.events[1]).update(deliveries=1),
    "time": lambda it: it.passes(1),
    "retries": _tried,
    "state": _position(state="ReleaseLock"),
    "data": _waits,
    "name": _set("execution", name="cat-1018Fc"),
    "status": _set("execution", status="ABORTED"),
    "outdone": _set("execution", is_outdone=True),
    "broken assumption": lambda it: it.early.add(KEY),
    "damage": lambda it: it.damaged.update({KEY: 0}),
    "reconciled since": lambda it: it.damaged.update({KEY: 1}),
    "unsure record": lambda it: it.unsure.update({KEY: False}),
    "begun since": lambda it: it.unsure.update({KEY: True}),
    "token or order behind": lambda it: it.behind.add(KEY),
    "told": lambda it: it.told.update({KEY: {"output_etag": "another"}}),
    "backup": lambda it: it.backups.update({KEY: {"fencing_token": 1}}),
    "time-out": _set("execution", until=LATER),
    "limit of the machine": _set("execution", ends_at=LATER),
    "nobody waits": _nobody_waits,
    "no Lambda": lambda it: it.invocations.clear(),
    "whose Lambda": _set("invocation", caller="cat-1018Fc"),
    "which Lambda": _set("invocation", function="DeleteOutputFunction"),
    "clock": _set("invocation", skew=1),
    "limit of the Lambda": _set("invocation", ends_at=LATER),
    "attempt": _set("invocation", token=9),
    "what it was told": _of_the_state,
    "what it heard": _heard_otherwise,
    "how much it heard": _heard_more,
    "no doubt": lambda it: it.doubts.clear(),
    "end of the doubt": _doubt(until=LATER),
    "what is in doubt": _doubt(call=Call("output", "write", ("b",))),
    "whose doubt": _doubt_of_another,
    "report": lambda it: it.reports.clear(),
    "of what is reported": lambda it: it.reports.__setitem__(0, it.reports[0]._replace(status="FAILED")),
}


@pytest.mark.parametrize("change", MATTERS.values(), ids=MATTERS)
def test_worlds_that_differ_in_what_matters_are_two(change: Callable[[World], Any]) -> None:
    found = busy()
    change(found)
    assert fingerprint(found) != fingerprint(busy())


def test_what_differs_in_this_are_two_as_well() -> None:
    """Reconciled or not, begun or not: not only damaged or not."""
    prints = set()
    for name in ("damage", "reconciled since", "unsure record", "begun since"):
        found = busy()
        MATTERS[name](found)
        prints.add(fingerprint(found))
    assert len(prints) == 4


def test_a_backup_that_cannot_be_restored_any_more_makes_no_difference() -> None:
    found, other = busy(), busy()
    found.backups[KEY] = {"fencing_token": 1}
    for each in (found, other):
        each.left.pop("restores")
    assert fingerprint(found) == fingerprint(other)


def test_it_matters_how_an_execution_has_ended() -> None:
    """One that has failed is not redriven."""
    prints = set()
    for status in ("FAILED", "ABORTED"):
        found = busy()
        only(found)[0].status = status
        prints.add(fingerprint(found))
    assert len(prints) == 2


def test_a_retry_that_is_due_is_no_function_that_has_not_answered() -> None:
    """Both would go on at once; but one asks its function again, and the other counts another try."""
    prints = set()
    for wants in (Sleep(1, is_retry=True), None):
        found = busy()
        execution, _ = only(found)
        execution.waits_for, execution.until = None, found.now
        execution.position = replace(execution.position, wants=wants or execution.position.wants)
        prints.add(fingerprint(found))
    assert len(prints) == 2


def test_it_matters_which_write_has_landed_also_where_nothing_is_left_of_it() -> None:
    found = busy()
    found.highest[KEY] = 1
    assert fingerprint(found) != fingerprint(busy())


def test_what_does_not_matter_makes_no_difference() -> None:
    found = busy()
    found.steps, found.serial = 99, 99
    found.seen.clear()
    found.events[0].deliveries = 7
    for each in found.invocations:
        each.park()
    assert fingerprint(found) == fingerprint(busy())


def test_how_often_an_event_was_delivered_matters_only_while_it_may_be_again() -> None:
    one, other = started("a"), started("a")
    other.events[0].deliveries = 0
    assert fingerprint(one) == fingerprint(other)


def over(milliseconds: int, *, remembers: bool) -> bytes:
    """Of a world in which a lease has been over for so long."""
    found = started()
    call(found)
    if not remembers:
        found.invocations.clear()
    found.passes(15_000)
    _record(lease_expires_at=found.now - milliseconds)(found)
    return fingerprint(found)


def test_times_that_are_over_are_one() -> None:
    assert over(1, remembers=False) == over(2, remembers=False) == over(14_000, remembers=False)
    assert over(0, remembers=False) != over(1, remembers=False)


def test_unless_a_lambda_remembers_an_earlier_one() -> None:
    assert over(1, remembers=True) != over(2, remembers=True)
    assert over(15_001, remembers=True) == over(16_000, remembers=True)


def test_it_matters_for_how_long_somebody_has_waited() -> None:
    """In the end it is for too long."""
    prints = set()
    for seconds in (1, 2, 2):
        found = started()
        found.invocations.clear()
        found.passes(3_000)
        execution = found.executions[0]
        waiting = {**execution.position.data, "lock": {"waiting_since": found.now - seconds * 1000}}
        execution.position = replace(execution.position, data=waiting)
        prints.add(fingerprint(found))
    assert len(prints) == 2


def test_a_record_that_expires_does_so_whenever() -> None:
    """In 30 days: when exactly is all one."""
    prints = []
    for expires_at in (1_802_592_000, 1_802_592_001):
        found = started("-")
        call(found)
        _record(expires_at=expires_at)(found)
        prints.append(fingerprint(found))
    assert prints[0] == prints[1]
