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
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from lockstep import paths, view
from lockstep.again import next_name
from lockstep.command import EXIT_FAILED, AsJson, Profile, Region, StackName, stack_of
from lockstep.errors import UserError
from lockstep.executions import Execution, Follower, Outcome, listed
from lockstep.executions import history as events_of
from lockstep.history import archive
from lockstep.history.naming import is_there, meant
from lockstep.history.run import Run
from lockstep.history.server import PORT, serving_stack
from lockstep.history.service import read_run
from lockstep.history.terminal.table import table
from lockstep.history.terminal.way import way
from lockstep.stack import Stack
from lockstep.view import visible

_NEWEST: Final = 50
_OUTCOMES: Final = ", ".join(each.value.replace(" ", "-") for each in Outcome)

Limit = Annotated[int, typer.Option(min=1, help="How many executions to look at, newest first.")]
Key = Annotated[str, typer.Option(help="Only objects whose key has this in it.")]


def _outcome(given: str) -> Outcome:
    """As `lockstep` writes it, or with a hyphen as one types it, in any case."""
    try:
        return Outcome(given.lower().replace("-", " ").replace("_", " "))
    except ValueError:
        msg = f"{given!r} is none of {_OUTCOMES}"
        raise typer.BadParameter(msg) from None


OutcomeIs = Annotated[
    list[Outcome] | None,
    typer.Option(parser=_outcome, metavar="OUTCOME", help=f"Only this outcome; may be repeated: {_OUTCOMES}."),
]


def history(
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page without server or network.")] = None,
    execution: Annotated[list[str] | None, typer.Option(help="With --html: only this one; may be repeated.")] = None,
    as_text: Annotated[bool, typer.Option("--text", help="A table; also where there is no screen.")] = False,
    key: Key = "",
    outcome: OutcomeIs = None,
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
    if html is not None and as_text:
        raise UserError("--text and --html do not go together: one is a table here, the other a page in a file")
    stack = stack_of(stack_name, profile, region)
    screen = view.console(for_programs=as_json)
    if html is None and not as_text and not as_json and (port is not None or _has_screen()):
        _serve(stack, port, screen)
        return
    if html is not None and execution:
        _write(html, archive.archive(stack, [_name(stack, each) for each in execution]), screen)
        return
    read = _newest(stack, limit)
    runs = [each for each in read if key in each.execution.key and (not outcome or each.execution.outcome in outcome)]
    found = [each.execution for each in runs]
    if html is not None:
        _write(html, archive.archive_of(stack, runs), screen)
    elif as_json:
        view.print_json([each.as_json() for each in found])
    else:
        is_none_of_them = read and not found
        names = [each.execution.name for each in read]
        screen.print(Text(_none_of(read, limit, key, outcome)) if is_none_of_them else table(found, among=names))
        if not as_text:
            _note("no screen here, so this is text; --port serves the page all the same")


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
        view.console().print(way(run, started_again_as=_successor(stack, run.execution)))
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
    name, others = meant(stack, given)
    if others:
        _note(f"this is {name}; it was started again, and {given!r} is the beginning of {', '.join(others)} as well")
    return name


def _successor(stack: Stack, execution: Execution) -> str:
    """What it was started again as; empty where it was not, or where one may not ask."""
    name = next_name(execution.name)
    with suppress(ClientError, BotoCoreError):
        return name if execution.outcome.may_be_started_again and is_there(stack, name) else ""
    return ""


def _none_of(read: Sequence[Run], limit: int, key: str, outcome: Sequence[Outcome] | None) -> str:
    """Why there is nothing to show although there are executions."""
    is_so = [f"is {' or '.join(each.value for each in outcome)}"] if outcome else []
    if key:
        is_so.append(f"has {visible(key)!r} in its key")
    newest, hint = ("newest ", "; --limit looks at more") if len(read) >= limit else ("", "")
    return f"none of the {len(read)} {newest}executions {' and '.join(is_so)}{hint}"


def _note(text: str) -> None:
    """To people, beside what was asked for."""
    Console(stderr=True, highlight=False).print(text, style="dim", markup=False, soft_wrap=True)
