"""Many at once: no upload is lost, and the machine stays up."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil

from lockstep.executions import Follower, Outcome
from tests.e2e.conftest import World, sample, wait_until

MEMORY_LIMIT = 4 * 2**30


def test_a_hundred_uploads_at_once_all_come_out_gray_within_four_gigabytes(world: World) -> None:
    photo = sample("rocket.jpg")
    keys = [f"burst/{number:03}.jpg" for number in range(100)]
    follower = Follower(world.stack)

    with MemoryWatch() as memory, ThreadPoolExecutor(max_workers=len(keys)) as pool:
        list(pool.map(lambda key: world.start_put(key, photo), keys))

        def all_ended() -> bool:
            follower.poll()
            ended = [each.key for each in follower.executions.values() if each.outcome.is_final]
            return sorted(ended) == keys

        wait_until(all_ended, "all executions have ended", seconds=240)

    outcomes = Counter(each.outcome for each in follower.executions.values())
    assert outcomes == {Outcome.CONVERTED: len(keys)}
    assert all(world.output(key) for key in keys)
    assert all(world.is_free(key) for key in keys)
    assert memory.peak_bytes < MEMORY_LIMIT, f"{memory.peak_bytes / 2**30:.1f} GiB"


class MemoryWatch:
    """The largest sum of the resident memory of this process and all below it, the emulator and its functions."""

    def __enter__(self) -> MemoryWatch:
        self.peak_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._ended.wait(0.2):
            self.peak_bytes = max(self.peak_bytes, sum(map(_resident, [me, *me.children(recursive=True)])))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
