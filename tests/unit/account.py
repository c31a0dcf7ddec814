"""An AWS account made to order, behind boto3's own clients, which check what they are asked."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import boto3
from botocore.response import StreamingBody

from lockstep.executions import Execution
from lockstep.stack import Stack

DEFINITION: Final = Path(__file__).parents[2] / "statemachine" / "lockstep.asl.json"
MACHINE: Final = "arn:aws:states:eu-west-1:111122223333:stateMachine:lockstep"
INPUT: Final = "lockstep-input"
OUTPUT: Final = "lockstep-output"
TABLE: Final = "lockstep-locks"
KEY: Final = "photo.jpg"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_PAGE: Final = 2  # of a listing; small, so that there are some
JPEG: Final = b"\xff\xd8\xff\xe0 a photo"


def arn_of(name: str) -> str:
    return f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"


@dataclass
class Started:
    """An execution, and how much of it AWS shows: its list and its histories may lag."""

    name: str
    text: str
    started: datetime
    events: list[dict[str, Any]] = field(default_factory=list)
    redrives: int = 0
    is_listed: bool = True
    is_readable: bool = True
    seems_to_run: bool = False

    @property
    def has_ended(self) -> bool:
        return str(self.events[-1]["type"]) in {
            *("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
        }

    @property
    def item(self) -> dict[str, Any]:
        """As it is listed."""
        found: dict[str, Any] = {
            "executionArn": arn_of(self.name),
            "stateMachineArn": MACHINE,
            "name": self.name,
            "status": "RUNNING",
            "startDate": self.started,
            "redriveCount": self.redrives,
        }
        if self.has_ended and not self.seems_to_run:
            found |= {"status": "FAILED", "stopDate": self.events[-1]["timestamp"]}
        return found


@dataclass
class Stored:
    """An object in a bucket."""

    body: bytes
    metadata: dict[str, str] = field(default_factory=dict)
    says_size: int | None = None

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


class Refused(Exception):
    """What AWS answers instead."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.answer = {"Error": {"Code": code, "Message": message}}
        self.status = status


class Account:
    """The AWS account.

    Attributes:
        calls: the operations asked for, with their parameters.
        before: is told of every call; raises what shall go wrong.
    """

    def __init__(self) -> None:
        self.executions: dict[str, Started] = {}
        self.objects: dict[tuple[str, str], Stored] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.before: Callable[[str, dict[str, Any]], None] = lambda *_: None
        self.now = START

    # --- what happens -----------------------------------------------------------------------------------------

    def start(
        self,
        name: str,
        key: str = KEY,
        sequencer: str = "",
        *,
        bucket: str = INPUT,
        change: str = "Object Created",
        text: str | None = None,
        is_listed: bool = True,
        is_readable: bool = True,
    ) -> str:
        """Start an execution and return its ARN; with `text` as input if it is not to be an event of S3."""
        about = {"key": key} | ({"sequencer": sequencer} if sequencer else {})
        event = {"detail-type": change, "detail": {"bucket": {"name": bucket}, "object": about}}
        text = json.dumps(event) if text is None else text
        self.executions[name] = Started(name, text, self._later(), is_listed=is_listed, is_readable=is_readable)
        self._add(name, "ExecutionStarted", executionStartedEventDetails={"input": text})
        return arn_of(name)

    def enter(self, name: str, state: str, kind: str = "Task", **seen: Any) -> None:
        about = {"name": state, "input": json.dumps(seen)}
        self._add(name, f"{kind}StateEntered", stateEnteredEventDetails=about)

    def leave(self, name: str, state: str, kind: str = "Task", **seen: Any) -> None:
        about = {"name": state, "output": json.dumps(seen)}
        self._add(name, f"{kind}StateExited", stateExitedEventDetails=about)

    def wait(self, name: str, holder: str) -> None:
        """It finds the lock taken."""
        lock = {"work": "HELD", "reason": f"held by {holder}"}
        self.enter(name, "WaitForLock", "Wait", lock=lock)

    def succeed(self, name: str, output: dict[str, Any]) -> None:
        self._add(name, "ExecutionSucceeded", executionSucceededEventDetails={"output": json.dumps(output)})

    def convert(self, name: str, sequencer: str = "", output_etag: str | None = "etag") -> None:
        """It brings an event into the output; without ETag by removing the output."""
        self.succeed(name, {"applied": {"sequencer": sequencer, "output_etag": output_etag}, "released": {}})

    def skip(self, name: str, work: str = "STALE", reason: str = "old") -> None:
        self.succeed(name, {"lock": {"work": work, "reason": reason}})

    def fail(self, name: str, error: str = "ServiceUnavailable", cause: str = "busy") -> None:
        self._add(name, "ExecutionFailed", executionFailedEventDetails={"error": error, "cause": cause})

    def abort(self, name: str) -> None:
        self._add(name, "ExecutionAborted", executionAbortedEventDetails={"cause": "by an operator"})

    def time_out(self, name: str) -> None:
        self._add(name, "ExecutionTimedOut")

    def redrive(self, name: str) -> None:
        self.executions[name].redrives += 1
        self._add(name, "ExecutionRedriven")

    def forget(self, name: str) -> None:
        """As Step Functions does some time after the end."""
        del self.executions[name]

    def read(self, name: str) -> Execution:
        """What the tool makes of it."""
        return Execution.read(arn_of(name), cast("Any", self.executions[name].events))

    def store(self, bucket: str, key: str, body: bytes = JPEG, **metadata: str) -> Stored:
        self.objects[bucket, key] = Stored(body, {name.replace("_", "-"): each for name, each in metadata.items()})
        return self.objects[bucket, key]

    def _add(self, name: str, kind: str, **details: Any) -> None:
        events = self.executions[name].events
        events.append({"id": len(events) + 1, "type": kind, "timestamp": self._later(), **details})

    def _later(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    # --- what is asked ----------------------------------------------------------------------------------------

    def refuse(self, operation: str, error: Exception, *, name: str | None = None) -> None:
        """Answer an operation with an error until `allow`; with `name` only about one execution."""

        def refusal(asked: str, parameters: dict[str, Any]) -> None:
            if asked == operation and name in {None, str(parameters.get("executionArn")).rpartition(":")[2]}:
                raise error

        self.before = refusal

    def allow(self) -> None:
        self.before = lambda *_: None

    def reads(self, operation: str = "GetExecutionHistory") -> list[str]:
        """Names of the executions that an operation was about since the last time, in order."""
        found = [str(about.get("executionArn")).rpartition(":")[2] for asked, about in self.calls if asked == operation]
        self.calls.clear()
        return found

    @property
    def operations(self) -> set[str]:
        return {operation for operation, _ in self.calls}

    def answer(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, parameters))
        self.before(operation, parameters)
        found: dict[str, Any] = getattr(self, f"_answer_{operation}")(**parameters)
        return found

    def _answer_ListExecutions(  # noqa: N802  # AWS's name
        self,
        stateMachineArn: str,  # noqa: N803
        maxResults: int = 100,  # noqa: N803
        nextToken: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        assert stateMachineArn == MACHINE
        newest_first = sorted(self.executions.values(), key=lambda each: each.started, reverse=True)
        found = [
            each.item
            for each in newest_first
            if each.is_listed and (not nextToken or each.started.isoformat() < nextToken)
        ]
        page = found[:maxResults]
        more = {"nextToken": page[-1]["startDate"].isoformat()} if len(found) > len(page) else {}
        return {"executions": page, **more}

    def _answer_GetExecutionHistory(self, executionArn: str, **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        found = self._execution(executionArn)
        return {"events": list(found.events) if found.is_readable else []}

    def _answer_DescribeExecution(self, executionArn: str) -> dict[str, Any]:  # noqa: N802, N803
        found = self._execution(executionArn)
        return {**found.item, "input": found.text}

    def _answer_DescribeStateMachine(self, **_: Any) -> dict[str, Any]:  # noqa: N802
        return {"definition": DEFINITION.read_text(encoding="utf-8")}

    def _answer_StartExecution(self, name: str, input: str, **_: Any) -> dict[str, Any]:  # noqa: A002, N802
        """As Step Functions API Reference has it: the same again while it runs is the same, not an error."""
        known = self.executions.get(name)
        if known is not None and (known.has_ended or known.text != input):
            raise Refused("ExecutionAlreadyExists", f"Execution Already Exists: {name!r}")
        if known is None:
            self.start(name, text=input)
        return {"executionArn": arn_of(name), "startDate": self.executions[name].started}

    def _answer_ListObjectsV2(  # noqa: N802  # AWS's name
        self,
        Bucket: str,  # noqa: N803
        Prefix: str = "",  # noqa: N803
        StartAfter: str = "",  # noqa: N803
        ContinuationToken: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        after = ContinuationToken or StartAfter
        keys = sorted(
            key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix) and key > after
        )
        page = keys[:_PAGE]
        more = {"NextContinuationToken": page[-1]} if len(keys) > len(page) else {}
        contents = [{"Key": key, "ETag": f'"{self.objects[Bucket, key].etag}"'} for key in page]
        return {"Contents": contents, "IsTruncated": bool(more), **more}

    def _answer_HeadObject(self, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        found = self.objects.get((Bucket, Key))
        if found is None:
            raise Refused("404", "Not Found", 404)
        return {
            "ETag": f'"{found.etag}"',
            "ContentLength": len(found.body) if found.says_size is None else found.says_size,
            "ContentType": "text/html",  # whatever the uploader said
            "LastModified": START,
            "Metadata": found.metadata,
        }

    def _answer_GetObject(self, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        found = self.objects.get((Bucket, Key))
        if found is None:
            raise Refused("NoSuchKey", "The specified key does not exist.", 404)
        body = StreamingBody(io.BytesIO(found.body), len(found.body))
        return {**self._answer_HeadObject(Bucket, Key), "Body": body}

    def _answer_GetItem(self, TableName: str, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N802, N803
        assert TableName == TABLE
        found = self.records.get(Key["object_id"]["S"])
        if found is None:
            return {}
        return {"Item": {name: _as_dynamodb(each) for name, each in found.items()}}

    def _execution(self, arn: str) -> Started:
        found = self.executions.get(arn.rpartition(":")[2])
        if found is None or found.is_listed is found.is_readable is False:
            raise Refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return found


def _as_dynamodb(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}


# --- behind boto3 -------------------------------------------------------------------------------------------------

_account: list[Account] = []


def new_account() -> Account:
    """The account that all stacks are in from now on."""
    _account[:] = [Account()]
    return _account[0]


@cache
def stack(*, is_local: bool = True) -> Stack:
    """A stack whose clients ask the account instead of the network; made once, as boto3 takes its time."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-west-1")
    session.events.register("before-parameter-build", _remember)
    session.events.register("before-call", cast("Any", _answer))
    endpoint = "http://127.0.0.1:4566" if is_local else None
    return Stack("lockstep", session, endpoint, INPUT, OUTPUT, TABLE, MACHINE)


def _remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["asked"] = dict(params)


def _answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
    try:
        found = _account[0].answer(model.name, context["asked"])
    except Refused as refused:
        status, found = refused.status, refused.answer
    else:
        status = 200
    return SimpleNamespace(status_code=status), {**found, "ResponseMetadata": {"HTTPStatusCode": status}}
