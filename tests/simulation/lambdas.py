"""The shipped handlers, run one call to AWS at a time.

A handler is ordinary synchronous code and does not know: it runs in a greenlet, and the adapters that its wiring makes
stand still at every call. Whoever holds the `Invocation` makes the call, when and as it likes, and lets the handler
hear what came of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from unittest import mock

from greenlet import GreenletExit, getcurrent, greenlet

import acquire_lock.app
import delete_output.app
import grayscale.app
import reaper.app
import release_lock.app
from objectlock import images, metrics, wiring
from objectlock.errors import SourceRejected
from objectlock.events import Change
from objectlock.ports import Picture
from tests.lambda_instance import begin_anew
from tests.workflow.kit.cases import Answer, Raises, Returns
from tests.workflow.template import Handler

EXECUTIONS: Final = "arn:aws:states:us-east-1:123456789012:execution:lockstep:"

Heard = tuple[str, Any]  # "time", "value" or "error", and what it was

APPS: Final = (acquire_lock.app, delete_output.app, grayscale.app, reaper.app, release_lock.app)


@dataclass(frozen=True, slots=True)
class Call:
    """A call to AWS that a handler stands before: a method of one of the ports."""

    port: str
    method: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


class Context:
    """What Lambda tells a handler about its invocation."""

    function_name = "simulated"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:simulated"
    aws_request_id = "simulated"

    def __init__(self, milliseconds_left: int) -> None:
        self._milliseconds_left = milliseconds_left

    def get_remaining_time_in_millis(self) -> int:
        """Of the time when it began: asked before the first call to AWS, up to which no time passes."""
        return self._milliseconds_left


@dataclass
class Invocation:
    """One run of a Lambda.

    Attributes:
        caller: name of the execution.
        skew: by how many ms its clock is fast.
        ends_at: epoch ms at which Lambda ends it.
        pace: how fast it is, against the others.
        heard: every answer so far, and every time it has read: with these it can be run anew, up to where it stands.
        stands_before: its next call to AWS; None when it has ended.
        answer: what Lambda answers its caller, once it has ended.
        token: fencing token of the attempt that it is at work on; 0 while there is none.
        took_from: the owner that it has taken the lock from; empty where it has from none.
    """

    number: int
    function: str
    handler: Handler
    payload: Any
    key: str
    caller: str
    skew: int
    ends_at: int
    time_limit_ms: int
    pace: float = 1
    heard: list[Heard] = field(default_factory=list)
    stands_before: Call | None = None
    answer: Answer | None = None
    token: int = 0
    took_from: str = ""
    _running: greenlet | None = None
    _told: int = 0
    _now: int = 0

    @property
    def arn(self) -> str:
        """Of the execution on whose behalf it runs."""
        return EXECUTIONS + self.caller

    @property
    def is_reconcile(self) -> bool:
        """Whether it works for an execution that no event of S3 has asked for."""
        return bool(self.payload.get("state", {}).get("detail-type") == Change.RECONCILE.value)

    @property
    def wakes_at(self) -> int:
        """Until when it sleeps; 0 if it does not. Only what the protocol was once does that in a Lambda."""
        call = self.stands_before
        return int(call.arguments[0]) if call is not None and call.method == "sleep" else 0

    def begin(self, now: int) -> None:
        """Run it up to its first call."""
        self._now = now
        self._stands(self._start())

    def hear(self, what: Heard, now: int) -> None:
        """Run it on with what came of its call, up to the next one or to its end."""
        if self._running is None:
            self._run_anew()
        self._now = now
        self.heard.append(what)
        self._told = len(self.heard)
        self._stands(self._tell(what))

    def end(self) -> None:
        """It is no more; nothing is done on its way out that needs AWS."""
        self.stands_before = None
        self.park()

    def copy(self) -> Invocation:
        """One that stands where this one does, and goes on by itself."""
        twin = Invocation.__new__(Invocation)
        twin.__dict__.update(self.__dict__)
        twin.heard, twin._running = self.heard.copy(), None
        return twin

    def read_clock(self) -> int:
        """The time by its own clock; in a second run, what it was in the first."""
        if self._told == len(self.heard):
            self.heard.append(("time", self._now + self.skew))
        self._told += 1
        time: int = self.heard[self._told - 1][1]
        return time

    def run(self) -> Answer:
        """What Lambda answers; payload and answer pass through JSON, as between Lambda and a handler."""
        try:
            payload = json.loads(json.dumps(self.payload))
            return Returns(json.loads(json.dumps(self.handler(payload, Context(self.time_limit_ms)))))
        except Exception as error:  # noqa: BLE001  # Lambda reports whatever it is
            return Raises(type(error).__name__, str(error))

    def _start(self) -> Any:
        self._told = 0
        self._running = running = _Greenlet(self)
        return running.switch()

    def _run_anew(self) -> None:
        """Up to where it stands, with the answers that it had."""
        self._start()
        while self._told < len(self.heard):
            self._told += 1
            self._tell(self.heard[self._told - 1])

    def _tell(self, what: Heard) -> Any:
        assert self._running is not None
        kind, content = what
        if kind == "error":
            return self._running.throw(type(content)(*content.args))  # a new one: a traceback grows with each raise
        return self._running.switch(content)

    def _stands(self, found: Any) -> None:
        if isinstance(found, Call):
            self.stands_before = found
        else:
            self.stands_before, self.answer, self._running = None, found, None

    def park(self) -> None:
        """Keep what it has heard, and not its greenlet: to go on, it is run anew."""
        if self._running is not None and not self._running.dead:
            self._running.throw(GreenletExit)
        self._running = None


class _Greenlet(greenlet):
    """Knows whose it is, so that the ports and the clock know who calls."""

    def __init__(self, invocation: Invocation) -> None:
        super().__init__(invocation.run)
        self.invocation = invocation


# --- what the handlers find in place of AWS ------------------------------------------------------------------


def ask(call: Call) -> Any:
    """Stand still before a call until somebody has made it."""
    whoever_runs_it = getcurrent().parent
    assert whoever_runs_it is not None
    return whoever_runs_it.switch(call)


def now_ms() -> int:
    """The time by the clock of the Lambda that asks."""
    current = getcurrent()
    assert isinstance(current, _Greenlet)
    return current.invocation.read_clock()


class _Port:
    """An adapter whose every method is a call to AWS."""

    client = None

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        name = self._name
        return lambda *arguments, **named: ask(Call(name, method, arguments, named))


class _Clock:
    """For `objectlock.wiring`, in place of `time`."""

    @staticmethod
    def time_ns() -> int:
        return now_ms() * 1_000_000


class _Boto3:
    """No client is needed where the adapters are ports."""

    @staticmethod
    def client(*_: object, **__: object) -> None:
        return None


@cache
def _converted(body: bytes) -> Picture | str:
    try:
        return images.to_grayscale(body)
    except SourceRejected as error:
        return str(error)


def to_grayscale(body: bytes, limits: images.Limits | None = None) -> Picture:  # noqa: ARG001  # pictures are tiny
    """The shipped conversion, which for the same bytes is made once."""
    found = _converted(body)
    if isinstance(found, str):
        raise SourceRejected(found)
    return found


@contextmanager
def deployed(environment: Mapping[str, str]) -> Iterator[None]:
    """The handlers find ports in place of AWS, and a clock of their own each; their log goes nowhere."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment))
        locks, source, output = _Port("locks"), _Port("source"), _Port("output")
        instead: list[tuple[Any, str, object]] = [
            (wiring, "boto3", _Boto3),
            (wiring, "time", _Clock),
            (wiring, "DynamoDBLockStore", lambda *_: locks),
            (wiring, "S3SourceBucket", lambda *_: source),
            (wiring, "S3OutputBucket", lambda *_: output),
            (grayscale.app, "to_grayscale", to_grayscale),
            (metrics, "single_metric", lambda *_: nullcontext()),
        ]
        for module, name, stand_in in instead:
            stack.enter_context(mock.patch.object(module, name, stand_in))
        for app in APPS:
            level = app.logger.log_level
            app.logger.setLevel("CRITICAL")
            stack.callback(app.logger.setLevel, level)
        begin_anew()
        stack.callback(begin_anew)
        yield
