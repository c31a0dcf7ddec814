"""moto as the kit bends it: functions at an endpoint of its own, virtual time, and no trace of either afterwards."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.config import Config
from moto.core.models import botocore_stubber
from moto.stepfunctions.parser.asl.component.common.retry import jitter_strategy_decl, retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import json_path

from tests.workflow.kit.cases import (
    NO_ANSWER,
    THROTTLED,
    Answer,
    Case,
    Failed,
    Matches,
    Raises,
    Refused,
    Returns,
    Step,
    Succeeded,
    task,
)
from tests.workflow.kit.checks import differences
from tests.workflow.kit.endpoint import UNKNOWN_FUNCTION, InvokeEndpoint
from tests.workflow.kit.engines import moto, patched_moto
from tests.workflow.kit.engines.base import EndlessError
from tests.workflow.kit.engines.moto import ACCOUNT, REGION, MotoEngine, Times
from tests.workflow.kit.engines.patched_moto import fast_parsing, virtual_time
from tests.workflow.kit.machine import Machine

DEADLINE_SECONDS: Final = 10.0
ARN: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:knit"
SOCKS: Final = Returns({"socks": 2})
TORN: Final = Raises("Torn", "not ü again")


def machine_of(states: Mapping[str, Any]) -> Machine:
    return Machine(json.dumps({"StartAt": next(iter(states)), "States": states}))


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something that a thread is about to do has come about."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


# --- the endpoint ------------------------------------------------------------------------------------------


@pytest.fixture
def endpoint() -> Iterator[InvokeEndpoint]:
    with InvokeEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def connection(endpoint: InvokeEndpoint) -> Iterator[HTTPConnection]:
    connection = HTTPConnection(urlsplit(endpoint.url).netloc, timeout=DEADLINE_SECONDS)
    yield connection
    connection.close()


def invoke(connection: HTTPConnection, function: str = "knit", payload: bytes = b"{}") -> tuple[int, Any, Any]:
    connection.request("POST", f"/2015-03-31/functions/{quote(function, safe='')}/invocations", payload)
    response = connection.getresponse()
    return response.status, response.headers, json.loads(response.read())


@pytest.mark.parametrize(
    ("answer", "status", "errors", "document"),
    [
        (SOCKS, 200, (None, None), {"socks": 2}),
        (Returns(None), 200, (None, None), None),
        (TORN, 200, ("Unhandled", None), {"errorMessage": "not ü again", "errorType": "Torn", "stackTrace": []}),
        (THROTTLED, 429, (None, "TooManyRequestsException"), {"message": "Rate Exceeded."}),
    ],
    ids=str,
)
def test_an_answer_has_lambdas_wire_format(
    answer: Answer, status: int, errors: tuple[str | None, str | None], document: Any
) -> None:
    with InvokeEndpoint() as endpoint:
        endpoint.answer = lambda _function, _payload: answer
        connection = HTTPConnection(urlsplit(endpoint.url).netloc, timeout=DEADLINE_SECONDS)
        answers = [invoke(connection) for _ in range(2)]
        assert connection.sock is not None, "one connection is good for many calls"
        connection.close()

    for got, headers, got_document in answers:
        assert (got, got_document) == (status, document)
        assert (headers["X-Amz-Function-Error"], headers["x-amzn-ErrorType"]) == errors
        assert headers["Content-Type"] == "application/json"
        assert headers["X-Amz-Executed-Version"] == "$LATEST"
        assert len(headers["x-amzn-RequestId"]) == 36


def test_awss_own_client_understands_every_answer(endpoint: InvokeEndpoint) -> None:
    session: Any = boto3.Session("test", "test", region_name=REGION)
    client = session.client("lambda", endpoint_url=endpoint.url, config=Config(retries={"total_max_attempts": 1}))
    answers: Iterator[Answer] = iter([SOCKS, TORN, Refused("ServiceException", 503, "later")])
    endpoint.answer = lambda _function, _payload: next(answers)

    well, torn = (client.invoke(FunctionName=ARN, Payload=b"{}") for _ in range(2))
    with pytest.raises(client.exceptions.ServiceException, match="later"):
        client.invoke(FunctionName=ARN)
    client.close()

    assert json.loads(well["Payload"].read()) == {"socks": 2}
    assert (torn["FunctionError"], json.loads(torn["Payload"].read())["errorType"]) == ("Unhandled", "Torn")


def test_who_answers_is_told_the_function_as_it_was_named_and_the_payload(
    endpoint: InvokeEndpoint, connection: HTTPConnection
) -> None:
    asked = []

    def answer(function: str, payload: bytes) -> Answer:
        asked.append((function, payload))
        return SOCKS

    endpoint.answer = answer
    invoke(connection, f"{ARN}:live", b'{"size": 42}')
    invoke(connection, "knit", b"")

    assert asked == [(f"{ARN}:live", b'{"size": 42}'), ("knit", b"")]


def test_as_long_as_nobody_answers_there_is_no_such_function(connection: HTTPConnection) -> None:
    status, headers, document = invoke(connection)

    assert (status, headers["x-amzn-ErrorType"], document) == (404, UNKNOWN_FUNCTION, {"message": "knit"})


def withheld_call(endpoint: InvokeEndpoint) -> tuple[threading.Thread, list[int]]:
    """A call that gets no answer, in a thread of its own; and the status that it gets in the end."""
    arrived, statuses = threading.Event(), list[int]()

    def answer(_function: str, _payload: bytes) -> Answer:
        arrived.set()
        return NO_ANSWER

    def call() -> None:
        connection = HTTPConnection(urlsplit(endpoint.url).netloc, timeout=DEADLINE_SECONDS)
        statuses.append(invoke(connection)[0])
        connection.close()

    endpoint.answer = answer
    caller = threading.Thread(target=call)
    caller.start()
    assert arrived.wait(DEADLINE_SECONDS)
    return caller, statuses


def test_a_call_without_an_answer_waits_until_it_is_let_go_and_leaves_no_thread(endpoint: InvokeEndpoint) -> None:
    before = set(threading.enumerate())

    for _ in range(2):  # the second waits for a leave of its own
        caller, statuses = withheld_call(endpoint)
        assert eventually(lambda: len(set(threading.enumerate()) - before) == 2)
        assert (caller.is_alive(), statuses) == (True, [])

        endpoint.let_go()

        caller.join(DEADLINE_SECONDS)
        assert statuses == [400], "too late"
        assert eventually(lambda: set(threading.enumerate()) <= before)


def test_an_endpoint_that_is_closed_lets_all_go_and_is_not_there_any_more() -> None:
    before = set(threading.enumerate())
    with InvokeEndpoint() as endpoint:
        caller, _ = withheld_call(endpoint)

    caller.join(DEADLINE_SECONDS)

    assert eventually(lambda: set(threading.enumerate()) <= before)
    with pytest.raises(ConnectionRefusedError):
        invoke(HTTPConnection(urlsplit(endpoint.url).netloc, timeout=DEADLINE_SECONDS))


# --- a machine, and some of its cases ------------------------------------------------------------------------

KNIT: Final[dict[str, Any]] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": f"{ARN}:live", "Payload": {"wool.$": "$.wool"}},
    "ResultSelector": {"socks.$": "$.Payload.socks"},
    "TimeoutSeconds": 90,
    "Retry": [
        {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 600, "MaxAttempts": 1},
        {
            "ErrorEquals": ["Lambda.TooManyRequestsException"],
            "IntervalSeconds": 8,
            "MaxDelaySeconds": 20,
            "BackoffRate": 2,
            "JitterStrategy": "FULL",
        },
    ],
    "Catch": [{"ErrorEquals": ["Torn"], "ResultPath": "$.torn", "Next": "Sleep"}],
    "Next": "Worn",
}
STATES: Final[dict[str, Any]] = {
    "Knit": KNIT,
    "Sleep": {"Type": "Wait", "Seconds": 28_800, "Next": "Rest"},
    "Rest": {"Type": "Wait", "SecondsPath": "$.rest", "Next": "Mend"},
    "Mend": {"Type": "Task", "Resource": ARN.replace("knit", "mend"), "TimeoutSeconds": 5, "Next": "Worn"},
    "Worn": {"Type": "Succeed"},
}
MACHINE: Final = machine_of(STATES)
ROUND: Final = machine_of({"There": {"Type": "Pass", "Next": "Back"}, "Back": {"Type": "Pass", "Next": "There"}})
ROUND_AND_ROUND: Final = Case("round and round", {}, [Step("There")], Succeeded())

knit, mend = task("Knit", {"wool": "red"}), task("Mend")
sleep, rest, worn = Step("Sleep"), Step("Rest"), Step("Worn")
INPUT: Final = {"wool": "red", "rest": 3600}
WELL: Final = Case("well", INPUT, [knit(SOCKS), worn], Succeeded({"socks": 2}), {"knit": 1, "mend": 0}, [], [], [])
TIMED_OUT: Final = Case(
    "timed out", INPUT, [knit(NO_ANSWER, SOCKS), worn], Succeeded(), {"knit": 2}, [], pauses=[600], timeouts=[90]
)


def told(engine: MotoEngine, case: Case, machine: Machine = MACHINE) -> list[str]:
    return differences(machine, case, engine.run(machine, case), exact=True)


# --- nothing of the user's gets in, nothing of moto stays --------------------------------------------------


def state_of_things() -> dict[str, Any]:
    """All that the engine changes while it is open."""
    logger = logging.getLogger("moto.stepfunctions")
    return {
        "environment": dict(os.environ),
        "boto3.client": boto3.client,
        "botocore": botocore_stubber.enabled,
        "waits": WaitFunction._wait_interval,
        "pauses": retrier_decl.time,  # type: ignore[attr-defined]
        "jitter": jitter_strategy_decl.random,  # type: ignore[attr-defined]
        "time-outs": execute_state.threading,  # type: ignore[attr-defined]
        "definitions": AmazonStateLanguageParser.parse,
        "paths": json_path.parse,  # type: ignore[attr-defined]
        "log": logger.level,
    }


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_STEPFUNCTIONS": "http://127.0.0.1:9"},
        {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"},
        {"AWS_PROFILE": "nobody's", "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"},
        {"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-north-1", "AWS_MAX_ATTEMPTS": "9"},
    ],
    ids=" ".join,
)
def test_the_users_environment_does_not_get_in_and_is_as_it_was_afterwards(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = state_of_things()

    with MotoEngine() as engine:
        assert state_of_things().keys() == {
            name for name, value in state_of_things().items() if value != before[name]
        }, "what is asked for here is what the engine changes"
        assert told(engine, WELL) == []

    assert state_of_things() == before


def test_an_engine_that_cannot_be_opened_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_client(*_: object, **__: object) -> None:
        msg = "no client"
        raise RuntimeError(msg)

    monkeypatch.setattr(moto, "_one_client_each", lambda: no_client)  # the last thing that it does
    before, threads = state_of_things(), set(threading.enumerate())

    with pytest.raises(RuntimeError, match="no client"), MotoEngine():
        pass

    assert state_of_things() == before
    assert set(threading.enumerate()) <= threads


# --- the engine, open for all the tests from here on: two at once would share moto's one memory ------------


@pytest.fixture(scope="module")
def opened() -> Iterator[MotoEngine]:
    with MotoEngine(most_events=200) as engine:
        yield engine


@pytest.mark.parametrize(
    "case",
    [
        WELL,
        TIMED_OUT,
        Case(
            "pauses grow up to their limit, and jitter is as long as it can be",
            INPUT,
            [knit(THROTTLED, THROTTLED, THROTTLED, SOCKS), worn],
            Succeeded({"socks": 2}),
            pauses=[8, 16, 20],
        ),
        Case(
            "two waits, and a function that is named by its ARN alone",
            INPUT,
            [knit(TORN), sleep, rest, mend(Returns("as new"), given={"torn": {"Error": "Torn"}}), worn],
            Succeeded(Matches("as new")),  # type: ignore[arg-type]  # an output that is no object
            {"mend": 1},
            waits=[28_800, 3_600],
            pauses=[],
            timeouts=[],
        ),
        Case(
            "a time-out that nobody catches",
            INPUT,
            [knit(TORN), sleep, rest, mend(NO_ANSWER)],
            Failed("States.Timeout", None),
            timeouts=[5],
        ),
        Case("an exception", INPUT, [knit(Raises("Lost", "all"))], Failed("Lost", Raises("Lost", "all").cause)),
        Case("a refusal", INPUT, [knit(Refused("E", 502))], Failed("Lambda.E", Matches("the service says no.*"))),
    ],
    ids=str,
)
def test_a_case_takes_no_time_and_has_awss_history_and_its_own_calls_and_seconds(
    opened: MotoEngine, case: Case
) -> None:
    assert told(opened, case) == []


def test_a_run_keeps_nothing_of_the_one_before_nor_one_machine_of_another(opened: MotoEngine) -> None:
    alone = {field: value for field, value in KNIT.items() if field not in {"Catch", "Next"}}
    other = machine_of({"Knit": alone | {"TimeoutSeconds": 91, "End": True}})
    elsewhere = Case("elsewhere", INPUT, [knit(NO_ANSWER, SOCKS)], Succeeded(), pauses=[600], timeouts=[91])

    for _ in range(2):
        assert told(opened, TIMED_OUT) == []
        assert told(opened, elsewhere, other) == []


def test_answers_that_nobody_asks_for_are_told(opened: MotoEngine) -> None:
    case = Case("too many", INPUT, [knit(TORN), sleep, rest, mend(SOCKS), worn, mend(SOCKS)], Succeeded())

    assert "Mend: 1 of 2 answers were never asked for" in told(opened, case)


def test_calls_without_an_answer_do_not_add_up_to_threads(opened: MotoEngine) -> None:
    """Of a run, moto's client keeps its connections, and the endpoint a thread for each."""
    opened.run(MACHINE, TIMED_OUT)
    before = threading.active_count()

    for _ in range(5):
        opened.run(MACHINE, TIMED_OUT)

    assert eventually(lambda: threading.active_count() <= before + 1)


def running(machine_name: str) -> list[Any]:
    client: Any = boto3.client("stepfunctions", region_name=REGION)
    arns = [each["stateMachineArn"] for each in client.list_state_machines()["stateMachines"]]
    listed = [client.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"] for arn in arns]
    return [each for executions in listed for each in executions if machine_name in each["executionArn"]]


def test_an_execution_in_a_loop_is_stopped_and_the_next_goes_well(opened: MotoEngine) -> None:
    with pytest.raises(EndlessError, match=r":case-\d+ goes on for more than 200 events"):
        opened.run(ROUND, ROUND_AND_ROUND)

    assert eventually(lambda: not running("machine"))
    assert told(opened, WELL) == []


def test_an_execution_that_takes_too_long_is_stopped_and_not_taken_for_a_loop(
    opened: MotoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moto, "DEADLINE_SECONDS", 0.05)
    monkeypatch.setattr(opened, "_most_events", 25_000)

    with pytest.raises(TimeoutError, match=r"did not end within 0\.05 s") as caught:
        opened.run(ROUND, ROUND_AND_ROUND)

    assert caught.type is TimeoutError
    assert eventually(lambda: not running("machine"))


def test_errors_that_a_case_asks_for_are_not_logged(opened: MotoEngine, caplog: pytest.LogCaptureFixture) -> None:
    opened.run(MACHINE, Case("an exception", INPUT, [knit(Raises("Lost"))], Failed("Lost", None)))

    assert [each.name for each in caplog.records if each.name.startswith("moto.stepfunctions")] == []


# --- virtual time ------------------------------------------------------------------------------------------


def begin() -> Any:
    """An attempt, as moto begins one."""
    return execute_state.threading.Event()  # type: ignore[attr-defined]


def test_an_attempt_that_is_withheld_has_had_its_timeout_at_once_and_another_has_its_answer() -> None:
    times = Times()

    with virtual_time(times) as withhold:
        late = begin()
        withhold()
        assert late.wait(90) is False
        answered = begin()
        answered.set()
        assert answered.wait(60) is True

    assert times == Times(timeouts=[90])


def test_of_two_attempts_at_once_none_is_withheld_rather_than_the_wrong_one() -> None:
    times = Times()

    with virtual_time(times) as withhold:
        one, other = begin(), begin()
        with pytest.raises(ValueError, match="too many values"):
            withhold()
        one.set()
        assert one.wait(90) is True
        withhold()
        assert other.wait(60) is False
        with pytest.raises(ValueError, match="not enough values"):
            withhold()

    assert times == Times(timeouts=[60])


def test_an_attempt_that_nobody_ever_ends_is_over_when_it_has_taken_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patched_moto, "DEADLINE_SECONDS", 0.0)
    times = Times()

    with virtual_time(times):
        assert begin().wait(90) is False

    assert times.timeouts == [90]


def test_a_definition_and_a_path_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def parsed_anew(text: str) -> list[str]:
        read.append(text)
        return [text]

    for name in ("_parse", "_parse_path"):
        monkeypatch.setattr(patched_moto, name, parsed_anew)
    for cache in (patched_moto._parse_once, patched_moto._parse_path_once):
        cache.cache_clear()

    with fast_parsing():
        parsed: list[Any] = [AmazonStateLanguageParser.parse(text) for text in ("{}", "{ }", "{}")]
        paths: list[Any] = [json_path.parse(text) for text in ("$.a", "$.a")]  # type: ignore[attr-defined]
    for cache in (patched_moto._parse_once, patched_moto._parse_path_once):
        cache.cache_clear()

    assert parsed == [["{}"], ["{ }"], ["{}"]]
    assert paths == [["$.a"], ["$.a"]]
    assert read == ["{}", "{ }", "$.a"]
