"""The `lockstep` command. What each of its commands does is in the module it calls."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from lockstep import local, paths, view
from lockstep.command import (
    EXIT_FAILED,
    AsJson,
    Profile,
    Region,
    StackName,
    app,
    command,
    named_or,
    stack_of,
)
from lockstep.demo import PAGE, Demo
from lockstep.errors import UserError
from lockstep.executions import Execution, Follower
from lockstep.feed import commands as feed
from lockstep.history import commands
from lockstep.history.server import serving_stack
from lockstep.objects import put, remove
from lockstep.reconcile.commands import reconcile
from lockstep.redrive.commands import redrive
from lockstep.status import Status

__all__ = ["app"]

_FOLLOW_SECONDS: Final = 180


@command
def run(stack_name: StackName = None, profile: Profile = None, region: Region = None, as_json: AsJson = False) -> None:
    """Show it: photos in, gray photos out, one overwritten, one deleted. Local unless a stack is named."""
    screen = view.console(for_programs=as_json)
    with named_or(local.temporary_stack, screen, stack_name, profile, region) as stack:
        screen.print(f"stack {stack.name} on {stack.where}", style="dim")
        demo = Demo(stack, screen)
        demo.play()
    _report(demo.executions, screen, as_json=as_json)
    screen.print(f"\ngray photos and execution histories: {paths.relative(paths.RUN)}/", style="dim")
    screen.print(f"to look at them in a browser: {paths.relative(PAGE)}", style="dim")
    _exit_by(demo.executions)


@command
def up(stack_name: StackName = None, profile: Profile = None, region: Region = None, as_json: AsJson = False) -> None:
    """Start the local stack and stay, showing executions as they happen. With --stack-name, watch that one."""
    screen = view.console(for_programs=as_json)
    with named_or(local.kept_stack, screen, stack_name, profile, region) as stack, serving_stack(stack) as address:
        view.welcome(stack, address, screen)
        with suppress(KeyboardInterrupt):  # the usual way to end it
            view.stream(Follower(stack), screen, as_json=as_json)
        if stack.is_local:
            screen.print("stopping; all is kept for the next time, and what is at work goes on then", style="dim")


@command
def put_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="An image.")],
    key: Annotated[str | None, typer.Option(help="The object's key; the file's name if not given.")] = None,
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Put a file into the input bucket and follow what comes of it."""
    stack = stack_of(stack_name, profile, region)
    key = _checked(file.name if key is None else key)
    follower = Follower(stack)  # from before the upload on
    etag = put(stack, file, key)
    follower.wants = lambda each: each.key == key and each.etag == etag
    _follow(follower, as_json=as_json)


@command
def rm(
    key: Annotated[str, typer.Argument(help="The object's key.")],
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Delete an object of the input bucket and follow what comes of it."""
    stack = stack_of(stack_name, profile, region)
    follower = Follower(stack, wants=lambda each: each.key == key and each.change == "deleted")
    remove(stack, _checked(key))
    _follow(follower, as_json=as_json)


@command
def status(
    stack_name: StackName = None, profile: Profile = None, region: Region = None, as_json: AsJson = False
) -> None:
    """Show the stack, the locks held now, and the latest executions."""
    found = Status.read(stack_of(stack_name, profile, region))
    if as_json:
        view.print_json(found.as_json())
    else:
        found.show(view.console())


for each in (commands.history, commands.show, commands.watch, redrive, reconcile):
    command(each)

feed_group = typer.Typer(
    help="The ordered feed of what has changed in the output bucket: follow it, load it, compare it with the bucket.",
    no_args_is_help=True,
)
app.add_typer(feed_group, name="feed")
command(feed.tail, feed_group)
command(feed.load, feed_group)
command(feed.verify, feed_group)


def _checked(key: str) -> str:
    if not key:
        raise UserError("a key cannot be empty")
    return key


def _follow(follower: Follower, *, as_json: bool) -> None:
    screen = view.console(for_programs=as_json)
    try:
        executions = view.follow(follower, screen, at_least=1, seconds=_FOLLOW_SECONDS)
    except KeyboardInterrupt:
        screen.print("not followed any further; `lockstep status` shows what comes of it", style="dim")
        raise
    _report(executions, screen, as_json=as_json)
    _exit_by(executions)


def _report(executions: Sequence[Execution], screen: Console, *, as_json: bool) -> None:
    if as_json:
        view.print_json([each.as_json() for each in executions])
    else:
        screen.print(view.table(executions))


def _exit_by(executions: Sequence[Execution]) -> None:
    if not all(each.outcome.is_good for each in executions):
        raise typer.Exit(EXIT_FAILED)
