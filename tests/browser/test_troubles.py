"""When something is in the way, the page says what, and what to do, and goes on by itself when it can."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.fake_api import DENIED, EXPIRED, THROTTLED, FakeApi, Refusal
from tests.browser.histories import converted, execution, working
from tests.browser.looking import part, row, rows, shot, state, title
from tests.browser.opening import Opener
from tests.browser.site import Site


def banner(page: Page) -> Locator:
    return page.get_by_role("status").filter(has=page.get_by_role("strong"))


@pytest.mark.parametrize(
    ("refusal", "title", "advice"),
    [
        (DENIED, "You may not call ListExecutions", "Ask whoever runs your AWS account"),
        (EXPIRED, "Your AWS session has ended", "Sign in again"),
        (THROTTLED, "AWS allows no more reads just now", "the list goes on by itself"),
    ],
    ids=["no permission", "expired session", "throttled"],
)
def test_what_keeps_it_from_reading_is_said_and_goes_away_by_itself(
    refusal: Refusal, title: str, advice: str, api: FakeApi, open_page: Opener
) -> None:
    api.add(execution("rocket.jpg", converted))
    page = open_page()
    expect(page.get_by_text("live", exact=True)).to_be_visible()

    api.refuse(refusal, "ListExecutions")
    expect(banner(page)).to_contain_text(title)
    expect(banner(page)).to_contain_text(advice)
    expect(page.get_by_text("not live")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    shot(page, f"banner-{refusal.code}")

    api.refuse(refusal)
    api.add(execution("moon.jpg", converted, ago=1))
    expect(banner(page)).to_have_count(0)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(rows(page)).to_contain_text(["moon.jpg", "rocket.jpg"])


def test_an_api_that_is_gone_is_said_to_be_and_is_found_again(api: FakeApi, open_page: Opener) -> None:
    open_page.watch.expect("status of 502")
    api.add(execution("rocket.jpg", converted, "it"))
    page = open_page("/execution/it")
    expect(title(page)).to_have_text("rocket.jpg")

    api.stop()
    expect(banner(page)).to_contain_text("The local stack does not answer")
    expect(banner(page)).to_contain_text("make up")
    expect(title(page)).to_have_text("rocket.jpg")
    shot(page, "banner-api-gone")

    api.start()
    expect(banner(page)).to_have_count(0)


def test_an_execution_that_may_not_be_read_says_so_and_can_be_tried_again(api: FakeApi, open_page: Opener) -> None:
    open_page.watch.expect("status of 502")
    api.add(execution("rocket.jpg", converted, "it"))
    api.refuse(DENIED, "GetExecutionHistory")
    page = open_page("/execution/it")

    alert = page.get_by_role("main").get_by_role("alert")
    expect(alert).to_contain_text("You may not call GetExecutionHistory")
    shot(page, "run-no-permission")
    api.refuse(DENIED)
    alert.get_by_role("button", name="Try again").click()
    expect(title(page)).to_have_text("rocket.jpg")


def test_when_the_server_has_ended_the_page_says_so_and_catches_up_when_it_is_back(
    api: FakeApi, site: Site, open_page: Opener
) -> None:
    open_page.watch.expect("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET")
    run = execution("rocket.jpg", working, "it", ago=8)
    api.add(run, *(execution(f"{number}.jpg", converted, ago=100 + number) for number in range(5)))
    page = open_page("/execution/it")
    expect(rows(page)).to_have_count(6)
    expect(part(page, "Where the time went")).to_be_visible()

    site.stop()
    expect(banner(page)).to_contain_text("The server of this page has ended.")
    expect(banner(page)).to_contain_text("Start make up or lockstep history again.")
    expect(page.get_by_text("not live")).to_be_visible()
    expect(rows(page)).to_have_count(6)
    shot(page, "banner-server-ended")

    run.worked().released()
    api.add(execution("meanwhile.jpg", converted, ago=1))
    site.start()
    expect(banner(page)).to_have_count(0, timeout=15_000)
    expect(row(page, "meanwhile.jpg")).to_contain_text("converted")
    expect(row(page, "rocket.jpg")).to_contain_text("converted")
    expect(state(page, "ReleaseLock")).to_have_accessible_name(re.compile("passed"))
    expect(page.get_by_role("main").get_by_role("alert")).to_have_count(0)
