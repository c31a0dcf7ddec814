"""Whether a suite of cases notices that a definition was changed."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, NamedTuple

from botocore.exceptions import ClientError

from .cases import Case
from .checks import differences
from .engines.base import EndlessError
from .engines.moto import MotoEngine
from .machine import Machine
from .mutations import Mutant, mutants

Properties = Callable[[Machine], Sequence[str]]

# Who notices a mutant, if it is no case.
PROPERTY: Final = "a property of the definition"
REFUSED: Final = "the engine, which refuses it"


class _Process(NamedTuple):
    """What a process needs to try mutants."""

    engine: MotoEngine
    cases: Sequence[Case]
    properties: Properties


_process: list[_Process] = []  # the one there is, in a process of the pool


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        killer: the name of the case that noticed it, or `PROPERTY`, or `REFUSED`; None when nothing did.
        evidence: what was not as it should be.
    """

    mutant: Mutant
    killer: str | None
    evidence: str = ""


def nothing(_: Machine) -> Sequence[str]:
    """Where no properties of the definition are asked for."""
    return ()


def hunt(
    machine: Machine,
    cases: Sequence[Case],
    properties: Properties = nothing,
    *,
    processes: int = 2,
    most_events: int = 1000,
) -> Iterator[Verdict]:
    """Try each mutant of a machine until something notices it, in the order of `mutants`.

    Args:
        machine: the definition as it should be.
        cases: what must hold of its executions.
        properties: what must hold of the definition itself; a function at the top level of a module.
        processes: how many mutants to try at the same time.
        most_events: an execution with more of them is in a loop.

    Raises:
        ValueError: something does not hold of the machine as it is, before or after.
        TimeoutError: an execution takes too long, and it cannot be told why.
    """
    unchanged = Mutant("nothing", None, "nothing", machine.text)
    with ProcessPoolExecutor(processes, initializer=_begin, initargs=(cases, properties, most_events)) as pool:
        _still_holds(pool.submit(_try, unchanged).result())
        yield from pool.map(_try, mutants(machine), chunksize=8)
        for verdict in pool.map(_try, [unchanged] * processes):
            _still_holds(verdict)


def _still_holds(verdict: Verdict) -> None:
    """Or the mutants would be noticed for the same reason."""
    if verdict.killer:
        msg = f"of the machine as it is, {verdict.killer} does not hold: {verdict.evidence}"
        raise ValueError(msg)


def _begin(cases: Sequence[Case], properties: Properties, most_events: int) -> None:
    engine = ExitStack()
    atexit.register(engine.close)
    _process.append(_Process(engine.enter_context(MotoEngine(most_events=most_events)), cases, properties))


def _try(mutant: Mutant) -> Verdict:
    (here,) = _process
    machine = Machine(mutant.text)
    try:
        for case in _in_order(mutant, here.cases):
            found = differences(machine, case, here.engine.run(machine, case), exact=True)
            if found:
                return Verdict(mutant, case.name, found[0])
    except EndlessError as error:
        return Verdict(mutant, case.name, str(error))
    except ClientError as error:
        return Verdict(mutant, REFUSED, error.response["Error"]["Message"][:200])
    found = list(here.properties(machine))
    return Verdict(mutant, PROPERTY, found[0]) if found else Verdict(mutant, None)


def _in_order(mutant: Mutant, cases: Sequence[Case]) -> list[Case]:
    """The cases that enter what was changed: first those with an error that it is about, then the shortest."""
    if mutant.state is None:
        return sorted(cases, key=_cost)

    def rank(case: Case) -> tuple[bool, int]:
        errors = {getattr(answer, "error", "") for answer in case.answers(str(mutant.state))} - {""}
        of_many = {"States.ALL", "States.TaskFailed"} & set(mutant.errors)
        return not errors if of_many else errors.isdisjoint(mutant.errors), _cost(case)

    return sorted((case for case in cases if mutant.state in case.path), key=rank)


def _cost(case: Case) -> int:
    return sum(1 + len(step.answers) for step in case.steps)
