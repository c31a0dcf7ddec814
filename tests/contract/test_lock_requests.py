"""What the lock asks of its store, and 40 who ask at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from objectlock.attempts import Attempt, OutputObject, begin_work, end_work, note_output
from objectlock.clauses import guarded
from objectlock.conditions import Absent, Item
from objectlock.lock import (
    Applied,
    Claim,
    cut_lease,
    give_up,
    give_up_tombstone,
    grant,
    grant_overtaken,
    register,
    release,
    release_behind,
)
from objectlock.ports import LockStore
from objectlock.record import (
    ABSENT,
    CLOCK_MARGIN_MS,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    OWNER,
    WORKER_UNTIL,
    Outcome,
    Transition,
)
from objectlock.sequencer import Sequencer
from tests.contract.conftest import new_object_id
from tests.contract.implementations import ATOMIC_STORES
from tests.contract.lock_requests import LEASE_MS, MILLISECONDS_LEFT, requests
from tests.contract.racing import RACERS, at_once
from tests.memory import InMemoryLockStore

Ask = Callable[[str], Transition]

NOW = 1_772_442_904_567


def event(object_id: str, sequencer: str) -> Sequencer:
    return Sequencer.parse(object_id, sequencer)


def attempt(object_id: str, token: int) -> Attempt:
    return Attempt(object_id, "me", token, event(object_id, "01"), output_etag=None, source=None)


def applied(object_id: str, source: str, output_etag: str | None, *, token: int = 1) -> Applied:
    return Applied(source, output_etag, token, event(object_id, "01"))


def granted(object_id: str) -> Transition:
    return grant(Claim("me", event(object_id, "01")), now=NOW, lease_ms=LEASE_MS)


def granted_anyway(object_id: str) -> Transition:
    return grant(Claim("me", event(object_id, "01"), forced=True), now=NOW, lease_ms=LEASE_MS)


def begun(object_id: str) -> Transition:
    return begin_work(object_id, "me", now=NOW, milliseconds_left=MILLISECONDS_LEFT)


def ended(object_id: str) -> Transition:
    return end_work(attempt(object_id, 1))


def deleted(object_id: str) -> Transition:
    return release("me", applied(object_id, ABSENT, None), now=NOW)


def newer_registered(object_id: str) -> Transition:
    return register(Claim("other", event(object_id, "02")))


# The requests that come before, and the one that they make possible.
REQUESTS: dict[str, tuple[Sequence[Ask], Ask]] = {
    "grant": ((), granted),
    "grant, forced": ((), granted_anyway),
    "grant after a crash": (
        (granted,),
        lambda each: grant(
            Claim("other", event(each, "02"), takes_over=True), now=NOW + LEASE_MS + 1, lease_ms=LEASE_MS
        ),
    ),
    "grant_overtaken": (
        (newer_registered,),
        lambda each: grant_overtaken(Claim("me", event(each, "01")), now=NOW, lease_ms=LEASE_MS),
    ),
    "register": ((granted,), newer_registered),
    "begin_work": ((granted,), begun),
    "begin_work again": ((granted, begun, ended), begun),
    "end_work": ((granted, begun), ended),
    "note_output": (
        (granted, begun),
        lambda each: note_output(attempt(each, 1), OutputObject("etag", token=7), now=NOW),
    ),
    "note_output of none": ((granted, begun), lambda each: note_output(attempt(each, 1), None, now=NOW)),
    "release": ((granted, begun), lambda each: release("me", applied(each, "tag", "etag"), now=NOW)),
    "release of a rejection": ((granted, begun), lambda each: release("me", applied(each, "tag", None), now=NOW)),
    "release of a deletion": ((granted, begun), deleted),
    "release_behind": (
        (granted, begun, deleted, granted_anyway, begun),
        lambda each: release_behind("me", applied(each, "tag", "etag", token=2), now=NOW),
    ),
    "give_up": ((granted,), lambda each: give_up(each, "me", now=NOW)),
    "give_up_tombstone": (
        (granted, begun, deleted, granted_anyway),
        lambda each: give_up_tombstone(each, "me", now=NOW),
    ),
    "cut_lease": (
        (granted, begun),
        lambda each: cut_lease(each, "me", NOW + MILLISECONDS_LEFT + CLOCK_MARGIN_MS),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_every_request_of_the_lock_is_understood(store: LockStore, object_id: str, name: str) -> None:
    """Accepted or refused, but not an error: an expression that DynamoDB refuses to read stops the execution."""
    before, request = REQUESTS[name]
    memory, untouched = InMemoryLockStore(), new_object_id()
    assert store.apply(guarded(request(untouched))) == memory.apply(guarded(request(untouched)))
    for each in before:
        assert store.apply(each(object_id)).accepted
        memory.apply(each(object_id))
    outcome = store.apply(guarded(request(object_id)))
    assert outcome.accepted
    assert outcome == memory.apply(guarded(request(object_id)))


@settings(deadline=None, max_examples=40, phases=set(Phase) - {Phase.explain})  # which takes a thousand more calls
@given(st.data())
def test_the_same_requests_have_the_same_outcomes_everywhere(real_store: LockStore, data: st.DataObject) -> None:
    """Whatever the unit tests prove in memory holds for the real store."""
    memory, object_id = InMemoryLockStore(), new_object_id()
    for _ in range(data.draw(st.integers(1, 16))):
        request = guarded(data.draw(requests(object_id, memory.items.get(object_id, {}))))
        assert real_store.apply(request) == memory.apply(request)


# --- races -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=ATOMIC_STORES)
def atomic_store(request: pytest.FixtureRequest) -> LockStore:
    found: LockStore = request.getfixturevalue(f"{request.param}_store")
    return found


def the_accepted(outcomes: list[Outcome]) -> Outcome:
    """The only one; all others were refused by what it has left."""
    (accepted,) = [each for each in outcomes if each.accepted]
    assert [each.item for each in outcomes] == [accepted.item] * RACERS
    return accepted


def test_of_many_at_once_exactly_one_is_granted(atomic_store: LockStore) -> None:
    """First a free lock, then one whose lease has ended."""
    for object_id in (new_object_id() for _ in range(3)):
        for now in (NOW, NOW + LEASE_MS + 1):

            def ask(number: int, object_id: str = object_id, now: int = now) -> Outcome:
                claim = Claim(f"execution-{number}-{now}", event(object_id, "01"), takes_over=True)
                return atomic_store.apply(grant(claim, now=now, lease_ms=LEASE_MS))

            assert the_accepted(at_once(ask)).item[LEASE_EXPIRES_AT] == now + LEASE_MS


def test_of_many_attempts_at_once_exactly_one_begins(atomic_store: LockStore) -> None:
    """Invocations of one execution: it holds the lock, so only the attempts on record keep them apart.

    First the lock as it was granted, then one whose first attempt cannot be running any more.
    """
    for object_id in (new_object_id() for _ in range(3)):
        assert atomic_store.apply(granted(object_id)).accepted
        now = NOW
        for token in (1, 2):

            def ask(_: int, object_id: str = object_id, now: int = now) -> Outcome:
                return atomic_store.apply(begin_work(object_id, "me", now=now, milliseconds_left=MILLISECONDS_LEFT))

            began = the_accepted(at_once(ask)).item
            assert (began[OWNER], began[FENCING_TOKEN]) == ("me", token)
            now = int(began[WORKER_UNTIL]) + 1


def test_in_memory_no_write_comes_between_anothers_condition_and_its_effect(object_id: str) -> None:
    """What is over in microseconds is hardly ever interrupted by chance."""
    memory = InMemoryLockStore()
    others: list[Future[Outcome]] = []

    class Interrupted(Absent):
        def holds(self, item: Item) -> bool:
            others.append(thread.submit(memory.apply, Transition(object_id, Absent(OWNER), put={OWNER: "other"})))
            wait(others, timeout=0.1)
            return super().holds(item)

    with ThreadPoolExecutor(max_workers=1) as thread:
        assert memory.apply(Transition(object_id, Interrupted(OWNER), put={OWNER: "me"})).accepted
    (other,) = others
    assert not other.result().accepted
    assert other.result().item[OWNER] == "me"
