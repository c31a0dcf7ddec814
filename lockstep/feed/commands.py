"""`lockstep feed tail`, `load` and `verify`: the feed of changes, read."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from lockstep import view
from lockstep.command import EXIT_FAILED, AsJson, Profile, Region, StackName, stack_of
from lockstep.errors import UserError
from lockstep.feed import runs
from lockstep.feed.database import sqlite_catalogue
from lockstep.feed.s3 import CHANGES, S3Feed, feed_in, feed_of, feed_on_aws
from lockstep.feed.target import catalogue_of, sqlite_before
from lockstep.since import point_in_time

_WAIT_SECONDS: Final = 90.0  # the template's window is 60

Bucket = Annotated[str | None, typer.Option(help="Read the feed in this bucket; the stack's own if not given.")]
Prefix = Annotated[str, typer.Option(help="What the names of its files begin with.")]


def tail(
    since: Annotated[
        str | None, typer.Option(help="Begin with what came since then: 90m, 7d, 2026-11-20T10:00Z; now if not given.")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many changes.")] = None,
    bucket: Bucket = None,
    prefix: Prefix = CHANGES,
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Show the changes of the output bucket as the feed tells them, until Ctrl-C: each once, and in order by object."""
    begin = None if since is None else point_in_time(since, datetime.now(UTC))
    feed = _feed(bucket, prefix, stack_name, profile, region)
    with suppress(KeyboardInterrupt):  # the usual way to end it
        feed.check()  # where there never was an answer, there is nothing to wait for
        screen = view.console(for_programs=as_json)
        runs.follow(feed, begin, screen, count=count, as_json=as_json)


def load(
    into: Annotated[
        str,
        typer.Option(metavar="DIR|sqlite:FILE", help="Where to: a JSON file for each object, or a row in a database."),
    ],
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C.")] = False,
    from_start: Annotated[
        bool,
        typer.Option("--from-start", help="List all files, as after changes were put into the feed days too late."),
    ] = False,
    bucket: Bucket = None,
    prefix: Prefix = CHANGES,
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Load what is new in the feed: the latest change of each object, in whatever order the files come.

    It can be repeated, and broken off, at any time; the same command goes on.
    """
    feed = _feed(bucket, prefix, stack_name, profile, region)
    target = catalogue_of(into, feed.where)
    feed.check()  # before a catalogue is made of what is no feed
    with target as catalogue:
        if from_start:
            catalogue.listed("")
        loading = runs.Loading(feed, catalogue, into, view.console(for_programs=as_json), as_json=as_json)
        if not follow:
            loading.once()
            return
        with suppress(KeyboardInterrupt):  # the usual way to end it
            loading.follow()


def verify(
    from_: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="sqlite:FILE",
            help="What was loaded before; it is brought up to date first. Otherwise all of the feed is read.",
        ),
    ] = "",
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds that the feed may be behind the bucket; three times that at most for what still changes.",
        ),
    ] = _WAIT_SECONDS,
    stack_name: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Compare the output bucket with what the feed tells of it: which outputs there are, and each one's ETag.

    Exit code 0: they agree; 1: they differ.
    """
    stack = stack_of(stack_name, profile, region)
    feed = feed_of(stack)
    with ExitStack() as exits:
        catalogue = exits.enter_context(
            sqlite_before(from_, feed.where) if from_ else sqlite_catalogue(None, feed.where)
        )
        screen = view.console(for_programs=as_json)
        if not runs.Verifying(stack, feed, catalogue, screen, as_json=as_json).verify(wait):
            raise typer.Exit(EXIT_FAILED)


def _feed(bucket: str | None, prefix: str, stack_name: str | None, profile: str | None, region: str | None) -> S3Feed:
    if bucket is None:
        return feed_of(stack_of(stack_name, profile, region), prefix)
    if not bucket:
        raise UserError("--bucket is empty")
    if stack_name is None and (profile is not None or region is not None):
        return feed_on_aws(bucket, prefix, profile, region)
    return feed_in(bucket, prefix, stack_of(stack_name, profile, region))
