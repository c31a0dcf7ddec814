"""Start again: only what failed, only when confirmed, and only once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.fake_api import DENIED, FakeApi
from tests.browser.histories import OUTCOMES, Run, converted, denied, every_outcome, execution
from tests.browser.looking import row, shot, title
from tests.browser.opening import Opener

FAILED = {"failed", "timed out", "aborted"}  # not "rejected": the record says that there is nothing left to do


@pytest.fixture
def asked(api: FakeApi, open_page: Opener) -> Page:
    """A failed run, after "Start again" was pressed."""
    api.add(execution("rocket.jpg", denied, "it", ago=30))
    page = open_page("/execution/it")
    button(page).click()
    expect(dialog(page)).to_be_visible()
    return page


def button(page: Page) -> Locator:
    return page.get_by_role("main").get_by_role("button", name="Start again").first


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Start this execution again?")


def confirm(page: Page) -> Locator:
    return dialog(page).get_by_role("button", name=re.compile("Start again|Try again"))


def test_only_what_failed_can_be_started_again(api: FakeApi, open_page: Opener) -> None:
    api.add(*every_outcome())
    page = open_page()
    for outcome in OUTCOMES:
        row(page, f"{outcome}.jpg").click()
        expect(title(page)).to_have_text(f"photos/{outcome}.jpg")
        expect(button(page)).to_have_count(1 if outcome in FAILED else 0)


@pytest.mark.parametrize(
    "refuse",
    [
        lambda page: page.keyboard.press("Escape"),
        lambda page: dialog(page).get_by_role("button", name="Cancel").click(),
        lambda page: dialog(page).get_by_role("button", name="Close").click(),
        lambda page: page.mouse.click(5, 5),
    ],
    ids=["Escape", "Cancel", "Close", "beside it"],
)
def test_nothing_is_started_by_who_thinks_again(refuse: Callable[[Page], None], api: FakeApi, asked: Page) -> None:
    refuse(asked)

    expect(dialog(asked)).to_be_hidden()
    expect(button(asked)).to_be_focused()
    expect(asked).to_have_url(re.compile("/execution/it$"))
    assert api.called("StartExecution") == []


def test_the_question_names_the_object_and_the_new_execution(asked: Page) -> None:
    expect(dialog(asked)).to_contain_text("rocket.jpg")
    expect(dialog(asked)).to_contain_text("it-again")
    shot(asked, "dialog-start-again")


def test_confirmed_it_starts_one_execution_with_the_same_input_and_goes_there(api: FakeApi, asked: Page) -> None:
    confirm(asked).click()

    expect(asked).to_have_url(re.compile("/execution/it-again$"))
    expect(dialog(asked)).to_be_hidden()
    expect(row(asked, "rocket.jpg")).to_have_count(2)
    expect(row(asked, "rocket.jpg").first).to_have_attribute("aria-current", "page")
    started = api.called("StartExecution")
    assert [(each["name"], each["input"]) for each in started] == [("it-again", api.executions["it"].input)]


def test_an_impatient_user_starts_one_execution_all_the_same(api: FakeApi, asked: Page) -> None:
    confirm(asked).dblclick()

    expect(asked).to_have_url(re.compile("/execution/it-again$"))
    assert len(api.called("StartExecution")) == 1


def test_the_keyboard_is_enough_to_start_it(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", denied, "it", ago=30))
    page = open_page("/execution/it")
    button(page).focus()
    page.keyboard.press("Enter")
    expect(confirm(page)).to_be_focused()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("/execution/it-again$"))
    assert len(api.called("StartExecution")) == 1


def test_what_somebody_else_has_started_meanwhile_is_not_started_twice(
    api: FakeApi, asked: Page, open_page: Opener
) -> None:
    open_page.watch.expect("status of 409")
    run = api.executions["it"]
    api.add(converted(Run("it-again", run.input, run.started + 9)))
    expect(row(asked, "rocket.jpg")).to_have_count(2)
    confirm(asked).click()

    expect(dialog(asked).get_by_role("alert")).to_contain_text("It has been started again already")
    shot(asked, "dialog-started-already")
    dialog(asked).get_by_role("button", name="Cancel").click()
    asked.reload()
    expect(title(asked)).to_have_text("rocket.jpg")
    expect(button(asked)).to_have_count(0)


def test_what_was_started_again_leads_to_its_successor(api: FakeApi, open_page: Opener) -> None:
    first = execution("rocket.jpg", denied, "it", ago=30)
    api.add(first, converted(Run("it-again", first.input, first.started + 9)))
    page = open_page()
    row(page, "failed").click()

    expect(page.get_by_role("main")).to_contain_text("Started again as it-again")
    expect(button(page)).to_have_count(0)
    shot(page, "run-started-again")
    page.get_by_role("main").get_by_role("link", name="it-again").click()
    expect(page).to_have_url(re.compile("/execution/it-again$"))
    expect(page.get_by_text("Started again as")).to_have_count(0)


def test_without_the_permission_to_start_one_the_page_says_so(api: FakeApi, asked: Page, open_page: Opener) -> None:
    open_page.watch.expect("status of 502")
    api.refuse(DENIED, "StartExecution")
    confirm(asked).click()

    expect(dialog(asked).get_by_role("alert")).to_contain_text("You may not call StartExecution")
    api.refuse(DENIED)
    confirm(asked).click()
    expect(asked).to_have_url(re.compile("/execution/it-again$"))
