"""Addresses: whatever is seen can be shared, reloaded, and gone back to."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.fake_api import FakeApi
from tests.browser.histories import INPUT_BUCKET, converted, execution, many, stale
from tests.browser.looking import chip, part, row, rows, search_box, shot, title
from tests.browser.opening import Opener

ODD_KEYS = [
    "a folder/with spaces & more.jpg",
    "#1?what=50%25&x=y;z+ü.jpg",
    "/leading/slash.jpg",
    "a//double/./dot.jpg",
    "../../etc/passwd",
    "..",
    "größe/写真 🚀.jpg",
    "\"double\" and 'single'\\back.jpg",
    "<script>alert(1)</script>.jpg",
    "%2F%2e%2e%00.jpg",
]


def test_the_address_keeps_search_filter_and_page_and_a_reload_brings_them_back(
    api: FakeApi, open_page: Opener
) -> None:
    api.add(*many(400))
    page = open_page()
    expect(page.get_by_text("1–100 of 400", exact=True)).to_be_visible()
    expect(chip(page, "converted")).to_have_accessible_name(re.compile("converted ?240"))

    search_box(page).fill("photo-00")
    chip(page, "converted").click()
    chip(page, "stale").click()
    page.get_by_role("button", name="Next page").click()
    expect(page).to_have_url(re.compile(r"/\?q=photo-00&outcome=converted&outcome=stale&page=2$"))

    page.reload()
    expect(search_box(page)).to_have_value("photo-00")
    expect(chip(page, "converted")).to_have_attribute("aria-pressed", "true")
    expect(chip(page, "stale")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("101–200 of 280", exact=True)).to_be_visible()


def test_a_search_stays_while_one_goes_from_run_to_run(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("one.jpg", converted, "one", ago=5), execution("two.jpg", converted, "two", ago=9))
    api.add(execution("three.png", converted, "three", ago=3))
    page = open_page("/?q=jpg")

    row(page, "one.jpg").click()
    expect(page).to_have_url(re.compile(r"/execution/one\?q=jpg$"))
    expect(rows(page)).to_contain_text(["one.jpg", "two.jpg"])
    expect(row(page, "one.jpg")).to_have_attribute("aria-current", "page")


def test_back_and_forward_go_where_one_has_been(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("one.jpg", converted, "one"), execution("two.jpg", stale, "two"))
    page = open_page()
    row(page, "one.jpg").click()
    expect(title(page)).to_have_text("one.jpg")
    row(page, "two.jpg").click()
    expect(title(page)).to_have_text("two.jpg")
    title(page).get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/object/{INPUT_BUCKET}/two.jpg$"))
    expect(page.get_by_role("heading", name="Gray output")).to_be_visible()

    page.go_back()
    expect(page.get_by_role("heading", name="Way through the machine")).to_be_visible()
    expect(title(page)).to_have_text("two.jpg")
    page.go_back()
    expect(title(page)).to_have_text("one.jpg")
    page.go_back()
    expect(title(page)).to_have_text("Choose an execution")
    page.go_forward()
    expect(title(page)).to_have_text("one.jpg")


def test_the_title_of_the_window_says_what_is_seen(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("one.jpg", converted, "one"))
    page = open_page()
    expect(page).to_have_title(re.compile("Lockstep"))
    row(page, "one.jpg").click()
    expect(page).to_have_title(re.compile("one.jpg converted .*Lockstep"))


def test_a_shared_address_of_an_execution_opens_it(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("other.jpg", stale), execution("one.jpg", converted, "0a1b_2c3d-once"))
    page = open_page("/execution/0a1b_2c3d-once")

    expect(title(page)).to_have_text("one.jpg")
    expect(row(page, "one.jpg")).to_have_attribute("aria-current", "page")


def test_an_execution_that_does_not_exist_is_said_not_to(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("one.jpg", converted))
    open_page.watch.expect("status of 404")
    page = open_page("/execution/no-such-one")

    expect(page.get_by_role("alert")).to_contain_text("There is no execution of that name")
    expect(rows(page)).to_have_count(1)
    shot(page, "run-unknown")


def test_a_bucket_of_somebody_else_is_said_to_be_none_of_ours(open_page: Opener) -> None:
    open_page.watch.expect("status of 404")
    page = open_page("/object/another-bucket/rocket.jpg")

    expect(page.get_by_role("alert")).to_contain_text("nothing to do with the bucket another-bucket")


def test_a_key_cannot_turn_the_text_around_it(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("\u202egpj.exe\u2066\u200f", converted, "it"))
    page = open_page("/execution/it")

    expect(title(page)).to_have_text("␡gpj.exe␡␡")


def test_an_object_has_an_address_whatever_its_key(api: FakeApi, open_page: Opener) -> None:
    for number, key in enumerate(ODD_KEYS):
        api.add(execution(key, converted, f"it-{number}", ago=60 + number))
        api.lock(f"{INPUT_BUCKET}/{key}", fencing_token=4710 + number)
    page = open_page()

    for number, key in enumerate(ODD_KEYS):
        rows(page).nth(number).click()
        title(page).get_by_role("link").click()
        expect(title(page)).to_have_text(key)
        page.reload()
        expect(title(page)).to_have_text(key)
        expect(part(page, "Lock").get_by_text(str(4710 + number), exact=True)).to_be_visible()
        expect(page.get_by_role("group", name="Events of the object").get_by_text("applied")).to_be_visible()
    assert {each["Key"] for each in api.called("HeadObject")} == set(ODD_KEYS)
