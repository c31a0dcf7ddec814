"""One execution: its way through the machine, where its time went, and what went wrong."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from lockstep import paths
from tests.browser.fake_api import FakeApi
from tests.browser.histories import (
    Recipe,
    aborted,
    converted,
    deleted,
    denied,
    execution,
    lock_wait_timeout,
    rejected,
    retried,
    stale,
    timed_out,
    waiting,
    working,
)
from tests.browser.looking import edges, graph, lane, marks, part, row, shot, state
from tests.browser.opening import Opener

COMMON = {"AcquireLock", "RouteWork", "ConvertToGrayscale", "ReleaseLock"}
FAILED = {"AcquireLock", "RouteWork", "ConvertToGrayscale", "ReleaseLockAfterFailure", "Failed"}


def test_the_graph_has_every_state_of_the_machine_that_is_deployed(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", converted, "it"))
    shipped = json.loads((paths.ROOT / "statemachine" / "lockstep.asl.json").read_text())["States"]
    page = open_page("/execution/it")

    assert marks(page).keys() == shipped.keys()
    expect(graph(page).get_by_role("button")).to_have_count(len(shipped))


@pytest.mark.parametrize(
    ("recipe", "passed", "way"),
    [
        (
            converted,
            COMMON,
            ["start → AcquireLock", "RouteWork → ConvertToGrayscale", "ReleaseLock → end"],
        ),
        (
            deleted,
            {"AcquireLock", "RouteWork", "DeleteOutput", "ReleaseLock"},
            ["start → AcquireLock", "RouteWork → DeleteOutput", "ReleaseLock → end"],
        ),
        (
            stale,
            {"AcquireLock", "RouteWork", "Skipped"},
            ["start → AcquireLock", "RouteWork → Skipped", "Skipped → end"],
        ),
    ],
)
def test_what_was_passed_is_marked_and_nothing_else(
    recipe: Recipe, passed: set[str], way: list[str], api: FakeApi, open_page: Opener
) -> None:
    api.add(execution("rocket.jpg", recipe, "it"))
    page = open_page("/execution/it")

    assert {name for name, mark in marks(page).items() if mark != "not entered"} == passed
    assert {mark for name, mark in marks(page).items() if name in passed} == {"passed"}
    drawn = edges(page, "passed")
    assert drawn >= set(way)
    assert len(drawn) == len(passed) + 1
    assert edges(page, "failed", "recovered", "current") == set()


def test_the_state_that_failed_is_marked_and_the_way_from_there(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", denied, "it"))
    page = open_page("/execution/it")

    assert {name for name, mark in marks(page).items() if mark != "not entered"} == FAILED
    assert marks(page)["ConvertToGrayscale"] == "failed"
    assert marks(page)["AcquireLock"] == "passed"
    assert "ConvertToGrayscale → ReleaseLockAfterFailure" in edges(page, "failed")
    assert "AcquireLock → RouteWork" in edges(page, "passed")


def test_a_state_entered_more_than_once_says_how_often(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", waiting, "it"))
    page = open_page("/execution/it")

    for name in ("AcquireLock", "RouteWork", "WaitForLock"):
        expect(state(page, name)).to_have_accessible_name(re.compile(f"^{name}, entered 4 times"))
    expect(graph(page).get_by_text("×", exact=False)).to_have_text(["×4"] * 3)


def test_the_current_state_is_marked_and_moves_on_by_itself(api: FakeApi, open_page: Opener) -> None:
    run = execution("rocket.jpg", working, "it", ago=5)
    api.add(run)
    page = open_page("/execution/it")
    expect(state(page, "ConvertToGrayscale")).to_have_accessible_name(re.compile("at work now"))
    assert [name for name, mark in marks(page).items() if mark == "at work now"] == ["ConvertToGrayscale"]
    shot(page, "run-working")

    run.worked().enter("ReleaseLock").call()
    expect(state(page, "ReleaseLock")).to_have_accessible_name(re.compile("at work now"))
    expect(state(page, "ConvertToGrayscale")).to_have_accessible_name(re.compile("passed"))
    run.answered(0.1, released={"object": run.object_id}).succeeded()
    expect(state(page, "ReleaseLock")).to_have_accessible_name(re.compile("passed"))
    expect(page.get_by_role("main").get_by_text("converted", exact=True).first).to_be_visible()


def test_a_state_is_chosen_with_the_mouse_and_shows_what_went_in_and_out(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", converted, "it"))
    page = open_page("/execution/it")

    state(page, "AcquireLock").click()
    expect(state(page, "AcquireLock")).to_have_attribute("aria-pressed", "true")
    detail = part(page, "AcquireLock")
    expect(detail.get_by_role("group", name="Input, as JSON")).to_contain_text('"key": "rocket.jpg"')
    expect(detail.get_by_role("group", name="Output, as JSON")).to_contain_text('"work": "GRAYSCALE"')
    shot(page, "run-state-chosen")


def test_a_state_is_chosen_with_the_keyboard(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", converted, "it"))
    page = open_page("/execution/it")

    state(page, "RouteWork").focus()
    page.keyboard.press("Enter")
    expect(part(page, "RouteWork")).to_contain_text("the input object exists")
    expect(state(page, "RouteWork")).to_be_focused()
    state(page, "ReleaseLock").focus()
    page.keyboard.press("Space")
    expect(part(page, "ReleaseLock").get_by_role("group", name="Output, as JSON")).to_contain_text('"released"')
    lane(page, "ConvertToGrayscale").focus()
    page.keyboard.press("Enter")
    expect(part(page, "ConvertToGrayscale")).to_be_visible()


def test_a_state_not_entered_says_so_and_what_it_is_for(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", converted, "it"))
    page = open_page("/execution/it")

    state(page, "WaitForLock").click()
    expect(part(page, "WaitForLock")).to_contain_text("Not entered in this execution.")
    expect(part(page, "WaitForLock").get_by_text("Another execution works on this object.")).to_be_visible()


def test_each_visit_of_a_state_can_be_looked_at(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", waiting, "it"), execution("other.jpg", lock_wait_timeout, "long"))
    page = open_page("/execution/it")
    state(page, "WaitForLock").click()
    detail = part(page, "WaitForLock")
    expect(detail.get_by_role("button", name="Visit 4")).to_have_attribute("aria-pressed", "true")
    detail.get_by_role("button", name="Visit 1").click()
    expect(detail).to_contain_text("took 2.0 s")

    page.goto("/execution/long")
    state(page, "AcquireLock").click()
    expect(part(page, "AcquireLock").get_by_role("combobox")).to_contain_text("31 of 31")


def test_the_bars_of_time_tell_working_from_waiting_with_the_right_sums(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", retried, "it"))
    page = open_page("/execution/it")

    time = part(page, "Where the time went")
    for kind, sum_ in [
        ("working", "860 ms"),
        ("waiting", "3.0 s"),
        ("failed attempts", "1.7 s"),
        ("Step Functions", "60 ms"),  # all the rest of the run's time
    ]:
        expect(time.get_by_role("listitem").filter(has_text=kind)).to_contain_text(sum_)
    convert = lane(page, "ConvertToGrayscale")
    for told in ("500 ms working", "3.0 s waiting", "1.7 s failed"):
        expect(convert).to_contain_text(told)
    spans = convert.locator(".span")
    colours = {each.evaluate("(it) => getComputedStyle(it).background") for each in spans.all()}
    assert len(colours) >= 4  # working, waiting, failed, Step Functions itself


def test_attempts_that_failed_are_counted_and_their_error_is_shown(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", retried, "it"))
    page = open_page("/execution/it")

    state(page, "ConvertToGrayscale").click()
    detail = part(page, "ConvertToGrayscale")
    expect(detail).to_contain_text("3 attempts")
    expect(detail).to_contain_text("WriteInDoubt")
    expect(detail).to_contain_text("S3 gave no answer")
    shot(page, "run-retried")


def test_the_table_has_every_event_of_the_history(api: FakeApi, open_page: Opener) -> None:
    run = execution("rocket.jpg", denied, "it")
    api.add(run)
    page = open_page("/execution/it")

    page.get_by_role("main").get_by_text("Events", exact=True).click()
    table = page.get_by_role("group", name="Events of the history").get_by_role("row")
    expect(table).to_have_count(len(run.events) + 1)  # and the heading
    for number, event in enumerate(run.events, start=1):
        expect(table.nth(number)).to_contain_text(event["type"])
    expect(table.filter(has_text="TaskFailed")).to_contain_text("AccessDenied")
    shot(page, "run-events")


@pytest.mark.parametrize(
    ("recipe", "title", "told"),
    [
        (rejected, "The input cannot be converted", ["SourceRejected", "cannot identify image file"]),
        (denied, "A function may not do what it has to", ["ClientError", "(AccessDenied) when calling the PutObject"]),
        (
            lock_wait_timeout,
            "Another execution held the lock for too long",
            ["LockWaitTimeout", "held by", "11f6a7c1-a-slow-one, given up after 60 s"],
        ),
        (aborted, "It was stopped", ["by an operator"]),
        (timed_out, "It took longer than an execution may", ["Its lock frees itself."]),
    ],
)
def test_why_a_run_did_not_end_well_is_said_in_plain_words(
    recipe: Recipe, title: str, told: list[str], api: FakeApi, open_page: Opener
) -> None:
    api.add(execution("rocket.jpg", recipe, "it"))
    page = open_page("/execution/it")

    words = page.get_by_role("region", name="In plain words")
    expect(words.get_by_role("heading")).to_have_text(title)
    expect(words).to_contain_text("What to do:")
    shot(page, f"run-{recipe.__name__.replace('_', '-')}")
    for each in told:
        expect(words).to_contain_text(each)


def test_what_the_list_says_already_is_not_read_again(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", converted, "it"))
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/execution/it")
    expect(row(page, "rocket.jpg")).to_contain_text("converted")
    expect(part(page, "Where the time went")).to_be_visible()
    page.evaluate("new Promise((done) => setTimeout(done, 300))")  # for a second request, if there were one

    assert len([each for each in asked if each.endswith("/api/executions/it")]) == 1


def test_a_skipped_event_says_why(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", stale, "it"))
    page = open_page("/execution/it")

    expect(page.get_by_role("region", name="In plain words")).to_contain_text("Nothing was to be done")
    expect(part(page, "Skipped")).to_contain_text("this change, or a newer one, is in the output already")
    shot(page, "run-stale")
