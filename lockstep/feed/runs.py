"""One run of each command of `lockstep feed`, with what it shows."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import islice
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from lockstep.ahead import in_order
from lockstep.errors import UserError
from lockstep.feed import words
from lockstep.feed.comparing import Comparison, Difference, Kind, verify
from lockstep.feed.database import SqliteCatalogue
from lockstep.feed.loading import Catalogue, Loaded, load
from lockstep.feed.lookback import Lookback
from lockstep.feed.s3 import S3Feed, SetAside
from lockstep.feed.tailing import Tail
from lockstep.pace import Clock
from lockstep.patience import Patience
from lockstep.stack import Stack
from lockstep.view import number, print_json, say, showing

_WAITING: Final = "waiting for changes (Ctrl-C ends)"
_WAITS: Final = 3  # what moves in each of them is not compared


class Loading:
    """Loads a feed into a catalogue, which people call `into`."""

    def __init__(self, feed: S3Feed, catalogue: Catalogue, into: str, screen: Console, *, as_json: bool) -> None:
        self._feed = feed
        self._catalogue = catalogue
        self._into = into
        self._screen = screen
        self._as_json = as_json
        self._clock = Clock()

    def once(self) -> None:
        """Load what is new. Raises: ClientError, BotoCoreError, UserError, sqlite3.Error; KeyboardInterrupt."""
        loaded = Loaded()
        try:
            with showing(self._screen, words.Progress(loaded)):
                load(self._feed, self._catalogue, fetching=in_order, loaded=loaded)
                set_aside = self._feed.set_aside()
        except (KeyboardInterrupt, ClientError, BotoCoreError, UserError, sqlite3.Error) as error:
            was_asked_to = isinstance(error, KeyboardInterrupt)
            say(self._screen, words.interrupted(loaded) if was_asked_to else words.failed(loaded))
            self._summarize(loaded, None, complete=False)
            raise
        say(self._screen, words.summary(loaded, self._feed.where, self._into), words.strays(loaded))
        self._warn(set_aside)
        self._summarize(loaded, set_aside, complete=True)

    def follow(self) -> None:
        """Load what is new, again and again, until it is interrupted. Raises: ClientError, BotoCoreError, UserError."""
        lookback, told = Lookback(self._clock.now), SetAside(0, has_more=False)
        patience = Patience(self._screen)
        progress = words.Progress(Loaded(), lambda: "" if progress.loaded.files else _WAITING)
        with showing(self._screen, progress):
            while True:
                progress.loaded = loaded = Loaded()
                start_after = lookback.start_after()
                with patience.over_no_answer():
                    load(self._feed, self._catalogue, fetching=in_order, loaded=loaded, start_after=start_after)
                    lookback.note(loaded.newest)
                    if not start_after and (set_aside := self._feed.set_aside() or told) != told:
                        self._warn(told := set_aside)
                if loaded.files:
                    say(self._screen, words.summary(loaded, self._feed.where, self._into))
                    self._summarize(loaded, told, complete=patience.has_answer)
                self._clock.sleep(self._feed.interval_seconds)

    def _warn(self, set_aside: SetAside | None) -> None:
        say(self._screen, words.set_aside(set_aside, self._feed.bucket))

    def _summarize(self, loaded: Loaded, set_aside: SetAside | None, *, complete: bool) -> None:
        if self._as_json:
            print_json(
                {
                    "files": loaded.files,
                    "known": loaded.known,
                    "applied": loaded.applied,
                    "dropped": loaded.dropped,
                    "set_aside": set_aside and set_aside.objects,
                    "complete": complete,
                }
            )


def follow(feed: S3Feed, since: datetime | None, screen: Console, *, count: int | None, as_json: bool) -> None:
    """Show changes as they come: so many, or until it is interrupted. Begin with those that came since then, if given.

    Raises: ClientError, BotoCoreError, UserError.
    """
    clock, left = Clock(), count
    tail, patience, dropped = Tail(feed, since, lookback=Lookback(clock.now)), Patience(screen), 0
    with showing(screen, words.Progress(Loaded(), lambda: _WAITING)):
        while True:
            with patience.over_no_answer():
                for each in islice(tail.poll(), left):
                    if as_json:
                        print_json(each.as_json())
                    else:
                        say(screen, words.change(each))
                    left = None if left is None else left - 1
            if left == 0:
                return
            say(screen, words.left_out(tail.dropped - dropped))
            dropped = tail.dropped
            clock.sleep(feed.interval_seconds)


class Verifying:
    """Compares the output bucket of a stack with its feed."""

    def __init__(
        self, stack: Stack, feed: S3Feed, catalogue: SqliteCatalogue, screen: Console, *, as_json: bool
    ) -> None:
        self._feed = feed
        self._catalogue = catalogue
        self._screen = screen
        self._as_json = as_json
        self._clock = Clock()
        self._loaded = Loaded()
        self._comparison = Comparison(stack, feed.client, catalogue)
        self._until: float | None = None
        self._kinds: Counter[Kind] = Counter()
        self._first: dict[Kind, list[Difference]] = defaultdict(list)

    def verify(self, wait_seconds: float) -> bool:
        """Whether they agree, after so many seconds; three times as many at most, where the feed tells something new.

        Raises: ClientError, BotoCoreError, UserError.
        """
        with self._showing():
            self._load()
            for each in verify(self._comparison, self._load, self._waiting(wait_seconds)):
                self._note(each)
            set_aside = self._feed.set_aside()
        self._tell(set_aside)
        return not self._kinds

    def _load(self) -> None:
        load(self._feed, self._catalogue, fetching=in_order, loaded=self._loaded)

    def _waiting(self, seconds: float) -> Callable[[], bool]:
        """Counted from the first time that it is asked, and anew when that was over, three times in all."""
        left = _WAITS

        def wait() -> bool:
            nonlocal left
            now = self._clock.now()
            if self._until is None and left:
                left, self._until = left - 1, now + seconds
            if self._until is None or now >= self._until:
                self._until = None
                return False
            self._clock.sleep(min(self._feed.interval_seconds, self._until - now))
            return True

        return wait

    def _note(self, difference: Difference) -> None:
        self._kinds[difference.kind] += 1
        if len(self._first[difference.kind]) < words.SHOWN:
            self._first[difference.kind].append(difference)
        if self._as_json:
            print_json(words.as_json(difference))

    def _tell(self, set_aside: SetAside | None) -> None:
        compared = self._comparison.compared
        if self._kinds:
            say(self._screen, words.differences(self._kinds, self._first))
        say(self._screen, words.verdict(compared.objects, self._kinds, len(compared.pending)))
        say(self._screen, words.advice(self._kinds))
        say(self._screen, words.strays(self._loaded), words.set_aside(set_aside, self._feed.bucket))
        if self._as_json:
            print_json(
                {
                    "event": "summary",
                    "objects": compared.objects,
                    "differences": {kind.value: self._kinds[kind] for kind in Kind},
                    "moving": len(compared.pending),
                    "set_aside": set_aside and set_aside.objects,
                    "agree": not self._kinds,
                }
            )

    def _showing(self) -> AbstractContextManager[None]:
        return showing(self._screen, words.Progress(self._loaded, self._progress))

    def _progress(self) -> str:
        """How the comparison gets on, once there is one."""
        compared = self._comparison.compared
        if not compared.objects:
            return ""
        text = f"compared {number(compared.objects, 'object')}, {len(compared.pending):,} differ for now"
        if self._until is None:
            return text
        left = max(self._until - self._clock.now(), 0)
        return f"{text}; the feed may be behind, so that counts in {left:.0f} s"
