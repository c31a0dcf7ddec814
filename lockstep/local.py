"""The stack on this machine: emulator and deployment together, and where a running one is found."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import boto3

from lockstep import emulator, paths
from lockstep.deployment import STACK_NAME, Say, deploy
from lockstep.errors import UserError
from lockstep.stack import Stack

_UP: Final = paths.LOCAL / "up"
_RECORD: Final = _UP / "endpoint.json"


@contextmanager
def temporary_stack(say: Say, directory: Path = paths.LOCAL / "run") -> Iterator[Stack]:
    """A new stack without any state, gone when the block ends."""
    emulator.leave_aws()
    shutil.rmtree(directory, ignore_errors=True)
    with _stack(say, directory) as stack:
        yield stack


@contextmanager
def kept_stack(say: Say) -> Iterator[Stack]:
    """The stack of `lockstep up`: its state is kept from one time to the next, and other commands find it.

    Raises: UserError when it is up already.
    """
    emulator.leave_aws()
    if (already := running_stack_endpoint()) is not None:
        msg = f"the local stack is up already, at {already}"
        raise UserError(msg)
    with _stack(say, _UP, port=_last_port(), keep=True) as stack:
        _RECORD.write_text(json.dumps({"endpoint_url": stack.endpoint_url}))
        yield stack


@contextmanager
def _stack(say: Say, directory: Path, *, port: int | None = None, keep: bool = False) -> Iterator[Stack]:
    if sys.platform != "linux":
        msg = "the local stack needs Linux, in a container or a virtual machine: AWS's own Lambda runtime client does"
        raise UserError(msg)
    say("starting the embedded AWS")
    with emulator.running(directory, port=port, keep=keep) as endpoint_url:
        deploy(endpoint_url, directory, say)
        yield _connect(endpoint_url)


def running_stack_endpoint() -> str | None:
    """Where `lockstep up` runs now; None if it does not."""
    try:
        endpoint_url: str = json.loads(_RECORD.read_text())["endpoint_url"]
    except (OSError, ValueError, KeyError):
        return None
    return endpoint_url if emulator.answers(endpoint_url) else None


def running_stack() -> Stack:
    """The stack of `lockstep up`. Raises: UserError when it does not run."""
    emulator.leave_aws()
    endpoint_url = running_stack_endpoint()
    if endpoint_url is None:
        msg = "no local stack is running: start one with `make up`, or name a deployed one with --stack-name"
        raise UserError(msg)
    return _connect(endpoint_url)


def _connect(endpoint_url: str) -> Stack:
    return Stack.open(STACK_NAME, boto3.Session(), endpoint_url)


def _last_port() -> int | None:
    """The port of the last time, so that what the user has typed or bookmarked stays right."""
    with suppress(OSError, ValueError, KeyError):
        return int(json.loads(_RECORD.read_text())["endpoint_url"].rpartition(":")[2])
    return None
