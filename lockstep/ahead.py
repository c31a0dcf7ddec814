"""Requests made side by side, a little ahead of whoever wants their answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 32
_AHEAD: Final = 4 * AT_ONCE  # looked at before their turn, so that none waits for a slow one


def in_order(look: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`map`, by many threads, a little ahead of whoever asks; nothing is kept beyond that."""
    waiting: deque[Future[R]] = deque()
    rest = iter(items)
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ahead")
    try:
        waiting.extend(pool.submit(look, each) for each in islice(rest, _AHEAD))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(look, each) for each in islice(rest, 1))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
