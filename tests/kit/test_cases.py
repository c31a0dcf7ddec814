"""How a case is written, the functions that answer as it says, and the table that people read."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest

from tests.workflow.kit.cases import (
    NO_ANSWER,
    THROTTLED,
    Case,
    Failed,
    Matches,
    Raises,
    Refused,
    Returns,
    Step,
    Succeeded,
    has,
    task,
)
from tests.workflow.kit.listing import listing
from tests.workflow.kit.script import UNSCRIPTED, Script

WELL: Final = Returns({"sent": 1})
LOST: Final = Raises("Lost", "not at home")
fetch, send = task("Fetch"), task("Send", given={"to": {"street": "Rye Lane", "number": 3}})
done = Step("Done")


# --- what cannot be a case ---------------------------------------------------------------------------------


@pytest.mark.parametrize("strange", [{"sent": 1}, "Lost", None, Returns, Succeeded()], ids=str)
def test_an_answer_that_is_none_is_refused_where_it_is_written(strange: Any) -> None:
    with pytest.raises(
        TypeError, match=rf"^Send: an answer is Returns, .* or NO_ANSWER, not {re.escape(repr(strange))}"
    ):
        send(WELL, strange)


@pytest.mark.parametrize("strange", [Succeeded, "SUCCEEDED", None, LOST], ids=str)
def test_an_end_that_is_none_is_refused_where_it_is_written(strange: Any) -> None:
    with pytest.raises(TypeError, match=rf"^a letter: it ends Succeeded.*, not {re.escape(repr(strange))}"):
        Case("a letter", {}, [done], strange)


# --- what a case says --------------------------------------------------------------------------------------


def test_an_exceptions_cause_is_lambdas_report_without_blanks() -> None:
    assert LOST.cause == '{"errorMessage":"not at home","errorType":"Lost","stackTrace":[]}'
    assert json.loads(Raises("Lost", trace=["line 1"]).cause)["stackTrace"] == ["line 1"]


@pytest.mark.parametrize(
    ("answer", "error", "cause"),
    [
        (Refused("ServiceException", message="later"), "Lambda.ServiceException", "later"),
        (THROTTLED, "Lambda.TooManyRequestsException", "Rate Exceeded."),
        (NO_ANSWER, "States.Timeout", ""),
    ],
    ids=str,
)
def test_what_fails_has_the_name_that_it_has_in_the_machine(answer: Any, error: str, cause: str) -> None:
    assert (answer.error, answer.cause) == (error, cause)


def test_a_case_knows_its_path_and_a_states_answers_by_visit_and_in_order() -> None:
    case = Case("a letter", {}, [fetch(WELL), send(THROTTLED, LOST), fetch(LOST), done], Succeeded())

    assert str(case) == "a letter"
    assert case.path == ("Fetch", "Send", "Fetch", "Done")
    assert case.visits("Fetch") == [(WELL,), (LOST,)]
    assert case.answers("Send") == [THROTTLED, LOST]
    assert case.answers("Done") == []


@pytest.mark.parametrize(
    ("step", "given"),
    [
        (send(WELL), {"to": {"street": "Rye Lane", "number": 3}}),
        (send(WELL, more={"to": {"number": 4}, "by": "air"}), {"to": {"street": "Rye Lane", "number": 4}, "by": "air"}),
        (send(WELL, given={"to": "nobody"}), {"to": "nobody"}),
        (send(WELL, given={"by": "sea"}, more={"to": "me"}), {"by": "sea", "to": "me"}),
        (fetch(WELL), {}),
    ],
    ids=str,
)
def test_a_step_can_say_more_of_what_its_task_is_given_or_something_else(step: Step, given: Any) -> None:
    assert step.given == given


def test_what_one_step_says_more_is_not_said_of_the_next() -> None:
    send(WELL, more={"to": {"number": 4}})

    assert send(WELL).given == {"to": {"street": "Rye Lane", "number": 3}}


# --- a part of something, and a text of some form ----------------------------------------------------------


@pytest.mark.parametrize(
    ("whole", "part", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1, "b": 2}, {}, True),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"d": 2}}}, True),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, False),
        ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ([], {}, False),
        (None, {}, False),
        ("text", {}, False),
        ({"a": {}}, {"a": 1}, False),
        (1, 1.0, True),
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (True, True, True),
        ("an id", Matches("an .*"), True),
        ({"id": "x-12"}, {"id": Matches(r"x-\d+")}, True),
        ({"id": "x-12 "}, {"id": Matches(r"x-\d+")}, False),
        ({"id": 12}, {"id": Matches(".*")}, False),
    ],
)
def test_a_part_is_in_a_whole_field_by_field_and_all_else_is_equal(whole: Any, part: Any, expected: bool) -> None:
    assert has(whole, part) is expected


def test_a_form_of_text_stands_for_the_whole_of_it() -> None:
    assert Matches("Rate .*") == "Rate Exceeded."
    assert Matches("Rate") != "Rate Exceeded."
    assert Matches("Exceeded.") != "Rate Exceeded."
    assert Matches(".*") != None  # noqa: E711  # its own equality is asked
    assert hash(Failed("E", Matches("x"))) == hash(Failed("E", Matches("x")))


# --- the functions of a case -------------------------------------------------------------------------------


def test_each_attempt_at_a_state_gets_its_next_answer_whichever_states_come_between() -> None:
    states = iter(["Fetch", "Send", "Fetch", "Fetch"])
    other = Returns("other")
    case = Case("a letter", {}, [fetch(THROTTLED, WELL), send(LOST), fetch(other)], Succeeded())
    script = Script(case, lambda: next(states))

    assert [script("any", b"{}") for _ in range(4)] == [THROTTLED, LOST, WELL, other]
    assert script.answers.unasked == {}


def test_what_is_asked_is_written_down_by_the_functions_name_and_the_state_that_asks() -> None:
    script = Script(Case("a letter", {}, [fetch(WELL, WELL), send(WELL)], Succeeded()), lambda: "Fetch")

    script("arn:aws:lambda:us-east-1:123456789012:function:post:live", b'{"to": "me"}')
    script("post:7", b"")

    assert script.calls == {"post": 2}
    assert script.given == [("Fetch", {"to": "me"}), ("Fetch", None)]
    assert script.answers.unasked == {"Send": 1}


def test_a_call_that_the_case_has_no_answer_for_fails_and_says_so() -> None:
    script = Script(Case("a letter", {}, [fetch(WELL)], Succeeded()), lambda: "Send")

    answer = script("post", b"{}")

    assert answer == Raises(UNSCRIPTED, "Send is tried more often than the case says")
    assert script.calls == {"post": 1}
    assert script.answers.unasked == {"Fetch": 1}


# --- the table ---------------------------------------------------------------------------------------------


def test_the_table_has_a_line_for_each_case_with_its_way_its_failures_and_its_end() -> None:
    cases = [
        Case("a letter", {}, [fetch(WELL), send(WELL, WELL), done], Succeeded({"sent": 1})),
        Case(
            "one | two\nlines",
            {},
            [fetch(LOST, LOST, WELL, LOST), send(NO_ANSWER)],
            Failed("States.Timeout", None),
        ),
        Case("lost", {}, [send(LOST)], Failed("Lost", "why")),
        Case("odd", {}, [send(LOST)], Failed("Lost", Matches("a|b"))),
    ]

    assert listing(cases).splitlines() == [
        "| case | way | end |",
        "| --- | --- | --- |",
        "| a letter | Fetch › Send › Done | SUCCEEDED |",
        "| one \\| two lines | Fetch (2 × Lost, well, Lost) › Send (States.Timeout) | FAILED: States.Timeout |",
        "| lost | Send (Lost) | FAILED: Lost, why |",
        "| odd | Send (Lost) | FAILED: Lost, a\\|b |",
    ]
    assert listing([]).endswith("|\n")
