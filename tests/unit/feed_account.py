"""An account with a change feed, written by what writes it in Lambda."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from typer.testing import CliRunner, Result

from changefeed.change import Change
from changefeed.file import FeedFile, file_of
from lockstep import emulator, local
from lockstep.cli import app
from lockstep.pace import Clock
from lockstep.stack import Stack
from tests.unit import account as accounts
from tests.unit.account import INPUT, OUTPUT, Account, Refused, arn_of, stack

FEED: Final = "lockstep-feed"
URL: Final = "http://127.0.0.1:4566/lockstep-feed?list-type=2&prefix=changes%2F"
NO_ANSWERS: Final = (
    EndpointConnectionError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
    ReadTimeoutError(endpoint_url=URL),
    Refused("SlowDown", "", 503),
    Refused("ThrottlingException"),
    Refused("InternalError", "", 500),
)


def changed(
    key: str, token: int, *, etag: str | None = "", since: int = 1, at: datetime | None = None, **about: Any
) -> Change:
    """A change as Lockstep's feed tells it: a PUT with an ETag of its own, or a DELETE where that is None."""
    at = at or datetime.now(UTC)
    etag = f"etag-{token}" if etag == "" else etag
    told = {
        "operation": "DELETE" if etag is None else "PUT",
        "bucket": INPUT,
        "object": key,
        "sequencer": f"{token:018X}",
        "fencing_token": token,
        "source_etag": None if etag is None else "source",
        "source_version_id": None,
        "output_etag": etag,
        "time": f"{at:%Y-%m-%dT%H:%M:%S}.123Z",
        "execution": arn_of(f"execution-{token}"),
    }
    return Change(f"{INPUT}/{key}", (since, token), f"{token:025}", int(at.timestamp()), told | about)


def other(key: str, *watermark: int | str, **change: Any) -> Change:
    """A change of another table."""
    return Change(key, watermark, "7", int(datetime.now(UTC).timestamp()), change)


class Files(dict[str, bytes]):
    """A `FeedFiles` in memory.

    Attributes:
        asked: after which names it was listed.
        before: is told of every call; raises what shall go wrong.
    """

    def __init__(self, *files: FeedFile) -> None:
        super().__init__({each.name: each.body for each in files})
        self.asked: list[str] = []
        self.before: Callable[[], None] = lambda: None

    def names(self, start_after: str) -> Iterator[str]:
        self.asked.append(start_after)
        for name in sorted(self):
            if name > start_after:
                self.before()
                yield name

    def body(self, name: str) -> bytes:
        self.before()
        return self[name]


class FeedAccount(Account):
    """The account.

    Attributes:
        steps: what happens, one after the other, each time that somebody sleeps; then Ctrl-C.
        seconds: that have passed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Callable[[], object]] = []
        self.seconds = 1000.0
        self.clock = Clock(now=lambda: self.seconds, sleep=self.sleep)
        self._written: dict[tuple[str, str], datetime] = {}

    def write(self, *changes: Change, bucket: str = FEED, ago: timedelta = timedelta()) -> str:
        """A file of the feed; returns its name."""
        file = file_of(changes)
        self.lay(bucket, file.name, file.body, ago=ago)
        return file.name

    def lay(self, bucket: str, name: str, body: bytes, *, ago: timedelta = timedelta()) -> None:
        """An object in a bucket."""
        self.store(bucket, name, body)
        self._written[bucket, name] = datetime.now(UTC) - ago

    def put(self, key: str, body: bytes) -> str:
        """An output; returns its ETag."""
        return self.store(OUTPUT, key, body).etag

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.seconds += seconds
        if not self.steps:
            raise KeyboardInterrupt
        self.steps.pop(0)()

    def _answer_ListObjectsV2(self, Bucket: str, *args: Any, **about: Any) -> dict[str, Any]:  # noqa: N802, N803  # AWS's names
        if Bucket not in {OUTPUT, FEED, "sensors"}:
            raise Refused("NoSuchBucket", "The specified bucket does not exist", 404)
        found, now = super()._answer_ListObjectsV2(Bucket, *args, **about), datetime.now(UTC)
        for each in found["Contents"]:
            each["LastModified"] = self._written.get((Bucket, each["Key"]), now)
        return found


@cache
def stack_with_feed() -> Stack:
    return replace(stack(), feed_bucket=FEED)


def new_feed_account(monkeypatch: pytest.MonkeyPatch) -> FeedAccount:
    """The account that all stacks are in from now on; the command works on it, and its time is made up."""
    account = FeedAccount()
    accounts._account[:] = [account]
    monkeypatch.setattr("lockstep.feed.runs.Clock", lambda: account.clock)
    monkeypatch.setattr(local, "running_stack", stack_with_feed)
    monkeypatch.setattr(emulator, "leave_aws", lambda: None)
    monkeypatch.setattr("lockstep.command.signal.signal", lambda *_: None)  # the test runner's own
    monkeypatch.delenv("LOCKSTEP_STACK_NAME", raising=False)
    return account


def feed(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["feed", *arguments])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    return result


def lines(result: Result) -> list[dict[str, Any]]:
    """What a program reads."""
    return [json.loads(line) for line in result.stdout.splitlines()]
