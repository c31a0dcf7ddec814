"""Whether a suite of cases notices that a definition was changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import ClientError

from .cases import Case
from .checks import differences
from .engines.moto import MotoEngine
from .machine import Machine
from .mutations import Mutant, mutants

Properties = Callable[[Machine], Sequence[str]]

_engine: MotoEngine
_cases: Sequence[Case]
_properties: Properties


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        killer: the case or the property that noticed it; None when nothing did.
        evidence: what was not as it should be.
    """

    mutant: Mutant
    killer: str | None
    evidence: str = ""


def nothing(_: Machine) -> Sequence[str]:
    """Where no properties of the definition are asked for."""
    return ()


def hunt(
    machine: Machine, cases: Sequence[Case], properties: Properties = nothing, *, processes: int = 2
) -> Iterator[Verdict]:
    """Try each mutant of a machine until something notices it, in the order of `mutants`.

    Args:
        machine: the definition as it should be.
        cases: what must hold of its executions.
        properties: what must hold of the definition itself; a function at the top level of a module.
        processes: how many mutants to try at the same time.

    Raises:
        ValueError: something does not hold of the machine as it is.
    """
    unchanged = Mutant("nothing", None, "nothing", machine.text)
    with ProcessPoolExecutor(processes, initializer=_begin, initargs=(cases, properties)) as pool:
        if (verdict := pool.submit(_try, unchanged).result()).killer:
            msg = f"of the machine as it is, {verdict.killer} does not hold: {verdict.evidence}"
            raise ValueError(msg)
        yield from pool.map(_try, mutants(machine), chunksize=8)


def _begin(cases: Sequence[Case], properties: Properties) -> None:
    global _engine, _cases, _properties  # one of each for a process
    logging.disable()  # moto tells of each error that a case asks for
    _engine, _cases, _properties = MotoEngine(most_events=1000).__enter__(), cases, properties


def _try(mutant: Mutant) -> Verdict:
    machine = Machine(mutant.text)
    try:
        for case in _in_order(mutant, _cases):
            found = differences(machine, case, _engine.run(machine, case), exact=True)
            if found:
                return Verdict(mutant, case.name, found[0])
    except TimeoutError as error:
        return Verdict(mutant, case.name, str(error))
    except ClientError as error:
        return Verdict(mutant, "the engine, which refuses it", error.response["Error"]["Message"][:200])
    found = list(_properties(machine))
    return Verdict(mutant, "a property of the definition", found[0]) if found else Verdict(mutant, None)


def _in_order(mutant: Mutant, cases: Sequence[Case]) -> list[Case]:
    """The cases that enter what was changed: first those with an error that it is about, then the shortest."""
    if mutant.state is None:
        return sorted(cases, key=_cost)

    def rank(case: Case) -> tuple[bool, bool, int]:
        errors = {getattr(answer, "error", "") for answer in case.answers(str(mutant.state))} - {""}
        named = any(error in mutant.change for error in errors)
        return not named, errors.isdisjoint(mutant.errors) and mutant.errors != ("States.ALL",), _cost(case)

    return sorted((case for case in cases if mutant.state in case.path), key=rank)


def _cost(case: Case) -> int:
    return sum(1 + len(step.answers) for step in case.steps)
