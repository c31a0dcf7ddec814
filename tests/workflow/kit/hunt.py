"""Whether a suite of cases notices that a definition was changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import ClientError

from .cases import Case
from .checks import differences
from .engines.moto import MotoEngine
from .machine import Machine
from .mutations import Mutant

Properties = Callable[[Machine], Sequence[str]]

_engine: MotoEngine


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


def hunt(
    mutants: Iterable[Mutant], cases: Sequence[Case], properties: Properties, *, processes: int
) -> Iterator[Verdict]:
    """Try each mutant until something notices it, in their order.

    Args:
        mutants: changed definitions.
        cases: what must hold of an execution.
        properties: what must hold of the definition itself.
        processes: how many to try at the same time.
    """
    with ProcessPoolExecutor(processes, initializer=_begin) as pool:
        yield from pool.map(_try, ((mutant, cases, properties) for mutant in mutants), chunksize=8)


def _begin() -> None:
    global _engine  # noqa: PLW0603  # one for each process
    logging.disable()  # moto tells of each error that a case asks for
    _engine = MotoEngine(most_events=1000).__enter__()


def _try(job: tuple[Mutant, Sequence[Case], Properties]) -> Verdict:
    mutant, cases, properties = job
    machine = Machine(mutant.text)
    try:
        for case in _in_order(mutant, cases):
            found = differences(machine, case, _engine.run(machine, case), exact=True)
            if found:
                return Verdict(mutant, case.name, found[0])
    except TimeoutError as error:
        return Verdict(mutant, case.name, str(error))
    except ClientError as error:
        return Verdict(mutant, "the engine, which refuses it", error.response["Error"]["Message"][:200])
    found = list(properties(machine))
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
