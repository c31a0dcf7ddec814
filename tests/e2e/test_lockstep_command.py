"""The command as one types it: exit codes, files left, state kept, and no process left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import psutil
import pytest
from playwright.sync_api import Browser, expect

from lockstep import emulator, paths
from lockstep.demo import PAGE
from lockstep.deployment import STACK_NAME
from lockstep.stack import Stack
from tests.browser.looking import row, rows, shot, title
from tests.e2e.conftest import World, sample, wait_until
from tests.e2e.test_lock_held_by_hand import hold

LOCKSTEP = str(Path(sys.executable).parent / "lockstep")
DEADLINE_SECONDS = 90


@pytest.fixture(scope="module")
def run_executions() -> list[dict[str, Any]]:
    """What `lockstep run` tells, whatever AWS profile or proxy the user has: none of it is for the local stack."""
    users = {"AWS_PROFILE": "no-such-profile", "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [LOCKSTEP, "run", "--json"], env=os.environ | users, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_run_shows_photos_turning_gray_and_leaves_photos_and_histories(run_executions: list[dict[str, Any]]) -> None:
    executions = run_executions
    assert [each["outcome"] for each in executions] == ["converted"] * 4 + ["deleted"]
    left = {str(each.relative_to(paths.RUN)) for each in paths.RUN.rglob("*") if each.is_file()}
    assert {
        "1-uploaded/astronaut.png",
        "2-overwritten/rocket.jpg",
        "3-deleted/rocket.jpg",
        "summary.json",
        "history.html",
    } <= left
    assert "3-deleted/astronaut.png" not in left
    assert len([each for each in left if each.startswith("histories/")]) == len(executions)


@pytest.mark.usefixtures("run_executions")
def test_the_page_that_run_leaves_shows_it_all_without_a_server(browser: Browser) -> None:
    page = browser.new_context(offline=True).new_page()

    page.goto(PAGE.as_uri())

    expect(rows(page)).to_have_count(5)
    row(page, "deleted").click()
    expect(title(page)).to_contain_text("astronaut.png")
    page.get_by_role("main").get_by_role("link", name="astronaut.png").click()
    expect(page.get_by_text("There is no input, and no output.")).to_be_visible()
    page.goto(f"{PAGE.as_uri()}#/")
    row(page, "hubble").click()
    page.get_by_role("main").get_by_role("link", name="hubble_deep_field.jpg").click()
    for picture in page.get_by_role("main").get_by_role("img").all():
        page.wait_for_function("(it) => it.complete && it.naturalWidth > 0", arg=picture.element_handle())
    shot(page, "run")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["emulator.log", "sam-deploy.log", "tmp/*/*/bootstrap"])
def test_run_leaves_no_process_behind_when_interrupted(moment: str, how: signal.Signals, tmp_path: Path) -> None:
    """As the emulator starts, as SAM CLI deploys, and as the functions work."""
    with started("run", build=tmp_path) as run:
        wait_until(lambda: any((tmp_path / "local" / "run").glob(moment)), moment)
        me = psutil.Process(run.pid)
        family = [me, *me.children(recursive=True)]
        assert len(family) > 1

        run.send_signal(how)

        assert run.wait(DEADLINE_SECONDS) == 130
    assert not [each for each in family if is_alive(each)]


def test_up_keeps_objects_and_executions_from_one_time_to_the_next(tmp_path: Path) -> None:
    key = "kept photo.jpg"

    with started("up", build=tmp_path) as up:
        wait_until(is_up(tmp_path), "the local stack is up")
        put = lockstep("put", str(paths.SAMPLES / "rocket.jpg"), "--key", key, build=tmp_path)
        assert [each["outcome"] for each in json.loads(put.stdout)] == ["converted"]
        assert told_by_the_feed(1, build=tmp_path) == ["PUT"]  # what is not exported by the end is lost, and only there
        up.send_signal(signal.SIGINT)
        assert up.wait(DEADLINE_SECONDS) == 0

    with started("up", build=tmp_path) as up:
        wait_until(is_up(tmp_path), "the local stack is up again")
        status = json.loads(lockstep("status", build=tmp_path).stdout)
        assert [each["key"] for each in status["latest_executions"]] == [key]
        assert status["locks_held"] == []
        rm = lockstep("rm", key, build=tmp_path)
        assert [each["outcome"] for each in json.loads(rm.stdout)] == ["deleted"]
        assert told_by_the_feed(2, build=tmp_path) == ["PUT", "DELETE"]  # of the first time and of this one


def told_by_the_feed(count: int, *, build: Path) -> list[str]:
    """The operations of so many changes, from the first one on; waits for them."""
    tail = lockstep("feed", "tail", "--since", "1h", "--count", str(count), build=build)
    return [json.loads(line)["change"]["operation"] for line in tail.stdout.splitlines()]


def test_a_second_lockstep_in_the_same_place_is_refused_with_the_process_that_is_there(tmp_path: Path) -> None:
    with started("run", build=tmp_path) as run:
        wait_until((tmp_path / "local" / "run" / "emulator.log").exists, "the first one is at work")
        second = lockstep("run", build=tmp_path)
        assert run.poll() is None

    assert second.returncode == 2
    assert f"process {run.pid}" in second.stderr
    assert "Traceback" not in second.stderr


def test_what_was_at_work_when_up_was_stopped_is_done_the_next_time(tmp_path: Path) -> None:
    with started("up", build=tmp_path) as up:
        wait_until(is_up(tmp_path), "the local stack is up")
        local_stack = connected(tmp_path)
        hold(local_stack, "waiting.jpg", lease_seconds=8)
        local_stack.start_put("waiting.jpg", sample("rocket.jpg"))
        wait_until(lambda: outcomes(tmp_path) == ["waiting"], "the execution waits")
        up.send_signal(signal.SIGINT)
        assert up.wait(DEADLINE_SECONDS) == 0

    with started("up", build=tmp_path):
        wait_until(is_up(tmp_path), "the local stack is up again")
        wait_until(lambda: outcomes(tmp_path) == ["converted", "aborted"], "it was started again, and has ended")


def outcomes(build: Path) -> list[str]:
    """Of the latest executions, newest first."""
    return [each["outcome"] for each in json.loads(lockstep("status", build=build).stdout)["latest_executions"]]


def connected(build: Path) -> World:
    """The stack that is up, for what the command does not do."""
    emulator.leave_aws()
    running = json.loads((build / "local/up/emulator.json").read_text())
    return World(Stack.open(STACK_NAME, boto3.Session(), running["endpoint_url"]))


def test_a_rejected_file_shows_in_the_exit_code_and_in_the_history(tmp_path: Path) -> None:
    no_image = tmp_path / "notes.txt"
    no_image.write_text("no image")

    with started("up", build=tmp_path):
        wait_until(is_up(tmp_path), "the local stack is up")
        put = lockstep("put", str(no_image), build=tmp_path)
        history = lockstep("history", build=tmp_path)
        (execution,) = json.loads(history.stdout)
        show = lockstep("show", execution["name"][:12], build=tmp_path)
        address = re.search(r"history: (http://127\.0\.0\.1:\d+)", (tmp_path / "output").read_text())
        assert address
        with urlopen(f"{address[1]}/execution/{execution['name']}") as page:  # noqa: S310  # on loopback
            assert b"lockstep/main.js" in page.read()

    assert (put.returncode, history.returncode, show.returncode) == (1, 0, 1)
    assert [each["outcome"] for each in json.loads(put.stdout)] == ["rejected"]
    assert (execution["key"], execution["outcome"]) == ("notes.txt", "rejected")
    assert json.loads(show.stdout)["error"] == "SourceRejected"


def test_watch_tells_what_runs_and_what_starts_until_it_is_interrupted(tmp_path: Path) -> None:
    with started("up", build=tmp_path) as up:
        wait_until(is_up(tmp_path), "the local stack is up")
        lines = tmp_path / "watched"
        with started("watch", "--json", build=tmp_path, output=lines) as watch:
            hold(connected(tmp_path), "held.jpg", lease_seconds=4)
            lockstep("put", str(paths.SAMPLES / "rocket.jpg"), "--key", "held.jpg", build=tmp_path)
            wait_until(lambda: '"converted"' in lines.read_text(), "its end is told")
            watch.send_signal(signal.SIGINT)
            assert watch.wait(DEADLINE_SECONDS) == 0
        up.send_signal(signal.SIGINT)
        assert up.wait(DEADLINE_SECONDS) == 0
    assert "Traceback" not in (tmp_path / "output").read_text()


def lockstep(*arguments: str, build: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with JSON for its output."""
    return subprocess.run(
        [LOCKSTEP, *arguments, "--json"],
        env=os.environ | {"LOCKSTEP_BUILD": str(build)},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * DEADLINE_SECONDS,
    )


@contextmanager
def started(*command: str, build: Path, output: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command that goes on; interrupted at the end of the block, if it is still there."""
    with (output or build / "output").open("wb") as out:
        process = subprocess.Popen(
            [LOCKSTEP, *command], env=os.environ | {"LOCKSTEP_BUILD": str(build)}, stdout=out, stderr=out
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(DEADLINE_SECONDS)


def is_alive(process: psutil.Process) -> bool:
    """A zombie has ended; it is init's to clear away."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_up(build: Path) -> Callable[[], bool]:
    return lambda: "in another terminal" in (build / "output").read_text()
