import pytest

from objectlock.clauses import (
    attempt_is,
    event_is_new,
    is_tombstone,
    lease_has_ended,
    lease_is_live,
    lock_is_free,
    no_attempt_in_flight,
    nothing_newer_seen,
    owner_is,
    token_is,
    version_is_known,
)
from objectlock.conditions import Item
from objectlock.record import ABSENT, RECORD_VERSION
from tests.unit.records import NOW, TOKEN, at_work, free, held_by, seq


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, True, id="no record"),
        pytest.param(free(applied_sequencer="01"), True, id="no owner"),
        pytest.param(held_by("me"), True, id="mine: the answer to a granted acquire was lost"),
        pytest.param(held_by("me", until=NOW - 1), True, id="mine, expired"),
        pytest.param(held_by("other"), False, id="held"),
        pytest.param(held_by("other", until=NOW - 1), False, id="lease expired: to be taken over, and counted"),
        pytest.param(at_work("other"), False, id="at work"),
    ],
)
def test_lock_is_free(item: Item, expected: bool) -> None:
    assert lock_is_free("me").holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, True, id="no record"),
        pytest.param(free(applied_sequencer="01"), True, id="of before there were versions"),
        pytest.param({RECORD_VERSION: 1}, True, id="ours"),
        pytest.param({RECORD_VERSION: 2}, False, id="of a newer version, before a rollback"),
        pytest.param({RECORD_VERSION: 0}, False, id="of a version that never was"),
    ],
)
def test_version_is_known(item: Item, expected: bool) -> None:
    assert version_is_known().holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [({}, False), (free(), False), (held_by("other"), False), (held_by("me"), True), (held_by("me", until=0), True)],
)
def test_owner_is(item: Item, expected: bool) -> None:
    """Even past its lease the owner may release, as long as nobody took over."""
    assert owner_is("me").holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(held_by("me"), True, id="live"),
        pytest.param(held_by("me", until=NOW), True, id="live for this very millisecond"),
        pytest.param(held_by("me", until=NOW - 1), False, id="ended"),
    ],
)
def test_lease_is_live(item: Item, expected: bool) -> None:
    """Exactly as long as nobody else may take the lock."""
    assert lease_is_live(NOW).holds(item) is expected
    assert lease_has_ended(NOW).holds(item) is not expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, True, id="no record"),
        pytest.param(held_by("me"), True, id="none has begun, or the last one has ended"),
        pytest.param(at_work("me"), False, id="at work"),
        pytest.param(at_work("other"), False, id="another is at work"),
        pytest.param(at_work("me", until=NOW), False, id="at work for this very millisecond"),
        pytest.param(at_work("me", until=NOW - 1), True, id="cannot be any more"),
    ],
)
def test_no_attempt_in_flight(item: Item, expected: bool) -> None:
    assert no_attempt_in_flight(NOW).holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [({}, False), (free(), False), (free(fencing_token=6), False), (free(fencing_token=7), True)],
)
def test_token_is(item: Item, expected: bool) -> None:
    assert token_is(7).holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, False, id="no record"),
        pytest.param(at_work("me"), True, id="mine"),
        pytest.param(at_work("me", until=0), True, id="mine, and late"),
        pytest.param(at_work("other"), False, id="of another owner"),
        pytest.param(at_work("me", token=TOKEN + 1), False, id="a later one has begun"),
        pytest.param(free(fencing_token=TOKEN), False, id="released"),
    ],
)
def test_attempt_is(item: Item, expected: bool) -> None:
    assert attempt_is("me", TOKEN).holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, True, id="no record"),
        pytest.param(free(newest_sequencer="09"), True, id="nothing applied"),
        pytest.param(free(applied_sequencer="04"), True, id="older applied"),
        pytest.param(free(applied_sequencer="05"), False, id="this one applied"),
        pytest.param(free(applied_sequencer="050001"), False, id="newer applied"),
    ],
)
def test_event_is_new(item: Item, expected: bool) -> None:
    assert event_is_new(seq("0500")).holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({}, True, id="no record"),
        pytest.param(free(applied_sequencer="09"), True, id="nothing seen"),
        pytest.param(free(newest_sequencer="04"), True, id="older seen"),
        pytest.param(free(newest_sequencer="05"), True, id="this one seen"),
        pytest.param(free(newest_sequencer="050001"), False, id="newer seen"),
    ],
)
def test_nothing_newer_seen(item: Item, expected: bool) -> None:
    assert nothing_newer_seen(seq("0500")).holds(item) is expected


@pytest.mark.parametrize(
    ("item", "expected"),
    [({}, False), (free(), False), (free(applied_source="etag"), False), (free(applied_source=ABSENT), True)],
)
def test_is_tombstone(item: Item, expected: bool) -> None:
    """A record on which nothing was ever applied is none: its first event may still come to be applied."""
    assert is_tombstone().holds(item) is expected
