"""`python -m tests.feed --seconds 600`: schedules that the tests do not have, as long as nothing promised is broken.

Exits with 1 when something was, with the schedule that broke it, shortened.
"""

from __future__ import annotations

import sys
import time
import traceback
from typing import Annotated, Final

import typer
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.feed.machine import PROFILE, FeedMachine
from tests.feed.test_feed_of_locks import LockFeedMachine
from tests.feed.test_feed_of_sensors import SensorFeedMachine

_MACHINES: Final[tuple[type[FeedMachine], ...]] = (LockFeedMachine, SensorFeedMachine)
_SCHEDULES: Final = 100  # at a time
_FRESH: Final = settings(PROFILE, derandomize=False, max_examples=_SCHEDULES)


def main(seconds: Annotated[float, typer.Option(help="For how long.")] = 120) -> None:
    """Run fresh schedules of both feeds."""
    end, schedules = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for machine in _MACHINES:
            try:
                run_state_machine_as_test(machine, settings=_FRESH)
            except Exception as error:
                traceback.print_exc()
                raise typer.Exit(1) from error
            schedules += _SCHEDULES
    sys.stdout.write(f"{schedules:,} schedules, nothing broken\n")


if __name__ == "__main__":
    typer.run(main)
