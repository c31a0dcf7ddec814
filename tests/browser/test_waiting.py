"""An execution that waits for the lock says for whom, and until when."""

from __future__ import annotations

import re
import time

from playwright.sync_api import expect

from tests.browser.fake_api import DENIED, FakeApi
from tests.browser.histories import INPUT_BUCKET, Run, arn, converted, execution, waiting, working
from tests.browser.looking import shot, title
from tests.browser.opening import Opener


def held(api: FakeApi, owner: str, seconds: float) -> Run:
    run = execution("rocket.jpg", waiting, "it", ago=9)
    api.add(run)
    api.lock(f"{INPUT_BUCKET}/rocket.jpg", owner=owner, lease_expires_at=round((time.time() + seconds) * 1000))
    return run


def test_it_names_the_holder_and_counts_down_to_the_end_of_its_lease(api: FakeApi, open_page: Opener) -> None:
    api.add(execution("rocket.jpg", working, "the-holder", ago=12))
    held(api, arn("the-holder"), 25)
    page = open_page("/execution/it")

    words = page.get_by_role("region", name="In plain words")
    expect(words).to_contain_text("The lock is held by the-holder, at most until")
    expect(words).to_contain_text(re.compile(r"\b2\d s\b.* from now"))
    shot(page, "run-waiting")
    expect(words).to_contain_text(re.compile(r"\b(1\d|20) s\b.* from now"), timeout=8000)

    words.get_by_role("link", name="the-holder").click()
    expect(page).to_have_url(re.compile("/execution/the-holder$"))
    expect(title(page)).to_have_text("rocket.jpg")
    expect(page.get_by_role("main").get_by_text("working", exact=True).first).to_be_visible()


def test_a_holder_that_is_no_execution_is_named_but_is_no_link(api: FakeApi, open_page: Opener) -> None:
    held(api, "me", 25)
    page = open_page("/execution/it")

    words = page.get_by_role("region", name="In plain words")
    expect(words).to_contain_text("The lock is held by me, at most until")
    expect(words.get_by_role("link")).to_have_count(0)


def test_a_lease_that_has_ended_is_said_to_have_ended(api: FakeApi, open_page: Opener) -> None:
    held(api, arn("a-crashed-one"), -3)
    page = open_page("/execution/it")

    words = page.get_by_role("region", name="In plain words")
    expect(words).to_contain_text("The lock was held by a-crashed-one")
    expect(words).to_contain_text("the next who asks gets the lock")


def test_what_is_said_about_waiting_goes_when_its_turn_comes(api: FakeApi, open_page: Opener) -> None:
    run = held(api, "me", 25)
    page = open_page("/execution/it")
    words = page.get_by_role("region", name="In plain words")
    expect(words).to_be_visible()

    converted(run.waited())
    expect(words).to_have_count(0)
    expect(page.get_by_role("main").get_by_text("converted", exact=True).first).to_be_visible()


def test_without_permission_on_the_lock_table_the_holder_is_still_named(api: FakeApi, open_page: Opener) -> None:
    held(api, "me", 25)
    api.refuse(DENIED, "GetItem")
    page = open_page("/execution/it")

    words = page.get_by_role("region", name="In plain words")
    expect(words).to_contain_text(
        "It was told that the lock is held by 11f6a7c1-a-slow-one; who holds it now cannot be"
    )
    expect(words).not_to_contain_text("lease has ended")
