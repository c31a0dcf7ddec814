"""What every command of `lockstep` shares: options, exit codes, and how a mistake is told."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import wraps
from typing import Annotated, Final, NoReturn, ParamSpec, TextIO
from urllib.parse import urlsplit

import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
)
from rich.console import Console

from lockstep import local
from lockstep.deployment import Say
from lockstep.errors import UserError
from lockstep.problems import ProblemError, problem_of
from lockstep.stack import Stack

EXIT_FAILED: Final = 1  # an execution ended badly
EXIT_USER_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 130

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


def command(function: Callable[P, None], group: typer.Typer = app) -> Callable[P, None]:
    """Register a guarded command, below another one if that is a group."""
    found = guarded(function)
    group.command(function.__name__.rstrip("_"))(found)
    return found


def guarded(function: Callable[P, None]) -> Callable[P, None]:
    """Make a command's mistakes end as one message, and its interruption as exit code 130."""

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # all the same: what was started has to end
            signal.signal(each, _interrupt)
        try:
            function(*args, **kwargs)
        except (ProblemError, UserError) as error:
            _fail(str(error))
        except (EndpointConnectionError, ConnectTimeoutError, ConnectionClosedError) as error:
            _fail(_unanswered(error.kwargs["endpoint_url"]))
        except (ClientError, BotoCoreError) as error:
            _fail(str(problem_of(error)))
        except BrokenPipeError:  # whoever read the output has gone: typer's
            raise
        except OSError as error:  # after boto3's, as some of those are of this kind too
            _fail(_refused(error))
        except UnicodeEncodeError as error:
            _fail(_unwritable(error))
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None

    return called


def _unanswered(url: str) -> str:
    to = urlsplit(url)
    advice = "look at your network and your proxy"
    if to.hostname in {"127.0.0.1", "localhost"}:
        advice = "the local stack has ended; start it again with `make up`"
    return f"{to.scheme}://{to.netloc} does not answer: {advice}"  # without what was asked


def _refused(error: OSError) -> str:
    """What this machine refuses, and where, if that is known."""
    where = error.filename or ("" if _is_taken(sys.stdout) else "standard output")
    what = error.strerror or str(error)
    return f"{where}: {what}" if where else what


def _unwritable(error: UnicodeEncodeError) -> str:
    if error.encoding == "utf-8":
        return f"{error.object!r} is not UTF-8: nothing on AWS is named so"
    letters = error.object[error.start : error.end]
    return f"{letters!r} cannot be written in {error.encoding}: set PYTHONIOENCODING=utf-8"


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(message: str) -> NoReturn:
    with suppress(OSError):  # nobody can be told
        Console(stderr=True, highlight=False).print("error:", message, style="red", markup=False, soft_wrap=True)
    for each in (sys.stdout, sys.stderr):
        if not _is_taken(each):  # Python would try again at its end, and have an exit code of its own for that
            with suppress(OSError):
                each.close()
    raise typer.Exit(EXIT_USER_ERROR)


def _is_taken(stream: TextIO) -> bool:
    """Whether all that was written so far could be."""
    try:
        stream.flush()
    except OSError:
        return False
    return True


@contextmanager
def named_or(
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


def stack_of(stack_name: str | None, profile: str | None, region: str | None) -> Stack:
    """The stack named, or the local one; never a guess, so that nobody deletes on AWS what was meant to be local."""
    if stack_name is not None:
        return Stack.on_aws(stack_name, profile, region)
    _refuse_aws_options(profile, region)
    return local.running_stack()


def has_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def confirmed(question: str, *, for_programs: bool) -> bool:
    """Ask; standard output is for programs then. Raises: KeyboardInterrupt when there is no answer."""
    try:
        return typer.confirm(question, err=for_programs)
    except typer.Abort:
        raise KeyboardInterrupt from None


def _refuse_aws_options(profile: str | None, region: str | None) -> None:
    if profile is not None or region is not None:
        raise UserError("--profile and --region go with --stack-name; without it, this is about the local stack")
