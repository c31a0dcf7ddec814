import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from objectlock import errors

MACHINE = json.loads((Path(__file__).parents[2] / "statemachine" / "lockstep.asl.json").read_text(encoding="utf-8"))
AWS_OWN = ("Lambda.", "States.", "Sandbox.", "Runtime.")


def matched_names(node: Any) -> Iterator[str]:
    """Every name in any ErrorEquals, however deep."""
    if isinstance(node, dict):
        yield from node.get("ErrorEquals", [])
        for child in node.values():
            yield from matched_names(child)
    elif isinstance(node, list):
        for child in node:
            yield from matched_names(child)


OURS = sorted({name for name in matched_names(MACHINE) if not name.startswith(AWS_OWN)})


def test_the_machine_matches_errors_of_ours() -> None:
    """Or the test below tests nothing."""
    assert {"AttemptInFlight", "LeaseLost", "OutputChanged", "ServiceUnavailable"} <= set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_every_error_the_machine_matches_is_a_class_here(name: str) -> None:
    """Lambda reports an exception by its class name; a typo on either side would turn a retry into a failure."""
    error = getattr(errors, name)
    assert issubclass(error, Exception)
    assert error.__name__ == name


def test_errors_that_are_matched_differ() -> None:
    """A subclass would not be caught under its parent's name, as Lambda sends one name only."""
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    assert len(classes) >= 7
    for one in classes:
        assert not any(issubclass(one, other) for other in classes if other is not one)
