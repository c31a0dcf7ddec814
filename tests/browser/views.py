"""The views that must look right and be usable by everybody, made by one stack."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.fake_api import DENIED, FakeApi
from tests.browser.histories import (
    INPUT_BUCKET,
    OUTPUT_BUCKET,
    arn,
    converted,
    denied,
    every_outcome,
    execution,
    lock_wait_timeout,
    retried,
    superseded,
    waiting,
    working,
)
from tests.browser.looking import part, rows, title
from tests.unit.pictures import encoded, photo

_LONG: Final = f"a/rather/deep/folder/{'with-a-very-long-name-' * 6}/and-a-photo-in-it.jpg"
_PHOTO: Final = encoded(photo(size=(640, 480)), "JPEG")


def furnish(api: FakeApi) -> None:
    """Something of everything."""
    api.add(
        *every_outcome(),
        execution("rocket.jpg", converted, "common", ago=200, sequencer="0a"),
        execution("rocket.jpg", superseded, "overtaken", ago=198, sequencer="0b"),
        execution("rocket.jpg", denied, "failed", ago=190, sequencer="0c"),
        execution("rocket.jpg", working, "holder", ago=9, sequencer="0d"),
        execution("rocket.jpg", waiting, "waiting", ago=8, sequencer="0e"),
        execution(_LONG, lock_wait_timeout, "long", ago=180),
        execution("moon.png", retried, "retried", ago=170),
    )
    later = round((time.time() + 25) * 1000)
    api.lock(f"{INPUT_BUCKET}/rocket.jpg", owner=arn("holder"), lease_expires_at=later, fencing_token=7)
    api.put(INPUT_BUCKET, "rocket.jpg", _PHOTO)
    api.put(OUTPUT_BUCKET, "rocket.jpg", encoded(photo("L", size=(640, 480)), "JPEG"), source=_PHOTO)


def _run(name: str) -> Callable[[Page, FakeApi], None]:
    def show(page: Page, _: FakeApi) -> None:
        page.goto(f"/execution/{name}")
        expect(part(page, "Where the time went")).to_be_visible()

    return show


def _list(page: Page, _: FakeApi) -> None:
    page.goto("/")
    expect(rows(page).first).to_be_visible()


def _empty(page: Page, api: FakeApi) -> None:
    assert not api.executions
    page.goto("/")
    expect(page.get_by_text("No executions yet")).to_be_visible()


def _object(page: Page, _: FakeApi) -> None:
    page.goto(f"/object/{INPUT_BUCKET}/rocket.jpg")
    expect(part(page, "Lock")).to_contain_text("Held")
    expect(page.get_by_role("img", name="Gray output")).to_be_visible()


def _dialog(page: Page, api: FakeApi) -> None:
    _run("failed")(page, api)
    page.get_by_role("main").get_by_role("button", name="Start again").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _banner(page: Page, api: FakeApi) -> None:
    _run("common")(page, api)
    api.refuse(DENIED, "ListExecutions", "HeadObject", "GetItem")
    expect(page.get_by_text("You may not call ListExecutions")).to_be_visible()


def _refused(page: Page, api: FakeApi) -> None:
    api.refuse(DENIED, "HeadObject", "GetItem")
    page.goto(f"/object/{INPUT_BUCKET}/rocket.jpg")
    expect(title(page)).to_have_text("rocket.jpg")
    expect(page.get_by_role("alert")).to_have_count(3)


VIEWS: Final[dict[str, Callable[[Page, FakeApi], None]]] = {
    "list": _list,
    "empty": _empty,
    "run-common": _run("common"),
    "run-failed": _run("failed"),
    "run-waiting": _run("waiting"),
    "run-long": _run("long"),
    "object": _object,
    "object-refused": _refused,
    "dialog": _dialog,
    "banner": _banner,
}
