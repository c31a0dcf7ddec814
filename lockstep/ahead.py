"""Requests made side by side, a little ahead of whoever wants their answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from queue import SimpleQueue
from threading import Thread
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 32
_AHEAD: Final = 4 * AT_ONCE  # looked at before their turn, so that none waits for a slow one


def in_order(look: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`map`, by many threads, a little ahead of whoever asks; nothing is kept beyond that.

    What is under way when nobody asks any more goes on, but the end of the process does not wait for it, as that of a
    pool would: without an answer, a request takes minutes. So `look` must change nothing that cannot be cut off.
    """
    waiting: deque[Future[R]] = deque()
    orders: SimpleQueue[tuple[Future[R], T] | None] = SimpleQueue()
    threads: list[Thread] = []
    rest = iter(items)

    def order(count: int) -> None:
        for each in islice(rest, count):
            waiting.append(Future())
            orders.put((waiting[-1], each))
            if len(threads) < AT_ONCE:
                threads.append(Thread(target=_work, args=(look, orders), name="ahead", daemon=True))
                threads[-1].start()

    try:
        order(_AHEAD)
        while waiting:
            yield waiting.popleft().result()
            order(1)
    finally:
        for each in waiting:
            each.cancel()
        for _ in threads:
            orders.put(None)


def _work(look: Callable[[T], R], orders: SimpleQueue[tuple[Future[R], T] | None]) -> None:
    """Until there is an order for nothing."""
    while (order := orders.get()) is not None:
        future, item = order
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(look(item))
            except BaseException as error:  # noqa: BLE001  # it is raised where the answer is wanted
                future.set_exception(error)
        del order, future, item  # nothing is kept of it until the next one comes
