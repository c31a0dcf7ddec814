"""What somebody sees of the real stack in a browser, while things happen to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from lockstep.history.server import serving_stack
from tests.browser.looking import marks, part, row, rows, shot, state, title
from tests.browser.opening import Opener
from tests.e2e.conftest import World, sample
from tests.e2e.test_lock_held_by_hand import hold, let_go

SECONDS = 30_000  # ms, for what the emulator has to do first


@pytest.fixture
def open_page(browser: Browser, world: World) -> Iterator[Opener]:
    with serving_stack(world.stack, port=0) as url:
        opener = Opener(browser, url)
        yield opener
        opener.close()


def test_an_upload_appears_and_turns_green_without_a_reload(world: World, open_page: Opener) -> None:
    page = open_page()
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    before = page.evaluate("performance.timeOrigin")

    world.start_put("seen/upload.jpg", sample("rocket.jpg"))

    badge = row(page, "upload.jpg").get_by_text("converted")
    expect(badge).to_be_visible(timeout=SECONDS)
    red, green, blue = page.evaluate(
        "(each) => getComputedStyle(each).color.match(/[0-9.]+/g).slice(0, 3).map(Number)", badge.element_handle()
    )
    assert green > max(red, blue)
    assert page.evaluate("performance.timeOrigin") == before

    row(page, "upload.jpg").click()
    expect(title(page)).to_contain_text("upload.jpg")
    assert [name for name, mark in marks(page).items() if mark == "passed"] == [
        *("AcquireLock", "RouteWork", "ConvertToGrayscale", "ReleaseLock")
    ]
    shot(page, "e2e-converted")


def test_a_held_lock_shows_who_waits_and_for_whom_until_it_goes_on_by_itself(world: World, open_page: Opener) -> None:
    hold(world, "seen/held.jpg")
    page = open_page()

    world.start_put("seen/held.jpg", sample("rocket.jpg"))

    expect(row(page, "held.jpg")).to_contain_text("waiting", timeout=SECONDS)
    row(page, "held.jpg").click()
    expect(page.get_by_role("main")).to_contain_text("by hand")
    expect(state(page, "WaitForLock")).to_have_accessible_name(re.compile("waiting now"), timeout=SECONDS)
    shot(page, "e2e-waiting")

    let_go(world, "seen/held.jpg")

    expect(row(page, "held.jpg")).to_contain_text("converted", timeout=SECONDS)
    expect(page.get_by_role("main")).not_to_contain_text("by hand")


def test_a_rejected_input_shows_its_cause(world: World, open_page: Opener) -> None:
    world.put("seen/note.txt", b"no image")
    page = open_page()

    row(page, "note.txt").click()

    expect(page.get_by_role("main")).to_contain_text("The input cannot be converted")
    expect(page.get_by_role("main")).to_contain_text("not an image in a supported format")
    expect(page.get_by_role("button", name="Start again")).to_have_count(0)
    shot(page, "e2e-rejected")


def test_a_failed_run_shows_its_cause_and_can_be_started_again(world: World, open_page: Opener) -> None:
    event = {
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "elsewhere"}, "object": {"key": "strayed.jpg", "sequencer": "01"}},
    }
    world.stack.stepfunctions.start_execution(stateMachineArn=world.stack.state_machine_arn, input=json.dumps(event))
    page = open_page()
    expect(row(page, "strayed.jpg")).to_contain_text("failed", timeout=SECONDS)
    row(page, "strayed.jpg").click()
    expect(page.get_by_role("main")).to_contain_text("is no event of the input bucket")
    expect(page.get_by_role("main")).to_contain_text("got 'elsewhere'")
    assert marks(page)["AcquireLock"] == "failed"
    shot(page, "e2e-failed")

    page.get_by_role("button", name="Start again").click()
    page.get_by_role("dialog").get_by_role("button", name="Start again").click()

    page.wait_for_url("**/*-again")
    expect(row(page, "strayed.jpg")).to_have_count(2)
    expect(rows(page).first).to_contain_text("failed", timeout=SECONDS)
    expect(title(page)).to_contain_text("strayed.jpg")


def test_an_objects_page_shows_input_and_output_side_by_side(world: World, open_page: Opener) -> None:
    world.put("seen/both.jpg", sample("rocket.jpg"))
    page = open_page(f"/object/{world.stack.input_bucket}/seen/both.jpg")

    expect(page.get_by_text("In step.")).to_be_visible()
    for name in ("Input", "Gray output"):
        picture = part(page, name).get_by_role("img")
        expect(picture).to_be_visible()
        page.wait_for_function("(it) => it.complete && it.naturalWidth > 0", arg=picture.element_handle())
    boxes = [part(page, name).bounding_box() for name in ("Input", "Gray output")]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["y"] == boxes[1]["y"]
    shot(page, "e2e-object")
