"""Pictures, figures and commands on the pages show what is, not what was."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from objectlock.images import to_grayscale

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*/README.md"))]


def text_of(page: str) -> str:
    """A page as one line."""
    return " ".join((ROOT / page).read_text().split())


def seconds_throttled(state: str) -> float:
    """How long a state is tried again at most while Lambda throttles it; half of that on average."""
    machine = json.loads((ROOT / "statemachine/lockstep.asl.json").read_text())
    retry: dict[str, Any] = machine["States"][state]["Retry"][0]
    assert retry["ErrorEquals"] == ["Lambda.TooManyRequestsException"]
    assert retry["JitterStrategy"] == "FULL"
    waits = (retry["IntervalSeconds"] * retry["BackoffRate"] ** each for each in range(retry["MaxAttempts"]))
    longest: float = sum(min(each, retry["MaxDelaySeconds"]) for each in waits)
    return longest


def test_the_picture_of_the_machine_has_the_states_of_the_machine() -> None:
    states = json.loads((ROOT / "statemachine/lockstep.asl.json").read_text())["States"]
    picture = (ROOT / "docs/images/machine.svg").read_text()

    words = set(re.findall(r">(\w+)</text>", picture))

    assert states.keys() <= words


def test_the_gray_photo_is_what_the_code_makes_of_the_colour_one() -> None:
    made = Image.open(io.BytesIO(to_grayscale((ROOT / "samples/rocket.jpg").read_bytes()).body))
    shown = Image.open(ROOT / "docs/images/rocket-gray.jpg")

    assert shown.mode == made.mode == "L"
    assert ImageStat.Stat(ImageChops.difference(shown, made)).mean[0] < 1


def test_the_pages_say_for_how_long_an_execution_that_is_throttled_tries_again() -> None:
    first, later = seconds_throttled("AcquireLock"), seconds_throttled("ConvertToGrayscale")

    assert f"12 times in {later / 2:.0f} seconds on average and {later:.0f} at most" in text_of("docs/deploying.md")
    assert 6.5 < first / 60 <= 7
    assert f"seven minutes at most in `AcquireLock` and {later:.0f} seconds in a state after" in text_of("README.md")


def test_the_pages_say_how_many_transitions_it_takes_to_compare_a_batch() -> None:
    objects = json.loads((ROOT / "statemachine/reconcile.asl.json").read_text())["States"]["Objects"]
    child = objects["ItemProcessor"]
    way = [child["StartAt"]]
    while not (state := child["States"][way[-1]]).get("End"):
        way.append(state.get("Next") or state["Default"])  # nothing to repair
    transitions = 1 + len(way)  # AWS counts the start of a child too
    batches = 2 * 1_000_000 // objects["ItemBatcher"]["MaxItemsPerBatch"]

    assert (transitions, way[-1]) == (5, "Repaired")
    assert "five transitions for 500 objects of either bucket" in text_of("docs/cost.md")
    assert f"{batches:,} Lambda invocations" in text_of("docs/reconcile.md")
    assert f"{batches * transitions:,} transitions" in text_of("docs/reconcile.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_stack_is_deleted_in_the_region_that_it_was_deployed_to(page: Path) -> None:
    text = " ".join(page.read_text().split())

    assert re.findall(r"sam delete --stack-name [\w-]+", text) == re.findall(
        r"(sam delete --stack-name [\w-]+) --region eu-west-1", text
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_checks_out_a_version_that_is_not_released(page: Path) -> None:
    released = re.findall(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert set(re.findall(r"git checkout v([\d.]+)", page.read_text())) <= set(released)
