"""What stepfunctions-local cannot, and why. This is the one list of it.

Not noticed: it agrees with a case that has an error caught at once which a Retry would try again; and a Choice by a
field that is not there goes on by the Default, where AWS ends the execution.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ...cases import Answer, Case, NeverAnswers, Refused
from ...machine import INVOKE, Machine
from ..base import Deviation
from .translation import filled

_NAME: Final = "[A-Za-z_][A-Za-z0-9_]*"
_PATH: Final = rf"\$(\.{_NAME})*|\$\$\.Execution\.(Id|Name|Input)"


def _like(pattern: str) -> Callable[[Any], bool]:
    return lambda value: re.fullmatch(pattern, str(value)) is not None


def _looks_up_like(pattern: str) -> Callable[[Any], bool]:
    def fits(template: Any) -> bool:
        paths: list[str] = []
        filled(template, paths.append)
        return all(map(_like(pattern), paths))

    return fits


_ONWARDS: Final = {"Next", "End"}
# The fields that there is a translation for: of each type of state, and of the objects in a field of that name.
FIELDS: Final[Mapping[str, set[str]]] = {
    "Task": {"Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "Retry", "Catch"} | _ONWARDS,
    "Choice": {"Choices", "Default"},
    "Wait": {"Seconds", "SecondsPath"} | _ONWARDS,
    "Succeed": set(),
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
    "Parameters": {"FunctionName", "Payload", "Payload.$"},
    "Catch": {"ErrorEquals", "ResultPath", "Next"},
    "Choices": {"Variable", "StringEquals", "NumericEquals", "BooleanEquals", "Next"},
}

# Of these not every value: which one fits, and why no other.
_WORKED_OUT: Final = "it ignores this; what is worked out instead knows paths like $.a.b"
VALUES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "Resource": (_like(re.escape(INVOKE)), "it calls functions only, and lambda:invoke by translation"),
    "Parameters": (_looks_up_like(_PATH), _WORKED_OUT),
    "ResultSelector": (_looks_up_like(_PATH), _WORKED_OUT),
    "ErrorPath": (_like(_PATH), _WORKED_OUT),
    "CausePath": (_like(_PATH), _WORKED_OUT),
    "ResultPath": (_like(rf"\$(\.{_NAME})?"), "below the top level it replaces the top-level field whole"),
    "ErrorEquals": (
        lambda names: "States.TaskFailed" not in names,
        "it knows only States.ALL and the error's own name",
    ),
    "Variable": (_like(rf"\$(\.(?!(Error|Cause)$){_NAME})+"), "it has no $$, nor a caught error's Error and Cause"),
}

CASES: Final = (
    Deviation(
        "no answer within TimeoutSeconds: it waits on",
        lambda _, case: any(isinstance(answer, NeverAnswers) for answer in _answers(case)),
    ),
    Deviation(
        "an error of the Lambda service: its name lacks `Lambda.`, and AWS's SDK calls again before it hears of it",
        lambda _, case: any(isinstance(answer, Refused) for answer in _answers(case)),
    ),
    Deviation(
        "a retry: it never calls a function again that ends with an exception, whatever Retry says",
        lambda _, case: any(len(step.answers) > 1 for step in case.steps),
    ),
)


def _answers(case: Case) -> list[Answer]:
    return [answer for step in case.steps for answer in step.answers]


def untranslatable(machine: Machine) -> Iterator[str]:
    """What a definition asks for in vain: the state, the field and the reason."""
    for field in sorted(machine.document.keys() - {"Comment", "StartAt", "States", "TimeoutSeconds"}):
        yield f"{field}: there is no translation of it"
    for name, state in machine.states.items():
        if state["Type"] not in FIELDS:
            yield f"{name}.Type: there is no translation of {state['Type']}"
            continue
        yield from (f"{name}.{why}" for why in _refused(state["Type"], state))
        if state["Type"] == "Choice" and "Default" not in state:
            yield f"{name}.Default: without one it ends SUCCEEDED where no rule matches"


def _refused(kind: str, document: Mapping[str, Any]) -> Iterator[str]:
    for field, value in document.items():
        if field not in FIELDS[kind] | {"Type", "Comment"}:
            yield f"{field}: there is no translation of it"
        elif field in VALUES and not VALUES[field][0](value):
            yield f"{field}: {VALUES[field][1]}"
        elif field in FIELDS:
            for each in value if isinstance(value, list) else [value]:
                yield from (f"{field}.{why}" for why in _refused(field, each))
