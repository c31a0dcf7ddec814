"""What is simulated: the shipped definition, the shipped handlers, and the numbers in the shipped template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Final

from tests.simulation.lambdas import deployed
from tests.simulation.stepper import Stepper
from tests.simulation.world import System
from tests.workflow.machine import shipped_machine, shipped_template
from tests.workflow.stack import INPUT
from tests.workflow.template import Template

REAPER: Final = "ReaperFunction"


@cache
def _template() -> Template:
    return shipped_template()


@cache
def shipped() -> System:
    """The system as it ships."""
    machine = shipped_machine()
    template = _template()
    ended = template.properties("EndedExecutionRule")["EventPattern"]["detail"]
    return System(
        stepper=Stepper(machine),
        functions=template.functions(),
        reaper=REAPER,
        reaped=frozenset(ended["status"]),
        input_bucket=INPUT,
        time_limit_ms=template.document["Globals"]["Function"]["Timeout"] * 1000,
        machine_limit_ms=machine.document["TimeoutSeconds"] * 1000,
    )


@contextmanager
def running(environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """The functions find the environment that the template gives them, but for what is named here."""
    with deployed({**_template().environment(), **(environment or {})}):
        yield
