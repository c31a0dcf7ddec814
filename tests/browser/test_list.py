"""The list of executions: what happened, live, and finding what one looks for."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.fake_api import FakeApi
from tests.browser.histories import (
    OUTCOMES,
    converted,
    deleted,
    denied,
    every_outcome,
    execution,
    many,
    rejected,
    stale,
    waiting,
    working,
)
from tests.browser.looking import chip, row, rows, search_box, shot
from tests.browser.opening import Opener

TONES = {
    "busy": {"working"},
    "waiting": {"waiting"},
    "good": {"converted", "deleted"},
    "quiet": {"stale", "superseded", "folder"},
    "odd": {"rejected"},
    "bad": {"failed", "timed out", "aborted"},
}


def test_every_outcome_has_its_word_and_the_colour_of_its_kind(api: FakeApi, open_page: Opener) -> None:
    api.add(*every_outcome())
    page = open_page()

    colours: dict[str, set[str]] = {}
    for outcome in OUTCOMES:
        word = row(page, f"{outcome}.jpg").get_by_text(outcome, exact=True).first
        expect(word).to_be_visible()
        colour = word.evaluate("(it) => getComputedStyle(it).color")
        colours.setdefault(colour, set()).add(outcome)
    assert sorted(map(sorted, colours.values())) == sorted(map(sorted, TONES.values()))


def test_the_newest_is_first_whatever_the_order_of_their_keys(api: FakeApi, open_page: Opener) -> None:
    api.add(*(execution(f"{name}.jpg", converted, ago=ago) for name, ago in [("b", 300), ("c", 100), ("a", 200)]))
    page = open_page()

    expect(rows(page)).to_contain_text(["c.jpg", "a.jpg", "b.jpg"])


def test_a_row_says_what_happened_when_and_how_long_it_took(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("gone.jpg", deleted, change="Deleted", ago=5), execution("rocket.jpg", converted, ago=9))
    page = open_page()

    expect(row(page, "gone.jpg")).to_have_accessible_name(re.compile(r"gone.jpg deleted deleted .*\d\d:\d\d.* 620 ms"))
    expect(row(page, "rocket.jpg")).to_have_accessible_name(re.compile(r"rocket.jpg converted created .* 1\.0 s"))


def test_a_new_execution_appears_and_turns_green_without_a_reload(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("old.jpg", converted))
    page = open_page()
    expect(rows(page)).to_have_count(1)
    page.evaluate("window.isSamePage = true")

    run = execution("new.jpg", working, ago=2)
    api.add(run)
    expect(rows(page)).to_contain_text(["new.jpg", "old.jpg"])
    expect(row(page, "new.jpg")).to_contain_text("working")
    shot(page, "list-live-working")

    run.worked().released()
    expect(row(page, "new.jpg")).to_contain_text("converted")
    assert page.evaluate("window.isSamePage")


def test_a_row_that_waits_goes_on_when_its_turn_comes(api: FakeApi, open_page: Opener) -> None:
    run = execution("held.jpg", waiting, ago=10)
    api.add(run)
    page = open_page()
    expect(row(page, "held.jpg")).to_contain_text("waiting")

    run.waited().acquired("GRAYSCALE", "the input object exists").enter("ConvertToGrayscale").call()
    expect(row(page, "held.jpg")).to_contain_text("working")
    run.worked().released()
    expect(row(page, "held.jpg")).to_contain_text("converted")


def test_a_search_finds_parts_of_keys_and_of_names_as_one_types(api: FakeApi, open_page: Opener) -> None:
    api.add(
        execution("photos/Rocket.jpg", converted, "run-one"),
        execution("photos/moon.png", converted, "run-two"),
        execution("trips/rock.gif", converted, "run-three"),
    )
    page = open_page()
    expect(rows(page)).to_have_count(3)

    for typed, found in [("rock", 2), ("rocket", 1), ("png", 1), ("two", 1), ("RUN-", 3), ("photos/", 2)]:
        search_box(page).fill("")
        search_box(page).press_sequentially(typed)
        expect(rows(page)).to_have_count(found)
    search_box(page).fill("")
    expect(rows(page)).to_have_count(3)


def test_where_nothing_matches_the_page_says_so_and_shows_all_again(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", converted), execution("moon.jpg", stale))
    page = open_page()
    expect(rows(page)).to_have_count(2)

    search_box(page).fill("no such thing")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    expect(page.get_by_text("None of 2 executions has no such thing in its key or name")).to_be_visible()
    shot(page, "list-nothing-matches")
    page.get_by_role("button", name="Show all").click()
    expect(rows(page)).to_have_count(2)
    expect(search_box(page)).to_have_value("")


def test_outcomes_are_filtered_by_one_and_by_several_and_counted(api: FakeApi, open_page: Opener) -> None:
    kinds = {converted: 3, stale: 2, denied: 1}
    api.add(*(execution(f"{kind.__name__}-{n}.jpg", kind) for kind, number in kinds.items() for n in range(number)))
    page = open_page()
    expect(rows(page)).to_have_count(6)
    for outcome, number in [("converted", 3), ("stale", 2), ("failed", 1)]:
        expect(chip(page, outcome)).to_have_accessible_name(re.compile(rf"{outcome} ?{number}"))

    chip(page, "stale").click()
    expect(chip(page, "stale")).to_have_attribute("aria-pressed", "true")
    expect(rows(page)).to_have_count(2)
    chip(page, "failed").click()
    expect(rows(page)).to_have_count(3)
    chip(page, "stale").click()
    expect(rows(page)).to_contain_text(["denied-0.jpg"])
    chip(page, "failed").click()
    expect(rows(page)).to_have_count(6)


def test_the_numbers_beside_the_outcomes_are_of_what_the_search_finds(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("a.jpg", converted), execution("b.jpg", converted), execution("a.png", rejected))
    page = open_page()
    search_box(page).fill("a.")

    expect(chip(page, "converted")).to_have_accessible_name(re.compile("converted ?1"))
    expect(chip(page, "rejected")).to_have_accessible_name(re.compile("rejected ?1"))


def test_ten_thousand_executions_are_paged_to_the_last(api: FakeApi, open_page: Opener) -> None:
    executions = many(10_000)
    api.add(*executions)
    page = open_page()
    pager = page.get_by_role("navigation", name="Executions")
    expect(pager.get_by_text("1–100 of 10,000", exact=True)).to_be_visible(timeout=20_000)
    expect(rows(page)).to_have_count(100)
    shot(page, "list-of-10000")

    expect(page.get_by_role("button", name="First page")).to_be_disabled()
    page.get_by_role("button", name="Next page").click()
    expect(pager.get_by_text("101–200 of 10,000", exact=True)).to_be_visible()
    page.get_by_role("button", name="Last page").click()
    expect(pager.get_by_text("9,901–10,000 of 10,000", exact=True)).to_be_visible()
    expect(rows(page)).to_have_count(100)
    expect(rows(page).last).to_have_attribute("href", re.compile(executions[-1].name))
    expect(page.get_by_role("button", name="Last page")).to_be_disabled()
    page.get_by_role("button", name="Previous page").click()
    expect(pager.get_by_text("9,801–9,900 of 10,000", exact=True)).to_be_visible()
    page.get_by_role("button", name="First page").click()
    expect(rows(page).first).to_have_attribute("href", re.compile(executions[0].name))


def test_a_stack_without_executions_says_what_to_do_until_there_is_one(api: FakeApi, open_page: Opener) -> None:
    page = open_page()
    expect(page.get_by_text("No executions yet")).to_be_visible()
    expect(page.get_by_text(".venv/bin/lockstep put samples/rocket.jpg", exact=True)).to_be_visible()
    shot(page, "list-empty")

    api.add(execution("rocket.jpg", converted, ago=1))
    expect(rows(page)).to_contain_text(["rocket.jpg"])
    expect(page.get_by_text("No executions yet")).to_have_count(0)


def test_a_key_is_text_whatever_it_looks_like(api: FakeApi, open_page: Opener) -> None:
    key = '<img src=x onerror=alert(1)><script>alert(2)</script>"&amp;.jpg'
    api.add(execution(key, denied, "it"))
    page = open_page("/execution/it")

    expect(rows(page)).to_contain_text([key])
    expect(page.get_by_role("main").get_by_role("heading", name=key)).to_be_visible()
    expect(page.locator("img")).to_have_count(0)
