"""The history's server over the fake API, as `lockstep history` runs it."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Self

import boto3
from botocore.config import Config

from lockstep.history.graph import Graph
from lockstep.history.index import Index
from lockstep.history.server import READS_LOCAL, serving
from lockstep.history.service import History
from lockstep.stack import Stack
from tests.browser.fake_api import FakeApi
from tests.browser.histories import INPUT_BUCKET, LOCK_TABLE, OUTPUT_BUCKET, STATE_MACHINE


@cache
def _session() -> boto3.Session:
    """One for all: it keeps what it has read of botocore's files."""
    return boto3.Session("test", "test", region_name="eu-west-1")


def stack_at(url: str, *, is_patient: bool = True) -> Stack:
    """A stack whose API is there; one that is not patient hears of a problem at the first try."""
    stack = Stack("lockstep", _session(), url, INPUT_BUCKET, OUTPUT_BUCKET, LOCK_TABLE, STATE_MACHINE)
    if not is_patient:
        once = Config(retries={"total_max_attempts": 1})
        for name in ("stepfunctions", "dynamodb", "s3"):
            vars(stack)[name] = _session().client(name, endpoint_url=url, config=once)
    return stack


def served(stack: Stack, port: int = 0, first_reads: int = 100) -> AbstractContextManager[str]:
    """The page on a port, by default a free one; gives the address."""
    index = Index(stack, reads=READS_LOCAL, first_reads=first_reads)
    return serving(History(stack, Graph.deployed(stack), index, is_live=True), port)


@dataclass
class Site:
    """The page, as long as the block lasts; a test may end it and start it again, always on the same port."""

    api: FakeApi
    url: str = ""
    _serving: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        port = int(self.url.rpartition(":")[2] or 0)
        self.url = self._serving.enter_context(served(stack_at(self.api.url, is_patient=False), port, 1000))

    def stop(self) -> None:
        self._serving.close()
