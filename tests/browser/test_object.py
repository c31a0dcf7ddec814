"""An object's page: what happened to it, in order, who holds its lock, and its two pictures."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.fake_api import DENIED, FakeApi
from tests.browser.histories import (
    INPUT_BUCKET,
    OUTPUT_BUCKET,
    arn,
    converted,
    deleted,
    denied,
    execution,
    stale,
    superseded,
    working,
)
from tests.browser.looking import part, shot
from tests.browser.opening import Opener
from tests.unit.pictures import encoded, photo

ADDRESS = f"/object/{INPUT_BUCKET}/rocket.jpg"
OBJECT_ID = f"{INPUT_BUCKET}/rocket.jpg"
PHOTO = encoded(photo(size=(320, 240)), "JPEG")
GRAY = encoded(photo("L", size=(320, 240)), "JPEG")


@pytest.fixture
def in_step(api: FakeApi) -> None:
    api.add(execution("rocket.jpg", converted, "it"))
    api.put(INPUT_BUCKET, "rocket.jpg", PHOTO)
    api.put(OUTPUT_BUCKET, "rocket.jpg", GRAY, source=PHOTO)


def events(page: Page) -> Locator:
    return page.get_by_role("group", name="Events of the object").get_by_role("row")


def picture(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def is_drawn(image: Locator) -> bool:
    return bool(image.evaluate("(it) => it.decode().then(() => it.naturalWidth === 320, () => false)"))


def test_its_events_are_in_the_order_of_their_sequencers_with_what_came_of_each(
    api: FakeApi, open_page: Opener
) -> None:
    api.add(
        execution("rocket.jpg", converted, "first", ago=90, sequencer="0069A50A"),
        execution("rocket.jpg", converted, "newest", ago=60, sequencer="0069A50D"),
        execution("rocket.jpg", superseded, "overtaken", ago=65, sequencer="0069A50C"),
        execution("rocket.jpg", stale, "late", ago=20, sequencer="0069A50B"),
        execution("another.jpg", converted, "other", ago=10),
    )
    page = open_page(ADDRESS)

    expect(events(page)).to_have_count(5)
    for number, (name, fate, why) in enumerate(
        [
            ("first", "applied", ""),
            ("late", "skipped", "this change, or a newer one, is in the output already"),
            ("overtaken", "skipped", "a newer event for this object is at work or waiting"),
            ("newest", "applied", ""),
        ],
        start=1,
    ):
        shown = events(page).nth(number)
        expect(shown.get_by_role("link").first).to_have_attribute("href", f"/execution/{name}")
        expect(shown).to_contain_text(fate)
        expect(shown).to_contain_text(why)
    for name in ("late", "overtaken"):
        covered = events(page).filter(has=page.locator(f"a[href='/execution/{name}']")).get_by_role("link").last
        expect(covered).to_have_attribute("href", "/execution/newest")
    shot(page, "object-events")
    events(page).nth(1).get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("/execution/first$"))


def test_an_event_whose_execution_failed_is_covered_by_the_one_that_did_the_work(
    api: FakeApi, open_page: Opener
) -> None:
    api.add(
        execution("rocket.jpg", denied, "it", ago=90, sequencer="0a"),
        execution("rocket.jpg", converted, "it-again", ago=30, sequencer="0a"),
    )
    page = open_page(ADDRESS)

    expect(events(page).nth(1)).to_contain_text("failed")
    expect(events(page).nth(1).get_by_role("link").last).to_have_attribute("href", "/execution/it-again")


def test_it_shows_the_input_and_the_gray_output_side_by_side(in_step: None, open_page: Opener) -> None:  # noqa: ARG001
    page = open_page(ADDRESS)

    expect(page.get_by_text("The output was made from the input as it is now.")).to_be_visible()
    left, right = (picture(page, name).get_by_role("img") for name in ("Input", "Gray output"))
    assert is_drawn(left)
    assert is_drawn(right)
    boxes = [each.bounding_box() for each in (left, right)]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    shot(page, "object-in-step")


def test_it_follows_a_change_without_a_reload(in_step: None, api: FakeApi, open_page: Opener) -> None:  # noqa: ARG001
    page = open_page(ADDRESS)
    expect(events(page)).to_have_count(2)
    for name in ("Input", "Gray output"):
        assert is_drawn(picture(page, name).get_by_role("img"))

    del api.objects[INPUT_BUCKET, "rocket.jpg"]
    del api.objects[OUTPUT_BUCKET, "rocket.jpg"]
    api.add(execution("rocket.jpg", deleted, "gone", ago=1, change="Deleted", sequencer="ff"))

    expect(events(page)).to_have_count(3)
    expect(page.get_by_text("There is no input, and no output.")).to_be_visible()
    expect(picture(page, "Input")).to_contain_text("The input bucket has no such object.")


def test_an_output_that_is_missing_is_said_to_be(in_step: None, api: FakeApi, open_page: Opener) -> None:  # noqa: ARG001
    del api.objects[OUTPUT_BUCKET, "rocket.jpg"]
    page = open_page(ADDRESS)

    expect(page.get_by_text("The output is missing.")).to_be_visible()
    expect(picture(page, "Gray output")).to_contain_text("The output bucket has no such object.")
    assert is_drawn(picture(page, "Input").get_by_role("img"))
    shot(page, "object-output-missing")


def test_an_output_of_an_older_input_is_not_in_step(in_step: None, api: FakeApi, open_page: Opener) -> None:  # noqa: ARG001
    api.put(INPUT_BUCKET, "rocket.jpg", PHOTO + b"\n")
    page = open_page(ADDRESS)

    expect(page.get_by_text("The output was made from another input than the present one.")).to_be_visible()


@pytest.mark.parametrize(
    "body", [encoded(photo(size=(32, 24)), "TIFF"), b"no picture at all", PHOTO[:100]], ids=["TIFF", "text", "cut off"]
)
def test_a_picture_that_browsers_cannot_show_is_said_to_be_one(body: bytes, api: FakeApi, open_page: Opener) -> None:
    open_page.watch.expect("status of 415")
    api.add(execution("rocket.jpg", converted))
    api.put(INPUT_BUCKET, "rocket.jpg", body)
    page = open_page(ADDRESS)

    expect(picture(page, "Input")).to_contain_text(re.compile("annot (be shown|show)"))
    expect(picture(page, "Input").get_by_role("img")).to_have_count(0)
    shot(page, "object-picture-not-shown")


@pytest.mark.parametrize(
    ("owner", "seconds", "told"),
    [
        (arn("it"), 25, r"Held by it, at most until \d\d:\d\d:\d\d \(2\d s from now\)"),
        (arn("it"), -5, "Free to take.* left behind by it, and its lease has ended"),
        ("me", 25, "Held by me, at most until"),
    ],
)
def test_its_lock_says_who_holds_it_and_until_when(
    owner: str, seconds: float, told: str, api: FakeApi, open_page: Opener
) -> None:
    api.add(execution("rocket.jpg", working, "it", ago=9))
    api.lock(OBJECT_ID, owner=owner, lease_expires_at=round((time.time() + seconds) * 1000), fencing_token=7)
    page = open_page(ADDRESS)

    expect(part(page, "Lock")).to_contain_text(re.compile(told))
    expect(part(page, "Lock").get_by_role("link", name="it")).to_have_count(int(owner != "me"))
    shot(page, f"object-lock-{'held' if seconds > 0 else 'left-behind'}")


def test_a_lock_that_nobody_holds_is_free_and_its_record_is_shown(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", converted, "it"))
    api.lock(OBJECT_ID, applied_sequencer="0069a5569d5e07c3a1", newest_sequencer="0069a5569d5e07c3a1", fencing_token=3)
    page = open_page(ADDRESS)

    expect(part(page, "Lock")).to_contain_text("Free.")
    expect(part(page, "Lock")).to_contain_text("0069a5569d5e07c3a1")


def test_an_object_that_nobody_knows_has_no_lock_and_no_events(open_page: Opener) -> None:
    page = open_page(ADDRESS)

    expect(part(page, "Lock")).to_contain_text("This object has never had a lock.")
    expect(page.get_by_text("No execution listed here is about this object.")).to_be_visible()


def test_while_not_all_is_read_its_events_may_not_be_all(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", converted, "it"), execution("moon.jpg", converted))
    api.refuse(DENIED, "GetExecutionHistory")
    page = open_page(ADDRESS)
    more = page.get_by_text("There may be more")
    expect(more).to_have_text("There may be more: 0 of 2 executions have been read.")

    api.refuse(DENIED)
    expect(events(page)).to_have_count(2)
    expect(more).to_have_count(0)


def test_without_permission_on_the_buckets_the_rest_is_shown(in_step: None, api: FakeApi, open_page: Opener) -> None:  # noqa: ARG001
    api.refuse(DENIED, "HeadObject", "GetObject")
    api.lock(OBJECT_ID, fencing_token=3)
    page = open_page(ADDRESS)

    for name in ("Input", "Gray output"):
        expect(picture(page, name).get_by_role("alert")).to_contain_text("You may not call HeadObject")
    expect(page.get_by_text("It is not known, as one of the two buckets cannot be read.")).to_be_visible()
    expect(part(page, "Lock")).to_contain_text("Free.")
    expect(events(page)).to_have_count(2)
    shot(page, "object-no-permission-on-s3")


def test_without_permission_on_the_lock_table_the_rest_is_shown(
    in_step: None,  # noqa: ARG001
    api: FakeApi,
    open_page: Opener,
) -> None:
    api.refuse(DENIED, "GetItem")
    page = open_page(ADDRESS)

    expect(part(page, "Lock").get_by_role("alert")).to_contain_text("You may not call GetItem")
    assert is_drawn(picture(page, "Input").get_by_role("img"))
    expect(events(page)).to_have_count(2)
    shot(page, "object-no-permission-on-dynamodb")
