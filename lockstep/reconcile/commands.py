"""`lockstep reconcile`: find what is out of step, and put it right."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from enum import Enum
from typing import Annotated

import typer

from lockstep import view
from lockstep.batch import STARTS_PER_SECOND
from lockstep.command import EXIT_FAILED, AsJson, Profile, Region, StackName, has_terminal, stack_of
from lockstep.errors import UserError
from lockstep.reconcile.distributed import Distributed
from lockstep.reconcile.here import Here
from lockstep.reconcile.wanted import AT_ONCE, Manner, Wanted
from objectlock.comparison import REPAIRED, Kind


class Repaired(Enum):
    """What is repaired unless --rejected adds to it, as one types it."""

    MISSING = "missing"
    OUTDATED = "outdated"
    ORPHANED = "orphaned"


def reconcile(
    prefix: Annotated[str, typer.Option(help="Only objects whose key begins so.")] = "",
    kind: Annotated[list[Repaired] | None, typer.Option(help="Repair only these; may be repeated.")] = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Try again what could not be converted, as after an upgrade.")
    ] = False,
    start_after: Annotated[str, typer.Option(metavar="KEY", help="Go on after this key.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is out of step, and repair nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, and repair while comparing.")] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help=f"Repairs started in a second; {STARTS_PER_SECOND:.0f} if not given.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help=f"Repairs at a time; {AT_ONCE} if not given.")] = None,
    distributed: Annotated[
        bool, typer.Option("--distributed", help="Let Step Functions do it, for millions of objects.")
    ] = False,
    run: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --distributed: follow this run, or go on with it if it failed."),
    ] = None,
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Compare both buckets, and repair what is missing, outdated or orphaned, through the state machine.

    Exit code 0: all is in step; 1: not all is. It can be repeated, and broken off, at any time.
    """
    if run == "":
        raise UserError("--run is empty")
    if not dry_run and not yes and run is None and not has_terminal():
        raise UserError("no terminal to ask on: --yes repairs without asking, --dry-run shows what is out of step")
    if distributed and (rate is not None or start_after):
        raise UserError(
            "--rate and --start-after are not for --distributed: it has its own pace, and `--run` goes on with it"
        )
    if run is not None and not distributed:
        raise UserError("--run goes with --distributed")
    if run is not None:
        fixed = {"--prefix": prefix, "--kind": kind, "--rejected": rejected, "--dry-run": dry_run}
        _refuse(fixed | {"--concurrency": concurrency})
    kinds = tuple(Kind(each.value) for each in kind) if kind else REPAIRED
    wanted = Wanted(prefix, start_after, kinds + ((Kind.REJECTED,) if rejected else ()), dry_run)
    at_once = None if distributed else concurrency  # a run keeps its own
    given = {"--yes": yes, "--json": as_json, "--rate": rate, "--concurrency": at_once}
    where = {"--stack-name": stack_name, "--profile": profile, "--region": region}
    manner = Manner(yes, rate or STARTS_PER_SECOND, concurrency, as_json, _typed({**given, **where}))
    stack = stack_of(stack_name, profile, region)
    screen = view.console(for_programs=as_json)
    if distributed:
        is_in_step = Distributed(stack, wanted, manner, screen).reconcile(run)
    else:
        is_in_step = Here(stack, wanted, manner, screen).reconcile()
    if not is_in_step:
        raise typer.Exit(EXIT_FAILED)


def _refuse(options: Mapping[str, object]) -> None:
    """Raise UserError if one of them is given: a run that was started has its own."""
    if given := [name for name, value in options.items() if value]:
        msg = f"a run keeps what it was started with: leave out {', '.join(given)}, or start another without --run"
        raise UserError(msg)


def _typed(options: Mapping[str, object]) -> str:
    """Options as one types them; those that were not given are left out."""
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    return shlex.join(
        word for name, value in given.items() for word in ([name] if value is True else [name, f"{value}"])
    )
