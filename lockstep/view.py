"""What people see in the terminal."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lockstep.emulator import CREDENTIALS
from lockstep.errors import UserError
from lockstep.executions import Execution, Follower, Outcome
from lockstep.stack import Stack

STYLES: Final = {
    Outcome.WORKING: "cyan",
    Outcome.WAITING: "yellow",
    Outcome.CONVERTED: "green",
    Outcome.DELETED: "green",
    Outcome.STALE: "dim",
    Outcome.SUPERSEDED: "dim",
    Outcome.FOLDER: "dim",
    Outcome.SUCCEEDED: "green",
    Outcome.REJECTED: "magenta",
    Outcome.FAILED: "bold red",
    Outcome.TIMED_OUT: "bold red",
    Outcome.ABORTED: "bold red",
}


_PIPE_WIDTH: Final = 200


def console(*, for_programs: bool = False) -> Console:
    """The terminal; standard error where standard output is for a program. A file or a pipe gets long lines."""
    out = sys.stderr if for_programs else sys.stdout
    return Console(file=out, highlight=False, width=None if out.isatty() else _PIPE_WIDTH)


def print_json(found: Any) -> None:  # noqa: ANN401  # whatever json takes
    """One line of JSON on standard output."""
    text = json.dumps(found, ensure_ascii=False)
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")  # half a letter stays as it was escaped
    sys.stdout.flush()


def table(executions: Sequence[Execution]) -> RenderableType:
    """A row an execution: object, event, outcome, states passed, duration. Below them, what needs explaining."""
    found = Table(box=None, pad_edge=False, header_style="bold")
    found.add_column("object", overflow="fold")
    found.add_column("event")
    found.add_column("outcome", no_wrap=True)
    found.add_column("states passed", ratio=1)
    found.add_column("time", justify="right", no_wrap=True)
    for each in executions:
        found.add_row(
            Text(visible(each.key or each.name)),
            Text(visible(each.change)),
            Text(each.outcome.value, STYLES[each.outcome]),
            trail(each),
            f"{each.seconds:.1f} s",
        )
    return Group(found, *(_explanation(each) for each in executions if each.explanation))


def _explanation(execution: Execution) -> Text:
    name = execution.key or execution.name
    return Text(visible(f"{name} {execution.outcome.value}: {execution.explanation}"), STYLES[execution.outcome])


def visible(text: str) -> str:
    """What somebody else wrote: it cannot move the cursor, start a new line or turn letters round."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def trail(execution: Execution) -> Text:
    """The states in the order they were first entered, with counts; the one it is in stands out."""
    trail = Text()
    for state, times in Counter(execution.states).items():
        if trail:
            trail.append(" › ", "dim")
        is_current = not execution.outcome.is_final and state == execution.states[-1]
        trail.append(visible(state), "bold cyan" if is_current else "")
        if times > 1:
            trail.append(f" ×{times}", "yellow")
    return trail


def line(execution: Execution) -> Text:
    """An execution that has ended, as one line."""
    style = STYLES[execution.outcome]
    waits = execution.states.count("WaitForLock")
    details = [execution.change, _waited(waits), f"{execution.seconds:.1f} s"]
    text = Text.assemble(
        (f"{(execution.stopped or execution.started).astimezone():%H:%M:%S}  ", "dim"),
        (f"{execution.outcome.value:<10}  ", style),
        f"{visible(execution.key or execution.name)}  ",
        (", ".join(filter(None, details)), "dim"),
    )
    if execution.explanation:
        text.append(f"\n          {visible(execution.explanation)}", "dim")
    return text


def _waited(times: int) -> str:
    if times == 0:
        return ""
    return "waited once" if times == 1 else f"waited {times} times"


def follow(follower: Follower, console: Console, *, at_least: int, seconds: float) -> list[Execution]:
    """Show the executions going from state to state until there are enough and all have ended, and return them.

    Raises: UserError when that takes longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    with Live(console=console, transient=True, refresh_per_second=10) as live:
        while True:
            follower.poll()
            executions = list(follower.executions.values())
            live.update(table(executions) if executions else waiting_for("the first event"))
            if len(executions) >= at_least and all(each.outcome.is_final for each in executions):
                return executions
            if time.monotonic() > deadline:
                msg = f"not done after {seconds:.0f} s: {_progress(executions)}"
                raise UserError(msg)
            time.sleep(follower.interval_seconds)


def stream(follower: Follower, console: Console, *, as_json: bool) -> None:
    """Show executions as they happen until interrupted: those that end as lines, those at work below them."""
    with Live(console=console, transient=True, refresh_per_second=10) as live:
        while True:
            for each in follower.poll():
                if not each.outcome.is_final:
                    continue
                if as_json:
                    print_json(each.as_json())
                else:
                    console.print(line(each))
            at_work = [each for each in follower.executions.values() if not each.outcome.is_final]
            live.update(table(at_work) if at_work else waiting_for("events (Ctrl-C ends)"))
            time.sleep(follower.interval_seconds)


def welcome(stack: Stack, history: str, console: Console) -> None:
    """Where the stack and its history are, and what to try."""
    console.print(Text.assemble(("up: ", "bold green"), f"stack {stack.name} on {stack.where}"))
    console.print(Text.assemble(("history: ", "bold green"), history), soft_wrap=True)
    names(stack, console)
    if not stack.is_local:
        return
    sample = "samples/rocket.jpg"
    lockstep = ".venv/bin/lockstep"
    variables = " ".join(f"{name}={value}" for name, value in CREDENTIALS.items())
    console.print("try, in another terminal:", style="bold")
    for each in (
        f"{lockstep} put {sample}",
        f"{lockstep} rm {Path(sample).name}",
        f"{lockstep} feed tail",
        f"{variables} aws --endpoint-url {stack.endpoint_url} s3 cp {sample} s3://{stack.input_bucket}/",
    ):
        console.print(f"  {each}", soft_wrap=True)


def names(stack: Stack, console: Console) -> None:
    """What the stack's resources are called, to be copied."""
    width = max(map(len, stack.names))
    for name, value in stack.names.items():
        console.print(f"  {name.replace('_', ' '):<{width}} {value}", style="dim", soft_wrap=True)


def waiting_for(what: str) -> RenderableType:
    """A sign that nothing is wrong when nothing moves."""
    return Spinner("dots", Text(f"waiting for {what}", "dim"))


def _progress(executions: Sequence[Execution]) -> str:
    counts = Counter(each.outcome.value for each in executions)
    return ", ".join(f"{times} {outcome}" for outcome, times in counts.items()) or "no execution has started"


def number(count: int, what: str) -> str:
    """So many of them."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


@contextmanager
def showing(screen: Console, what: RenderableType) -> Iterator[None]:
    """Keep it below what is printed, until the block ends; not where there is no terminal."""
    if not screen.is_terminal:
        yield
        return
    with Live(what, console=screen, transient=True, refresh_per_second=10):
        yield


def say(screen: Console, *what: RenderableType | None) -> None:
    """Print what there is of it; text may be as long as it is, so that it can be copied."""
    for each in what:
        if each:
            screen.print(each, soft_wrap=isinstance(each, Text))
