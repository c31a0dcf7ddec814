"""For everybody: no barrier that axe-core knows of, in each view, in light and in dark, wide and narrow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.fake_api import FakeApi
from tests.browser.histories import converted, execution, working
from tests.browser.looking import barriers, graph, row, rows, shot, state, title
from tests.browser.opening import Opener
from tests.browser.views import VIEWS, furnish

TELEPHONE = 400  # pixels wide
_WIDER_THAN = """(width) => {
    const isInside = (it) => it.parentElement?.closest(".graph, .table-scroll, .json, .unseen");
    const all = [...document.querySelectorAll("body *")].filter((it) => it.checkVisibility() && !isInside(it));
    const wide = all.filter((it) => it.getBoundingClientRect().right > width + 1);
    return [...wide.map((it) => it.outerHTML.slice(0, 100)),
        ...(document.scrollingElement.scrollWidth > width ? ["the document"] : [])];
}"""
_MOVING = "document.getAnimations().filter((each) => each.playState === 'running').length"


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_keeps_anybody_from_using(view: str, api: FakeApi, open_page: Opener) -> None:
    if view != "empty":
        furnish(api)
    page = open_page("about:blank", is_calm=True)
    VIEWS[view](page, api)

    found = {"light": barriers(page)}
    shot(page, view)
    page.emulate_media(color_scheme="dark")
    found["dark"] = barriers(page)
    shot(page, f"{view}-dark")
    assert found == {"light": [], "dark": []}


@pytest.mark.parametrize("view", VIEWS)
def test_on_a_telephone_nothing_keeps_anybody_from_using(view: str, api: FakeApi, open_page: Opener) -> None:
    if view != "empty":
        furnish(api)
    page = open_page("about:blank", TELEPHONE, is_calm=True)
    VIEWS[view](page, api)

    assert wider_than(page, TELEPHONE) == []
    assert barriers(page) == []
    shot(page, f"{view}-400")


def wider_than(page: Page, width: int) -> list[str]:
    """What does not fit; a graph, a table or JSON may be scrolled by itself."""
    found: list[str] = page.evaluate(_WIDER_THAN, width)
    return found


def test_one_goes_from_the_list_to_a_run_and_back_on_a_telephone(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", converted, "it"), execution("moon.jpg", converted))
    page = open_page("/", TELEPHONE)
    expect(rows(page)).to_have_count(2)

    row(page, "rocket.jpg").click()
    expect(title(page)).to_have_text("rocket.jpg")
    expect(graph(page)).to_be_visible()
    expect(row(page, "rocket.jpg")).to_be_hidden()
    page.get_by_role("link", name="All executions").click()
    expect(page).to_have_url(re.compile("/$"))
    expect(row(page, "rocket.jpg")).to_be_visible()
    page.go_back()
    expect(title(page)).to_have_text("rocket.jpg")


def test_dark_is_dark_and_light_is_light(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", working, "it", ago=3))
    brightness = {}
    for is_dark in (False, True):
        page = open_page("/execution/it", is_dark=is_dark)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[is_dark] = sum(map(int, re.findall(r"\d+", colour)[:3]))
    assert brightness[False] > 3 * 200
    assert brightness[True] < 3 * 60


def test_who_wants_no_motion_sees_none(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", working, "it", ago=3))
    for is_calm in (False, True):
        page = open_page("/execution/it", is_calm=is_calm)
        expect(state(page, "ConvertToGrayscale")).to_have_accessible_name(re.compile("at work now"))
        assert bool(page.evaluate(_MOVING)) is not is_calm
