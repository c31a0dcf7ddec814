"""How soon the history's page shows what is asked for, in Chromium: with 10,000 executions, and with 100 beside it.

The page's server runs as `lockstep history` has it. What it reads from is a fake of the few calls to AWS, in a process
of its own, that answers at once: what is measured is the server, the page and the browser, not AWS.

- First rows: from the start of the navigation until rows are on the screen. First with a server that has just been
  started and has yet to read, then with one that has read everything.
- A keystroke, a click: from the event's own time until what is shown is right, and on the screen.

Each is the median of a few rounds, each round in a new window. There is no limit here that something has to keep.

    .venv/bin/python -m benchmarks.history
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Final

from playwright.sync_api import Browser, Page, expect
from rich.console import Console
from rich.table import Table

from lockstep import paths
from lockstep.history.graph import Graph
from lockstep.history.index import Index
from lockstep.history.server import READS_LOCAL, serving
from lockstep.history.service import History
from lockstep.stack import Stack
from tests.browser import chromium
from tests.browser.fake_api import FakeApi
from tests.browser.histories import Cheap, many
from tests.browser.looking import chip, search_box
from tests.browser.site import stack_at

ROUNDS: Final = 5
FEW: Final = 100
MANY: Final = 10_000

_RESULT: Final = paths.ROOT / "build" / "bench" / "history.json"

_COLD: Final = "first rows, server just started"
_WARM: Final = "first rows, all histories read"
_KEYSTROKE: Final = "a keystroke in the search"
_FILTER: Final = "a click on an outcome"
_LAST_PAGE: Final = "a click to the last page"
_ALL_READ: Final = "all histories read"

_PAGE: Final = 100
_OUTCOME: Final = "deleted"
_TYPED: Final = "7"

# A frame's callback comes before it is painted; a task that is queued there comes after.
_PAINTED: Final = "const painted = (then) => requestAnimationFrame(() => setTimeout(then));"
_FIRST_ROWS: Final = f"""{_PAINTED}
    window.firstRows = new Promise((resolve) => new MutationObserver((_, observer) => {{
        if (!document.querySelector(".rows .row")) return;
        observer.disconnect();
        painted(() => resolve(performance.now()));
    }}).observe(document, {{ childList: true, subtree: true }}));"""
_FROM_THE_EVENT: Final = f"""([type, expected]) => {{ {_PAINTED}
    window.took = new Promise((resolve) => addEventListener(type, (event) => {{
        const look = () => document.querySelector(".pager p")?.textContent === expected
            ? painted(() => resolve(performance.now() - event.timeStamp))
            : requestAnimationFrame(look);
        look();
    }}, {{ capture: true, once: true }}));
}}"""


@dataclass(frozen=True, slots=True)
class Row:
    """What one thing took.

    Attributes:
        few: seconds with FEW executions; None where there is no such thing, as with one page only.
        many: seconds with MANY.
        ratio: of the two.
    """

    name: str
    few: float | None
    many: float
    ratio: float | None


_Seconds = dict[str, float]


def measure(executable: str, rounds: int = ROUNDS) -> list[Row]:
    """Measure everything, in Chromium at `executable`."""
    with chromium.launched(executable) as browser:
        few, many_ = (_measured(browser, number, rounds) for number in (FEW, MANY))
    return [_row(name, few.get(name), seconds) for name, seconds in many_.items()]


def _row(name: str, few: float | None, many_: float) -> Row:
    rounded = None if few is None else round(few, 3)
    return Row(name, rounded, round(many_, 3), None if few is None else round(many_ / few, 2))


def _measured(browser: Browser, number: int, rounds: int) -> _Seconds:
    executions = many(number)
    with _api(number) as url:
        stack = stack_at(url)
        cold = [_cold(browser, stack) for _ in range(rounds)]
        with _served(stack) as (address, index):
            all_read = _read(index, number)
            warm = [_round(browser, address, executions) for _ in range(rounds)]
    medians = {name: median(each[name] for each in warm) for name in warm[0]}
    return {_COLD: median(cold), **medians, _ALL_READ: all_read}


def _cold(browser: Browser, stack: Stack) -> float:
    with _served(stack) as (address, _), _window(browser, address) as page:
        return _first_rows(page)


def _round(browser: Browser, address: str, executions: Sequence[Cheap]) -> _Seconds:
    number = len(executions)
    with _window(browser, address) as page:
        took = {_WARM: _first_rows(page)}
        expect(page.get_by_text(_shown(number), exact=True)).to_be_visible()
        search_box(page).focus()
        found = sum(_TYPED in f"{each.key}\n{each.name}" for each in executions)
        took[_KEYSTROKE] = _took(page, "keydown", found, lambda: page.keyboard.press(_TYPED))
        search_box(page).fill("")
        expect(page.get_by_text(_shown(number), exact=True)).to_be_visible()
        found = sum(each.recipe.__name__ == _OUTCOME for each in executions)
        took[_FILTER] = _took(page, "pointerdown", found, chip(page, _OUTCOME).click)
        chip(page, _OUTCOME).click()
        expect(page.get_by_text(_shown(number), exact=True)).to_be_visible()
        if number > _PAGE:
            last = page.get_by_role("button", name="Last page")
            took[_LAST_PAGE] = _took(page, "pointerdown", number, last.click, first=number - _PAGE + 1)
    return took


def _first_rows(page: Page) -> float:
    return float(page.evaluate("window.firstRows")) / 1000


def _took(page: Page, event: str, found: int, act: Callable[[], None], first: int = 1) -> float:
    """Until the list says that it shows the executions that there are to be found."""
    page.evaluate(_FROM_THE_EVENT, [event, _shown(found, first)])
    act()
    return float(page.evaluate("window.took")) / 1000


def _shown(found: int, first: int = 1) -> str:
    return f"{first:,}–{min(found, first + _PAGE - 1):,} of {found:,}"


def _read(index: Index, number: int) -> float:
    began = time.perf_counter()
    while index.progress.read < number:
        time.sleep(0.05)
    return time.perf_counter() - began


@contextmanager
def _window(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.add_init_script(_FIRST_ROWS)
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


@contextmanager
def _served(stack: Stack) -> Iterator[tuple[str, Index]]:
    index = Index(stack, reads=READS_LOCAL)
    with serving(History(stack, Graph.deployed(stack), index, is_live=True), port=0) as address:
        yield address, index


@contextmanager
def _api(number: int) -> Iterator[str]:
    """The fake API in a process of its own: here it would slow down the server, as only one of their threads runs."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(number, theirs), daemon=True)
    process.start()
    yield ours.recv()
    ours.send("end")
    process.join()


def _answer(number: int, pipe: Connection) -> None:
    with FakeApi() as api:
        api.add(*many(number))
        pipe.send(api.url)
        pipe.recv()


def table(rows: Sequence[Row]) -> Table:
    """For people."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("", f"{FEW:,} executions", f"{MANY:,} executions", "ratio"):
        shown.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for row in rows:
        few, ratio = (
            ("" if row.few is None else f"{row.few:.3f} s"),
            ("" if row.ratio is None else f"{row.ratio:.1f} ×"),
        )
        shown.add_row(row.name, few, f"{row.many:.3f} s", ratio)
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    options = parser.parse_args(arguments)
    executable = chromium.path()
    if executable is None:
        sys.exit(chromium.HOW_TO_INSTALL)
    rows = measure(executable, options.rounds)
    document = json.dumps([asdict(row) for row in rows], indent=2) + "\n"
    _RESULT.parent.mkdir(parents=True, exist_ok=True)
    _RESULT.write_text(document, "utf-8")
    if options.json:
        sys.stdout.write(document)
    else:
        Console(highlight=False).print(table(rows))


if __name__ == "__main__":
    main()
