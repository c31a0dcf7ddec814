"""What the change feed costs: docs/cost.md, "The change feed"."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.cost import feed
from benchmarks.cost.assumptions import DEFAULTS
from benchmarks.cost.tables import change_feed

WARM = replace(DEFAULTS, cold_share=0, traced=0.5)


def test_changes_come_together_for_the_time_of_the_window_in_each_shard() -> None:
    assert feed.changes_in_a_file(rate=100, window=60) == 100 * 60 / 4
    assert feed.changes_in_a_file(rate=100, window=60, parallelization=10) == 100 * 60 / 40


def test_a_file_has_no_more_changes_than_lambda_hands_over_at_once() -> None:
    most = feed.changes_in_a_file(rate=1_000_000, window=300)

    assert most * feed.record_bytes() <= 6_000_000 < (most + 1) * feed.record_bytes()


def test_a_file_has_at_least_one_change_however_seldom_they_are() -> None:
    assert feed.changes_in_a_file(rate=0.001) == feed.changes_in_a_file(rate=1, window=0) == 1


def test_a_million_changes_cost_what_the_formula_gives_by_hand() -> None:
    lines = feed.million_changes(100, WARM).lines

    assert lines["S3"] == pytest.approx(10_000 * 5e-6)
    assert lines["Lambda"] == pytest.approx(10_000 * (0.2e-6 + 0.5 * (5 + 60 + 10) / 1000 * 13.3334e-6))
    assert lines["X-Ray"] == pytest.approx(10_000 * 0.5 * 5e-6)
    assert lines["Logs"] == pytest.approx(10_000 * 1_000 * 0.5e-9, rel=0.5)  # a line of the function's, two of Lambda's
    assert lines["DynamoDB"] == lines["Step Functions"] == lines["EventBridge"] == 0


def test_the_more_changes_a_file_has_the_less_each_costs() -> None:
    one, many, most = (feed.million_changes(changes).total for changes in (1, 15, 1_500))

    assert one > 14 * many > 14 * 90 * most


def test_the_table_of_the_page_has_a_row_for_each_rate() -> None:
    assert len(change_feed().splitlines()) == 2 + len(feed.RATES)
