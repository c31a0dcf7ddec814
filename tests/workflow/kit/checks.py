"""Whether a run is what its case says."""

from __future__ import annotations

import json
from typing import Any

from .cases import Case, Matches, Returns, Succeeded, has
from .history import Run, expected_events
from .machine import Machine


def differences(machine: Machine, case: Case, run: Run, *, exact: bool) -> list[str]:
    """Say what is not as the case has it; nothing where all is.

    What an engine does not tell (None in the run, or in its `unsaid`) is not asked for.

    Args:
        machine: the definition that was run.
        case: what was asked for.
        run: what came of it.
        exact: whether the engine writes the very histories that AWS does.
    """
    found = []

    def expect(what: str, expected: object, got: object) -> None:
        if what not in run.unsaid and expected != got:
            found.append(f"{what}: expected {expected!r}, got {got!r}")

    expect("path", " > ".join(case.path), " > ".join(run.path))
    expect(
        "errors of each visit", _errors(case), [[error for error in visit.attempts if error] for visit in run.visits]
    )
    expect("status", case.ends.status, run.status)
    expect("error", case.ends.error, run.error)
    expect("cause", _plain(case.ends.cause), _plain(run.cause))
    if isinstance(case.ends, Succeeded) and not has(run.output, case.ends.output):
        found.append(f"output: expected {dict(case.ends.output)!r} in {run.output!r}")
    if run.calls is not None:
        for function, times in case.calls.items():
            expect(f"calls of {function}", times, run.calls.get(function, 0))
    if run.given is not None:
        found += _not_given(case, run)
    if case.waits is not None and run.waits is not None:
        expect("waits", list(case.waits), list(run.waits))
    if case.pauses is not None and run.pauses is not None:
        expect("pauses before retries", list(case.pauses), list(run.pauses))
    if exact and not found:
        expect("history", expected_events(machine, case), list(run.events))
    return found


def _errors(case: Case) -> list[list[str]]:
    return [[answer.error for answer in step.answers if not isinstance(answer, Returns)] for step in case.steps]


def _plain(cause: str | Matches | None) -> Any:
    """A function's report is JSON, which engines write with other blanks than runtimes do."""
    try:
        return json.loads(cause) if isinstance(cause, str) else cause
    except ValueError:
        return cause


def _not_given(case: Case, run: Run) -> list[str]:
    asked = [(step.state, step.given) for step in case.steps for _ in step.answers]
    return [
        f"{state} was to be called with {dict(part)!r}, was with {payload!r}"
        for (state, part), (by, payload) in zip(asked, run.given or (), strict=False)
        if not (state == by and has(payload, part))
    ]
