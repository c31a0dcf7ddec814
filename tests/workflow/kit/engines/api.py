"""Cases at any address of the Step Functions API: two ways that need no function.

`MockFileEngine` runs executions on a server that was started with the cases' mock file. `StateByStateEngine` needs no
file and no execution, only the TestState API: also that of a real account, with the permission states:TestState.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from ..cases import Answer, Case, Returns
from ..history import Run, Visit
from ..machine import Machine
from ..mockfile import MockFile
from ..script import Answers
from .base import Deviation, first_reason
from .executions import ANY_ROLE, DEADLINE_SECONDS, Executions

# --- what servers do otherwise than AWS --------------------------------------------------------------------


def _visit_takes_several_responses(_: Machine, case: Case) -> bool:
    for state in dict.fromkeys(case.path):
        in_order = case.answers(state)
        for number, answers in enumerate(case.visits(state)):
            if any(answer != in_order[number] for answer in answers):
                return True
    return False


def _retries_what_it_could_catch(machine: Machine, case: Case) -> bool:
    return any(
        machine.catcher(step.state, answer.error)
        for step in case.steps
        for answer in step.answers[:-1]
        if not isinstance(answer, Returns)
    )


def real_time(seconds: float) -> Deviation:
    """For a server that really pauses before a retry: no case that would pause for more than this."""
    return Deviation(
        f"pauses before retries take real time there, more than {seconds:g} s for this case",
        lambda _, case: sum(case.pauses or ()) > seconds,
    )


# ministack 1.5.33, to be started with SFN_WAIT_SCALE=0.
MINISTACK_MOCK_FILE: Final = (
    Deviation(
        "ministack counts visits of a state, not its invocations: all attempts of a visit get the same response",
        _visit_takes_several_responses,
    ),
)
MINISTACK_TEST_STATE: Final = (
    Deviation(
        "ministack's TestState looks at Catch before Retry: what could be caught is never retried",
        _retries_what_it_could_catch,
    ),
)
# By its documentation; where it can be had, this is to be tried.
STEP_FUNCTIONS_LOCAL: Final = (real_time(20),)


# --- executions on a server with a mock file ---------------------------------------------------------------


class MockFileEngine:
    """Runs cases on a server that has read their mock file: its SFN_MOCK_CONFIG names it.

    It says nothing of what the functions were called with.

    Args:
        client: boto3's, for `stepfunctions`, at the server's address.
        mock_file: what the server was started with.
        deviations: what it does otherwise than AWS.
        role_arn: the machine's role; nobody assumes it.
        deadline_seconds: what an execution may take.
    """

    exact = False

    def __init__(
        self,
        client: Any,
        mock_file: MockFile,
        *,
        deviations: Iterable[Deviation] = (),
        role_arn: str = ANY_ROLE,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._mock_file = mock_file
        self._deviations = tuple(deviations)
        self._executions = Executions(client, role_arn=role_arn, deadline_seconds=deadline_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The machine stays, for whoever wants to look at its executions."""

    def cannot(self, machine: Machine, case: Case) -> str | None:
        return first_reason(self._deviations, machine, case)

    def run(self, machine: Machine, case: Case) -> Run:
        created = self._executions.created(self._mock_file.machine, machine.text)
        return self._executions.run(
            f"{created}#{self._mock_file.name_of(case)}", case.input, name=f"case-{uuid.uuid4()}"
        )


# --- state by state, with TestState ------------------------------------------------------------------------


class StateByStateEngine:
    """Walks through the machine with the TestState API, one call for each attempt and each other state.

    Step Functions itself says what follows: the next state and its input, a retry, a catch or the end. Only the count
    of the attempts is kept here, as the API keeps none. A Wait takes its time, a retry's pause takes none.

    Args:
        client: boto3's, for `stepfunctions`. Elsewhere than on AWS with `Config(inject_host_prefix=False)`; on AWS
            better with `retries={"mode": "adaptive"}`, as the API has a rate limit.
        deviations: what the server does otherwise than AWS.
    """

    exact = False

    def __init__(self, client: Any, *, deviations: Iterable[Deviation] = ()) -> None:
        self._client = client
        self._deviations = tuple(deviations)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was created."""

    def cannot(self, machine: Machine, case: Case) -> str | None:
        return first_reason(self._deviations, machine, case)

    def run(self, machine: Machine, case: Case) -> Run:
        return _Walk(self._client, machine, case).to_its_end()


class _Walk:
    """One case.

    Attributes:
        pauses: seconds before each retry; None once the API has not said one that can be compared.
        given: what each attempt was called with; None once the API has not said it.
    """

    def __init__(self, client: Any, machine: Machine, case: Case) -> None:
        self._client = client
        self._machine = machine
        self._case = case
        self.visits: list[Visit] = []
        self.pauses: list[float] | None = []
        self.given: list[tuple[str, Any]] | None = []
        self._answers = Answers(case)
        self._calls = itertools.count(1)
        self._most_calls = 10 + 2 * sum(max(1, len(step.answers)) for step in case.steps)

    def to_its_end(self) -> Run:
        state, input_ = self._machine.start, json.dumps(self._case.input)
        while "nextState" in (said := self._visit(state, input_)):
            state, input_ = said["nextState"], said["output"]
        return Run(
            status=said["status"],
            error=said.get("error"),
            cause=said.get("cause"),
            output=json.loads(said["output"]) if said["status"] == "SUCCEEDED" else None,
            visits=self.visits,
            given=self.given,
            pauses=self.pauses,
            unasked=self._answers.unasked,
        )

    def _visit(self, state: str, input_: str) -> Mapping[str, Any]:
        """Visit a state, as often as it takes; what the API has said in the end."""
        self.visits.append(visit := Visit(state))
        if self._machine.states[state]["Type"] != "Task":
            return self._ask(state, input_, 0)
        retries: Counter[int] = Counter()
        while True:
            answer = self._answers.next(state)
            retrier = None if isinstance(answer, Returns) else self._machine.retrier(state, answer.error)
            number = retrier[0] if retrier else -1
            asked: dict[str, Any] = {"mock": _mock(answer, self._payload_path(state))}
            if retrier:
                asked["stateConfiguration"] = {"retrierRetryCount": retries[number]}
            said = self._ask(state, input_, retries.total(), **asked)
            visit.attempts.append(said.get("error"))
            self._note_given(state, said.get("inspectionData", {}))
            if said["status"] != "RETRIABLE":
                return said
            self._note_pause(state, number, said.get("inspectionData", {}))
            retries[number] += 1

    def _ask(self, state: str, input_: str, retries: int, **about: Any) -> Mapping[str, Any]:
        if next(self._calls) > self._most_calls:
            msg = f"the walk does not end: {' > '.join(visit.state for visit in self.visits[-10:])}"
            raise TimeoutError(msg)
        said: Mapping[str, Any] = self._client.test_state(
            definition=self._machine.text,
            stateName=state,
            input=input_,
            inspectionLevel="DEBUG",
            context=json.dumps(_context(state, self._case, retries)),
            **about,
        )
        return said

    def _payload_path(self, state: str) -> str | None:
        """The field that a function's payload is in; None where a function's ARN is the resource."""
        return None if self._machine.is_by_arn(state) else "Payload"

    def _note_given(self, state: str, inspected: Mapping[str, str]) -> None:
        text = inspected.get("afterParameters") or inspected.get("afterArguments")
        if text is None or self.given is None:
            self.given = None
            return
        document, field = json.loads(text), self._payload_path(state)
        self.given.append((state, document.get(field) if field else document))

    def _note_pause(self, state: str, number: int, inspected: Mapping[str, Any]) -> None:
        """The API says whole seconds, and nobody says what it makes of jitter."""
        retrier = self._machine.states[state]["Retry"][number]
        comparable = (
            retrier.get("JitterStrategy", "NONE") == "NONE" and float(retrier.get("BackoffRate", 2)).is_integer()
        )
        seconds = inspected.get("errorDetails", {}).get("retryBackoffIntervalSeconds")
        if not comparable or seconds is None or self.pauses is None:
            self.pauses = None
            return
        self.pauses.append(seconds)


def _mock(answer: Answer, field: str | None) -> dict[str, Any]:
    """An answer as TestState takes it; not held against Lambda's API, whose payload is a text and no document."""
    if isinstance(answer, Returns):
        result = {"StatusCode": 200, field: answer.payload} if field else answer.payload
        return {"result": json.dumps(result), "fieldValidationMode": "NONE"}
    return {"errorOutput": {"error": answer.error, "cause": answer.cause}}


def _context(state: str, case: Case, retries: int) -> dict[str, Any]:
    """The context object (`$$`), with every field that a Task can ask for: the API fills in none."""
    time = "2025-01-15T10:30:00.000Z"
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
    return {
        "Execution": {
            "Id": f"{machine.replace('stateMachine', 'execution')}:case",
            "Input": dict(case.input),
            "Name": "case",
            "RoleArn": ANY_ROLE,
            "StartTime": time,
        },
        "State": {"EnteredTime": time, "Name": state, "RetryCount": retries},
        "StateMachine": {"Id": machine, "Name": "machine"},
    }
