"""Between the functions and microburst: bytes pass as they are, writes are noted, and callers killed in mid-call."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self
from urllib.parse import unquote

import psutil

from tests.e2e.chaos.checks import Write
from tests.e2e.chaos.plan import Kill, Moment
from tests.e2e.gateway import process_at

HOST: Final = "127.0.0.1"
LATE_SECONDS: Final = 4  # less than a worker that is killed counts as running
_CHUNK: Final = 2**16
_REQUEST: Final = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) /([^/ ]*)/?(\S*) HTTP/1\.1\r\n")
_TOKEN: Final = re.compile(rb"\r\nx-amz-meta-fencing-token: *(\d+)\r\n", re.IGNORECASE)
_SUCCESS: Final = b"HTTP/1.1 200 "
_EXPECTS: Final = b"\r\nexpect: 100-continue"
_END_OF_HEADERS: Final = b"\r\n\r\n"
_GO_ON: Final = b"HTTP/1.1 100 "  # no answer yet: S3's clients ask before they send a body


class Killer:
    """A context manager: it serves while it is open.

    A call whose caller is killed with the call on its way goes on `late_seconds` later.

    Attributes:
        target_port: where calls go; to be set before the first one comes.
        killed: how many processes of each function, by what they were at.
        writes: of outputs, as they took effect.
    """

    def __init__(self, late_seconds: float = LATE_SECONDS) -> None:
        self.target_port = 0
        self.killed: Counter[tuple[str, Kill]] = Counter()
        self.writes: list[Write] = []
        self.late_seconds = late_seconds
        self._orders: list[Kill] = []
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    def order(self, kill: Kill) -> None:
        """SIGKILL the process that makes the next such call."""
        self._orders.append(kill)

    def call_off(self) -> int:
        """Kill nobody any more; how many orders were left."""
        left = len(self._orders)
        self._orders.clear()
        return left

    def __enter__(self) -> Self:
        self._thread.start()  # a loop of its own, as Playwright leaves one running in the thread that tests run in
        starting = asyncio.start_server(self._serve, HOST, 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for each in self._open.values():
            each.transport.abort()
        if self._open:
            await asyncio.wait(self._open)

    async def _serve(self, caller: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open[task] = answers
        try:
            target, requests = await asyncio.open_connection(HOST, self.target_port)
            await self._connect(caller, answers, target, requests)
            requests.transport.abort()
        except OSError:  # it is over, and a function goes on
            pass
        finally:
            answers.close()
            del self._open[task]

    async def _connect(
        self,
        caller: asyncio.StreamReader,
        answers: asyncio.StreamWriter,
        target: asyncio.StreamReader,
        requests: asyncio.StreamWriter,
    ) -> None:
        """Until either end closes. Then the other one sees what it would without us, a connection that ends."""
        connection = _Connection(self, answers.get_extra_info("peername")[1])
        there = asyncio.create_task(_pass(caller, requests, connection.sent))
        back = asyncio.create_task(_pass(target, answers, connection.answered))
        await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        if connection.is_late:  # what its caller has sent counts until it is answered
            await back
        for way in (there, back):
            way.cancel()
        await asyncio.gather(there, back, return_exceptions=True)

    def is_ordered(self, kill: Kill, port: int) -> bool:
        """Whether such a call's caller was to be killed; then it has been."""
        if kill not in self._orders:
            return False
        self._orders.remove(kill)
        with suppress(psutil.NoSuchProcess):
            process = process_at(port, self._server.sockets[0].getsockname()[1])
            function = process.cmdline()[-1].partition(".")[0]
            process.kill()
            self.killed[function, kill] += 1
        return True


class _Connection:
    """Calls come one after the other; of each, what becomes of what is sent and answered."""

    def __init__(self, killer: Killer, port: int) -> None:
        self.is_late = False
        self._killer = killer
        self._port = port
        self._method = ""
        self._write: Write | None = None

    async def sent(self, data: bytes) -> bool:
        """Whether to pass it on."""
        request = _REQUEST.match(data)
        if request:
            self._method = request[1].decode()
            token = _TOKEN.search(data)
            self._write = Write(unquote(request[3].decode()), int(token[1])) if token else None
            if self._is_killed(Moment.BEFORE):
                return False
        # A client that was told nothing for a second sends the body all the same: then it is in here, too.
        is_only_announced = request and _EXPECTS in data.lower() and data.endswith(_END_OF_HEADERS)
        if not is_only_announced and self._is_killed(Moment.ON_ITS_WAY):
            self.is_late = True
            await asyncio.sleep(self._killer.late_seconds)
        return True

    async def answered(self, data: bytes) -> bool:
        """Whether to pass it on."""
        if data.startswith(_GO_ON):
            return True
        if self._write and data.startswith(_SUCCESS):
            self._killer.writes.append(self._write)
        return not (self.is_late or self._is_killed(Moment.AFTER))

    def _is_killed(self, moment: Moment) -> bool:
        return self._killer.is_ordered(Kill(self._method, moment), self._port)


async def _pass(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, may: Callable[[bytes], Awaitable[bool]]
) -> None:
    """Until one end closes, or something may not pass."""
    with suppress(ConnectionError):
        while (data := await source.read(_CHUNK)) and await may(data):
            sink.write(data)
            await sink.drain()
