"""`lockstep reconcile --distributed` starts the second state machine, follows it, and says what came of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from lockstep.reconcile.result import tallied
from objectlock.comparison import Kind, repair_name
from tests.unit.account import Refused, stack
from tests.unit.reconcile_account import ReconcileAccount, counts, lines, new_reconcile_account, reconcile, use
from tests.unit.redrive_account import Time

NOT_REPAIRED = {"tally": [5, 1], "not_repaired": 1}
FOLLOWED = ("DescribeExecution", "ListMapRuns", "DescribeMapRun")
NO_ANSWERS = (Refused("ThrottlingException"), ConnectionClosedError(endpoint_url="https://states"))


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return use(monkeypatch)


@pytest.fixture
def account(time: Time) -> ReconcileAccount:  # noqa: ARG001
    account = new_reconcile_account()
    account.steps = [going_on(account), ended(account, [[3, 1], [2]], [[4, 0, 0, 1]])]
    return account


def going_on(account: ReconcileAccount) -> Callable[[], None]:
    return lambda: account.map_runs.append(counts(5, 2))


def ended(account: ReconcileAccount, inputs: list[Any], outputs: list[Any], failed: int = 0) -> Callable[[], None]:
    """What the run finds, as tallies."""

    def end() -> None:
        assert account.run is not None
        account.map_runs[:] = [counts(5, 5 - failed, failed), counts(4, 4)]
        account.run |= {"status": "SUCCEEDED", "output": json.dumps({"inputs": inputs, "outputs": outputs})}

    return end


def fails(account: ReconcileAccount) -> Callable[[], None]:
    def end() -> None:
        assert account.run is not None
        account.run |= {"status": "FAILED", "error": "States.ItemReaderFailed", "cause": "no such bucket"}

    return end


def incomplete(account: ReconcileAccount, inputs: list[Any], outputs: list[Any]) -> Callable[[], None]:
    """All that could be done was done, and not all could."""

    def end() -> None:
        assert account.run is not None
        account.run |= {"status": "FAILED", "error": "ReconcileIncomplete", "cause": "2 batches"}
        account.last_input = {"tallies": {"inputs": inputs, "outputs": outputs}}

    return end


def wrong_at(operation: str, *times: int, error: BaseException) -> Callable[[str, dict[str, Any]], None]:
    """What happens at the nth calls of it."""
    calls = 0

    def watch(called: str, _: dict[str, Any]) -> None:
        nonlocal calls
        calls += called == operation
        if called == operation and calls in times:
            raise error

    return watch


def interrupt_at(operation: str, time: int) -> Callable[[str, dict[str, Any]], None]:
    """Ctrl-C at the nth call of it."""
    return wrong_at(operation, time, error=KeyboardInterrupt())


def asked(account: ReconcileAccount) -> dict[str, Any]:
    assert account.run is not None
    found: dict[str, Any] = json.loads(account.run["input"])
    return found


def name(account: ReconcileAccount) -> str:
    assert account.run is not None
    return str(account.run["name"])


def test_it_starts_the_second_machine_and_says_what_it_has_found(account: ReconcileAccount) -> None:
    result = reconcile("--distributed", "--yes", "--prefix", "p/", "--concurrency", "7")

    assert asked(account) == {
        "prefix": "p/",
        "dry_run": False,
        "kinds": ["missing", "outdated", "orphaned"],
        "concurrency": 7,
    }
    assert result.exit_code == 0
    assert "compared 5 inputs, 4 outputs: 1 missing, 1 orphaned\n2 repairs\n" in result.stdout
    assert result.stdout.splitlines()[-1] == "in step"


def test_what_was_not_asked_for_is_left_alone_and_said(account: ReconcileAccount) -> None:  # noqa: ARG001
    result = reconcile("--distributed", "--yes", "--kind", "missing")

    assert "1 repair\n" in result.stdout
    assert result.stdout.splitlines()[-1] == "what was asked for is in step; 1 finding of other kinds left alone"


def test_the_machine_has_its_own_concurrency_unless_told_otherwise(account: ReconcileAccount) -> None:
    reconcile("--distributed", "--yes", "--kind", "outdated", "--rejected")

    assert asked(account) == {"prefix": "", "dry_run": False, "kinds": ["outdated", "rejected"]}


def test_this_process_itself_lists_compares_and_repairs_nothing(account: ReconcileAccount) -> None:
    reconcile("--distributed", "--yes")

    assert account.operations <= {
        *("StartExecution", "DescribeExecution", "ListMapRuns", "DescribeMapRun", "ListExecutions"),
        "GetExecutionHistory",
    }


def test_a_dry_run_that_finds_something_is_not_in_step(account: ReconcileAccount) -> None:
    result = reconcile("--distributed", "--dry-run")

    assert asked(account)["dry_run"] is True
    assert result.exit_code == 1
    assert "repairs" not in result.stdout
    assert "the same without --distributed lists them" in result.stdout


def test_a_dry_run_that_finds_only_rejected_inputs_is_in_step(account: ReconcileAccount) -> None:
    account.steps = [ended(account, [[5, 0, 0, 0, 2]], [[4]])]

    assert reconcile("--distributed", "--dry-run").exit_code == 0


def test_a_repair_that_failed_is_named_and_one_that_was_rejected_is_no_failure(account: ReconcileAccount) -> None:
    def repair(key: str, error: str) -> None:
        started = repair_name(name(account), key)
        account.start(started, key, change="Object Reconcile")
        account.fail(started, error)

    account.failed("somebody else's")
    end = account.steps.pop()
    account.steps.append(lambda: repair("notes.txt", "SourceRejected"))
    account.steps.append(end)
    assert reconcile("--distributed", "--yes").exit_code == 0

    account.steps = [lambda: repair("photo.jpg", "ServiceUnavailable"), incomplete(account, [NOT_REPAIRED], [[4]])]
    result = reconcile("--distributed", "--yes", "--json")

    assert result.exit_code == 1
    (told,) = lines(result)
    assert [each["key"] for each in told["not_repaired"]] == ["photo.jpg"]
    assert told["more_not_repaired"] == 0
    assert told["in_step"] is False


@pytest.fixture
def many_bad_repairs(account: ReconcileAccount, monkeypatch: pytest.MonkeyPatch) -> ReconcileAccount:
    """Seven that were rejected, of which three may be read, and one that was aborted before them."""
    monkeypatch.setattr("lockstep.reconcile.result.AT_MOST", 3)

    def start(key: str) -> str:
        account.start(started := repair_name(name(account), key), key, change="Object Reconcile")
        return started

    def fail() -> None:
        account.abort(start("aborted.jpg"))
        for number in range(7):
            account.fail(start(f"notes {number}.txt"), "SourceRejected")

    account.steps = [fail, incomplete(account, [NOT_REPAIRED], [[4]])]
    return account


def test_only_so_many_histories_of_failed_repairs_are_read_and_the_rest_are_counted(
    many_bad_repairs: ReconcileAccount,
) -> None:
    result = reconcile("--distributed", "--yes", "--json")

    (told,) = lines(result)
    assert len(told["not_repaired"]) == 3
    assert told["more_not_repaired"] == 5
    assert "… and 5 more" in result.stderr
    assert len([each for each in many_bad_repairs.reads() if each.startswith("reconcile-")]) == 3


def test_a_repair_that_surely_was_not_rejected_is_named_before_those_that_may_have_been(
    many_bad_repairs: ReconcileAccount,  # noqa: ARG001
) -> None:
    (told,) = lines(reconcile("--distributed", "--yes", "--json"))

    assert told["not_repaired"][0]["key"] == "aborted.jpg"


@pytest.mark.parametrize("options", [["--yes"], ["--dry-run"]], ids=" ".join)
def test_no_history_is_read_where_nothing_can_have_failed(
    many_bad_repairs: ReconcileAccount, options: list[str]
) -> None:
    """By what the machine itself says; a dry run has repaired nothing, whatever else it could not do."""
    many_bad_repairs.steps[1] = {
        "--yes": ended(many_bad_repairs, [[5, 1]], [[4]]),
        "--dry-run": incomplete(many_bad_repairs, [[3, 1], {"not_compared": 2}], [[4]]),
    }[options[0]]

    reconcile("--distributed", *options)

    assert "ListExecutions" not in many_bad_repairs.operations
    assert not [each for each in many_bad_repairs.reads() if each.startswith("reconcile-")]


def test_interrupted_while_it_reads_what_failed_it_still_tells_the_tallies(
    many_bad_repairs: ReconcileAccount,
) -> None:
    many_bad_repairs.before = interrupt_at("GetExecutionHistory", 3)  # the run's own comes first

    result = reconcile("--distributed", "--yes", "--json")

    assert result.exit_code == 130
    (told,) = lines(result)
    assert told["found"]["missing"] == 1
    assert (len(told["not_repaired"]), told["more_not_repaired"]) == (1, None)
    assert "compared 5 inputs, 4 outputs: 1 missing" in result.stderr
    assert "there may be more" in result.stderr


def test_objects_that_could_not_be_compared_are_no_success(account: ReconcileAccount) -> None:
    account.steps = [ended(account, [[3]], [[4]], failed=2)]

    result = reconcile("--distributed", "--yes")

    assert result.exit_code == 1
    assert "2 objects could not be compared" in result.stdout


def test_interrupted_it_says_how_to_follow_the_run_which_goes_on(account: ReconcileAccount) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    account.steps.insert(1, interrupt)
    first = reconcile("--distributed", "--yes")
    assert first.exit_code == 130
    assert f"lockstep reconcile --distributed --run {name(account)}" in first.stdout

    result = reconcile("--distributed", "--run", name(account))

    assert result.exit_code == 0
    assert account.redriven == 0
    assert len([each for each, _ in account.calls if each == "StartExecution"]) == 1


@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("operation", FOLLOWED)
def test_an_answer_that_is_lost_does_not_end_the_following(
    account: ReconcileAccount, operation: str, error: Exception
) -> None:
    account.before = wrong_at(operation, 2, 3, error=error)

    result = reconcile("--distributed", "--yes")

    assert result.exit_code == 0
    assert result.stdout.count("no answer, trying again") == 1
    assert result.stdout.splitlines()[-1] == "in step"


@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda each: type(each).__name__)
def test_an_answer_that_is_lost_at_the_end_of_a_run_does_not_hide_what_came_of_it(
    account: ReconcileAccount, error: Exception
) -> None:
    account.steps = [incomplete(account, [[5, 1]], [[4]])]
    account.before = wrong_at("GetExecutionHistory", 1, error=error)

    assert "compared 5 inputs, 4 outputs: 1 missing" in reconcile("--distributed", "--yes").stdout


@pytest.mark.parametrize("operation", FOLLOWED)
def test_where_one_may_not_follow_it_says_how_to_follow_the_run_which_goes_on(
    account: ReconcileAccount, operation: str
) -> None:
    account.before = wrong_at(operation, 2, error=Refused("AccessDeniedException"))

    result = reconcile("--distributed", "--yes")

    assert result.exit_code == 2
    assert f"to follow it: lockstep reconcile --distributed --run {name(account)} --yes\n" in result.stdout
    assert f"You may not call {operation}" in result.stderr


def test_where_one_may_not_read_what_came_of_a_run_it_says_how_to_be_told_again(account: ReconcileAccount) -> None:
    account.steps = [incomplete(account, [[5, 1]], [[4]])]
    account.before = wrong_at("GetExecutionHistory", 1, error=Refused("AccessDeniedException"))

    result = reconcile("--distributed", "--yes")

    assert result.exit_code == 2
    assert f"it has ended; to be told what came of it: lockstep reconcile --distributed --run {name(account)}" in (
        result.stdout
    )


def test_a_run_that_failed_goes_on_where_it_ended(account: ReconcileAccount) -> None:
    account.steps = [fails(account)]
    first = reconcile("--distributed", "--yes")
    assert first.exit_code == 2
    assert "no such bucket" in first.output
    assert f"--run {name(account)}" in first.output

    account.steps = [ended(account, [[5]], [[4]])]
    result = reconcile("--distributed", "--run", name(account))

    assert account.redriven == 1
    assert result.exit_code == 0


def test_after_a_run_that_was_stopped_it_asks_for_a_new_one(account: ReconcileAccount) -> None:
    """Its repairs were stopped with it, and it cannot start their names again."""

    def stop() -> None:
        assert account.run is not None
        account.run |= {"status": "ABORTED"}

    account.steps = [stop]

    result = reconcile("--distributed", "--yes")

    assert result.exit_code == 2
    assert "start a new run" in result.output
    assert "to go on" not in result.output


def test_a_run_that_could_not_do_everything_tells_what_it_did_and_is_no_success(account: ReconcileAccount) -> None:
    account.steps = [incomplete(account, [[3, 1], {"not_compared": 2}], [{"tally": [4, 0, 0, 1], "not_repaired": 1}])]

    first = reconcile("--distributed", "--yes")

    assert first.exit_code == 1
    assert "compared 3 inputs, 4 outputs: 1 missing, 1 orphaned" in first.stdout
    assert "2 objects could not be compared" in first.stdout
    assert "new run" in first.stdout


def test_a_run_that_could_not_do_everything_is_told_of_again_and_not_redriven(account: ReconcileAccount) -> None:
    """It would only go on at its end."""
    account.steps = [incomplete(account, [[5, 1]], [{"tally": [4, 0, 0, 1], "not_repaired": 1}])]
    first = reconcile("--distributed", "--yes")

    account.steps = [fails(account)]  # should it run again
    again = reconcile("--distributed", "--run", name(account))

    assert (account.redriven, again.exit_code) == (0, 1)
    assert first.stdout == again.stdout


@pytest.mark.parametrize(
    "options", [["--dry-run"], ["--prefix", "p/"], ["--kind", "missing"], ["--rejected"], ["--concurrency", "1"]]
)
def test_a_run_is_not_gone_on_with_where_something_else_is_asked_for(
    account: ReconcileAccount, options: list[str]
) -> None:
    """Else it would repair, whatever --dry-run says."""
    account.steps = [fails(account)]
    reconcile("--distributed", "--yes")
    account.calls.clear()
    account.steps = [ended(account, [[5]], [[4]])]  # should it go on

    result = reconcile("--distributed", "--run", name(account), *options)

    assert result.exit_code == 2
    assert f"a run keeps what it was started with: leave out {options[0]}" in result.output
    assert account.calls == []


def test_the_command_that_it_prints_may_be_typed_with_all_its_options(account: ReconcileAccount) -> None:
    account.steps = [fails(account)]
    failed = reconcile("--distributed", "--yes", "--json", "--prefix", "p/", "--concurrency", "7")
    command = failed.stderr.rpartition("to go on: lockstep reconcile ")[2]
    assert "--yes --json" in command

    account.steps = [ended(account, [[5]], [[4]])]

    assert reconcile(*shlex.split(command)).exit_code == 0


def test_a_run_that_step_functions_never_comes_to_know_is_not_waited_for_for_ever(account: ReconcileAccount) -> None:
    account.never_known = True

    result = reconcile("--distributed", "--yes")

    assert result.exit_code == 2
    assert account.run is not None


@pytest.mark.parametrize("options", [["--distributed", "--yes"], ["--yes"], []])
def test_a_name_that_is_empty_starts_no_other_run(account: ReconcileAccount, options: list[str]) -> None:
    """As in a script whose variable is not set."""
    result = reconcile(*options, "--run", "")

    assert (result.exit_code, account.calls) == (2, [])
    assert "--run is empty" in result.stderr


def test_a_run_that_does_not_exist_is_named(account: ReconcileAccount) -> None:  # noqa: ARG001
    result = reconcile("--distributed", "--run", "no-such")

    assert result.exit_code == 2
    assert "no-such" in result.output


def test_a_stack_without_the_second_machine_says_so(account: ReconcileAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.local.running_stack", stack)

    result = reconcile("--distributed", "--yes")

    assert result.exit_code == 2
    assert "deploy" in result.output
    assert account.calls == []


def test_it_asks_before_it_starts(account: ReconcileAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, terminal=True)

    no = reconcile("--distributed", typed="n\n")
    assert no.exit_code == 1
    assert account.run is None

    assert reconcile("--distributed", typed="y\n").exit_code == 0


def test_tallies_add_up_and_children_that_failed_have_none() -> None:
    objects, kinds = tallied([[500], [500, 3], [20, 0, 1, 0, 2], {}, None, []])

    assert objects == 1020
    assert kinds == {Kind.MISSING: 3, Kind.OUTDATED: 1, Kind.ORPHANED: 0, Kind.REJECTED: 2}
