"""The AWS emulator as a process of ours: started on loopback, stopped with all it started."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from lockstep import paths
from lockstep.errors import UserError

HOST: Final = "127.0.0.1"
# Any will do, but tools insist on some, and must not find the user's own.
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
# Without a cap each of a hundred uploads gets a process of its own.
_LAMBDA_CONCURRENCY: Final = 16
_STATE: Final = "state"  # of a kept one, below its directory
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 15


def leave_aws() -> None:
    """From here on this process, and what it starts, knows nothing of the user's own AWS set-up or of a proxy."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        del os.environ[name]
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.update(CREDENTIALS | nowhere | {"NO_PROXY": HOST, "no_proxy": HOST})


def environment(endpoint_url: str) -> dict[str, str]:
    """An environment for tools that are to find the emulator where they would look for AWS."""
    return os.environ | {"AWS_ENDPOINT_URL": endpoint_url}


class Emulator(NamedTuple):
    """A running one."""

    endpoint_url: str
    pid: int


@contextmanager
def running(
    directory: Path, *, port: int | None = None, keep: bool = False, variables: Mapping[str, str] | None = None
) -> Iterator[Emulator]:
    """Run the emulator; leave no process behind, however the block ends.

    Args:
        directory: where its log and its state go.
        port: a loopback port; a free one if None or taken.
        keep: whether state is read at the start and saved at the end.
        variables: more of the environment, for the emulator and for the functions that it runs.

    Raises: UserError when it does not start; the message names its log.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _begin_streams_anew(directory / _STATE)
    log = directory / "emulator.log"
    endpoint_url = f"http://{HOST}:{_free_port(port)}"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [paths.EMULATOR],
            env=environment(endpoint_url) | _settings(endpoint_url, directory, keep=keep) | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we stop it, after what still needs it
        )
        try:
            _wait_until_healthy(process, endpoint_url, log)
            yield Emulator(endpoint_url, process.pid)
        finally:
            _stop(process)


def answers(endpoint_url: str) -> bool:
    """Whether an emulator is up at this address."""
    with suppress(URLError, OSError), urlopen(f"{endpoint_url}/_localstack/health", timeout=2):  # noqa: S310
        return True
    return False


def _begin_streams_anew(state: Path) -> None:
    """Have Lambda read the tables' streams from their beginning.

    The emulator keeps how far they were read, but not what is in them: it would leave out as much of the new ones.

    Raises: UserError when what it has kept cannot be read.
    """
    file = state / "lambda.json"
    if not file.exists():
        return
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
        saved["payload"]["dynamodb_stream_positions"] = {}
    except (ValueError, KeyError, TypeError) as error:
        # All of it, as without its functions a stack that is still there would not be deployed anew.
        msg = f"{paths.relative(file)} is broken: remove {paths.relative(state)}, and the local stack begins empty"
        raise UserError(msg) from error
    new = state / "lambda.new"  # replaces the old one at once, wherever we are killed
    new.write_text(json.dumps(saved), encoding="utf-8")
    new.replace(file)


def _settings(endpoint_url: str, directory: Path, *, keep: bool) -> dict[str, str]:
    """The emulator's settings; AWS_ENDPOINT_URL among its own variables is what its Lambda functions get."""
    temporary = directory / "tmp"
    temporary.mkdir(exist_ok=True)
    settings = {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": endpoint_url.rpartition(":")[2],
        "LAMBDA_ACCOUNT_CONCURRENCY": str(_LAMBDA_CONCURRENCY),
        "LAMBDA_WARM_TTL_SECONDS": "60",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(temporary),
        "LOCKSTEP_PYTHON": sys.executable,
    }
    if keep:
        state = directory / _STATE
        settings |= {
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(state),
            "S3_DATA_DIR": str(state / "s3"),
        }
    return settings


def _free_port(wanted: int | None) -> int:
    for port in (wanted or 0, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            free: int = probe.getsockname()[1]
            return free
    msg = f"no free port on {HOST}"
    raise UserError(msg)


def _wait_until_healthy(process: subprocess.Popen[bytes], endpoint_url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if answers(endpoint_url):
            return
        time.sleep(0.1)
    what = "ended at once" if process.poll() is not None else f"did not answer within {_START_SECONDS} s"
    msg = f"the emulator {what}; its log is {paths.relative(log)}"
    raise UserError(msg)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to save and end; then end what is left of its process group, its Lambda functions among them."""
    # A second Ctrl-C must not leave half of it behind.
    interrupting = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.signal(each, signal.SIG_IGN) for each in interrupting]
    try:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finally:
        for each, handler in zip(interrupting, handlers, strict=True):
            signal.signal(each, handler)
