"""`lockstep reconcile` finds what is out of step, has it put right, touches nothing else, and can be broken off."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import Result

from lockstep.reconcile import words
from tests.unit.account import INPUT, OUTPUT, Refused
from tests.unit.reconcile_account import ReconcileAccount, lines, new_reconcile_account, reconcile, use
from tests.unit.redrive_account import Time


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return use(monkeypatch)


@pytest.fixture
def account(time: Time) -> ReconcileAccount:  # noqa: ARG001
    return new_reconcile_account()


@pytest.fixture
def damaged(account: ReconcileAccount) -> ReconcileAccount:
    """One object of each kind."""
    account.put("a fine", b"fine", made_from=b"fine")
    account.put("b missing", b"new")
    account.put("c outdated", b"new", made_from=b"old")
    account.put("d/")
    account.put("e rejected", b"no image")
    account.reject("e rejected")
    account.put_output("f orphaned", b"gone")
    account.put("g overwritten")
    account.put_output("g overwritten", None)
    return account


REPAIRED = ["b missing", "c outdated", "f orphaned", "g overwritten"]


def summary(result: Result) -> dict[str, Any]:
    return lines(result)[-1]


def found(result: Result) -> dict[str, str]:
    return {each["key"]: each["kind"] for each in lines(result) if each["event"] == "finding"}


# --- what is found and repaired -----------------------------------------------------------------------------------


def test_what_is_out_of_step_is_put_right_and_nothing_else_is_touched(damaged: ReconcileAccount) -> None:
    fine = damaged.objects[OUTPUT, "a fine"]

    result = reconcile("--yes")

    assert damaged.repaired == REPAIRED
    assert damaged.objects[OUTPUT, "a fine"] is fine
    assert damaged.changes == {"StartExecution"}
    assert result.exit_code == 0
    assert "4 repairs: 3 converted, 1 deleted" in result.stdout
    assert result.stdout.splitlines()[-1] == "in step"


def test_a_second_run_finds_nothing(damaged: ReconcileAccount) -> None:
    reconcile("--yes")
    damaged.starts.clear()

    again = reconcile("--yes")

    assert damaged.starts == []
    assert again.exit_code == 0
    assert "in step" in again.stdout


def test_a_dry_run_shows_everything_and_changes_nothing(damaged: ReconcileAccount) -> None:
    result = reconcile("--dry-run")

    assert damaged.changes == set()
    assert result.exit_code == 1
    for key in ("b missing", "c outdated", "e rejected", "f orphaned", "g overwritten"):
        assert key in result.stdout
    assert "a fine" not in result.stdout
    assert "--rejected" in result.stdout


def test_a_dry_run_of_what_is_in_step_is_a_success_rejected_inputs_or_not(account: ReconcileAccount) -> None:
    account.put("fine", b"fine", made_from=b"fine")
    account.put("rejected", b"no image")
    account.reject("rejected")

    assert reconcile("--dry-run").exit_code == 0


def test_a_full_bucket_with_an_empty_output_is_reconciled_by_the_same_command(account: ReconcileAccount) -> None:
    keys = [f"photo {number:03}" for number in range(60)]
    for key in keys:
        account.put(key)

    result = reconcile("--yes")

    assert account.repaired == keys
    assert result.exit_code == 0
    assert "60 converted" in result.stdout


def test_only_the_kinds_asked_for_are_repaired_and_the_others_are_told(damaged: ReconcileAccount) -> None:
    result = reconcile("--yes", "--kind", "missing", "--kind", "orphaned")

    assert damaged.repaired == ["b missing", "f orphaned"]
    assert result.exit_code == 0
    assert "c outdated" in result.stdout
    assert "left alone" in result.stdout
    left = "what was asked for is in step; 2 findings of other kinds left alone"
    assert result.stdout.splitlines()[-1] == left


def test_programs_are_told_how_many_were_left_alone(damaged: ReconcileAccount) -> None:  # noqa: ARG001
    assert summary(reconcile("--yes", "--json", "--kind", "missing"))["left_alone"] == 3
    assert summary(reconcile("--yes", "--json"))["left_alone"] == 0


def test_a_prefix_that_no_key_begins_with_may_be_mistyped_and_is_said(damaged: ReconcileAccount) -> None:  # noqa: ARG001
    assert "no key of either bucket begins with 'zzz'" in reconcile("--dry-run", "--prefix", "zzz").stdout
    assert "begins with" not in reconcile("--dry-run", "--prefix", "a").stdout


def test_only_objects_below_the_prefix_are_looked_at(damaged: ReconcileAccount) -> None:
    result = reconcile("--yes", "--json", "--prefix", "c")

    assert damaged.repaired == ["c outdated"]
    assert (summary(result)["inputs"], summary(result)["outputs"]) == (1, 1)


def test_a_rejected_input_is_tried_again_only_if_asked_and_stays_no_failure(damaged: ReconcileAccount) -> None:
    reconcile("--yes")
    damaged.starts.clear()

    result = reconcile("--yes", "--rejected")

    assert damaged.repaired == ["e rejected"]
    assert result.exit_code == 0
    assert "1 rejected" in result.stdout


def test_a_new_input_that_turns_out_to_be_no_image_is_no_failure(account: ReconcileAccount) -> None:
    account.put("notes.txt", b"no image")

    assert reconcile("--yes").exit_code == 0
    assert account.repaired == ["notes.txt"]
    account.starts.clear()
    assert reconcile("--yes").exit_code == 0
    assert account.repaired == []


def test_a_repair_that_failed_shows_in_the_exit_code_and_by_name(damaged: ReconcileAccount) -> None:
    damaged.ends = lambda name: damaged.fail(name, "ServiceUnavailable", "S3 is busy")

    result = reconcile("--yes")

    assert result.exit_code == 1
    assert "not all is in step" in result.stdout
    assert "c outdated" in result.stdout
    assert "S3 is busy" in result.stdout


def test_a_repair_that_may_not_be_started_shows_in_the_exit_code(damaged: ReconcileAccount) -> None:
    damaged.refuse("StartExecution", Refused("InvalidName", "no such name"))

    result = reconcile("--yes")

    assert result.exit_code == 1
    assert "4 not started" in result.stdout


def test_repairs_have_names_that_tell_the_run_and_are_never_started_twice_in_it(damaged: ReconcileAccount) -> None:
    run = summary(reconcile("--yes", "--json"))["run"]

    assert all(name.startswith(f"reconcile-{run}-") for name in damaged.starts)
    assert len(set(damaged.starts)) == 4


def test_the_rate_is_kept(account: ReconcileAccount, time: Time) -> None:
    for number in range(20):
        account.put(f"photo {number}")
    before = time.seconds

    reconcile("--yes", "--rate", "0.5")

    assert time.seconds - before >= 19 / 0.5


def test_no_more_repairs_are_under_way_than_allowed(account: ReconcileAccount) -> None:
    for number in range(10):
        account.put(f"photo {number}")
    most = 0

    def watch(operation: str, _: dict[str, Any]) -> None:
        nonlocal most
        most = max(
            most, sum(not each.has_ended for each in account.executions.values()) + (operation == "StartExecution")
        )

    account.before = watch
    reconcile("--yes", "--concurrency", "2", "--rate", "1000")

    assert len(account.starts) == 10
    assert most == 2


# --- races --------------------------------------------------------------------------------------------------------


def test_an_output_that_appears_after_it_was_not_listed_is_not_missing(account: ReconcileAccount) -> None:
    """Its event was on its way: what looks out of step in the listings is looked at again."""
    account.put("photo")
    account.before = lambda operation, _: account.put_output("photo", b"photo") if operation == "HeadObject" else None

    assert reconcile("--dry-run").exit_code == 0


def test_an_output_that_vanishes_after_it_was_listed_is_missing(account: ReconcileAccount) -> None:
    account.put("photo", made_from=b"photo")

    def vanish(operation: str, _: dict[str, Any]) -> None:
        if operation == "HeadObject":
            account.objects.pop((OUTPUT, "photo"), None)

    account.before = vanish

    assert found(reconcile("--dry-run", "--json")) == {"photo": "missing"}


def test_an_input_that_vanishes_with_its_output_is_in_step(account: ReconcileAccount) -> None:
    account.put("photo")

    def vanish(operation: str, _: dict[str, Any]) -> None:
        if operation == "HeadObject":
            account.objects.clear()

    account.before = vanish

    assert reconcile("--dry-run").exit_code == 0


# --- asking -------------------------------------------------------------------------------------------------------


def test_without_a_terminal_it_refuses_to_guess(damaged: ReconcileAccount) -> None:
    result = reconcile()

    assert result.exit_code == 2
    assert "--yes" in result.output
    assert damaged.calls == []


def test_it_shows_what_it_found_and_asks_before_anything_is_started(
    damaged: ReconcileAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, terminal=True)

    no = reconcile(typed="n\n")
    assert damaged.changes == set()
    assert no.exit_code == 1
    assert "repair 4?" in no.stdout

    yes = reconcile(typed="y\n")
    assert damaged.repaired == REPAIRED
    assert yes.exit_code == 0


def test_nothing_is_asked_where_nothing_is_to_be_repaired(
    account: ReconcileAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, terminal=True)
    account.put("fine", made_from=b"photo")

    result = reconcile()

    assert result.exit_code == 0
    assert "repair" not in result.stdout


# --- breaking off and going on ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("damaged")
@pytest.mark.parametrize(
    "options",
    [["--run", "x"], ["--distributed", "--rate", "1"], ["--distributed", "--start-after", "a"], ["--rate", "0"]],
)
def test_options_that_do_not_go_together_are_a_mistake(options: list[str]) -> None:
    assert reconcile("--yes", *options).exit_code == 2


@given(stop=st.integers(1, 200), asked=st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_wherever_it_is_broken_off_the_command_that_it_prints_does_the_rest(
    stop: int, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is all that had not been started: nothing is left out."""
    use(monkeypatch, terminal=asked)
    account = new_reconcile_account()
    keys = [f"photo's {number:02}" for number in range(12)]
    for number, key in enumerate(keys):
        account.put(key, made_from=b"photo" if number % 3 == 0 else None)
    calls = 0

    def interrupt(*_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyboardInterrupt

    account.before = interrupt
    first = reconcile(*([] if asked else ["--yes"]), "--prefix", "photo's", typed="y\n")
    account.allow()
    if first.exit_code != 130:  # it was done before
        return
    (command,) = [line for line in first.output.splitlines() if "to go on" in line]
    typed = shlex.split(command.partition(": lockstep reconcile ")[2])
    reconcile(*typed, typed="y\n")

    assert set(account.repaired) == {key for number, key in enumerate(keys) if number % 3}
    for key in keys:
        assert (OUTPUT, key) in account.objects or any(not each.has_ended for each in account.executions.values())


def test_broken_off_before_the_first_repair_it_goes_on_from_the_start(
    damaged: ReconcileAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it had compared everything."""
    use(monkeypatch, terminal=True)
    damaged.refuse("StartExecution", Refused("AccessDeniedException", "not you"))

    result = reconcile("--prefix", "", typed="y\n")

    assert "to go on from here: lockstep reconcile\n" in result.output


@pytest.mark.parametrize("at", ["while comparing", "at the prompt", "refused while comparing"])
def test_broken_off_before_it_may_repair_it_tells_how_to_begin_where_it_began(
    account: ReconcileAccount, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Not after the last key it has seen: what it found before that is not repaired."""
    use(monkeypatch, terminal=True)
    for number in range(300):
        account.put(f"{number:03}", made_from=b"photo" if number % 2 else None)

    def break_off(operation: str, about: dict[str, Any]) -> None:
        if operation == "HeadObject" and about["Key"] == "200" and at != "at the prompt":
            raise KeyboardInterrupt if at == "while comparing" else Refused("403", "not you", 403)

    account.before = break_off
    result = reconcile("--json", "--start-after", "010", typed="")  # an end of what is typed is as good as Ctrl-C

    assert result.exit_code == (2 if at.startswith("refused") else 130)
    assert (
        "stopped: 0 repairs started\nto go on from here: lockstep reconcile --json --start-after 010" in result.stderr
    )
    assert summary(result)["start_after"] == "010"
    assert "in_step" not in summary(result)
    assert account.starts == []


def test_a_dry_run_that_is_broken_off_goes_on_after_the_last_key_it_has_compared(account: ReconcileAccount) -> None:
    for number in range(1000):
        account.put(f"{number:03}", made_from=b"photo")

    def interrupt(operation: str, about: dict[str, Any]) -> None:
        if operation == "HeadObject" and about["Key"] == "500":
            raise KeyboardInterrupt

    account.before = interrupt
    result = reconcile("--dry-run")

    assert result.exit_code == 130
    assert "lockstep reconcile --dry-run --start-after 499" in result.stdout


@given(key=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20))
def test_a_key_is_printed_so_that_a_shell_takes_it_and_nothing_moves_the_cursor(key: str) -> None:
    quoted = words.quoted(key)

    assert quoted.isprintable()
    if key.isprintable():
        assert shlex.split(quoted) == [key]
    else:
        inside = quoted.removeprefix("$'").removesuffix("'")
        assert re.sub(r"\\U([0-9a-f]{8})", lambda found: chr(int(found[1], 16)), inside) == key


def test_refused_by_aws_it_says_how_to_go_on(damaged: ReconcileAccount) -> None:
    damaged.refuse("StartExecution", Refused("AccessDeniedException", "not you"))

    result = reconcile("--yes")

    assert result.exit_code == 2
    assert "StartExecution" in result.output
    assert "to go on from here: lockstep reconcile --yes --start-after 'a fine'" in result.output


# --- for programs -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("damaged")
def test_programs_get_a_line_for_each_finding_each_repair_and_the_sum() -> None:
    result = reconcile("--yes", "--json")

    assert found(result) == {
        "b missing": "missing",
        "c outdated": "outdated",
        "e rejected": "rejected",
        "f orphaned": "orphaned",
        "g overwritten": "outdated",
    }
    repairs = {each["key"]: each["outcome"] for each in lines(result) if each["event"] == "repair"}
    assert repairs == dict.fromkeys(REPAIRED, "converted") | {"f orphaned": "deleted"}
    told = summary(result)
    assert (told["inputs"], told["outputs"]) == (5, 4)  # without the folder
    assert told["found"] == {"missing": 1, "outdated": 2, "orphaned": 1, "rejected": 1}
    assert told["repairs"] == {"converted": 3, "deleted": 1}
    assert told["in_step"] is True


def test_the_input_is_never_read_nor_written(damaged: ReconcileAccount) -> None:
    """No more than its headers."""
    reconcile("--yes")

    asked = {operation for operation, about in damaged.calls if about.get("Bucket") == INPUT}
    assert asked == {"ListObjectsV2", "HeadObject"}


def test_an_output_in_step_costs_one_request(account: ReconcileAccount) -> None:
    for number in range(10):
        account.put(f"{number}", made_from=b"photo")

    reconcile("--dry-run")

    asked = [operation for operation, _ in account.calls if operation != "ListObjectsV2"]
    assert asked == ["HeadObject"] * 10
