"""What AWS itself has been recorded to do, and must be done here too.

Lockstep is tested on engines that are not AWS. These pins hold them to facts: the histories that LocalStack's authors
recorded from AWS (Apache-2.0, github.com/localstack/localstack, tests/aws/services/stepfunctions/v2). The machines are
our own, the smallest that lean on the fact; each pin names the file, the test and the day of its recording. So an
engine upgrade that changes what our state machine leans on is noticed here, by name.

The machinery and the tables are in recorded/. What AWS only documents is in a table of its own, and so is what moto is
known to do otherwise.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.workflow.kit.cases import Succeeded
from tests.workflow.kit.engines.base import Engine
from tests.workflow.kit.history import expected_events
from tests.workflow.recorded.deviations import DEVIATIONS
from tests.workflow.recorded.documented import DOCUMENTED
from tests.workflow.recorded.other_states import OTHER_STATES
from tests.workflow.recorded.pin import Pin
from tests.workflow.recorded.tasks import GIVES_UP, TASKS, TOO_LARGE

# These have the whole language; what is worked out outside of the others is no fact about them.
pytestmark = pytest.mark.engines("moto", "ministack")

RECORDED: Final = [*TASKS, *OTHER_STATES]
KNOWN: Final = [
    pytest.param(pin, marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason), id=str(pin))
    for pin, reason in DEVIATIONS
]


@pytest.mark.parametrize("pin", RECORDED, ids=str)
def test_it_is_as_aws_was_recorded(engine: Engine, pin: Pin) -> None:
    run = pin.run(engine)

    assert pin.differences(run, exact=engine.exact) == [], f"{pin.because} ({pin.source})"


@pytest.mark.parametrize("pin", DOCUMENTED, ids=str)
def test_it_is_as_aws_documents(engine: Engine, pin: Pin) -> None:
    run = pin.run(engine)

    assert pin.differences(run, exact=engine.exact) == [], f"{pin.because} ({pin.source})"


@pytest.mark.parametrize("pin", KNOWN)
def test_moto_is_not_yet_as_aws(engine: Engine, pin: Pin) -> None:
    if not engine.exact:
        pytest.skip("these are moto's deviations")
    run = pin.run(engine)

    assert pin.differences(run, exact=True) == []


def test_events_are_numbered_from_one_and_each_names_the_one_before(engine: Engine) -> None:
    """The first state's entry names none, 0 (same recording as `GIVES_UP`): who reads a history can rely on it."""
    if not engine.exact:
        pytest.skip("the histories of this engine have other events than AWS's")
    history = GIVES_UP.run(engine).history

    count = len(GIVES_UP.history)
    assert [event["id"] for event in history] == list(range(1, count + 1))
    assert [event["previousEventId"] for event in history] == [0, 0, *range(2, count)]


def test_every_attempt_names_the_same_owner(engine: Engine) -> None:
    """The lock's owner is `$$.Execution.Id`: a retry must find the lock that a lost attempt took as its own.

    Source: the recording of `GIVES_UP`, whose attempts sent the whole context object.
    """
    run = GIVES_UP.run(engine)
    if run.given is None:
        pytest.skip("this engine does not call functions")

    owners = [payload["owner"] for _, payload in run.given]
    assert len(owners) == 4
    assert len(set(owners)) == 1
    assert owners[0].startswith("arn:aws:states:")


# To the kit, what a function returns is a success; and it knows no Task whose error nobody catches.
EXPECTED: Final = [pin for pin in RECORDED if isinstance(pin.case.ends, Succeeded) and pin is not TOO_LARGE]


@pytest.mark.parametrize("pin", EXPECTED, ids=str)
def test_the_kit_expects_what_aws_was_recorded_to_write(pin: Pin) -> None:
    """`expected_events`, which each case of ours is held to, comes to AWS's own sequence."""
    assert expected_events(pin.machine, pin.case) == [event.type for event in pin.history]
