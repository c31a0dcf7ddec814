"""What the table of cases lets the functions answer is what the functions do answer."""

from __future__ import annotations

from typing import Any

import pytest

from objectlock import errors
from tests.workflow import words
from tests.workflow.cases import CASES
from tests.workflow.kit.cases import Raises, Returns
from tests.workflow.stack import (
    ACQUIRE,
    DELETE,
    FIRST,
    GRAYSCALE,
    NOT_AN_IMAGE,
    RED,
    RELEASE,
    SECOND,
    SOMEBODY,
    THIRD,
    Stack,
    created,
    deleted,
    mark,
)


def form(answer: Any) -> Any:
    """An answer's fields and the types of their values; the work that is due as it is."""
    return {name: value if name == "work" else type(value).__name__ for name, value in answer.items()}


def answer_of(stack: Stack, function: str) -> Any:
    """What a function has answered last."""
    return [call.outcome for call in stack.lambdas.calls if call.function == function][-1]


def assert_alike(scripted: Returns, real: Any) -> None:
    assert form(scripted.payload) == form(real)


def test_a_conversion(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(FIRST))

    assert_alike(words.PRESENT, answer_of(stack, ACQUIRE))
    assert_alike(words.CONVERTED, answer_of(stack, GRAYSCALE))
    assert_alike(words.RELEASED, answer_of(stack, RELEASE))


def test_a_removal(stack: Stack) -> None:
    stack.run(deleted(FIRST))

    assert_alike(words.ABSENT, answer_of(stack, ACQUIRE))
    assert_alike(words.REMOVED, answer_of(stack, DELETE))
    assert_alike(words.RELEASED, answer_of(stack, RELEASE))


def test_a_lock_that_is_held(stack: Stack) -> None:
    stack.hold()
    answers: list[Any] = []

    def free_at_last() -> None:
        answers.append(answer_of(stack, ACQUIRE))
        stack.let_go()

    stack.lambdas.before(ACQUIRE, free_at_last, call=2)
    stack.run(created(FIRST))

    assert_alike(words.HELD, answers[0])


def test_events_that_need_no_work(stack: Stack) -> None:
    stack.upload(RED)
    stack.run(created(SECOND))
    stack.run(created(FIRST))
    assert_alike(words.STALE, answer_of(stack, ACQUIRE))

    stack.hold(SOMEBODY, newest_sequencer=mark("FF"))
    stack.run(created(THIRD))
    assert_alike(words.SUPERSEDED, answer_of(stack, ACQUIRE))

    stack.run(created(FIRST, "album/", size=0))
    assert_alike(words.FOLDER, answer_of(stack, ACQUIRE))


def test_a_failure(stack: Stack) -> None:
    stack.upload(NOT_AN_IMAGE)
    stack.run(created(FIRST))

    assert_alike(Returns({"error": "SourceRejected", "cause": "why"}), answer_of(stack, RELEASE))


@pytest.mark.parametrize(
    "name",
    sorted({each.error for case in CASES for step in case.steps for each in step.answers if isinstance(each, Raises)}),
)
def test_an_exception_is_one_that_the_functions_or_lambda_have(name: str) -> None:
    assert hasattr(errors, name) or name == words.BROKEN.error or name.startswith(("Sandbox.", "Runtime."))
