"""Without a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.fake_api import FakeApi
from tests.browser.histories import converted, denied, execution, lock_wait_timeout
from tests.browser.looking import row, rows, search_box, shot, state, title
from tests.browser.opening import Opener

# What tells where the focus is: an outline or a ring, which nothing else has that is on the page.
_IS_MARKED = """(it) => {
    const parts = [it, ...it.querySelectorAll(".state-ring"), it.closest(".search")].filter(Boolean);
    const drawn = (style) => (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
        || style.boxShadow !== "none" || (style.stroke !== "none" && parseFloat(style.strokeWidth) >= 1.5);
    return parts.some((part) => drawn(getComputedStyle(part)));
}"""

# Beyond the dialog's last control comes the browser itself; the page has no focus then.
_IS_IN_DIALOG = "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"


@pytest.fixture
def page(api: FakeApi, open_page: Opener) -> Page:
    api.add(
        execution("one.jpg", converted, "one", ago=10),
        execution("two.jpg", denied, "two", ago=20),
        execution("three.jpg", converted, "three", ago=30),
    )
    page = open_page()
    expect(rows(page)).to_have_count(3)
    return page


def test_a_slash_goes_to_the_search_and_escape_leaves_it(page: Page) -> None:
    page.keyboard.press("/")
    expect(search_box(page)).to_be_focused()
    page.keyboard.type("j/k?")
    expect(search_box(page)).to_have_value("j/k?")
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.keyboard.press("Escape")
    expect(search_box(page)).not_to_be_focused()


def test_from_the_search_one_goes_down_into_what_it_has_found(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("t")
    expect(rows(page)).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(row(page, "two.jpg")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/execution/two"))


def test_j_and_k_and_the_arrows_go_from_row_to_row_and_enter_opens_one(page: Page) -> None:
    for key, name in [("j", "one"), ("j", "two"), ("ArrowDown", "three"), ("j", "three"), ("k", "two")]:
        page.keyboard.press(key)
        expect(row(page, f"{name}.jpg")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(row(page, "one.jpg")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(title(page)).to_have_text("two.jpg")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(title(page)).to_have_text("three.jpg")


def test_escape_goes_back_to_the_list_and_to_the_row_one_came_from(page: Page) -> None:
    row(page, "two.jpg").click()
    expect(title(page)).to_have_text("two.jpg")
    state(page, "AcquireLock").click()
    page.keyboard.press("Escape")

    expect(page).to_have_url(re.compile("/$"))
    expect(row(page, "two.jpg")).to_be_focused()


def test_escape_tells_an_execution_from_one_whose_name_begins_the_same(api: FakeApi, page: Page) -> None:
    api.add(execution("two.jpg", converted, "two-again", ago=15))
    expect(rows(page)).to_have_count(4)
    row(page, "two.jpg").filter(has_text="failed").click()
    expect(title(page)).to_have_text("two.jpg")
    state(page, "AcquireLock").click()
    page.keyboard.press("Escape")

    expect(row(page, "two.jpg").filter(has_text="failed")).to_be_focused()


def test_a_menu_keeps_its_keys(api: FakeApi, page: Page) -> None:
    api.add(execution("long.jpg", lock_wait_timeout, "long", ago=90))
    row(page, "long.jpg").click()
    state(page, "AcquireLock").click()
    menu = page.get_by_role("main").get_by_role("combobox")
    menu.focus()
    for key in ("Escape", "j", "/", "?"):
        page.keyboard.press(key)
        expect(menu).to_be_focused()
    expect(page).to_have_url(re.compile("/execution/long$"))


def test_a_slash_goes_to_the_search_also_where_a_run_hides_it(page: Page) -> None:
    page.set_viewport_size({"width": 900, "height": 800})
    row(page, "two.jpg").click()
    expect(title(page)).to_have_text("two.jpg")
    page.keyboard.press("/")

    expect(search_box(page)).to_be_focused()
    expect(page).to_have_url(re.compile("/$"))


def test_a_question_mark_shows_the_keys_and_the_focus_comes_back(page: Page) -> None:
    row(page, "two.jpg").focus()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_be_visible()
    expect(keys).to_contain_text("search")
    shot(page, "dialog-keys")

    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    expect(row(page, "two.jpg")).to_be_focused()
    expect(page).to_have_url(re.compile("/$"))


def test_while_a_dialog_is_open_the_focus_stays_in_it(page: Page) -> None:
    row(page, "two.jpg").click()
    page.get_by_role("button", name="Start again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Start again")).to_be_focused()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate(_IS_IN_DIALOG)
    page.keyboard.press("Escape")
    expect(page.get_by_role("main").get_by_role("button", name="Start again")).to_be_focused()


def test_one_sees_where_the_focus_is(page: Page) -> None:
    row(page, "two.jpg").click()
    expect(title(page)).to_have_text("two.jpg")
    page.evaluate("document.activeElement.blur()")

    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() == 0:
            break
        what = focused.evaluate("(it) => it.outerHTML.slice(0, 120)")
        assert focused.evaluate(_IS_MARKED), what
        seen.append(what)
    assert len(seen) > 20  # the search, the filters, a row, the states, the bars of time, and so on


def test_with_a_modifier_the_keys_are_the_browsers(page: Page) -> None:
    page.keyboard.press("Control+/")
    expect(search_box(page)).not_to_be_focused()
    page.keyboard.press("Alt+j")
    expect(row(page, "one.jpg")).not_to_be_focused()


def test_what_is_chosen_can_be_skipped_to(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to what is chosen")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
