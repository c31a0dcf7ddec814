"""The model of what Lockstep costs, and the page that shows it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from benchmarks.cost import bursts, command, tables
from benchmarks.cost.assumptions import DEFAULTS
from benchmarks.cost.bills import bill, gigabyte_seconds, memory_gigabytes
from benchmarks.cost.bursts import LOCKSTEP, PLAIN, SLEEPING, burst
from benchmarks.cost.clockwork import item_bytes
from benchmarks.cost.compared import million_events, once
from benchmarks.cost.paths import CREATED, DELETED, FIRST_ROUND, ROUND, STALE, Measured, measured
from benchmarks.cost.quotas import QUOTAS, longest_minutes
from benchmarks.cost.usage import Usage

ACQUIRE, WORK, RELEASE = "AcquireLockFunction", "GrayscaleFunction", "ReleaseLockFunction"
WARM = replace(DEFAULTS, cold_share=0, platform_log_bytes=0, traced=0.5)
USAGE = Usage(
    events=2_000_000,
    executions=1_000_000,
    transitions=4_000_000,
    invocations=Counter({ACQUIRE: 1_000_000, WORK: 500_000}),
    milliseconds=Counter({ACQUIRE: 20_000_000, WORK: 100_000_000}),
    calls=Counter({"PUT": 1_000_000, "HEAD": 1_000_000, "GET": 500_000, "DELETE": 9_000_000}),
    write_units=2_000_000,
    read_units=1_000_000,
    log_bytes=2_000_000_000,
)


@cache
def ways() -> Measured:
    """Measured once."""
    return measured()


def of_page(name: str) -> str:
    return tables.between(command.PAGE.read_text(encoding="utf-8"), name)


# --- the formula ---------------------------------------------------------------------------------------------


def test_the_bill_is_what_the_formula_gives_by_hand() -> None:
    lines = bill(USAGE, WARM).lines

    assert lines == pytest.approx(
        {
            "Step Functions": 100,
            "Lambda": 1.5 * 0.2 + (0.5 * 20_000 + 1769 / 1024 * 100_000) * 13.3334e-6,
            "DynamoDB": 2 * 0.625 + 0.125,
            "S3": 5 + 1.5 * 0.4,
            "EventBridge": 2,
            "Logs": 0.5 * (2 + 1.5e6 * 2 * 26 / 1e9),
            "X-Ray": 2.5,
        }
    )
    assert bill(USAGE, WARM).total == pytest.approx(sum(lines.values()))


def test_cold_starts_are_billed_by_the_memory_of_their_function() -> None:
    cold = replace(WARM, cold_share=0.1, cold_ms=1_000)

    more = gigabyte_seconds(USAGE, cold) - gigabyte_seconds(USAGE, WARM)

    assert more == pytest.approx(100_000 * 0.5 + 50_000 * 1769 / 1024)


def test_memory_is_that_of_the_shipped_template() -> None:
    assert memory_gigabytes()[WORK] == 1769 / 1024
    assert memory_gigabytes()[ACQUIRE] == memory_gigabytes()[RELEASE] == 0.5


def test_an_item_has_the_bytes_of_its_names_and_values() -> None:
    assert item_bytes({"object_id": "in/ä", "fencing_token": 12345}) == (9 + 5) + (13 + 4)


# --- what is counted -----------------------------------------------------------------------------------------


def test_an_upload_uses_what_the_real_adapters_are_seen_to_use() -> None:
    """tests/workflow/test_counts.py counts the calls of boto3."""
    usage = ways().ways[CREATED]

    assert usage.transitions == 4
    assert usage.invocations == {ACQUIRE: 1, WORK: 1, RELEASE: 1}
    assert usage.calls == {"UpdateItem": 3, "HEAD": 1, "GET": 1, "PUT": 1}
    assert usage.write_units == 3
    assert (usage.events, usage.executions) == (1, 1)


def test_the_milliseconds_of_an_upload_are_those_of_its_calls() -> None:
    assert ways().ways[CREATED].milliseconds == {ACQUIRE: 5 + 8 + 20, WORK: 5 + 8 + 50 + 150 + 60, RELEASE: 5 + 8}


def test_a_deletion_uses_what_the_real_adapters_are_seen_to_use() -> None:
    usage = ways().ways[DELETED]

    assert usage.transitions == 4
    assert usage.calls == {"UpdateItem": 3, "HEAD": 2, "DELETE": 1}


def test_a_write_that_is_refused_is_paid_for() -> None:
    usage = ways().ways[STALE]

    assert usage.calls == {"UpdateItem": 1, "refused": 1, "HEAD": 1}
    assert (usage.transitions, usage.write_units) == (3, 1)


def test_a_round_of_waiting_is_three_transitions_and_a_short_function_and_the_first_writes_once_more() -> None:
    first, further = ways().ways[FIRST_ROUND], ways().ways[ROUND]

    assert [each.transitions for each in (first, further)] == [3, 3]
    assert [each.write_units for each in (first, further)] == [2, 1]
    assert further.milliseconds == {ACQUIRE: 5 + 8}  # nothing runs while it waits


# --- bursts --------------------------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_burst() -> None:
    assert burst(LOCKSTEP, 10, seed=7) == burst(LOCKSTEP, 10, seed=7)
    assert burst(LOCKSTEP, 10, seed=7) != burst(LOCKSTEP, 10, seed=8)


def test_a_burst_ends_right_and_every_event_of_it_ends_well() -> None:
    found = burst(LOCKSTEP, 30)

    assert found.is_right
    assert found.outcomes.keys() <= {"did its work", "STALE", "SUPERSEDED"}
    assert sum(found.outcomes.values()) == found.usage.executions == 30
    assert found.usage.calls["PUT"] < 30


def test_a_sleeping_lambda_pays_for_its_sleep_and_an_execution_that_waits_does_not() -> None:
    slow = replace(DEFAULTS, conversion_ms=5_000)
    ours, sleeping = burst(LOCKSTEP, 20, assumptions=slow), burst(SLEEPING, 20, assumptions=slow)

    assert ours.usage.rounds > 0
    assert ours.usage.asleep_ms == 0
    assert sleeping.usage.asleep_ms > 20_000
    assert sum(sleeping.usage.milliseconds.values()) > sleeping.usage.asleep_ms
    assert sleeping.most_at_once > ours.most_at_once


def test_a_plain_trigger_may_end_with_an_older_picture() -> None:
    slow = replace(DEFAULTS, conversion_ms=5_000)

    assert bursts.wrong_ends(PLAIN, 10, assumptions=slow, deleted=0) > 0


def test_what_s3_calls_itself_costs_no_event_and_no_transition() -> None:
    assert [(once(name).events, once(name).transitions) for name in (SLEEPING, PLAIN)] == [(0, 0), (0, 0)]


def test_waiting_is_added_for_the_share_that_waits() -> None:
    none, half, all_of_them = (million_events(ways(), share) for share in (0, 0.5, 1))

    for name in (LOCKSTEP, SLEEPING):
        assert half[name] == pytest.approx((none[name] + all_of_them[name]) / 2)
    assert none[PLAIN] == all_of_them[PLAIN]


# --- scale ---------------------------------------------------------------------------------------------------


def test_a_quota_is_enough_for_as_many_events_as_it_has_of_what_one_needs() -> None:
    enough = {quota.name.partition(",")[0]: quota.enough_for(ways().ways[CREATED]) for quota in QUOTAS}

    assert enough["StartExecution a second"] == pytest.approx((300, 150))
    assert enough["state transitions a second"] == pytest.approx((1250, 200))
    assert enough["Lambdas at once"] == pytest.approx((1000 / 0.319,) * 2)


def test_a_backlog_may_grow_until_its_last_event_would_wait_for_a_day() -> None:
    minutes = longest_minutes(10_000, 300)

    waits = minutes * 60 * 10_000 / 300 - minutes * 60
    assert waits == pytest.approx(24 * 3600)


# --- the page and the command --------------------------------------------------------------------------------


def test_the_page_shows_what_the_code_says_now() -> None:
    for name, text in tables.quick(ways()).items():
        assert of_page(name) == text, f"docs/cost.md, {name}: python -m benchmarks.cost --write"


@pytest.mark.parametrize("work_ms", tables.WORK)
def test_the_page_shows_the_bursts_as_they_are_now(work_ms: int) -> None:
    """The small ones; the others would take too long."""
    head, line, *rows = tables.burst_table(work_ms, (1, 10)).splitlines()

    assert of_page(f"burst-{work_ms}").splitlines()[:8] == [head, line, *rows]


def test_the_command_calculates(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["--events", "2e6", "--waits", "0.5", "--deletes", "0.25", "--json"])

    found = json.loads(capsys.readouterr().out)
    assert found["dollars"]["Step Functions"] == pytest.approx(2 * (100 + 0.5 * 75))
    assert found["dollars"]["S3"] == pytest.approx(2 * (0.75 * 5.8 + 0.25 * 0.8))
    assert found["dollars"]["total"] == pytest.approx(sum(found["dollars"].values()) / 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--events", "0"],
        ["--events", "nan"],
        ["--events", "1", "--write"],
        ["--events", "1", "--stale", "0.6", "--deletes", "0.6"],
        ["--events", "1", "--traced", "1.5"],
        ["--events", "1", "--get-ms", "-1"],
        ["--waits", "1"],
        ["--conversion-ms", "1"],
    ],
)
def test_a_mistake_is_told_in_one_line_and_exits_with_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        command.main(arguments)

    assert exited.value.code == 2
    assert capsys.readouterr().err.startswith("wrong ")
