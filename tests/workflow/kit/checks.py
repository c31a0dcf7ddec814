"""Whether a case can be asked of a machine, and whether a run is what its case says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from .cases import Case, Matches, NeverAnswers, Returns, Succeeded, has
from .history import Run, expected_events
from .machine import Machine
from .script import UNSCRIPTED


def mistakes(machine: Machine, case: Case) -> list[str]:
    """Say what is wrong with a case before it is run; nothing where all is well.

    Args:
        machine: the definition that it is for.
        case: the case.
    """
    found = []
    for step in case.steps:
        if step.state not in machine.states:
            close = get_close_matches(step.state, machine.states, n=1)
            found.append(f"the machine has no state {step.state}{f', but {close[0]}' if close else ''}")
            continue
        state = machine.states[step.state]
        if step.answers and machine.function(step.state) is None:
            found.append(f"{step.state} calls no function that the definition names, so there is nothing to answer")
        if not step.answers and state["Type"] == "Task":
            found.append(f"{step.state} is a Task: what does it answer?")
        if any(isinstance(answer, NeverAnswers) for answer in step.answers) and "TimeoutSeconds" not in state:
            found.append(f"{step.state} has no TimeoutSeconds: without an answer it would wait for ever")
        if state["Type"] in {"Map", "Parallel"}:
            found.append(f"{step.state} is a {state['Type']}: a case cannot say what goes on inside")
    functions = {machine.function(name) for name in machine.of_type("Task")}
    found += [f"the machine calls no function {name}" for name in case.calls if name not in functions]
    if machine.document.get("QueryLanguage") == "JSONata":
        found.append("the machine is written in JSONata: only JSONPath is known here")
    return list(dict.fromkeys(found))


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

    def expect(what: str, expected: Any, got: Any) -> None:
        if what not in run.unsaid and expected != got:
            found.append(f"{what}: expected {_shown(expected)}, got {_shown(got)}")

    expect("path", " > ".join(case.path), " > ".join(run.path))
    expect("errors", _in_words(case.path, _errors(case)), _in_words(run.path, _failed(run)))
    if UNSCRIPTED in {error for visit in run.visits for error in visit.attempts}:
        return [*found, "a function was called more often than the case has answers for it"]
    expect("status", case.ends.status, run.status)
    expect("error", case.ends.error, run.error)
    expect("cause", *_comparable(case.ends.cause, run.cause))
    if isinstance(case.ends, Succeeded) and case.ends.output and not has(run.output, case.ends.output):
        found.append(f"output: expected {_shown(case.ends.output)} in {_shown(run.output)}")
    for state, left in (run.unasked or {}).items():
        found.append(f"{state}: {left} of {len(case.answers(state))} answers were never asked for")
    if run.calls is not None:
        expect("calls", dict(case.calls), {function: run.calls.get(function, 0) for function in case.calls})
    found += _not_given(case, run)
    for what in ("waits", "pauses", "timeouts"):
        expected, got = getattr(case, what), getattr(run, what)
        if expected is not None and got is not None:
            expect(f"{what} in seconds", list(expected), list(got))
    if exact and not found:
        expect("history", " > ".join(expected_events(machine, case)), " > ".join(run.events))
    return found


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=repr, ensure_ascii=False)


def _errors(case: Case) -> list[list[str]]:
    return [[answer.error for answer in step.answers if not isinstance(answer, Returns)] for step in case.steps]


def _failed(run: Run) -> list[list[str]]:
    return [[error for error in visit.attempts if error] for visit in run.visits]


def _in_words(path: tuple[str, ...], errors: list[list[str]]) -> str:
    """Where there were errors, and which."""
    return ", ".join(f"{state}: {' '.join(each)}" for state, each in zip(path, errors, strict=True) if each) or "none"


def _comparable(expected: str | Matches | None, got: str | None) -> tuple[Any, Any]:
    """A function's report is JSON, which engines write with other blanks than runtimes do."""
    return (expected, got) if isinstance(expected, Matches) else (_plain(expected), _plain(got))


def _plain(cause: str | None) -> Any:
    try:
        return json.loads(cause) if cause is not None else None
    except ValueError:
        return cause


def _not_given(case: Case, run: Run) -> Iterator[str]:
    """The first call that was not as it should be; how many they were is a matter of the errors and the path."""
    asked = [(step.state, step.given) for step in case.steps for _ in step.answers]
    for (state, part), (by, payload) in zip(asked, run.given or (), strict=False):
        if state != by:
            return
        if part and not has(payload, part):
            yield f"{state} was to be called with {_shown(part)}, was with {_shown(payload)}"
            return
