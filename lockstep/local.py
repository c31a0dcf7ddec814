"""The stack on this machine: emulator and deployment together, and where a running one is found."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from botocore.exceptions import BotoCoreError

from lockstep import emulator, paths
from lockstep.again import start_again
from lockstep.deployment import STACK_NAME, Say, deploy
from lockstep.emulator import Emulator
from lockstep.errors import UserError
from lockstep.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType

_UP: Final = paths.LOCAL / "up"
_RECORD: Final = _UP / "emulator.json"
_INTERRUPTED: Final = "the local stack stopped; started again when it is up again"


@contextmanager
def temporary_stack(
    say: Say, directory: Path = paths.LOCAL / "run", variables: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """A new stack without any state, gone when the block ends. Raises: UserError.

    `variables` are more of the environment of its functions.
    """
    with temporary_emulator(say, directory, variables) as running:
        yield _deployed(say, directory, running)


@contextmanager
def temporary_emulator(say: Say, directory: Path, variables: Mapping[str, str] | None = None) -> Iterator[Emulator]:
    """An emulator with nothing in it, for a stack of any template, gone when the block ends. Raises: UserError."""
    emulator.leave_aws()
    with _alone_in(directory):
        shutil.rmtree(directory, ignore_errors=True)
        with _emulator(say, directory, variables=variables) as running:
            yield running


@contextmanager
def kept_stack(say: Say) -> Iterator[Stack]:
    """The stack of `lockstep up`: its state is kept from one time to the next, and other commands find it.

    Raises: UserError when it is up already.
    """
    emulator.leave_aws()
    if (already := _running_emulator()) is not None:
        msg = f"the local stack is up already, at {already.endpoint_url}; `kill {already.pid}` ends it"
        raise UserError(msg)
    with _alone_in(_UP), _emulator(say, _UP, port=_last_port(), keep=True) as running:
        stack = _deployed(say, _UP, running)
        _RECORD.write_text(json.dumps(running._asdict()))
        _start_interrupted_again(stack)
        try:
            yield stack
        finally:
            _interrupt(stack)


def running_stack() -> Stack:
    """The stack of `lockstep up`. Raises: UserError when it does not run."""
    emulator.leave_aws()
    running = _running_emulator()
    if running is None:
        msg = "no local stack is running: start one with `make up`, or name a deployed one with --stack-name"
        raise UserError(msg)
    return _connect(running)


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Hold the right to work in a directory, across processes. Raises: UserError, with the process that has it."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("a+") as holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder.seek(0)
            where = paths.relative(directory)
            msg = f"another lockstep (process {holder.read()}) works in {where}: wait for it or end it"
            raise UserError(msg) from None
        holder.truncate(0)
        holder.write(str(os.getpid()))
        holder.flush()
        yield


@contextmanager
def _emulator(
    say: Say,
    directory: Path,
    *,
    port: int | None = None,
    keep: bool = False,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Emulator]:
    if sys.platform != "linux":
        msg = "the local stack needs Linux, in a container or a virtual machine: AWS's own Lambda runtime client does"
        raise UserError(msg)
    say("starting the embedded AWS")
    with emulator.running(directory, port=port, keep=keep, variables=variables) as running:
        yield running


def _deployed(say: Say, directory: Path, running: Emulator) -> Stack:
    deploy(running.endpoint_url, directory, say)
    return _connect(running)


def _connect(running: Emulator) -> Stack:
    return Stack.open(STACK_NAME, boto3.Session(), running.endpoint_url)


def _interrupt(stack: Stack) -> None:
    """End what is at work before the emulator stops: it would keep it, but never go on with it, as AWS does."""
    with suppress(BotoCoreError):  # the emulator has gone already
        for arn in _executions(stack, "RUNNING"):
            stack.stepfunctions.stop_execution(executionArn=arn, cause=_INTERRUPTED)


def _start_interrupted_again(stack: Stack) -> None:
    """So that no event is lost."""
    client = stack.stepfunctions
    for arn in _executions(stack, "ABORTED"):
        found = client.describe_execution(executionArn=arn)
        if found.get("cause") == _INTERRUPTED:
            with suppress(client.exceptions.ExecutionAlreadyExists):
                start_again(stack, arn)


def _executions(stack: Stack, status: ExecutionStatusType) -> list[str]:
    pages = stack.stepfunctions.get_paginator("list_executions").paginate(
        stateMachineArn=stack.state_machine_arn, statusFilter=status
    )
    return [each["executionArn"] for page in pages for each in page["executions"]]


def _recorded_emulator() -> Emulator | None:
    with suppress(OSError, ValueError, TypeError):
        return Emulator(**json.loads(_RECORD.read_text()))
    return None


def _running_emulator() -> Emulator | None:
    recorded = _recorded_emulator()
    return recorded if recorded is not None and emulator.answers(recorded.endpoint_url) else None


def _last_port() -> int | None:
    """The port of the last time, so that what the user has typed or bookmarked stays right."""
    recorded = _recorded_emulator()
    return None if recorded is None else int(recorded.endpoint_url.rpartition(":")[2])
