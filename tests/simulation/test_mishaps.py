"""What may go wrong: how often, and what it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from objectlock.errors import ServiceUnavailable, WriteInDoubt
from objectlock.record import EXPIRES_AT, FENCING_TOKEN, OWNER
from tests.simulation import moves, system
from tests.simulation.by_hand import KEY, SYSTEM, call, changed, only, settled, started, until
from tests.simulation.choices import Chance
from tests.simulation.settings import LIMITED, Settings, script, swarm
from tests.simulation.timeline import Timeline
from tests.simulation.world import EPOCH_MS, KILLED, World


@pytest.fixture(autouse=True, scope="module")
def _running() -> Iterator[None]:
    with system.running():
        yield


# --- how often -----------------------------------------------------------------------------------------------

WORDS: Final = {
    "throttles": ": throttled$",
    "silences": "will not hear of",
    "ambiguities": "ServiceException, although it goes on",
    "failures": "HandlerNotFound, although it goes on",
    "stops": "ABORTED in",
    "timeouts": "TIMED_OUT in",
    "lost_reports": "loses the report",
    "kills": r"\(kills: (not )?carried out\)$|is killed$",
    "expiries": "deletes the record of",
    "deletions": "deletes the output",
    "overwrites": "overwrites the output",
    "strays": "where there is none$",
    "lost_records": "loses the lock record of",
    "restores": "restores the lock record of",
    "lost_events": "loses event",
}
HARD_TO_TELL: Final = {"duplicates", "delays", "reconciles"}


@pytest.mark.parametrize("seed", range(20))
def test_each_happens_as_often_as_is_said_and_never_more_often_than_it_may(seed: int) -> None:
    chance, timeline = Chance(seed), Timeline()
    found = World(SYSTEM, swarm(chance), chance, timeline)
    moves.run(found)
    for mishap in LIMITED:
        assert found.seen[mishap] + found.left.get(mishap, 0) == found.settings.mishaps.get(mishap, 0)
        if mishap not in HARD_TO_TELL:
            told = re.compile(WORDS.get(mishap, rf"\({mishap}: (not )?carried out\)$"))
            assert sum(bool(told.search(line)) for line in timeline.lines) == found.seen[mishap], mishap


def test_an_event_is_delivered_again_only_as_often_as_it_may() -> None:
    for seed in range(10):
        found = World(SYSTEM, Settings(script("ab"), {"duplicates": 2}, likely=0.5), Chance(seed))
        moves.run(found)
        assert sum(each.deliveries for each in found.events) == found.seen["executions"] == 2 + found.seen["duplicates"]


def test_where_nothing_may_go_wrong_nothing_does() -> None:
    found = World(SYSTEM, Settings(script("ab-a"), {"kills": 0}), Chance(1))
    moves.run(found)
    assert not set(found.seen) & set(LIMITED)
    assert found.seen["executions"] == 4


def test_the_first_possibility_is_always_that_nothing_goes_wrong() -> None:
    """Else what is made short would not be simple."""
    found = started(**dict.fromkeys(LIMITED, 3))
    moves.run(found)
    assert not set(found.seen) & set(LIMITED)
    assert found.seen["did its work"] == 1


def test_time_that_is_lost_is_lost_once() -> None:
    found = started(delays=1)
    next_moment = min([*found.moments(), *found.ends_on_record()])
    moves.delayed(found)
    assert found.left == {}
    assert found.now == next_moment


def test_only_what_was_delivered_is_delivered_again() -> None:
    found = changed("ab", duplicates=1)
    moves.delivers(found, 1)
    assert [move.arguments for move in moves.mishaps(found)] == [(1,)]


def test_what_has_happened_is_counted() -> None:
    found = started()
    moves.run(found)
    assert found.seen == {"executions": 1, "invocations": 3, "calls": 6, "did its work": 1}


# --- at a call to AWS ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mishap", "effect", "error"),
    [
        ("errors", False, ServiceUnavailable),
        ("refusals", False, moves.AccessDenied),
        ("losses", True, ServiceUnavailable),
        ("repeats", True, None),
    ],
)
def test_a_call_has_its_effect_or_not_and_an_answer_or_not(
    mishap: str, effect: bool, error: type[Exception] | None
) -> None:
    found = started(**{mishap: 1})
    invocation = call(found, 1)
    assert (OWNER in found.record(KEY)) == effect
    kind, content = invocation.heard[-1]
    assert (kind, type(content)) == ("error", error) if error else kind == "value"


def test_a_write_whose_answer_is_lost_is_in_doubt() -> None:
    found = until(started(losses=1), "ConvertToGrayscale", "write")
    assert isinstance(call(found, 1).heard[-1][1], WriteInDoubt)
    assert list(found.output.objects) == [KEY]


@pytest.mark.parametrize(("after", "effect"), [(0, False), (1, True)])
def test_a_lambda_is_killed_before_or_after_its_call(after: int, effect: bool) -> None:
    found = started(kills=1)
    execution, _ = only(found)
    call(found, 1, after)
    assert (OWNER in found.record(KEY)) == effect
    assert not found.invocations
    assert f"{KILLED.error}: {KILLED.message}" in str(found.tell)
    assert sum(execution.position.retries) == 1


def test_a_repeated_call_is_made_twice_and_its_second_answer_is_heard() -> None:
    """The SDK makes a call again when the answer is lost: begin_work meets the attempt that it has begun itself."""
    found = until(started(repeats=1), "ConvertToGrayscale")
    (_, invocation), before = only(found), found.seen["calls"]
    call(found, 1)
    assert found.seen["calls"] == before + 2
    assert found.record(KEY)[FENCING_TOKEN] == 1
    assert not invocation.heard[-1][1].accepted


@pytest.mark.parametrize(
    ("state", "method", "may"),
    [
        ("AcquireLock", "apply", ["errors", "losses", "repeats", "kills", "refusals"]),
        ("AcquireLock", "tag", ["errors", "kills", "refusals"]),
        ("ConvertToGrayscale", "write", ["errors", "losses", "doubts", "kills", "refusals"]),
    ],
)
def test_only_what_can_go_wrong_at_a_call_does(state: str, method: str, may: list[str]) -> None:
    of_calls = ["errors", "losses", "repeats", "doubts", "refusals", "kills"]
    happened = []
    for number in range(1, 1 + len(may)):
        found = until(started(**dict.fromkeys(of_calls, 1)), state, method)
        call(found, number)
        happened += [mishap for mishap in of_calls if found.seen[mishap]]
        assert found.seen[happened[-1]] == 1
    assert sorted(happened) == sorted(may)
    found = until(started(**dict.fromkeys(of_calls, 1)), state, method)
    call(found, len(may) + 1)
    assert not set(found.seen) & set(of_calls)


# --- a write in doubt ----------------------------------------------------------------------------------------


def doubtful() -> World:
    found = until(started(doubts=1), "ConvertToGrayscale", "write")
    assert isinstance(call(found, 1).heard[-1][1], WriteInDoubt)
    assert not found.output.objects
    assert moves.takes_effect in [move.do for move in moves.possible(found)]
    return found


def test_it_may_take_effect_later() -> None:
    found = doubtful()
    moves.takes_effect(found, found.doubts[0])
    assert list(found.output.objects) == [KEY]
    assert not found.doubts


def test_or_never_and_it_is_over_when_its_lambda_would_have_been() -> None:
    found = doubtful()
    (doubt,) = found.doubts
    assert doubt.until == EPOCH_MS + SYSTEM.time_limit_ms
    found.passes(SYSTEM.time_limit_ms - 1)
    assert found.doubts == [doubt]
    found.passes(1)
    assert not found.doubts
    assert not found.output.objects


# --- between Step Functions and its Lambdas ------------------------------------------------------------------


def test_a_throttled_lambda_is_not_run() -> None:
    found = until(started(throttles=1), "AcquireLock", "tag")
    call(found, 1)
    assert found.executions[0].position.state == "ConvertToGrayscale"
    assert not found.invocations
    assert sum(found.executions[0].position.retries) == 1


@pytest.mark.parametrize(
    ("mishap", "happens", "retries"),
    [("ambiguities", moves.ambiguous, 1), ("failures", moves.failed, 0), ("silences", moves.not_heard, 0)],
)
def test_an_execution_hears_what_is_not_so_and_its_lambda_goes_on(
    mishap: str, happens: Callable[..., None], retries: int
) -> None:
    found = started(**{mishap: 1})
    execution, invocation = only(found)
    happens(found, execution)
    assert execution.waits_for != invocation.number
    assert sum(execution.position.retries) == retries
    assert (execution.position.state == "ReleaseLockAfterFailure") == (mishap == "failures")
    assert found.waiting_for(invocation) is None
    moves.goes_on(found, invocation)
    assert OWNER in found.record(KEY)


def test_a_report_that_is_lost_reaches_no_reaper() -> None:
    found = started(stops=1, lost_reports=1)
    execution, _ = only(found)
    moves.stopped(found, execution)
    settled(found)
    moves.reports(found, found.reports[0])
    assert len(found.invocations) == 1
    assert found.reports == []


def test_only_a_lambda_that_nobody_waits_for_is_killed_between_its_calls() -> None:
    found = started(kills=1, silences=1)
    assert moves.killed not in [move.do for move in moves.mishaps(found)]
    moves.not_heard(found, found.executions[0])
    assert moves.killed in [move.do for move in moves.mishaps(found)]


def test_only_the_record_of_an_object_that_nobody_works_on_expires() -> None:
    found = started("-", expiries=1)
    while found.executions:
        assert found.tombstones() == []
        call(found)
    assert EXPIRES_AT in found.record(KEY)
    assert found.tombstones() == [KEY]
    found.undelivered.append(0)
    assert found.tombstones() == []
    found.undelivered.clear()
    moves.expires(found, KEY)
    assert found.record(KEY) == {}
