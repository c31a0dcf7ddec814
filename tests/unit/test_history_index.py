"""The index knows all executions in the end, at a cost that AWS allows, whatever else happens meanwhile."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lockstep.executions import Execution, Outcome, history
from lockstep.history import index as module
from lockstep.history.index import Entry, Index, Progress, Reader
from tests.unit.account import INPUT, KEY, Account, Refused, arn_of, new_account, stack

GONE = EndpointConnectionError(endpoint_url="http://127.0.0.1:4566")


@pytest.fixture
def account() -> Account:
    return new_account()


def index(**options: Any) -> Index:
    return Index(stack(is_local=True), **options)


def names(entries: list[Entry]) -> list[str]:
    return [each.arn.rpartition(":")[2] for each in entries]


def outcomes(about: Index) -> dict[str, Outcome | None]:
    found = about.since(0)
    return {each.as_json()["name"]: each.execution.outcome if each.execution else None for each in found}


def ended(account: Account, count: int, prefix: str = "ended") -> list[str]:
    """Executions that have ended; the last is the newest."""
    found = [f"{prefix}-{number}" for number in range(count)]
    for name in found:
        account.start(name)
        account.convert(name)
    return found


def pages(account: Account) -> list[int]:
    """Sizes of the pages of the list asked for since the last time."""
    found = [asked["maxResults"] for _, asked in account.calls]
    account.calls.clear()
    return found


# --- what it knows ------------------------------------------------------------------------------------------------


def test_executions_are_known_newest_first_before_they_are_read(account: Account) -> None:
    for name in "abcde":
        account.start(name)
    account.abort("c")
    about = index(first_reads=2)

    about.poll()

    assert names(about.since(0)) == ["e", "d", "c", "b", "a"]
    assert outcomes(about) == {"e": Outcome.WORKING, "d": Outcome.WORKING, "c": None, "b": None, "a": None}
    unread = about.since(0)[2].as_json()
    assert unread == {
        "name": "c",
        **dict.fromkeys(("bucket", "key", "change", "explanation", "sequencer"), ""),
        "outcome": None,
        "started": 1767225605000,
        "stopped": 1767225611000,
        "state": None,
    }
    assert about.progress == Progress(known=5, read=2, is_cut=False, problem=None)


def test_a_row_that_has_been_read_has_the_same_fields(account: Account) -> None:
    account.start("a", sequencer="0A0")
    account.wait("a", "somebody")
    about = index()
    about.poll()
    (entry,) = about.since(0)
    read = entry.as_json()

    assert read.keys() == replace(entry, execution=None).as_json().keys()
    assert (read["bucket"], read["key"], read["change"], read["sequencer"]) == (INPUT, KEY, "created", "0a")
    assert (read["outcome"], read["state"], read["stopped"]) == ("waiting", "WaitForLock", None)


def test_an_empty_history_is_no_problem(account: Account) -> None:
    about = index()

    about.poll()

    assert about.progress == Progress()
    assert about.since(0) == []
    assert account.operations == {"ListExecutions"}


def test_those_of_an_object_are_found_as_far_as_they_are_read(account: Account) -> None:
    account.start("unread")
    account.start("elsewhere", bucket="another-bucket")
    account.start("other", "other.jpg")
    account.start("own")
    about = index(first_reads=3)
    about.poll()

    assert [each.name for each in about.of_object(INPUT, KEY)] == ["own"]
    assert about.has(arn_of("unread"))
    assert not about.has(arn_of("never"))


# --- how much it reads --------------------------------------------------------------------------------------------


def test_an_execution_is_read_again_only_while_it_may_change(account: Account) -> None:
    account.start("ended")
    account.abort("ended")
    account.start("runs")
    about = index()
    about.poll()
    assert sorted(account.reads()) == ["ended", "runs"]

    about.poll()
    assert account.reads() == ["runs"]
    account.convert("runs")
    about.poll()
    assert account.reads() == ["runs"]
    about.poll()
    assert account.reads() == []
    assert outcomes(about) == {"runs": Outcome.CONVERTED, "ended": Outcome.ABORTED}


@pytest.mark.parametrize(("first_reads", "reads"), [(7, 3), (1, 1), (2, 4)])
def test_a_poll_reads_no_more_histories_than_it_may(account: Account, first_reads: int, reads: int) -> None:
    for number in range(20):
        account.start(f"{number}")
    about = index(first_reads=first_reads, reads=reads)

    about.poll()
    assert len(account.reads()) == first_reads
    for _ in range(10):
        about.poll()
        assert len(account.reads()) == reads


def test_what_is_unread_is_read_newest_first(account: Account) -> None:
    found = ended(account, 6)[::-1]
    about = index(first_reads=2, reads=2)

    about.poll()
    assert account.reads() == found[:2]
    about.poll()
    assert account.reads() == found[2:4]
    ended(account, 1, "newer")
    about.poll()
    assert account.reads() == ["newer-0", found[4]]


def test_what_runs_does_not_keep_what_is_unread_from_being_read(account: Account) -> None:
    older = ended(account, 10)
    for number in range(20):
        account.start(f"runs-{number}")
    about = index(first_reads=20, reads=4)
    about.poll()
    account.reads()

    for _ in range(5):
        about.poll()

    assert set(older) < set(account.reads())


def test_what_is_unread_does_not_keep_what_runs_from_being_read_each_in_its_turn(account: Account) -> None:
    ended(account, 100)
    running = [f"runs-{number}" for number in range(6)]
    for name in running:
        account.start(name)
    about = index(first_reads=6, reads=4)
    about.poll()
    account.reads()

    for _ in range(3):
        about.poll()

    reads = account.reads()
    assert set(running) < set(reads)
    assert max(Counter(reads).values()) == 1


def test_no_read_is_lost_while_there_is_something_to_read(account: Account) -> None:
    """Neither half is kept free for the other when that has nothing to do."""
    ended(account, 10)
    for number in range(10):
        account.start(f"runs-{number}")
    about = index(first_reads=10, reads=4)

    about.poll()
    for _ in range(6):
        account.reads()
        about.poll()
        assert len(account.reads()) == 4


def test_the_list_is_read_page_by_page_until_there_is_nothing_new(account: Account) -> None:
    """A poll costs one request then, however many executions there are."""
    ended(account, 2500)
    about = index(first_reads=0, reads=0)

    about.poll()
    assert pages(account) == [1000, 1000, 1000]
    about.poll()
    assert pages(account) == [100]
    ended(account, 150, "newer")
    about.poll()

    assert pages(account) == [100, 100, 100]  # 150 are new, and 100 are known
    assert about.progress.known == 2650


@pytest.mark.parametrize(("executions", "is_cut"), [(9, False), (10, False), (11, True), (1500, True)])
def test_beyond_the_limit_the_list_is_cut_and_says_so(account: Account, executions: int, is_cut: bool) -> None:
    found = ended(account, executions)
    about = index(limit=10)

    about.poll()
    about.poll()

    assert about.progress.is_cut is is_cut
    assert names(about.since(0)) == found[::-1][:10]


def test_what_starts_later_is_known_beyond_the_limit(account: Account) -> None:
    ended(account, 10)
    about = index(limit=10)
    about.poll()

    ended(account, 5, "newer")
    about.poll()

    assert about.progress.known == 15
    assert not about.progress.is_cut


# --- nothing is missed --------------------------------------------------------------------------------------------


def test_an_execution_that_starts_while_pages_are_read_is_not_missed(account: Account) -> None:
    ended(account, 1500)
    about = index(reads=0, first_reads=0)

    def start(operation: str, asked: dict[str, Any]) -> None:
        if operation == "ListExecutions" and "nextToken" in asked:
            account.allow()
            account.start("meanwhile")

    account.before = start
    about.poll()
    assert not about.has(arn_of("meanwhile"))
    about.poll()

    assert about.has(arn_of("meanwhile"))
    assert about.progress.known == 1501


def test_an_execution_that_is_listed_late_is_not_missed(account: Account) -> None:
    """It appears below others that started after it."""
    account.start("late", is_listed=False)
    ended(account, 60)
    about = index()
    about.poll()
    account.executions["late"].is_listed = True
    about.poll()

    assert outcomes(about)["late"] is Outcome.WORKING


def test_what_was_not_listed_because_of_an_error_is_listed_later(account: Account) -> None:
    """What has been taken from the first pages must not look as if all that is older were known, too."""
    found = ended(account, 2500)
    about = index(reads=0, first_reads=0)

    def refuse_the_third_page(_: str, asked: dict[str, Any]) -> None:
        if asked.get("nextToken") and len(account.calls) == 3:
            raise Refused("ThrottlingException")

    account.before = refuse_the_third_page
    about.poll()
    assert about.progress.problem is not None
    account.allow()
    about.poll()
    about.poll()

    assert names(about.since(0)) == found[::-1]


def test_what_was_not_listed_because_of_a_later_error_is_listed_later(account: Account) -> None:
    ended(account, 10)
    about = index(reads=0, first_reads=0)
    about.poll()
    ended(account, 350, "newer")

    def refuse_the_third_page(_: str, asked: dict[str, Any]) -> None:
        if asked.get("nextToken") and len(account.calls) == 4:
            raise Refused("ThrottlingException")

    account.before = refuse_the_third_page
    about.poll()
    account.allow()
    about.poll()
    about.poll()

    assert about.progress.known == 360


def test_an_execution_whose_history_cannot_be_read_yet_is_read_later(account: Account) -> None:
    ended(account, 3)
    account.start("young", is_readable=False)
    about = index(first_reads=4)
    about.poll()
    assert about.progress == Progress(known=4, read=3)
    account.executions["young"].is_readable = True
    about.poll()

    assert about.progress == Progress(known=4, read=4)


def test_those_that_cannot_be_read_yet_do_not_keep_others_from_being_read(account: Account) -> None:
    older = ended(account, 3)
    for number in range(5):
        account.start(f"young-{number}", is_readable=False)
    about = index(first_reads=5, reads=5)

    for _ in range(4):
        about.poll()

    assert set(older) < set(account.reads())


def redriven(account: Account) -> Index:
    """An index that knows an execution as it was before its redrive."""
    account.start("a")
    account.fail("a")
    about = index()
    about.poll()
    account.redrive("a")
    return about


def test_a_redriven_execution_is_looked_at_again(account: Account) -> None:
    about = redriven(account)
    about.poll()
    assert outcomes(about) == {"a": Outcome.WORKING}
    account.convert("a")
    about.poll()

    assert outcomes(about) == {"a": Outcome.CONVERTED}


def test_a_redriven_execution_that_ends_between_two_polls_is_looked_at_again(account: Account) -> None:
    about = redriven(account)
    account.convert("a")
    about.poll()
    about.poll()

    assert outcomes(about) == {"a": Outcome.CONVERTED}


def test_what_was_known_of_a_redriven_execution_stays_until_it_is_read_again(account: Account) -> None:
    about = redriven(account)
    account.refuse("GetExecutionHistory", Refused("ThrottlingException"))
    about.poll()

    assert about.since(0)[0].as_json()["key"] == KEY


def test_a_redriven_execution_that_still_seems_to_run_is_not_read_for_ever(account: Account) -> None:
    """The list may be behind the history."""
    about = redriven(account)
    account.convert("a")
    account.executions["a"].seems_to_run = True
    about.poll()
    account.reads()
    before = about.revision
    about.poll()

    assert account.reads() == []
    assert about.revision == before


# --- problems -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["ListExecutions", "GetExecutionHistory"])
@pytest.mark.parametrize(
    ("error", "title"),
    [
        (Refused("AccessDeniedException", "no"), "You may not call {}"),
        (Refused("ThrottlingException"), "AWS allows no more reads just now"),
        (GONE, "The local stack does not answer"),
        (Refused("StateMachineDoesNotExist"), "The stack lockstep is not what it was"),
        (Refused("ExpiredTokenException"), "Your AWS session has ended"),
        (Refused("InternalFailure", "sorry", 500), "{} failed"),
    ],
)
def test_a_problem_shows_and_goes_away_by_itself_and_what_was_known_stays(
    account: Account, operation: str, error: Exception, title: str
) -> None:
    account.start("runs")
    about = index()
    about.poll()
    known = about.since(0)
    account.refuse(operation, error)
    about.poll()
    about.poll()

    problem = about.progress.problem
    assert problem is not None
    assert problem.title == title.format(operation)
    assert problem.advice
    assert (about.progress.known, about.progress.read) == (1, 1)
    assert about.since(0) == known

    account.allow()
    account.start("later")
    about.poll()
    assert about.progress == Progress(known=2, read=2)


def test_a_problem_that_stays_does_not_seem_to_go_away_at_each_poll(account: Account) -> None:
    """The page is told of each change, ten times a second."""
    account.start("runs")
    about = index()
    account.refuse("GetExecutionHistory", Refused("AccessDeniedException"))
    about.poll()
    seen = []

    def refuse(operation: str, _: dict[str, Any]) -> None:
        seen.append(about.progress.problem)
        if operation == "GetExecutionHistory":
            raise Refused("AccessDeniedException")

    account.before = refuse
    about.poll()
    about.poll()

    assert len(seen) >= 4
    assert None not in seen


def test_how_many_are_known_shows_before_they_are_read(account: Account) -> None:
    ended(account, 3)
    about = index()
    seen = []
    account.before = lambda *_: seen.append((about.progress.known, about.progress.read))

    about.poll()

    assert (3, 0) in seen


def test_an_execution_that_is_gone_does_not_keep_others_from_being_read(account: Account) -> None:
    """Step Functions forgets executions, and the list may be behind."""
    older = ended(account, 3)
    account.start("gone")
    newer = ended(account, 1, "newer")
    account.refuse("GetExecutionHistory", Refused("ExecutionDoesNotExist"), name="gone")
    about = index(reads=5)
    for _ in range(5):
        about.poll()

    assert {name for name, outcome in outcomes(about).items() if outcome} == {*older, *newer}
    assert about.progress.problem is None


def test_an_execution_that_goes_while_it_runs_does_not_keep_others_from_being_read(account: Account) -> None:
    account.start("gone")
    account.start("runs")
    about = index()
    about.poll()
    account.refuse("GetExecutionHistory", Refused("ExecutionDoesNotExist"), name="gone")
    account.convert("runs")
    about.poll()
    about.poll()

    assert outcomes(about)["runs"] is Outcome.CONVERTED
    assert about.progress.problem is None


def test_an_execution_that_always_fails_to_be_read_does_not_keep_others_from_being_read(account: Account) -> None:
    older = ended(account, 3)
    account.start("broken")
    account.refuse("GetExecutionHistory", Refused("InternalFailure", status=500), name="broken")
    about = index()
    for _ in range(8):
        about.poll()

    assert {name for name, outcome in outcomes(about).items() if outcome} == set(older)
    assert about.progress.problem is not None


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "3", '"text"', "{}", "no JSON", '{"detail": []}', '{"detail": {"object": null}}'),
        '{"detail": {"bucket": {"name": 3}, "object": {"key": ["a"], "sequencer": -1, "etag": {}}}}',
        '{"detail-type": null, "detail": {"bucket": "b", "object": {"key": false}}}',
        '{"detail": {"object": {"key": "\\ud800"}}}',
        "[" * 100_000,
        '{"detail": {"object": {"sequencer": ' + "9" * 10_000 + "}}}",
    ],
    ids=range(14),
)
def test_whatever_an_execution_was_started_with_others_are_read(account: Account, text: str) -> None:
    account.start("below")
    account.start("odd", text=text)
    account.start("above")
    about = index()
    about.poll()

    assert set(outcomes(about).values()) == {Outcome.WORKING}
    assert about.progress == Progress(known=3, read=3)
    json.dumps([each.as_json() for each in about.since(0)])


@pytest.mark.parametrize("output", [{}, {"lock": 3}, {"lock": {"work": "NEW"}}, {"lock": {"work": None}}])
def test_what_another_version_of_the_machine_made_of_an_event_is_no_problem(
    account: Account, output: dict[str, Any]
) -> None:
    account.start("other")
    account.succeed("other", output)
    account.start("own")
    about = index()
    about.poll()

    assert outcomes(about) == {"own": Outcome.WORKING, "other": Outcome.SUCCEEDED}


# --- revisions ----------------------------------------------------------------------------------------------------


def test_only_what_has_changed_after_a_revision_is_told(account: Account) -> None:
    account.start("a")
    account.start("b")
    about = index()
    about.poll()
    before = about.revision
    about.poll()
    assert about.since(before) == []
    assert about.revision == before
    account.enter("a", "AcquireLock")
    about.poll()

    assert names(about.since(before)) == ["a"]
    assert about.revision > before


def test_an_execution_that_somebody_has_just_read_is_taken_note_of(account: Account) -> None:
    """Even before it is listed; and it is not told twice."""
    about = index()
    arn = account.start("a", is_listed=False)
    execution = Execution.read(arn, history(stack(), arn))
    about.put(execution)
    first = about.revision
    about.put(execution)
    account.executions["a"].is_listed = True
    about.poll()

    assert about.revision == first == 1
    assert outcomes(about) == {"a": Outcome.WORKING}
    assert about.progress.known == 1


def test_what_was_read_earlier_and_noted_later_is_put_right(account: Account) -> None:
    arn = account.start("a")
    about = index()
    earlier = Execution.read(arn, history(stack(), arn))
    account.convert("a")
    about.poll()
    about.put(earlier)
    about.poll()

    assert outcomes(about) == {"a": Outcome.CONVERTED}


def test_whoever_asks_from_another_thread_misses_nothing(account: Account) -> None:
    """Two threads take note, one asks for what is new; what it has put together is what there is."""
    arns = [account.start(f"{number}") for number in range(30)]
    histories = {arn: history(stack(), arn) for arn in arns}
    about = index()
    seen: dict[str, Entry] = {}
    stop = threading.Event()

    def ask() -> None:
        revision = 0
        while True:
            is_last = stop.is_set()
            now = about.revision
            seen.update({each.arn: each for each in about.since(revision)})
            revision = now
            if is_last:
                return

    def note(own: list[str]) -> None:
        for turn in range(1, 30):
            for arn in own:
                state: Any = {**histories[arn][0], "stateEnteredEventDetails": {"name": f"{turn}"}}
                about.put(Execution.read(arn, [*histories[arn], state]))

    asking = threading.Thread(target=ask)
    noting = [threading.Thread(target=note, args=([*arns[:15]],)), threading.Thread(target=note, args=([*arns[15:]],))]
    for each in (asking, *noting):
        each.start()
    for each in noting:
        each.join()
    stop.set()
    asking.join()

    assert seen == {each.arn: each for each in about.since(0)}
    assert {each.execution.states for each in seen.values() if each.execution} == {("29",)}
    assert len({each.revision for each in seen.values()}) == 30


# --- the thread ---------------------------------------------------------------------------------------------------


class Calls:
    """Waits for calls of an operation."""

    def __init__(self, account: Account, operation: str, first: Exception | None = None) -> None:
        self.count = 0
        self._first = first
        self._operation = operation
        self._changed = threading.Condition()
        account.before = self._see

    def wait_for(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.count >= count, timeout=5)

    def _see(self, operation: str, _: dict[str, Any]) -> None:
        if operation != self._operation:
            return
        with self._changed:
            self.count += 1
            self._changed.notify_all()
        if self.count == 1 and self._first is not None:
            raise self._first


def test_the_reader_polls_until_it_is_stopped(account: Account) -> None:
    account.start("a")
    calls = Calls(account, "ListExecutions")
    about = index()
    reader = Reader(about, 0.001)
    reader.start()
    assert calls.wait_for(3)
    reader.stop()
    reader.join(5)

    assert not reader.is_alive()
    assert outcomes(about) == {"a": Outcome.WORKING}


def test_the_reader_is_stopped_without_waiting_for_its_next_poll(account: Account) -> None:
    calls = Calls(account, "ListExecutions")
    reader = Reader(index(), 3600)
    reader.start()
    assert calls.wait_for(1)
    reader.stop()
    reader.join(5)

    assert not reader.is_alive()


@pytest.mark.parametrize("error", [GONE, Refused("AccessDenied"), RuntimeError("nobody has thought of this")])
def test_the_reader_goes_on_after_any_error(account: Account, error: Exception) -> None:
    """Otherwise the page would show for ever what was true once."""
    account.start("a")
    calls = Calls(account, "ListExecutions", error)
    about = index()
    reader = Reader(about, 0.001)
    reader.start()
    goes_on = calls.wait_for(3)
    reader.stop()
    reader.join(5)

    assert goes_on
    assert outcomes(about) == {"a": Outcome.WORKING}


# --- all of it, in any order --------------------------------------------------------------------------------------


def test_what_has_ended_by_the_list_has_ended_before_it_is_read(account: Account) -> None:
    """In a long list its history is read much later."""
    account.start("a")
    about = index(first_reads=0, reads=0)
    about.poll()
    assert about.since(0)[0].as_json()["stopped"] is None
    account.convert("a")

    about.poll()

    assert about.since(0)[0].as_json()["stopped"] is not None


def test_an_execution_that_is_gone_is_asked_for_once_and_counts_as_read(account: Account) -> None:
    account.start("gone")
    account.refuse("GetExecutionHistory", Refused("ExecutionDoesNotExist"), name="gone")
    about = index()
    for _ in range(3):
        about.poll()

    assert len(account.reads()) == 1
    assert about.progress == Progress(known=1, read=1)


def test_a_read_that_comes_late_does_not_bring_back_what_was_before(account: Account) -> None:
    """The page reads as well, in other threads."""
    account.start("a")
    account.enter("a", "ReleaseLock")
    before = account.read("a")
    account.convert("a")
    about = index()
    about.poll()

    about.put(before)

    assert outcomes(about) == {"a": Outcome.CONVERTED}


class AnyOrder(RuleBasedStateMachine):
    """Executions come and go, AWS lags and refuses, others read; a page puts together what it is told."""

    PAGE = 3
    FIRST_PAGE = 5

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(module, "_PAGE", self.PAGE)
        self.patch.setattr(module, "_FIRST_PAGE", self.FIRST_PAGE)
        self.account = new_account()
        self.index = Index(stack(), reads=2, first_reads=4)
        self.page: dict[str, dict[str, Any]] = {}
        self.revision = 0
        self.note(polls=0)

    def note(self, **numbers: int) -> None:
        self.__dict__.update(numbers)

    def some(self, data: strategies.DataObject, *, has_ended: bool) -> str | None:
        found = [each.name for each in self.account.executions.values() if each.has_ended is has_ended]
        return data.draw(strategies.sampled_from(found)) if found else None

    @rule(is_readable=strategies.booleans())
    def start(self, is_readable: bool) -> None:
        self.account.start(f"{len(self.account.executions)}", is_readable=is_readable)

    @rule(count=strategies.integers(2, 12))
    def start_many(self, count: int) -> None:
        for _ in range(count):
            self.account.start(f"{len(self.account.executions)}")

    @precondition(lambda self: all(each.is_listed for each in self.account.executions.values()))
    @rule(above=strategies.integers(0, PAGE - 1))
    def start_listed_late(self, above: int) -> None:
        self.account.start(f"{len(self.account.executions)}", is_listed=False)
        for _ in range(above):
            self.account.start(f"{len(self.account.executions)}")
        self.index.poll()
        self.catch_up()

    @rule()
    def catch_up(self) -> None:
        for each in self.account.executions.values():
            each.is_listed = each.is_readable = True

    @rule(data=strategies.data(), state=strategies.sampled_from(["AcquireLock", "WaitForLock"]))
    def move_on(self, data: strategies.DataObject, state: str) -> None:
        if name := self.some(data, has_ended=False):
            self.account.enter(name, state)

    @rule(data=strategies.data(), is_good=strategies.booleans())
    def end(self, data: strategies.DataObject, is_good: bool) -> None:
        if name := self.some(data, has_ended=False):
            (self.account.convert if is_good else self.account.fail)(name)

    @rule()
    def poll(self) -> None:
        self.account.calls.clear()
        reads = self.index.first_reads if not self.index._entries else self.index.reads
        self.index.poll()
        assert len(self.account.reads()) <= reads
        assert self.index.progress.problem is None

    @rule(calls=strategies.integers(0, 4))
    def poll_with_an_error(self, calls: int) -> None:
        self.account.calls.clear()

        def refuse(*_: object) -> None:
            if len(self.account.calls) > calls:
                raise Refused("ThrottlingException")

        self.account.before = refuse
        self.index.poll()
        self.account.allow()

    @rule(data=strategies.data(), has_ended=strategies.booleans())
    def somebody_reads(self, data: strategies.DataObject, has_ended: bool) -> None:
        if (name := self.some(data, has_ended=has_ended)) and (found := history(stack(), arn_of(name))):
            self.index.put(Execution.read(arn_of(name), found))

    @rule()
    def tell(self) -> None:
        now = self.index.revision
        for each in self.index.since(self.revision):
            self.page[each.as_json()["name"]] = each.as_json()
        self.revision = now
        assert self.page == {each.as_json()["name"]: each.as_json() for each in self.index.since(0)}

    @invariant()
    def newest_come_first(self) -> None:
        assert all(one.started >= next_.started for one, next_ in pairwise(self.index.since(0)))

    @invariant()
    def a_row_is_of_an_execution_that_there_is(self) -> None:
        assert {each.arn.rpartition(":")[2] for each in self.index.since(0)} <= set(self.account.executions)

    def teardown(self) -> None:
        """When nothing happens any more, all is known as it is."""
        self.catch_up()
        self.index.reads = 50
        for _ in range(12):
            self.index.poll()
        self.tell()
        self.patch.undo()
        truth = {name: self.account.read(name) for name in self.account.executions}
        assert {name: row["outcome"] for name, row in self.page.items()} == {
            name: each.outcome.value for name, each in truth.items()
        }
        count = len(truth)
        assert self.index.progress == Progress(known=count, read=count)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
