"""Cases as a table for people, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from .cases import Answer, Case, Matches, Returns, Step, Succeeded


def listing(cases: Iterable[Case]) -> str:
    """A line for each case: its name, its way with what failed on it, and its end."""
    lines = ["| case | way | end |", "| --- | --- | --- |"]
    for case in cases:
        cells = [case.name, " › ".join(_told(step) for step in case.steps), _end(case)]
        lines.append(f"| {' | '.join(_cell(each) for each in cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _told(step: Step) -> str:
    """A state, and in brackets what its attempts come to, if it is not one that goes well."""
    if all(isinstance(answer, Returns) for answer in step.answers):
        return step.state
    attempts = [(name, len(list(same))) for name, same in groupby(step.answers, key=_name)]
    return f"{step.state} ({', '.join(name if times == 1 else f'{times} × {name}' for name, times in attempts)})"


def _name(answer: Answer) -> str:
    return "well" if isinstance(answer, Returns) else answer.error


def _end(case: Case) -> str:
    if isinstance(case.ends, Succeeded):
        return "SUCCEEDED"
    cause = case.ends.cause.pattern if isinstance(case.ends.cause, Matches) else case.ends.cause
    return f"FAILED: {case.ends.error}{f', {cause}' if cause else ''}"
