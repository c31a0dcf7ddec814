"""What is changed in moto: how long things take, and never what comes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final, Protocol
from unittest import mock

from jsonpath_ng.ext.parser import parse as _parse_path
from moto.stepfunctions.parser.asl.component.common.retry import jitter_strategy_decl, retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import json_path

DEADLINE_SECONDS: Final = 20.0

_parse = AmazonStateLanguageParser.parse


# --- time --------------------------------------------------------------------------------------------------


class Clock(Protocol):
    """Where virtual time goes."""

    def wait(self, seconds: float) -> None:
        """A Wait state waits."""

    def sleep(self, seconds: float) -> None:
        """A retry pauses, jitter as long as it can be."""

    def time_out(self, seconds: float) -> None:
        """An attempt at a task has had no answer for so long."""


@contextmanager
def virtual_time(clock: Clock) -> Iterator[Callable[[], None]]:
    """Let waits, pauses and time-outs take no time, and tell `clock` how long they would have been.

    Returns:
        What to call when the latest attempt at a task gets no answer: its TimeoutSeconds are then over.
    """

    def wait_interval(_self: WaitFunction, env: object, wait_seconds: int) -> None:  # noqa: ARG001  # moto's names
        clock.wait(wait_seconds)

    attempts = _Attempts(clock)
    with (
        mock.patch.object(WaitFunction, "_wait_interval", wait_interval),
        mock.patch.object(retrier_decl, "time", SimpleNamespace(sleep=clock.sleep)),
        mock.patch.object(jitter_strategy_decl, "random", SimpleNamespace(uniform=lambda _shortest, longest: longest)),
        mock.patch.object(execute_state, "threading", SimpleNamespace(Event=attempts.begin)),
    ):
        yield attempts.withhold


class _Attempts:
    """The attempts at tasks; moto makes an event for each, and waits for it for TimeoutSeconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way: list[_Attempt] = []

    def begin(self) -> _Attempt:
        attempt = _Attempt(self._clock, self._under_way.remove)
        self._under_way.append(attempt)
        return attempt

    def withhold(self) -> None:
        (attempt,) = self._under_way  # of several, nobody could say which
        attempt.withheld = True
        attempt.set()


class _Attempt:
    """In place of a `threading.Event`."""

    def __init__(self, clock: Clock, end: Callable[[_Attempt], None]) -> None:
        self.withheld = False
        self._clock = clock
        self._end = end
        self._ended = threading.Event()

    def set(self) -> None:
        self._ended.set()

    def wait(self, timeout: float) -> bool:
        ended = self._ended.wait(DEADLINE_SECONDS) and not self.withheld
        self._end(self)
        if not ended:
            self._clock.time_out(timeout)
        return ended


# --- speed -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _parse_once(definition: str) -> Any:
    """Reading a definition takes moto longer than running it, and what it makes of it keeps no state of a run."""
    return _parse(definition)


@lru_cache(maxsize=1000)
def _parse_path_once(path: str) -> Any:
    """Reading a path builds a parser for it each time, and what comes of it keeps no state either."""
    return _parse_path(path)


@contextmanager
def fast_parsing() -> Iterator[None]:
    """Let moto read a definition, and each path in it, once."""
    with (
        mock.patch.object(AmazonStateLanguageParser, "parse", staticmethod(_parse_once)),
        mock.patch.object(json_path, "parse", _parse_path_once),
    ):
        yield
