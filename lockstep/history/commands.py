"""`lockstep history`, `show` and `watch`: looking at what happened."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Annotated, Final

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.text import Text

from lockstep import paths, view
from lockstep.command import EXIT_FAILED, AsJson, Profile, Region, StackName, stack_of
from lockstep.errors import UserError
from lockstep.executions import Follower, Outcome, listed, name_of
from lockstep.executions import history as events_of
from lockstep.history import archive
from lockstep.history.run import Run
from lockstep.history.server import PORT, serving_stack
from lockstep.history.service import read_run
from lockstep.history.terminal.table import table
from lockstep.history.terminal.way import way
from lockstep.problems import is_of_no_execution
from lockstep.stack import Stack

_NEWEST: Final = 50

Limit = Annotated[int, typer.Option(min=1, help="How many executions to look at, newest first.")]
Key = Annotated[str, typer.Option(help="Only objects whose key has this in it.")]


def history(
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page without server or network.")] = None,
    execution: Annotated[list[str] | None, typer.Option(help="With --html: only this one; may be repeated.")] = None,
    as_text: Annotated[bool, typer.Option("--text", help="A table; also where there is no screen.")] = False,
    key: Key = "",
    outcome: Annotated[list[Outcome] | None, typer.Option(help="Only this outcome; may be repeated.")] = None,
    limit: Limit = _NEWEST,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help=f"Serve the page there; otherwise {PORT}, if it is free.")
    ] = None,
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """See what happened: a page in the browser, live. With --text a table, with --html a file to keep or to send.

    --key, --outcome and --limit are for the table, the file and --json; the page has its own.
    """
    if execution and html is None:
        msg = f"--execution goes with --html; to look at one here: lockstep show {execution[0]}"
        raise UserError(msg)
    stack = stack_of(stack_name, profile, region)
    screen = view.console(for_programs=as_json)
    if html is None and not as_text and not as_json and (port is not None or _has_screen()):
        _serve(stack, port, screen)
        return
    if html is not None and execution:
        _write(html, archive.archive(stack, [_name(stack, each) for each in execution]), screen)
        return
    runs = [
        each
        for each in _newest(stack, limit)
        if key in each.execution.key and (not outcome or each.execution.outcome in outcome)
    ]
    found = [each.execution for each in runs]
    if html is not None:
        _write(html, archive.archive_of(stack, runs), screen)
    elif as_json:
        view.print_json([each.as_json() for each in found])
    else:
        screen.print(table(found))
        if not as_text:
            Console(stderr=True).print(
                "no screen here, so this is text; --port serves the page all the same", style="dim"
            )


def show(
    execution: Annotated[str, typer.Argument(help="Name or ARN of an execution, or the beginning of its name.")],
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Show the way of one execution through the state machine: how long each step took, and why it went that way."""
    stack = stack_of(stack_name, profile, region)
    run = read_run(stack, _name(stack, execution))
    if as_json:
        view.print_json(run.as_json())
    else:
        view.console().print(way(run))
    if not run.execution.outcome.is_good:
        raise typer.Exit(EXIT_FAILED)


def watch(
    key: Key = "",
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Follow executions live, until Ctrl-C: those that run now, and those that start from now on."""
    stack = stack_of(stack_name, profile, region)
    follower = Follower(stack, wants=lambda each: key in each.key, with_running=True)
    with suppress(KeyboardInterrupt):  # the usual way to end it
        view.stream(follower, view.console(for_programs=as_json), as_json=as_json)


def _has_screen() -> bool:
    """Whether a browser can be opened for somebody who looks."""
    is_desktop = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return is_desktop and sys.stdout.isatty()


def _serve(stack: Stack, port: int | None, screen: Console) -> None:
    with serving_stack(stack, port) as address:
        screen.print(Text.assemble(("history: ", "bold green"), address, (" (Ctrl-C ends)", "dim")))
        if _has_screen():
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):
            Event().wait()


def _write(file: Path, html: str, screen: Console) -> None:
    try:
        file.write_text(html)
    except OSError as error:
        msg = f"{file}: {error.strerror}"
        raise UserError(msg) from error
    screen.print(f"{paths.relative(file.resolve())}, {len(html.encode()) / 1e6:.1f} MB: open it in a browser")


def _newest(stack: Stack, limit: int) -> list[Run]:
    found = []
    for each in islice(listed(stack), limit):
        with suppress(stack.stepfunctions.exceptions.ExecutionDoesNotExist):  # AWS forgets it just now
            if events := events_of(stack, arn := each["executionArn"]):
                found.append(Run.of(arn, events))
    return found


def _name(stack: Stack, given: str) -> str:
    """The execution that is meant. Raises: UserError when there is none, or more than one."""
    wanted = name_of(given)
    if _is_there(stack, wanted):
        return wanted
    found = [each["name"] for each in listed(stack) if each["name"].startswith(wanted)]
    if len(found) == 1:
        return found[0]
    msg = f"no execution {given!r}: `lockstep history --text` shows which there are"
    if found:
        msg = f"{len(found)} executions begin with {given!r}: {_some(found)}"
    raise UserError(msg)


def _is_there(stack: Stack, name: str) -> bool:
    try:
        stack.stepfunctions.describe_execution(executionArn=stack.execution_arn(name))
    except ClientError as error:
        if not is_of_no_execution(error):
            raise
        return False
    return True


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
