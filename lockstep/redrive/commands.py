"""`lockstep redrive`: starting again what failed, and replaying what could not be delivered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from lockstep import view
from lockstep.batch import STARTS_PER_SECOND
from lockstep.command import EXIT_FAILED, AsJson, Profile, Region, StackName, confirmed, has_terminal, stack_of
from lockstep.errors import UserError
from lockstep.redrive import words
from lockstep.redrive.listing import Ended, Listing, Wanted
from lockstep.redrive.queue import Queue
from lockstep.redrive.starting import Starting
from lockstep.since import point_in_time
from lockstep.stack import Stack
from lockstep.view import number, say

_SINCE: Final = "24h"


def _ended(text: str) -> Ended:
    """What `timed-out`, `timed out` or `Timed-Out` means. Raises: BadParameter."""
    try:
        return Ended(text.strip().lower().replace(" ", "-"))
    except ValueError:
        msg = f"{text!r} is not one of {', '.join(each.value for each in Ended)}"
        raise typer.BadParameter(msg) from None


def redrive(
    since: Annotated[
        str | None, typer.Option(help=f"Since when: 90m, 7d, 2026-11-20T10:00Z; {_SINCE} if not given.")
    ] = None,
    outcome: Annotated[
        list[Ended] | None,
        typer.Option(
            parser=_ended,
            metavar=f"[{'|'.join(each.value for each in Ended)}]",
            help="Only what ended so; may be repeated.",
        ),
    ] = None,
    key: Annotated[
        str, typer.Option(help="Only objects whose key begins so, or matches a pattern with *, ? or [.")
    ] = "",
    dlq: Annotated[
        bool, typer.Option("--dlq", help="Replay the events that could not be delivered, from the rule's queue.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be started, and start nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    rate: Annotated[float, typer.Option(min=0.01, max=1000, help="How many to start in a second.")] = STARTS_PER_SECOND,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for what was started to end, or leave it alone.")
    ] = True,
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Start again what failed, was stopped or ran out of time: each once, with the same input, oldest first.

    Exit code 0: all came out well, as far as is known, or there was nothing to do; 1: not all did.
    It can be repeated at any time.
    """
    screen = view.console(for_programs=as_json)
    run = Run(screen, dry_run=dry_run, yes=yes, rate=rate, is_followed=follow, as_json=as_json)
    if dlq and (since is not None or outcome):
        raise UserError("--since and --outcome are about executions; what lies in the queue has had none")
    wanted = Wanted(point_in_time(_SINCE if since is None else since, datetime.now(UTC)), outcome or list(Ended), key)
    stack = stack_of(stack_name, profile, region)
    if dlq:
        run.queue(stack, key)
    else:
        run.executions(stack, wanted)


@dataclass(frozen=True)
class Run:
    """One run of the command."""

    screen: Console
    dry_run: bool
    yes: bool
    rate: float
    is_followed: bool
    as_json: bool

    def executions(self, stack: Stack, wanted: Wanted) -> None:
        """Of the executions that ended badly."""
        with self._before_a_start(), self.screen.status("looking") as status:
            found = Listing(stack, status.update).find(wanted)
        since = f"{wanted.since.astimezone():%Y-%m-%d %H:%M}"
        say(self.screen, words.failures(found) if found.failures else f"nothing to start again since {since}")
        say(self.screen, words.left(found, "left as they are:"))
        starting = Starting(found, lambda _: "", is_followed=self.is_followed)
        if found.failures and self._may_start(starting):
            self._run(starting, stack)
        self._end(starting)

    def queue(self, stack: Stack, key: str) -> None:
        """Of the dead-letter queue. What is left in it is no success."""
        with Queue(stack) as queue:
            with self._before_a_start(), self.screen.status("reading the queue") as status:
                found = queue.find(key, status.update)
            say(self.screen, words.failures(found) if found.failures else "no events in the queue to replay")
            say(self.screen, words.left(found, "left in the queue:"), words.strays(found))
            starting = Starting(found, queue.delete, is_followed=self.is_followed)
            if repeated := words.repeated(starting.counts):
                say(self.screen, f"\n{repeated}")
            is_wanted = not found.failures or self._may_start(starting)
            if found.failures and is_wanted:
                with self._before_a_start(starting):
                    queue.hold(found.failures, starting.total / self.rate)
                self._run(starting, stack)
            self._end(starting)
        if found.left and is_wanted and not self.dry_run:
            raise typer.Exit(EXIT_FAILED)

    def _run(self, starting: Starting, stack: Stack) -> None:
        self._follow(starting, stack)
        if starting.has_said or not self.yes:  # what was printed last is no blank line
            self.screen.print()
        say(self.screen, words.summary(starting.tally), words.left_alone(starting.tally))

    def _end(self, starting: Starting) -> None:
        """Tell programs, and by the exit code."""
        if self.as_json:
            view.print_json(starting.as_json())
        if not starting.is_good:
            raise typer.Exit(EXIT_FAILED)

    @contextmanager
    def _before_a_start(self, starting: Starting | None = None) -> Iterator[None]:
        """Whatever breaks it off, say that nothing was started, and tell programs what is known by then."""
        try:
            yield
        except (KeyboardInterrupt, ClientError, BotoCoreError):
            say(self.screen, "nothing was started")
            if self.as_json:
                view.print_json(starting.as_json() if starting else [])
            raise

    def _may_start(self, starting: Starting) -> bool:
        """Raises: UserError when there is nobody to ask."""
        can_start, executions = self.yes or has_terminal(), number(starting.total, "execution")
        if self.dry_run or not can_start:
            say(self.screen, f"\n{executions} would be started")
        if self.dry_run:
            return False
        if not can_start:
            raise UserError("no terminal to ask on: --yes starts without asking, --dry-run only shows")
        self.screen.print()
        if self.yes:
            return True
        with self._before_a_start(starting):
            is_wanted = self._is_confirmed(f"start {executions}?")
        if not is_wanted:
            say(self.screen, "nothing was started")
        return is_wanted

    def _is_confirmed(self, question: str) -> bool:
        try:
            return confirmed(question, for_programs=self.as_json)
        except KeyboardInterrupt:
            self.screen.print()  # the question's line has no end
            raise

    def _follow(self, starting: Starting, stack: Stack) -> None:
        try:
            starting.run(stack, self.rate, self.screen)
        except (KeyboardInterrupt, ClientError, BotoCoreError):
            say(self.screen, words.broken_off(starting.tally, starting.total))
            if self.as_json:
                view.print_json(starting.as_json())
            raise
