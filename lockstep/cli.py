"""The `lockstep` command: options and exit codes. What a command does is in the module it calls."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, ParamSpec

import typer
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from rich.console import Console

from lockstep import local, paths, view
from lockstep.demo import Demo
from lockstep.deployment import Say
from lockstep.errors import UserError
from lockstep.executions import Execution, Follower
from lockstep.objects import put, remove
from lockstep.stack import Stack
from lockstep.status import Status

EXIT_FAILED: Final = 1  # an execution ended badly
EXIT_USER_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 130

_FOLLOW_SECONDS: Final = 180

P = ParamSpec("P")

app = typer.Typer(
    help="Keep an output bucket in step with an input bucket. The commands work on the local stack; with "
    "--stack-name, on one that is deployed to AWS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StackName = Annotated[
    str | None,
    typer.Option(envvar="LOCKSTEP_STACK_NAME", help="A stack deployed to AWS; without it, the local one."),
]
Profile = Annotated[str | None, typer.Option(help="AWS profile, if not from the environment.")]
Region = Annotated[str | None, typer.Option(help="AWS region, if not from the environment.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output, for programs; the rest goes to stderr.")]


def command(function: Callable[P, None]) -> Callable[P, None]:
    """Register a command whose mistakes end as one message, and whose interruption as exit code 130."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # all the same: what was started has to end
            signal.signal(each, _interrupt)
        try:
            function(*args, **kwargs)
        except UserError as error:
            _fail(str(error))
        except EndpointConnectionError as error:
            _fail(f"{error.kwargs['endpoint_url']} does not answer")
        except (ClientError, BotoCoreError) as error:
            _fail(f"AWS: {error}")
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None

    app.command(function.__name__.rstrip("_"))(guarded)
    return guarded


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(message: str) -> NoReturn:
    Console(stderr=True, highlight=False).print("error:", message, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(EXIT_USER_ERROR)


@command
def run(stack_name: StackName = None, profile: Profile = None, region: Region = None, as_json: AsJson = False) -> None:
    """Show it: photos in, gray photos out, one overwritten, one deleted. Local unless a stack is named."""
    screen = view.console(for_programs=as_json)
    with _named_or(local.temporary_stack, screen, stack_name, profile, region) as stack:
        screen.print(f"stack {stack.name} on {stack.where}", style="dim")
        demo = Demo(stack, screen)
        demo.play()
    _report(demo.executions, screen, as_json=as_json)
    screen.print(f"\ngray photos and execution histories: {paths.relative(paths.RUN)}/", style="dim")
    _exit_by(demo.executions)


@command
def up(stack_name: StackName = None, profile: Profile = None, region: Region = None, as_json: AsJson = False) -> None:
    """Start the local stack and stay, showing executions as they happen. With --stack-name, watch that one."""
    screen = view.console(for_programs=as_json)
    with _named_or(local.kept_stack, screen, stack_name, profile, region) as stack:
        view.welcome(stack, screen)

        def show(execution: Execution) -> None:
            if as_json:
                _print_json(execution.as_json())
            else:
                screen.print(view.line(execution))

        with suppress(KeyboardInterrupt):  # the usual way to end it
            view.stream(Follower(stack), screen, show)
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
    stack = _stack(stack_name, profile, region)
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
    stack = _stack(stack_name, profile, region)
    follower = Follower(stack, wants=lambda each: each.key == key and each.change == "deleted")
    remove(stack, _checked(key))
    _follow(follower, as_json=as_json)


@command
def status(
    stack_name: StackName = None, profile: Profile = None, region: Region = None, as_json: AsJson = False
) -> None:
    """Show the stack, the locks held now, and the latest executions."""
    found = Status.read(_stack(stack_name, profile, region))
    if as_json:
        _print_json(found.as_json())
    else:
        found.show(view.console())


@contextmanager
def _named_or(
    start: Callable[[Say], AbstractContextManager[Stack]],
    screen: Console,
    stack_name: str | None,
    profile: str | None,
    region: str | None,
) -> Iterator[Stack]:
    """The stack named, or one started for as long as the block lasts."""
    if stack_name is not None:
        yield Stack.on_aws(stack_name, profile, region)
        return
    _refuse_aws_options(profile, region)
    with ExitStack() as exits:
        with screen.status("") as progress:
            stack = exits.enter_context(start(progress.update))
        yield stack


def _stack(stack_name: str | None, profile: str | None, region: str | None) -> Stack:
    """The stack named, or the local one; never a guess, so that nobody deletes on AWS what was meant to be local."""
    if stack_name is not None:
        return Stack.on_aws(stack_name, profile, region)
    _refuse_aws_options(profile, region)
    return local.running_stack()


def _refuse_aws_options(profile: str | None, region: str | None) -> None:
    if profile is not None or region is not None:
        raise UserError("--profile and --region go with --stack-name; without it, this is about the local stack")


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
        _print_json([each.as_json() for each in executions])
    else:
        screen.print(view.table(executions))


def _print_json(found: Any) -> None:  # noqa: ANN401  # whatever json takes
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _exit_by(executions: Sequence[Execution]) -> None:
    if not all(each.outcome.is_good for each in executions):
        raise typer.Exit(EXIT_FAILED)
