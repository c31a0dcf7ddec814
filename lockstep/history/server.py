"""The page's web server: on loopback only."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Final

import uvicorn
from botocore.config import Config

from lockstep import paths
from lockstep.errors import UserError
from lockstep.history.answers import HOST, app
from lockstep.history.cache import Cache
from lockstep.history.graph import Graph
from lockstep.history.index import Index, Reader
from lockstep.history.service import History
from lockstep.stack import Stack

PORT: Final = 8484
READS_LOCAL: Final = 200  # histories at a time: nobody else needs the emulator
# Somebody looks: rather a message soon than an answer late. By whether the stack is local.
_PATIENCE: Final = {
    False: Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=3, read_timeout=10),
    True: Config(retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=10),
}


def serving_stack(stack: Stack, port: int | None = None) -> AbstractContextManager[str]:
    """As `serving`, from what there is to read. Raises: as that; UserError, ClientError, BotoCoreError."""
    stack = replace(stack, config=_PATIENCE[stack.is_local])
    _ = stack.stepfunctions, stack.dynamodb, stack.s3  # clients may be shared by threads, but not made by several
    index = Index(stack, reads=READS_LOCAL) if stack.is_local else Index(stack, cache=_cache(stack))
    return serving(History(stack, Graph.deployed(stack), index, is_live=True), port)


def _cache(stack: Stack) -> Cache | None:
    """None where it cannot be used: then all is read anew."""
    machine = stack.state_machine_arn.replace(":", "-")
    try:
        return Cache(paths.BUILD / "history" / f"{machine}.sqlite")
    except (OSError, sqlite3.OperationalError):
        return None


@contextmanager
def serving(history: History, port: int | None = None) -> Iterator[str]:
    """Serve the page, and keep its index up to date, as long as the block lasts. Gives the address.

    Args:
        history: what is served.
        port: None for the usual one, or any other when that is taken.

    Raises: UserError when `port` is taken.
    """
    ending = threading.Event()
    reader = Reader(history.index, 0.3 if history.stack.is_local else 1.0)
    with _listen(port) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                app(history, ending),
                log_level="error",
                timeout_graceful_shutdown=1,
                lifespan="off",
                server_header=False,
            )
        )
        thread = threading.Thread(target=server.run, args=([listener],), name="lockstep-server", daemon=True)
        reader.start()
        thread.start()
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            reader.stop()
            ending.set()
            server.should_exit = True
            thread.join(timeout=3)


def _listen(port: int | None) -> socket.socket:
    try:
        listener = socket.create_server((HOST, PORT if port is None else port))
    except OSError as error:
        if port is not None:
            msg = f"port {port}: {error.strerror}"
            raise UserError(msg) from error
        listener = socket.create_server((HOST, 0))
    # Or an answer's end waits for its beginning to be acknowledged. asyncio does it for sockets of its own.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
