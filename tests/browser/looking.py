"""What a user finds on the page, by its role and its name."""

from __future__ import annotations

import re
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect

from lockstep import paths

SCREENS: Final = paths.BUILD / "screens"
_AXE: Final = paths.ROOT / "node_modules" / "axe-core" / "axe.min.js"
_TALLEST: Final = 4000
_MARKS: Final = "passed|at work now|waiting now|failed|an error was caught|not entered"


def rows(page: Page) -> Locator:
    """The list's, as they are shown."""
    return page.get_by_role("navigation", name="Executions").get_by_role("listitem").get_by_role("link")


def row(page: Page, text: str) -> Locator:
    """The one with a text in it."""
    return rows(page).filter(has_text=text)


def chip(page: Page, outcome: str) -> Locator:
    """The switch of an outcome; its number follows."""
    filters = page.get_by_role("group", name="Show only these outcomes")
    return filters.get_by_role("button", name=re.compile(rf"^{outcome}\b"))


def search_box(page: Page) -> Locator:
    return page.get_by_role("searchbox")


def title(page: Page) -> Locator:
    """Of what is chosen."""
    return page.get_by_role("main").get_by_role("heading", level=2)


def graph(page: Page) -> Locator:
    return page.get_by_role("group", name="States of the machine")


def state(page: Page, name: str) -> Locator:
    """A state in the graph."""
    return graph(page).get_by_role("button", name=re.compile(rf"^{name}\b"))


def lane(page: Page, name: str) -> Locator:
    """A state's bar of time."""
    return part(page, "Where the time went").get_by_role("button", name=re.compile(rf"^{name}\b"))


def part(page: Page, name: str) -> Locator:
    """A part of what is chosen, by its heading."""
    return page.get_by_role("main").get_by_role("region", name=name, exact=True)


def marks(page: Page) -> dict[str, str]:
    """What the graph says about each state."""
    expect(graph(page).get_by_role("button").first).to_be_visible()
    names = [each.get_attribute("aria-label") or "" for each in graph(page).get_by_role("button").all()]
    found = [re.fullmatch(rf"(\w+), .*?({_MARKS})", name) for name in names]
    return {each[1]: each[2] for each in found if each}


def edges(page: Page, *marks: str) -> set[str]:
    """The edges drawn so; an edge has no role, but its tooltip says from where to where."""
    drawn = page.locator(", ".join(f"g.wire.is-{mark}" for mark in marks)).locator("title").all_text_contents()
    return {each.partition(":")[0] for each in drawn}


def shot(page: Page, name: str) -> None:
    """Keep a picture of the whole page, also of what it scrolls: build/screens/<name>.png."""
    before = page.viewport_size or {"width": 1280, "height": 800}
    height = page.evaluate("Math.max(...['html', 'main'].map((each) => document.querySelector(each).scrollHeight))")
    page.set_viewport_size({"width": before["width"], "height": min(_TALLEST, max(before["height"], height + 100))})
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png", full_page=True)
    page.set_viewport_size(before)


def barriers(page: Page) -> list[str]:
    """What axe-core finds that keeps somebody from using the page: its serious and critical findings."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{_AXE.read_text()};0")
    found: list[dict[str, Any]] = page.evaluate("axe.run({resultTypes: ['violations']}).then((it) => it.violations)")
    return [
        f"{each['id']}, {len(each['nodes'])} times, as in {node['html'][:300]}: {node['failureSummary']}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"][:1]
    ]
