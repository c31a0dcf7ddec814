"""Where another version of the code has left a lock record, nothing is done, and it is said why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from objectlock.conditions import Item
from tests.simulation import moves, system
from tests.simulation.by_hand import KEY, SYSTEM, changed, settled, started, until
from tests.simulation.lambdas import EXECUTIONS
from tests.simulation.world import EPOCH_MS, World

RECORD: Final = f"{SYSTEM.input_bucket}/{KEY}"
UNKNOWN: Final = "UnknownRecordVersion"


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running():
        yield


def renewed(found: World) -> Item:
    """Its record is of the next version from now on."""
    found.is_watched = False  # that no execution ends like this is promised where there is one version
    record = {**found.record(KEY), "object_id": RECORD, "record_version": 2}
    found.locks.items[RECORD] = record
    return record


RECORDS: Final[list[Item]] = [
    {},
    {"owner": EXECUTIONS + "another", "lease_expires_at": EPOCH_MS + 30_000},
    {"owner": EXECUTIONS + "another", "lease_expires_at": EPOCH_MS - 1},
    {"applied_sequencer": "f", "newest_sequencer": "f", "applied_source": "absent", "expires_at": 1},
]


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("is_reconcile", [False, True])
def test_every_execution_fails_and_nothing_changes(record: Item, is_reconcile: bool) -> None:
    found = changed("ab")
    found.locks.items[RECORD] = record
    record = renewed(found)
    for event in range(2):
        moves.delivers(found, event)
        if is_reconcile:
            found.reconcile(KEY)
    settled(found)
    assert found.seen[UNKNOWN] == len(found.executions) == (4 if is_reconcile else 2)
    assert {each.status for each in found.executions} == {"FAILED"}
    assert found.record(KEY) == record
    assert found.output.objects == {}


@pytest.mark.parametrize(
    ("state", "method"),
    [
        ("AcquireLock", "apply"),
        ("ConvertToGrayscale", "apply"),
        ("ReleaseLock", "apply"),
    ],
)
def test_also_one_that_is_at_work_as_the_record_becomes_another(state: str, method: str) -> None:
    found = until(started(), state, method)
    outputs, record = dict(found.output.objects), renewed(found)
    settled(found)
    assert (found.seen[UNKNOWN], found.executions[0].status) == (1, "FAILED")
    assert (found.record(KEY), found.output.objects) == (record, outputs)


def test_the_reaper_changes_nothing_either() -> None:
    found = until(started(stops=1), "ConvertToGrayscale")
    moves.stopped(found, found.executions[0])
    found.invocations.clear()
    record = renewed(found)
    moves.reports(found, found.reports[0])
    settled(found)
    assert found.record(KEY) == record


def test_nobody_is_told_so_where_the_version_is_ours_or_of_before_there_were_any() -> None:
    for version in ({}, {"record_version": 1}):
        found = changed("a")
        found.locks.items[RECORD] = {"object_id": RECORD, **version}
        moves.delivers(found, 0)
        settled(found)
        assert found.seen["did its work"] == 1
        assert found.record(KEY)["record_version"] == 1
