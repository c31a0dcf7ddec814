"""The cases as a mock configuration file of AWS Step Functions Local, which other emulators read too.

The format is that of the Step Functions Developer Guide, "Configuration file for mocked service integrations". A state
has one counter in an execution: each invocation takes the next response, retries and later visits included.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final

from .cases import Answer, Case, Raises, Returns
from .script import UNSCRIPTED

# An execution's machine is named with its case, in 256 characters (Step Functions API, "StartExecution").
LONGEST_NAME: Final = 100

_NOT_SCRIPTED: Final = Raises(UNSCRIPTED, "the case does not say what this state answers")


class MockFile:
    """A machine's cases, as the server wants them.

    Attributes:
        machine: the name that the machine must be created under.
    """

    def __init__(self, machine: str, cases: Iterable[Case]) -> None:
        """Take the cases in the order in which they are to stand in the file.

        Raises:
            ValueError: two of them have the same name.
        """
        self.machine = machine
        self._cases = list(cases)
        self._names = _slugs([case.name for case in self._cases])

    def name_of(self, case: Case) -> str:
        """What to start a case's execution with, after the machine's ARN and `#`."""
        return self._names[case.name]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The file, as JSON has it: every response that is shared has the name of the case that has it first.

        A task that a case does not come to has a response too: it would call the real function.
        """
        tasks = sorted({step.state for case in self._cases for step in case.steps if step.answers})
        names: dict[str, str] = {}
        responses: dict[str, Any] = {}
        test_cases: dict[str, dict[str, str]] = {}
        for case in self._cases:
            chosen = test_cases[self.name_of(case)] = {}
            for state in tasks:
                answers = case.answers(state)
                response = _response(answers or [_NOT_SCRIPTED])
                new = f"{state} in {self.name_of(case)}" if answers else UNSCRIPTED
                name = names.setdefault(json.dumps([state if answers else "", response]), new)
                responses[name] = response
                chosen[state] = name
        return {"StateMachines": {self.machine: {"TestCases": test_cases}}, "MockedResponses": responses}

    @property
    def text(self) -> str:
        return json.dumps(self.document, indent=2) + "\n"


def _response(answers: Sequence[Answer]) -> dict[str, Any]:
    """The answers of one state in one execution, numbered; a run of equal ones is a range."""
    numbered: dict[str, Any] = {}
    first = 0
    for mocked, run in itertools.groupby(answers, _mocked):
        last = first + len(list(run)) - 1
        numbered[str(first) if first == last else f"{first}-{last}"] = mocked
        first = last + 1
    return numbered


def _mocked(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Returns):
        return {"Return": {"StatusCode": 200, "Payload": answer.payload}}
    return {"Throw": {"Error": answer.error, "Cause": answer.cause}}


def _slugs(names: Sequence[str]) -> dict[str, str]:
    """For each name one that can stand in an ARN: letters, digits and hyphens, and no two alike."""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        msg = f"more than one case has the name {twice[0]!r}"
        raise ValueError(msg)
    found: dict[str, str] = {}
    for name in names:
        slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:LONGEST_NAME] or "case"
        numbered = (f"{slug}-{number}" for number in itertools.count(2))
        taken = {each.lower() for each in found.values()}
        found[name] = next(each for each in itertools.chain([slug], numbered) if each.lower() not in taken)
    return found
