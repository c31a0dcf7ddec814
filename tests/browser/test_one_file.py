"""The page in one file: the same, without a server, a network, or anything to start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lockstep.history.archive import archive
from tests.browser.fake_api import FakeApi
from tests.browser.histories import INPUT_BUCKET
from tests.browser.looking import barriers, chip, marks, part, row, rows, search_box, shot, state, title
from tests.browser.opening import Watch
from tests.browser.site import stack_at
from tests.browser.views import furnish


@pytest.fixture
def address(api: FakeApi, tmp_path: Path) -> str:
    """Of a file that was written while there was an API."""
    furnish(api)
    api.put(INPUT_BUCKET, "moon.png", b"no picture at all")
    stack = stack_at(api.url)
    file = tmp_path / "history.html"
    file.write_text(archive(stack, list(api.executions)))
    api.stop()
    return file.as_uri()


@pytest.fixture
def page(address: str, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 800}, locale="en-GB")
    page = context.new_page()
    watch = Watch(address)
    watch.attach(page)
    page.goto(address)
    expect(rows(page).first).to_be_visible()
    yield page
    context.close()
    asked_for = [each for each in watch.seen if not each.startswith(f"a request to {address}")]
    assert asked_for == []


def test_it_has_the_list_with_search_and_filter(address: str, api: FakeApi, page: Page) -> None:
    expect(rows(page)).to_have_count(len(api.executions))
    shot(page, "one-file-list")

    search_box(page).fill("rocket")
    expect(rows(page)).to_have_count(5)
    chip(page, "failed").click()
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(f"{address}#/?q=rocket&outcome=failed")
    page.reload()
    expect(search_box(page)).to_have_value("rocket")
    expect(rows(page)).to_have_count(1)


def test_it_says_of_when_it_is_and_offers_nothing_to_start(page: Page) -> None:
    expect(page.get_by_text(re.compile("^as of "))).to_be_visible()
    row(page, "rocket.jpg").filter(has_text="failed").click()
    expect(title(page)).to_have_text("rocket.jpg")
    expect(page.get_by_role("button", name="Start again")).to_have_count(0)


def test_it_has_the_runs(address: str, page: Page) -> None:
    row(page, "rocket.jpg").filter(has_text="failed").click()
    expect(page).to_have_url(f"{address}#/execution/failed")
    expect(page.get_by_role("region", name="In plain words")).to_contain_text("A function may not do what it has to")
    assert marks(page)["ConvertToGrayscale"] == "failed"
    state(page, "AcquireLock").click()
    expect(part(page, "AcquireLock").get_by_role("group", name="Input, as JSON")).to_contain_text("rocket.jpg")
    assert barriers(page) == []
    shot(page, "one-file-run")

    page.reload()
    expect(title(page)).to_have_text("rocket.jpg")


def test_it_has_the_objects_with_their_pictures(address: str, page: Page) -> None:
    page.goto(f"{address}#/execution/common")
    title(page).get_by_role("link").click()
    expect(page).to_have_url(f"{address}#/object/{INPUT_BUCKET}/rocket.jpg")
    expect(page.get_by_role("group", name="Events of the object").get_by_role("row")).to_have_count(6)
    for name in ("Input", "Gray output"):
        image = page.get_by_role("region", name=name, exact=True).get_by_role("img")
        assert image.evaluate("(it) => it.decode().then(() => it.naturalWidth)") == 640
    shot(page, "one-file-object")

    page.go_back()
    expect(page).to_have_url(f"{address}#/execution/common")
    expect(part(page, "Where the time went")).to_be_visible()


def test_a_picture_that_is_not_in_it_is_said_not_to_be(address: str, page: Page) -> None:
    page.goto(f"{address}#/object/{INPUT_BUCKET}/moon.png")
    picture = page.get_by_role("region", name="Input", exact=True)
    expect(picture.get_by_role("alert")).to_contain_text("The picture is not in this file")
    expect(picture).to_contain_text("17 bytes")


def test_it_says_so_when_nothing_was_saved(api: FakeApi, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "empty.html"
    file.write_text(archive(stack_at(api.url), []))
    page = browser.new_page()
    page.goto(file.as_uri())
    expect(page.get_by_text("No execution was saved in this page.")).to_be_visible()
    expect(page.get_by_text("lockstep put")).to_have_count(0)
    page.close()


def test_what_is_not_in_it_is_said_not_to_be(address: str, page: Page) -> None:
    page.goto(f"{address}#/execution/another")
    expect(page.get_by_role("alert")).to_contain_text("This execution is not in this page")
    page.goto(f"{address}#/object/{INPUT_BUCKET}/another.jpg")
    expect(page.get_by_role("alert")).to_contain_text("This object is not in this page")
    page.goto(f"{address}#/nonsense")
    expect(page.get_by_role("alert")).to_contain_text("There is no such page")
