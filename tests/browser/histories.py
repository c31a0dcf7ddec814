"""Executions with histories as AWS tells them: every way that one can go, and one that a test lets go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import count
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

ACCOUNT: Final = "eu-west-1:111122223333"
STATE_MACHINE: Final = f"arn:aws:states:{ACCOUNT}:stateMachine:lockstep-Machine"
EXECUTIONS: Final = f"arn:aws:states:{ACCOUNT}:execution:lockstep-Machine"
INPUT_BUCKET: Final = "lockstep-input"
OUTPUT_BUCKET: Final = "lockstep-output"
LOCK_TABLE: Final = "lockstep-locks"

ROUND_SECONDS: Final = 2
_TYPES: Final = {"RouteWork": "Choice", "WaitForLock": "Wait", "Skipped": "Succeed", "Failed": "Fail"}
_LAMBDA: Final = {"resourceType": "lambda", "resource": "invoke"}
_ENDED: Final = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionAborted": "ABORTED",
    "ExecutionTimedOut": "TIMED_OUT",
}


def arn(name: str) -> str:
    """An execution's ARN."""
    return f"{EXECUTIONS}:{name}"


def s3_event(key: str, change: str = "Created", sequencer: str = "0069A5569D5E07C3A1", etag: str = "") -> str:
    """What EventBridge starts an execution with, as text."""
    about = {"key": key, "size": 112525, "etag": etag} if change == "Created" else {"key": key}
    return json.dumps(
        {
            "version": "0",
            "detail-type": f"Object {change}",
            "source": "aws.s3",
            "detail": {
                "version": "0",
                "bucket": {"name": INPUT_BUCKET},
                "object": {**about, "sequencer": sequencer},
                "reason": "PutObject" if change == "Created" else "DeleteObject",
            },
        }
    )


@dataclass
class Run:
    """One execution. Each method tells what happens next to it; `at` is when, in epoch seconds.

    Attributes:
        data: what goes from state to state.
    """

    name: str
    input: str
    started: float
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.at = self.started
        self.state = ""
        self.data: Any = json.loads(self.input)
        self._tell("ExecutionStarted", input=self.input, roleArn="arn:aws:iam::111122223333:role/lockstep-MachineRole")

    @property
    def status(self) -> str:
        return _ENDED.get(self.events[-1]["type"], "RUNNING")

    @property
    def stopped(self) -> float | None:
        return None if self.status == "RUNNING" else self.at

    def enter(self, state: str) -> Run:
        self.state = state
        type_ = f"{_TYPES.get(state, 'Task')}StateEntered"
        return self._later(0.004)._tell(type_, "stateEntered", name=state, input=json.dumps(self.data))

    def exit(self) -> Run:
        type_ = f"{_TYPES.get(self.state, 'Task')}StateExited"
        return self._later(0.004)._tell(type_, "stateExited", name=self.state, output=json.dumps(self.data))

    def call(self) -> Run:
        """A function is called, and runs."""
        parameters = json.dumps({"FunctionName": f"lockstep-{self.state}", "Payload": {"state": self.data}})
        self._later(0.006)._tell("TaskScheduled", **_LAMBDA, region="eu-west-1", parameters=parameters)
        return self._tell("TaskStarted", **_LAMBDA)

    def answered(self, seconds: float, **added: Any) -> Run:
        """The function answers; the answer is added to the data."""
        self.data = {**self.data, **added}
        self._later(seconds)._tell("TaskSucceeded", **_LAMBDA, output=json.dumps({"Payload": added, "StatusCode": 200}))
        return self.exit()

    def raised(self, seconds: float, error: str, message: str) -> Run:
        """The function fails, and Step Functions decides what comes of it."""
        cause = json.dumps({"errorMessage": message, "errorType": error, "stackTrace": ['File "/var/task/app.py"']})
        return self._later(seconds)._tell("TaskFailed", **_LAMBDA, error=error, cause=cause)

    def paused(self, seconds: float) -> Run:
        """Before the function is called again."""
        return self._later(seconds)

    def acquired(self, work: str, reason: str, seconds: float = 0.24) -> Run:
        """Through AcquireLock and RouteWork."""
        lock = {"work": work, "reason": reason, "source": None, "waiting_since": None, "wait_seconds": ROUND_SECONDS}
        return self.enter("AcquireLock").call().answered(seconds, lock=lock).enter("RouteWork").exit()

    def held(self, by: str) -> Run:
        """As far as into WaitForLock."""
        return self.acquired("HELD", f"held by {by}").enter("WaitForLock")

    def waited(self) -> Run:
        """Out of it again."""
        return self._later(ROUND_SECONDS).exit()

    def worked(self, seconds: float = 0.6) -> Run:
        """The function under way answers that it has brought the output in step."""
        is_gone = self.state == "DeleteOutput"
        sequencer = self.data["detail"]["object"]["sequencer"].lower().rstrip("0")
        made = {"source": "absent", "output_etag": None} if is_gone else {"source": '"1@2"', "output_etag": "9e107d9d"}
        return self.answered(seconds, applied={**made, "token": 3, "sequencer": sequencer})

    def released(self) -> Run:
        """Through ReleaseLock to the end."""
        self.enter("ReleaseLock").call().answered(0.12, released={"object": self.object_id})
        return self.succeeded()

    def skipped(self, work: str, reason: str) -> Run:
        """Nothing is to be done: to the end."""
        return self.acquired(work, reason).enter("Skipped").exit().succeeded()

    def succeeded(self) -> Run:
        return self._later(0.01)._tell("ExecutionSucceeded", output=json.dumps(self.data))

    def failed(self, error: str, message: str) -> Run:
        """The error of the state it is in is caught: from there to the end."""
        self.data = {**self.data, "error": {"Error": error, "Cause": json.dumps({"errorMessage": message})}}
        self.exit()
        self.enter("ReleaseLockAfterFailure").call().answered(0.1, error={"Error": error, "Cause": message})
        return self.enter("Failed")._tell("ExecutionFailed", error=error, cause=message)

    def aborted(self, cause: str = "") -> Run:
        details = {"cause": cause} if cause else {}
        return self._later(1)._tell("ExecutionAborted", **details)

    def timed_out(self) -> Run:
        self.at = self.started + 900
        return self._tell("ExecutionTimedOut")

    @property
    def object_id(self) -> str:
        return f"{INPUT_BUCKET}/{self.data['detail']['object']['key']}"

    def _later(self, seconds: float) -> Run:
        self.at += seconds
        return self

    def _tell(self, type_: str, details: str = "", **about: Any) -> Run:
        known = len(self.events)
        name = details or type_[0].lower() + type_[1:]
        event = {"timestamp": round(self.at, 3), "type": type_, "id": known + 1, "previousEventId": known}
        self.events.append({**event, f"{name}EventDetails": about})
        return self


Recipe = Callable[[Run], Run]
_numbers = count()


def execution(
    key: str, recipe: Recipe, name: str = "", ago: float | None = None, change: str = "Created", **about: str
) -> Run:
    """An execution that began `ago` seconds ago; each is older than the one before, unless told otherwise."""
    number = next(_numbers)
    began = time.time() - (60 + number * 7 % 5000 if ago is None else ago)
    return recipe(Run(name or str(uuid5(NAMESPACE_URL, f"{number}/{key}")), s3_event(key, change, **about), began))


# --- every way there is ------------------------------------------------------------------------------------

_HOLDER: Final = "11f6a7c1-a-slow-one"
_DENIED: Final = "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied"
_NO_IMAGE: Final = "cannot identify image file: it is no image, or of a kind that is not supported"


def converted(run: Run) -> Run:
    return run.acquired("GRAYSCALE", "the input object exists").enter("ConvertToGrayscale").call().worked().released()


def deleted(run: Run) -> Run:
    run.acquired("DELETE", "the input object does not exist")
    return run.enter("DeleteOutput").call().worked(0.2).released()


def stale(run: Run) -> Run:
    return run.skipped("STALE", "this change, or a newer one, is in the output already")


def superseded(run: Run) -> Run:
    return run.skipped("SUPERSEDED", "a newer event for this object is at work or waiting")


def folder(run: Run) -> Run:
    return run.skipped("FOLDER", "a folder of the S3 console, which has no counterpart")


def rejected(run: Run) -> Run:
    working(run).raised(0.3, "SourceRejected", _NO_IMAGE)
    return run.failed("SourceRejected", _NO_IMAGE)


def denied(run: Run) -> Run:
    working(run).raised(0.4, "ClientError", _DENIED)
    return run.failed("ClientError", _DENIED)


def lock_wait_timeout(run: Run) -> Run:
    for _ in range(30):
        run.held(arn(_HOLDER)).waited()
    message = f"{run.object_id}: held by {arn(_HOLDER)}, given up after 60 s"
    run.enter("AcquireLock").call().raised(0.2, "LockWaitTimeout", message)
    return run.failed("LockWaitTimeout", message)


def working(run: Run) -> Run:
    return run.acquired("GRAYSCALE", "the input object exists").enter("ConvertToGrayscale").call()


def waiting(run: Run) -> Run:
    """In its fourth round."""
    for _ in range(3):
        run.held(arn(_HOLDER)).waited()
    return run.held(arn(_HOLDER))


def aborted(run: Run) -> Run:
    return working(run).aborted("by an operator")


def timed_out(run: Run) -> Run:
    return working(run).timed_out()


def retried(run: Run) -> Run:
    """Twice the function fails, then it does the work."""
    working(run).raised(0.8, "Lambda.ServiceException", "Service failed").paused(1).call()
    run.raised(0.9, "WriteInDoubt", "S3 gave no answer").paused(2).call()
    return run.worked(0.5).released()


OUTCOMES: Final[dict[str, Recipe]] = {
    "working": working,
    "waiting": waiting,
    "converted": converted,
    "deleted": deleted,
    "stale": stale,
    "superseded": superseded,
    "folder": folder,
    "rejected": rejected,
    "failed": denied,
    "timed out": timed_out,
    "aborted": aborted,
}


def every_outcome() -> Iterator[Run]:
    """One of each, the first the newest."""
    for number, (outcome, recipe) in enumerate(OUTCOMES.items()):
        change = "Deleted" if recipe is deleted else "Created"
        yield execution(f"photos/{outcome}.jpg", recipe, f"it-{outcome.replace(' ', '-')}", 20 + number * 10, change)


# --- very many ---------------------------------------------------------------------------------------------

_MIX: Final = (converted,) * 6 + (deleted, stale, superseded, rejected)


@dataclass
class Cheap:
    """An execution like `Run`, whose history is made only when somebody asks for it."""

    number: int
    started: float

    @property
    def recipe(self) -> Recipe:
        return _MIX[self.number % len(_MIX)]

    @property
    def key(self) -> str:
        return f"album-{self.number % 100:02}/photo-{self.number:05}.jpg"

    @cached_property
    def name(self) -> str:
        return str(uuid5(NAMESPACE_URL, str(self.number)))

    @property
    def input(self) -> str:
        return s3_event(self.key)

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.recipe(Run(self.name, self.input, self.started)).events

    @property
    def status(self) -> str:
        return _sample(self.recipe).status

    @property
    def stopped(self) -> float | None:
        return self.started + (_sample(self.recipe).stopped or 0)


@cache
def _sample(recipe: Recipe) -> Run:
    return recipe(Run("sample", s3_event("sample.jpg"), 0))


def many(number: int) -> list[Cheap]:
    """That many, of six outcomes, newest first; number 0 is the newest."""
    now = time.time()
    return [Cheap(each, now - 60 - each * 3) for each in range(number)]
