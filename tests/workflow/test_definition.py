"""What holds of the shipped state machine as it is written, on every way through it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from objectlock.protocol import Decision, Work
from tests.workflow.kit import properties
from tests.workflow.kit.machine import END, Machine

# Seconds between two looks that must add up to more than a worker can live: at random they would not.
REGULAR = ("AttemptInFlight",)


def complaints(machine: Machine) -> list[str]:
    """Say what of it does not hold."""
    return [
        *properties.unguarded_tasks(machine),
        *properties.crowding_retriers(machine, regular=REGULAR),
        *properties.crowded_wildcards(machine),
        *(f"{edge} leads nowhere" for edge in properties.leading_nowhere(machine)),
        *(f"{name} has no Default" for name in properties.choices_without_default(machine)),
        *(f"{name} has no Comment" for name in properties.without_comment(machine)),
        *(f"{name} leads to itself" for name in properties.leading_to_itself(machine)),
        *(f"{name} is never entered" for name in properties.never_entered(machine)),
        *(f"{name} is not portable" for name in properties.not_portable(machine)),
        *(f"{name} ends an execution that may hold the lock" for name in ends_holding_the_lock(machine)),
    ]


def ends_holding_the_lock(machine: Machine) -> list[str]:
    """Every way passes a release that went well, or the one after a failure, and what cannot help is left to the lease.

    Skipped is where those go that AcquireLock has told that they did not get the lock: by the Default, as what it
    answers when it has taken the lock has rules of its own. Only a failure of the engine itself has no way here, as
    States.Runtime is not caught: the reaper and the lease stand in.
    """
    skipped = [str(edge) for edge in machine.edges if edge.target == "Skipped"]
    around = properties.ways_around(
        machine, "AcquireLock", gates=["ReleaseLock"], last_gates=["ReleaseLockAfterFailure"], but=["Skipped"]
    )
    return [*around, *(edge for edge in skipped if edge != "RouteWork.Default -> Skipped")]


def test_the_shipped_definition_holds_what_it_should(machine: Machine) -> None:
    assert complaints(machine) == []


def test_the_common_path_has_four_transitions(machine: Machine) -> None:
    way = [machine.start]
    while (onwards := machine.onwards(way[-1]))[0].target != END:
        way.append(onwards[0].target)  # of a Choice the first

    assert way == ["AcquireLock", "RouteWork", "ConvertToGrayscale", "ReleaseLock"]


def test_every_answer_of_acquire_lock_that_holds_the_lock_has_a_rule(machine: Machine) -> None:
    """What has none is skipped, and nothing is released then."""
    rules = {rule["StringEquals"] for rule in machine.states["RouteWork"]["Choices"]}

    assert rules == {work.value for work in Work if Decision(work, "").is_grant} | {Work.HELD.value}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda states: states["DeleteOutput"].pop("TimeoutSeconds"), "DeleteOutput has no TimeoutSeconds"),
        (lambda states: states["DeleteOutput"].pop("Retry"), "DeleteOutput has no Retry"),
        (lambda states: states["DeleteOutput"]["Catch"].pop(), "DeleteOutput does not catch every error"),
        (lambda states: states["RouteWork"].pop("Default"), "RouteWork has no Default"),
        (lambda states: states["WaitForLock"].pop("Comment"), "WaitForLock has no Comment"),
        (
            lambda states: states["ReleaseLock"]["Retry"][0].pop("JitterStrategy"),
            "ReleaseLock.Retry[0] has no JitterStrategy FULL",
        ),
        (lambda states: states["ReleaseLock"]["Catch"][0].update(Next="ReleaseLock"), "ReleaseLock leads to itself"),
        (lambda states: states["RouteWork"]["Choices"].pop(), "WaitForLock is never entered"),
        (lambda states: states["WaitForLock"].update(TimestampPath="$.x"), "WaitForLock.TimestampPath is not portable"),
        (
            lambda states: states["AcquireLock"]["Parameters"].update({"id.$": "States.UUID()"}),
            "AcquireLock.States.UUID() is not portable",
        ),
        (
            lambda states: states["RouteWork"]["Choices"][0].update({"Not": {"IsNull": True}}),
            "RouteWork.Choices.IsNull is not portable",
        ),
        (lambda states: states["ReleaseLock"]["Catch"][1].pop("Comment"), "ReleaseLock.Catch[1] has no Comment"),
        (lambda states: states["WaitForLock"].update(Next="Nobody"), "WaitForLock.Next -> Nobody leads nowhere"),
        (
            lambda states: states["DeleteOutput"]["Retry"][2].update(JitterStrategy="FULL"),
            "DeleteOutput.Retry[2] is at random",
        ),
        (
            lambda states: states["DeleteOutput"]["Catch"].reverse(),
            "DeleteOutput.Catch[0] has States.ALL",
        ),
        (
            lambda states: states["AcquireLock"].update(Resource="arn:aws:states:::dynamodb:putItem"),
            "AcquireLock.Resource arn:aws:states:::dynamodb:putItem is not portable",
        ),
        (
            lambda states: states["RouteWork"]["Choices"][0].update(Variable="$$.State.EnteredTime"),
            "RouteWork.$$.State.EnteredTime is not portable",
        ),
        (
            lambda states: states["ReleaseLock"].update(ResultPath="$..released"),
            "ReleaseLock.$..released is not portable",
        ),
        (
            lambda states: states["RouteWork"]["Choices"][1].update(Next="Skipped"),
            "RouteWork.Choices[1] or Default -> Skipped ends an execution that may hold the lock",
        ),
        (
            lambda states: states["ReleaseLock"]["Catch"][1].update(Next="Failed"),
            "Failed ends an execution that may hold the lock",
        ),
        (
            lambda states: states["AcquireLock"]["Catch"][0].update(Next="Failed"),
            "Failed ends an execution that may hold the lock",
        ),
        (
            lambda states: states["ConvertToGrayscale"].update(Next="Done"),
            "Done ends an execution that may hold the lock",
        ),
    ],
)
def test_a_definition_that_does_not_hold_it_is_told_so(
    machine: Machine, change: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    document = copy.deepcopy(dict(machine.document))
    document["States"]["Done"] = {"Type": "Succeed", "Comment": "A way out."}
    change(document["States"])

    assert complaint in complaints(Machine(json.dumps(document)))
