"""Reconciling from here: this process compares, and starts and follows the repairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console, RenderableType

from lockstep.batch import Fate, Start
from lockstep.command import confirmed
from lockstep.errors import UserError
from lockstep.reconcile import words
from lockstep.reconcile.comparing import Seen, findings
from lockstep.reconcile.repairing import Repairing
from lockstep.reconcile.repairs import Spool, new_run, spool
from lockstep.reconcile.wanted import Manner, Wanted, left_alone
from lockstep.stack import Stack
from lockstep.view import print_json, say, showing
from objectlock.comparison import Finding, Kind

_LINES: Final = 40  # with more repairs, only what did not come out well has a line


class Here:
    """One run."""

    def __init__(self, stack: Stack, wanted: Wanted, manner: Manner, screen: Console) -> None:
        self._stack = stack
        self._wanted = wanted
        self._manner = manner
        self._screen = screen
        self._run = new_run()
        self._seen = Seen(until=wanted.start_after)
        self._first: dict[Kind, list[str]] = defaultdict(list)
        self._total: int | None = None
        self._repairing = Repairing(stack, self._run, manner, self._ended)

    def reconcile(self) -> bool:
        """Whether all that was asked for is in step now. Raises: ClientError, BotoCoreError, UserError."""
        if self._wanted.dry_run:
            left = self._only_look()
        elif self._manner.yes:
            left = self._repair_while_comparing()
        else:
            left = self._ask_and_repair()
        if self._wanted.prefix and not self._seen.inputs + self._seen.outputs:
            say(self._screen, words.nothing_there(self._wanted.prefix))
        others = left_alone(self._seen.kinds, self._wanted.kinds)
        say(self._screen, words.ending(is_in_step=not left, left_alone=others))
        self._summarize(in_step=not left, left_alone=others)
        return not left

    def _only_look(self) -> int:
        """How many are out of step; rejected inputs are not."""
        with self._resumable(), showing(self._screen, words.Progress(self._seen)):
            for _ in self._found():
                pass
        self._tell_what_was_found()
        return sum(self._seen.kinds[kind] for kind in self._wanted.kinds if kind is not Kind.REJECTED)

    def _repair_while_comparing(self) -> int:
        with self._resumable():
            self._repair(self._found(), None, words.Progress(self._seen))
        self._tell_what_was_found()
        return self._tell_what_came_of_it()

    def _ask_and_repair(self) -> int:
        with spool() as found:
            with self._resumable(nothing_done=True):
                if not self._are_to_be_repaired(found):
                    return found.size
            self._seen.until = self._wanted.start_after
            with self._resumable():
                self._repair(self._noting_how_far(found), found.size)
        return self._tell_what_came_of_it()

    def _are_to_be_repaired(self, found: Spool) -> bool:
        """Find them, and ask."""
        with showing(self._screen, words.Progress(self._seen)):
            found.fill(self._found())
        self._tell_what_was_found()
        return found.size > 0 and self._may_repair(found.size)

    def _may_repair(self, total: int) -> bool:
        is_wanted = confirmed(f"repair {total:,}?", for_programs=self._manner.as_json)
        if not is_wanted:
            say(self._screen, "nothing was started")
        return is_wanted

    def _noting_how_far(self, found: Iterable[Finding]) -> Iterator[Finding]:
        for each in found:
            yield each
            self._seen.until = each.key  # whoever asks for the next one has had this one started

    def _repair(self, found: Iterable[Finding], total: int | None, above: RenderableType = "") -> None:
        self._total = total
        self._repairing.run(found, self._screen, total=total, above=above)

    def _found(self) -> Iterator[Finding]:
        """What is to be repaired; the rest is only counted, and told to programs."""
        for each in findings(self._stack, self._wanted, self._seen):
            if len(self._first[each.kind]) < words.SHOWN:
                self._first[each.kind].append(each.key)
            self._print("finding", key=each.key, kind=each.kind.value)
            if each.kind in self._wanted.kinds:
                yield each

    def _ended(self, finding: Finding, fate: Fate) -> None:
        if not fate.is_good or (self._total is not None and self._total <= _LINES):
            say(self._screen, words.came_of(finding.key, fate))
        execution = fate.execution
        self._print(
            "repair",
            key=finding.key,
            kind=finding.kind.value,
            execution=fate.item.name,
            outcome=execution.outcome.value if execution else None,
            explanation=execution.explanation if execution else fate.problem,
        )

    @contextmanager
    def _resumable(self, *, nothing_done: bool = False) -> Iterator[None]:
        """Whatever breaks it off, say how to go on: after the last key that is done with, or from where it began."""
        try:
            yield
        except BrokenPipeError:  # whoever read it has had enough
            raise
        except (KeyboardInterrupt, ClientError, BotoCoreError, OSError, UserError):
            until = self._wanted.start_after if nothing_done else self._seen.until
            command = words.command(self._wanted, until, self._manner.options)
            say(self._screen, words.broken_off(self._repairing.tally, self._repairing.at_work, command))
            self._summarize(start_after=until)
            raise

    def _tell_what_was_found(self) -> None:
        say(self._screen, words.found(self._seen, self._first, self._wanted))

    def _tell_what_came_of_it(self) -> int:
        """How many are not in step after all."""
        left = self._repairing.not_in_step
        if self._repairing.tally.starts:
            say(self._screen, words.summary(self._repairing.tally))
        return left

    def _summarize(self, **more: str | int) -> None:
        tally = self._repairing.tally
        self._print(
            "summary",
            run=self._run,
            dry_run=self._wanted.dry_run,
            inputs=self._seen.inputs,
            outputs=self._seen.outputs,
            found={kind.value: self._seen.kinds[kind] for kind in Kind},
            repairs={outcome.value: times for outcome, times in tally.outcomes.items()},
            not_started=tally.starts[Start.REFUSED],
            **more,
        )

    def _print(self, what: str, **about: object) -> None:
        if self._manner.as_json:
            print_json({"event": what, **about})
