"""What is said to stepfunctions-local in other words, and what it says put right.

Worked out here instead:
    lambda:invoke   A function's ARN is the resource; for a name it has the state's number: so it says who calls.
    Parameters      It hands over a state's whole input; what the function is called with is worked out from that.
    ResultSelector  The function answers with what would have been selected.
    Wait            Takes no time.
    Retry           Left out, and with it TimeoutSeconds.

Put right:
    Causes          It takes an exception's message for its cause, so the message says it all: Lambda's report.
    Failures        In its history, error and cause have changed places.
    Fail            It ends the execution SUCCEEDED, with no error and no cause. The state says better.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from ...cases import Answer, Case, Raises, Returns, Step
from ...history import Run, read
from ...machine import Machine

State = Mapping[str, Any]
Event = Mapping[str, Any]

_AS_IT_IS: Final = {"Type", "ResultPath", "Catch", "Choices", "Default", "Next", "End"}


def definition(machine: Machine) -> str:
    """What the engine is to run."""
    states = {name: _state(number, state) for number, (name, state) in enumerate(machine.states.items())}
    return json.dumps({"StartAt": machine.start, "States": states})


def _state(number: int, state: State) -> State:
    given = {field: state[field] for field in _AS_IT_IS & state.keys()}
    match state["Type"]:
        case "Task":
            return given | {"Resource": f"arn:aws:lambda:us-east-1:123456789012:function:{number}"}
        case "Wait":
            return given | {"Seconds": 0}
        case _:
            return given


def answers(machine: Machine, case: Case) -> Case:
    """The case, with what its functions are to answer the engine.

    Raises:
        LookupError: ResultSelector asks for what is not in an answer, which is an error on AWS too.
    """

    def translated(step: Step) -> Step:
        return replace(step, answers=tuple(_answer(machine.states[step.state], answer) for answer in step.answers))

    return replace(case, steps=[translated(step) for step in case.steps])


def _answer(state: State, answer: Answer) -> Answer:
    match answer:
        case Returns(payload):
            envelope = {"Payload": payload}
            return Returns(filled(state.get("ResultSelector", envelope), lambda path: _found(path, {"$": envelope})))
        case Raises(error):
            return Raises(error, answer.cause)
        case _:
            return answer


def request(state: State, given: Any, case: Case) -> Any:
    """The payload that Parameters makes of a state's input.

    Raises:
        LookupError: it asks for what is not in the input, which is an error on AWS too.
    """
    name = "arn:aws:states:us-east-1:123456789012:execution:machine:case"
    roots = {"$": given, "$$": {"Execution": {"Id": name, "Name": "case", "Input": case.input}}}
    return filled(state["Parameters"], lambda path: _found(path, roots)).get("Payload", {})


def filled(template: Any, find: Callable[[str], Any]) -> Any:
    """A template with what is found by the path of each field `name.$`."""
    match template:
        case dict():
            return {
                name.removesuffix(".$"): find(value) if name.endswith(".$") else filled(value, find)
                for name, value in template.items()
            }
        case list():
            return [filled(each, find) for each in template]
        case _:
            return template


def _found(path: str, roots: Mapping[str, Any]) -> Any:
    found: Any = roots
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            msg = f"{path} leads nowhere in {roots['$']!r}"
            raise LookupError(msg)
        found = found[name]
    return found


def put_right(machine: Machine, history: Iterable[Event]) -> Run:
    """What AWS would have said of an execution.

    Raises:
        LookupError: ErrorPath or CausePath leads nowhere, which is an error on AWS too.
    """
    run = read(_in_place(event) for event in history)
    last = machine.states[run.path[-1]]
    if last["Type"] != "Fail":
        return run
    roots = {"$": json.loads(run.history[-2]["stateEnteredEventDetails"]["input"])}
    error, cause = (
        _found(last[f"{field}Path"], roots) if f"{field}Path" in last else last.get(field)
        for field in ("Error", "Cause")
    )
    return replace(run, status="FAILED", error=error, cause=cause)


def _in_place(event: Event) -> Event:
    for field, about in event.items():
        if field.endswith("FailedEventDetails"):
            return {**event, field: {"error": about.get("cause", ""), "cause": about.get("error", "")}}
    return event
