"""Everything goes wrong at once, and in the end every output follows its input."""

from __future__ import annotations

import os
import secrets
from typing import Final

import pytest

from lockstep import local, paths
from lockstep.view import console
from tests.e2e.chaos.checks import problems
from tests.e2e.chaos.faults import microburst_before
from tests.e2e.chaos.killer import Killer
from tests.e2e.chaos.plan import Plan
from tests.e2e.chaos.progress import Progress
from tests.e2e.chaos.report import Report
from tests.e2e.chaos.storm import Storm
from tests.e2e.conftest import World

DIRECTORY: Final = paths.BUILD / "chaos"


@pytest.mark.timeout(2400)
def test_whatever_goes_wrong_nothing_is_lost_and_every_output_follows_its_input() -> None:
    """`make chaos` makes more changes. The seed repeats the plan, but not when things happen."""
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(2**32))
    plan = Plan.drawn(seed, int(os.environ.get("CHAOS_CHANGES", "45")), int(os.environ.get("CHAOS_KEYS", "15")))
    terminal = console()
    terminal.print(f"chaos: seed {seed}, {len(plan.changes)} changes")
    with Progress(terminal) as progress, Killer() as killer:
        through = {"AWS_ENDPOINT_URL_S3": killer.url, "AWS_ENDPOINT_URL_DYNAMODB": killer.url}
        with (
            local.temporary_stack(progress.say, paths.LOCAL / "chaos", through) as stack,
            microburst_before(str(stack.endpoint_url), DIRECTORY / "microburst.log") as microburst,
        ):
            killer.target_port = microburst.port
            storm = Storm(plan, World(stack), microburst, killer, progress.say)
            storm.run()
            found = storm.found()
            report = Report.of(storm, found, [*storm.early_problems, *problems(found)])
    report.write(DIRECTORY)
    terminal.print(report.shown())
    if report.problems:
        pytest.fail("\n".join([f"CHAOS_SEED={seed}", *report.problems]), pytrace=False)
