"""The changes of a feed as they come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Protocol

from lockstep.ahead import in_order
from lockstep.feed.file import LATEST, first_name, is_file, lines, names_since, parts
from lockstep.feed.latest import is_news
from lockstep.feed.line import Line, Watermark
from lockstep.feed.lookback import Lookback
from lockstep.feed.s3 import Listed


class ListedFiles(Protocol):
    """Where the files of a feed are."""

    def listed(self, start_after: str) -> Iterator[Listed]:
        """All files named after this, in the order of their names."""

    def body(self, name: str) -> bytes:
        """What is in a file."""


class Tail:
    """Yields each change once, and none after a later one of its key. It knows what it has yielded, no more.

    Args:
        since: begin with the files that came then; None for those that come from the first poll on.
        lookback: how far back it looks each time; as far as files may come late, if not given.

    Attributes:
        dropped: changes that were not yielded: late, or told of again.
    """

    def __init__(
        self,
        files: ListedFiles,
        since: datetime | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        lookback: Lookback | None = None,
    ) -> None:
        self.dropped = 0
        self._files = files
        self._lookback = lookback
        self._since = since
        self._now = now
        self._earliest = (since or now()) - LATEST
        self._start_after = ""
        self._seen: set[str] = set()
        self._unread: deque[str] = deque()
        self._watermarks: dict[str, Watermark] = {}
        self._has_begun = since is not None

    def poll(self) -> Iterator[Line]:
        """Yield what has come since the last time, file by file. After an error, the next call goes on there.

        Raises: UnreadableFile, ClientError, BotoCoreError, UserError.
        """
        self._list()
        if not self._has_begun:
            self._has_begun = True
            self._unread.clear()
            return
        for name, body in in_order(lambda name: (name, self._files.body(name)), tuple(self._unread)):
            self._unread.popleft()
            for number, line in lines(name, body):
                if is_news(line, self._watermarks.get(line.key), f"{name}, line {number}"):
                    self._watermarks[line.key] = line.watermark
                    yield line
                else:
                    self.dropped += 1

    def _list(self) -> None:
        """Note the names of files that were not there before, in order."""
        begun, last = self._now(), ""
        recent = self._lookback.start_after() if self._lookback else ""
        for name, written in self._files.listed(max(self._first_name(), recent)):
            if not is_file(name):
                continue
            last = name
            if name not in self._seen:
                self._seen.add(name)
                if self._since is None or written >= self._since:
                    self._unread.append(name)
        if self._lookback:
            self._lookback.note(last)
        if last and not recent:
            self._start_after = max(self._start_after, names_since(last, begun))
            self._seen = {name for name in self._seen if name > self._start_after}

    def _first_name(self) -> str:
        """After which name to look. Only a name tells what names begin with before their time: a prefix may be less."""
        if not self._start_after:
            known = next((each.name for each in self._files.listed("") if is_file(each.name)), None)
            self._start_after = first_name(parts(known)[0], self._earliest) if known else ""
        return self._start_after
