"""The stack as a test sees it: the buckets, the lock table, the machine, its functions, and the time."""

from __future__ import annotations

import copy
import io
import itertools
import json
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import boto3
import botocore.session
import pytest
from botocore import UNSIGNED
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.dynamodb.models import dynamodb_backends
from moto.events.models import EventPattern
from moto.s3.models import s3_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from PIL import Image

from tests.workflow.aws_calls import AwsCalls
from tests.workflow.lambda_endpoint import LambdaEndpoint
from tests.workflow.template import ROOT, Template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

INPUT: Final = "photos-in"
OUTPUT: Final = "photos-out"
TABLE: Final = "locks"
TOLD: Final = ("record_since", "applied_at", "applied_by")  # to the change feed: the lock goes by none of them
REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
MACHINE_ARN: Final = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:lockstep"

# The functions, by their names in template.yaml.
ACQUIRE: Final = "AcquireLockFunction"
GRAYSCALE: Final = "GrayscaleFunction"
DELETE: Final = "DeleteOutputFunction"
RELEASE: Final = "ReleaseLockFunction"
REAPER: Final = "ReaperFunction"

# Stretches of the way through the machine.
CONVERTED: Final = ("AcquireLock", "RouteWork", "ConvertToGrayscale", "ReleaseLock")
REMOVED: Final = ("AcquireLock", "RouteWork", "DeleteOutput", "ReleaseLock")
SKIPPED: Final = ("AcquireLock", "RouteWork", "Skipped")
WAITED: Final = ("AcquireLock", "RouteWork", "WaitForLock")
GAVE_UP: Final = ("ReleaseLockAfterFailure", "Failed")

KEY: Final = "cat.png"
SOMEBODY: Final = f"{MACHINE_ARN.replace('stateMachine', 'execution')}:somebody-else"

# Sequencers of one object's events, oldest first, as S3 writes them.
FIRST: Final = "0055AED6DCD90281E1"
SECOND: Final = "0055AED6DCD90281E2"
THIRD: Final = "0055AED6DCD90281E3"

logger = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.001

Record = dict[str, str | int]
Event = dict[str, Any]


def mark(sequencer: str) -> str:
    """A sequencer as the lock record has it."""
    return sequencer.lower()


def lock_key(key: str = KEY) -> str:
    return f"{INPUT}/{key}"


def arn(name: str) -> str:
    """The execution of that name."""
    return f"{MACHINE_ARN.replace('stateMachine', 'execution')}:{name}"


# --- pictures ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """An image of one colour, and the gray that it becomes (ITU-R BT.601 luma)."""

    rgb: tuple[int, int, int]
    gray: int

    @property
    def png(self) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", (2, 2), self.rgb).save(out, "PNG")
        return out.getvalue()


RED: Final = Picture((255, 0, 0), gray=76)
GREEN: Final = Picture((0, 255, 0), gray=150)
NOT_AN_IMAGE: Final = b"a text file that somebody named .png"


# --- events ------------------------------------------------------------------------------------------------


def created(sequencer: str, key: str = KEY, *, size: int = 75) -> Event:
    """S3's EventBridge event of an upload (S3 User Guide, "EventBridge event message structure")."""
    about = {"key": key, "size": size, "etag": "ff00", "version-id": "1", "sequencer": sequencer}
    return _event("Object Created", {"reason": "PutObject", "object": about})


def deleted(sequencer: str, key: str = KEY) -> Event:
    """The event of a delete in a versioned bucket; it has no size."""
    about = {"key": key, "etag": "ff00", "version-id": "2", "sequencer": sequencer}
    return _event(
        "Object Deleted", {"reason": "DeleteObject", "deletion-type": "Delete Marker Created", "object": about}
    )


def _event(detail_type: str, detail: Mapping[str, Any]) -> Event:
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": detail_type,
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2027-01-15T08:00:00Z",
        "region": REGION,
        "resources": [f"arn:aws:s3:::{INPUT}"],
        "detail": {"version": "0", "bucket": {"name": INPUT}, "requester": ACCOUNT, **detail},
    }


# --- time --------------------------------------------------------------------------------------------------


@dataclass
class Clock:
    """The time of the lock and of the engine's waits. It moves only when somebody waits, and then at once.

    Attributes:
        waits: seconds of each Wait state.
        retries: seconds before each Retry.
        on_wait: what happens while the next Wait state waits.
    """

    epoch_ms: int = 1_800_000_000_000
    waits: list[float] = field(default_factory=list)
    retries: list[float] = field(default_factory=list)
    on_wait: Callable[[], object] | None = None
    _lock: Lock = field(default_factory=Lock)

    def pass_by(self, seconds: float) -> None:
        with self._lock:
            self.epoch_ms += round(seconds * 1000)

    def time_ns(self) -> int:
        """For `objectlock.wiring`, in place of `time.time_ns`."""
        return self.epoch_ms * 1_000_000

    def wait(self, seconds: float) -> None:
        """For the engine's Wait."""
        self.waits.append(seconds)
        happens, self.on_wait = self.on_wait, None
        if happens is not None:
            happens()
        self.pass_by(seconds)

    def sleep(self, seconds: float) -> None:
        """For the engine's Retry."""
        self.retries.append(seconds)
        self.pass_by(seconds)

    def time_out(self, seconds: float) -> None:
        """For the engine's TimeoutSeconds."""
        self.pass_by(seconds)


# --- what there is to look at ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Execution:
    """An execution that has ended.

    Attributes:
        states: the names of the states entered, in order.
        last_input: what the last of them was given.
        output: what it ended with; None when it failed.
    """

    arn: str
    status: str
    states: tuple[str, ...]
    last_input: Any
    error: str | None
    cause: str | None
    output: Any


@dataclass(frozen=True)
class Output:
    """An object of the output bucket."""

    etag: str
    content_type: str
    metadata: Mapping[str, str]
    body: bytes

    @property
    def gray(self) -> int:
        """The one shade it has."""
        return shade_of(self.body)

    @property
    def token(self) -> int:
        """Fencing token of the attempt that wrote it."""
        return int(self.metadata["fencing-token"])


def shade_of(body: bytes) -> int:
    """The one shade of a gray picture."""
    with Image.open(io.BytesIO(body)) as image:
        assert image.mode == "L", f"the output is {image.mode}, not gray"
        colours = image.getcolors() or []
    assert len(colours) == 1
    shade = colours[0][1]
    assert isinstance(shade, int)
    return shade


class Clients:
    """boto3 clients, each made once for all tests: making one takes longer than what a test does with it."""

    def __init__(self) -> None:
        botocore_session: Any = botocore.session.get_session()
        for service in ("dynamodb", "sfn", "lambda"):  # moto looks at no signature but S3's, and they take a while
            botocore_session.register(f"choose-signer.{service}", lambda **_: UNSIGNED)
        self._session: Any = boto3.Session("test", "test", region_name=REGION, botocore_session=botocore_session)
        self._shared: dict[tuple[str, str | None], Any] = {}
        self.calls = AwsCalls()
        self.s3: S3Client = self._session.client("s3")
        self.dynamodb: DynamoDBClient = self._session.client("dynamodb")
        self.states: SFNClient = self._session.client("stepfunctions")

    def shared(self, service_name: str, **options: Any) -> Any:
        """For the functions and the engine, in place of `boto3.client`."""
        key = service_name, os.environ.get(f"AWS_ENDPOINT_URL_{service_name.upper()}")
        if key not in self._shared:
            self._shared[key] = self._session.client(service_name, **options)
            if service_name != "lambda":
                self.calls.watch(self._shared[key])
        return self._shared[key]


class Deployment:
    """Buckets, lock table and state machine in moto, as the template describes them, made once for many tests.

    moto takes far longer to make them than to copy what it holds once they are made.
    """

    def __init__(self, template: Template, clients: Clients) -> None:
        versioning = template.properties("InputBucket")["VersioningConfiguration"]
        clients.s3.create_bucket(Bucket=INPUT)
        clients.s3.put_bucket_versioning(Bucket=INPUT, VersioningConfiguration=versioning)
        clients.s3.create_bucket(Bucket=OUTPUT)
        table = template.properties("LockTable")
        clients.dynamodb.create_table(
            TableName=TABLE,
            BillingMode=table["BillingMode"],
            AttributeDefinitions=table["AttributeDefinitions"],
            KeySchema=table["KeySchema"],
            StreamSpecification={
                "StreamEnabled": True,
                "StreamViewType": table["StreamSpecification"]["StreamViewType"],
            },
        )
        clients.states.create_state_machine(
            name="lockstep",
            type=template.properties("StateMachine")["Type"],
            definition=template.definition(),
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/lockstep",
        )
        self._made = [copy.deepcopy(vars(backend)) for backend in _backends()]

    def begin_anew(self) -> None:
        """For the next test: no service holds anything but these, and they are empty."""
        BackendDict.reset()
        reset_model_data()
        for backend, made in zip(_backends(), self._made, strict=True):
            vars(backend).update(copy.deepcopy(made))


class Stack:
    """The deployment as one test sees it."""

    def __init__(self, template: Template, lambdas: LambdaEndpoint, clock: Clock, clients: Clients) -> None:
        self.lambdas = lambdas
        self.aws = lambdas.aws
        self.clock = clock
        self._template = template
        self._names = (f"execution-{number}" for number in itertools.count(1))
        self._s3, self._dynamodb, self._states = clients.s3, clients.dynamodb, clients.states

    # --- the input bucket ----------------------------------------------------------------------------------

    def upload(self, picture: Picture | bytes, key: str = KEY) -> str:
        """Put an object into the input bucket, and return its source tag."""
        body = picture.png if isinstance(picture, Picture) else picture
        answer = self._s3.put_object(Bucket=INPUT, Key=key, Body=body)
        return f"{answer['ETag'].strip(chr(34))}@{answer['VersionId']}"

    def delete_input(self, key: str = KEY) -> None:
        self._s3.delete_object(Bucket=INPUT, Key=key)

    # --- the output bucket ---------------------------------------------------------------------------------

    def output(self, key: str = KEY) -> Output:
        found = self._s3.get_object(Bucket=OUTPUT, Key=key)
        return Output(found["ETag"].strip('"'), found["ContentType"], found["Metadata"], found["Body"].read())

    def write_output(self, picture: Picture, *, token: int | None = None) -> Output:
        """Write an output by hand, with that fencing token or without any; return it."""
        metadata = {} if token is None else {"fencing-token": str(token)}
        self._s3.put_object(Bucket=OUTPUT, Key=KEY, Body=picture.png, Metadata=metadata)
        return self.output()

    def delete_output(self) -> None:
        self._s3.delete_object(Bucket=OUTPUT, Key=KEY)

    def pictures(self) -> list[int]:
        """The shades that the functions have written, in order."""
        return [
            shade_of(call.parameters["Body"].getvalue())
            for call in self.aws.answered
            if call.operation == "PutObject" and call.accepted
        ]

    def removed_by(self) -> list[str]:
        """The functions that have removed an output, in order."""
        return [call.function for call in self.aws.answered if call.operation == "DeleteObject" and call.accepted]

    def output_keys(self) -> list[str]:
        return [each["Key"] for each in self._s3.list_objects_v2(Bucket=OUTPUT).get("Contents", [])]

    # --- the lock table ------------------------------------------------------------------------------------

    def record(self, key: str = KEY) -> Record:
        """What the lock goes by of its record; empty where there is none. The rest is `told`."""
        return _without(self._record(key), TOLD)

    def told(self) -> Record:
        """What the record tells the change feed."""
        found = self._record()
        return {name: found[name] for name in TOLD if name in found}

    def records(self) -> list[Record]:
        return [_without(_plain(item), TOLD) for item in self._dynamodb.scan(TableName=TABLE)["Items"]]

    def _record(self, key: str = KEY) -> Record:
        answer = self._dynamodb.get_item(TableName=TABLE, Key={"object_id": {"S": lock_key(key)}}, ConsistentRead=True)
        return _plain(answer.get("Item", {}))

    def hold(self, owner: str = SOMEBODY, *, seconds: int = 3600, **attributes: str | int) -> Record:
        """Write into the lock record by hand that `owner` holds the lock, whoever held it; return the record."""
        lease = self.clock.epoch_ms + seconds * 1000
        held: Record = {"object_id": lock_key(), "owner": owner, "lease_expires_at": lease}
        return self._put(self._record() | held | attributes)

    def change_record(self, **attributes: str | int) -> Record:
        """Change the lock record by hand; return it."""
        return self._put(self._record() | attributes)

    def lose_record(self) -> None:
        self._dynamodb.delete_item(TableName=TABLE, Key={"object_id": {"S": lock_key()}})

    def let_go(self) -> Record:
        """Free the lock by hand; return the record."""
        held = {"owner", "lease_expires_at", "worker_until"}
        return self._put({name: value for name, value in self.record().items() if name not in held})

    def _put(self, record: Record) -> Record:
        item = {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in record.items()}
        self._dynamodb.put_item(TableName=TABLE, Item=item)
        return _without(record, TOLD)

    def changes(self) -> list[Record]:
        """Every state that the lock record has been in, oldest first: the table's stream.

        moto streams an item that UpdateItem creates twice, first with its key alone; DynamoDB does not.
        """
        changes = [each.to_json()["dynamodb"] for each in _table().stream_shard.items]  # cheap, unlike the API
        images = [_plain(each["NewImage"]) for each in changes if "NewImage" in each]
        return [record for record in images if record != {"object_id": record["object_id"]}]

    def owners(self) -> list[str]:
        """Who has held the lock, one after the other."""
        held_by = [str(record["owner"]) for record in self.changes() if "owner" in record]
        return [owner for owner, _ in itertools.groupby(held_by)]

    def tokens(self) -> list[int]:
        """The fencing tokens that the record has had, one after the other."""
        tokens = [int(record["fencing_token"]) for record in self.changes() if "fencing_token" in record]
        return [token for token, _ in itertools.groupby(tokens)]

    # --- the machine ---------------------------------------------------------------------------------------

    def run(self, event: Event) -> Execution:
        """Start an execution for an event, and wait for its end."""
        return self.wait(self.start(event))

    def start(self, event: Event) -> str:
        """Start an execution and return its ARN. The first is named execution-1, the next execution-2."""
        return self._start(next(self._names), event)

    def _start(self, name: str, input_: Event) -> str:
        started = self._states.start_execution(stateMachineArn=MACHINE_ARN, name=name, input=json.dumps(input_))
        return started["executionArn"]

    def stop(self, name: str = "execution-1") -> None:
        """Stop an execution. What its Lambda does at this moment goes on."""
        self._states.stop_execution(executionArn=arn(name))

    def redrive(self, stopped: Execution) -> Execution:
        """Resume an execution in the state that it stopped in, as RedriveExecution does, which moto does not have.

        Under the same ARN, with that state's input as it was; retries count anew (Step Functions Developer Guide,
        "Restarting state machine executions with redrive"). Only `$$.Execution.Input`, which is not used, would differ.
        """
        machine = _engine().describe_state_machine(MACHINE_ARN)
        machine.executions.remove(_engine().describe_execution(stopped.arn))
        shipped = machine.definition
        machine.definition = json.dumps(json.loads(shipped) | {"StartAt": stopped.states[-1]})
        try:
            return self.wait(self._start(stopped.arn.rpartition(":")[2], stopped.last_input))
        finally:
            machine.definition = shipped

    def reap(self, ended: Execution) -> Any:
        """Let Step Functions tell EventBridge how an execution has ended; what the function says that the rule invokes.

        None where the rule has no interest.
        """
        rule = self._template.properties("EndedExecutionRule")
        event: Any = status_change(ended, first_input=_engine().describe_execution(ended.arn).execution_input)
        if not EventPattern.load(json.dumps(self._template.resolve(rule["EventPattern"]))).matches_event(event):
            return None
        (target,) = self._template.resolve(rule["Targets"])
        return self.lambdas.invoke(target["Arn"].rpartition(":")[2], json.dumps(event).encode())

    def wait(self, execution: str) -> Execution:
        """Wait for the end of an execution, whatever it is; one that does not end fails the test with its history."""
        engine = _engine().describe_execution(execution)  # cheap, unlike the API
        deadline = time.monotonic() + DEADLINE_SECONDS
        while engine.status == "RUNNING":
            if time.monotonic() > deadline:
                self._states.stop_execution(executionArn=execution)
                last = "\n".join(map(str, engine.to_history_output()["events"][-100:]))
                pytest.fail(f"{execution} did not end within {DEADLINE_SECONDS} s:\n{last}")
            time.sleep(POLL_SECONDS)
        for broken in (*self.lambdas.broken_hooks, *self.aws.broken_hooks):
            raise broken
        ended = _ended(execution, engine.to_history_output()["events"])
        logger.info("%s", ended)  # so that a test that fails shows the error and its cause
        return ended

    def assert_all_was_allowed(self) -> None:
        """Each function has asked AWS only for what its role allows; moto lets everybody do everything."""
        for call in self.aws.answered:
            assert call.needs() <= self._template.permissions(call.function), call

    def stop_all(self) -> None:
        """End what a failed test has left running, so that it does not run on beside the next."""
        for each in _engine().describe_state_machine(MACHINE_ARN).executions:
            if each.status == "RUNNING":
                self._states.stop_execution(executionArn=each.execution_arn)


def status_change(ended: Execution, *, first_input: str) -> Event:
    """The event by which Step Functions tells how an execution has ended: the sample, about this one."""
    event: Event = json.loads((ROOT / "events" / "execution-aborted.json").read_text(encoding="utf-8"))
    about = {
        "executionArn": ended.arn,
        "stateMachineArn": MACHINE_ARN,
        "name": ended.arn.rpartition(":")[2],
        "status": ended.status,
        "input": first_input,
        "error": ended.error,
        "cause": ended.cause,
    }
    return event | {"resources": [ended.arn], "detail": event["detail"] | about}


def _engine() -> Any:
    return stepfunctions_parser_backends[ACCOUNT][REGION]


def _table() -> Any:
    return dynamodb_backends[ACCOUNT][REGION].tables[TABLE]


def _backends() -> list[Any]:
    """Where moto holds the deployment."""
    return [s3_backends[ACCOUNT]["aws"], dynamodb_backends[ACCOUNT][REGION], _engine()]


def _ended(execution: str, history: list[Any]) -> Execution:
    """Read the end off the history: moto sets an execution's status a moment before its error and its output."""
    last = history[-1]
    entered = [each["stateEnteredEventDetails"] for each in history if "stateEnteredEventDetails" in each]
    failed = last.get("executionFailedEventDetails", {})
    output = last.get("executionSucceededEventDetails", {}).get("output")
    return Execution(
        arn=execution,
        status=last["type"].value.removeprefix("Execution").upper(),
        states=tuple(each["name"] for each in entered),
        last_input=json.loads(entered[-1]["input"]),
        error=failed.get("error"),
        cause=failed.get("cause"),
        output=None if output is None else json.loads(output),
    )


def _without(record: Record, names: Collection[str]) -> Record:
    return {name: value for name, value in record.items() if name not in names}


def _plain(item: Mapping[str, Any]) -> Record:
    """A DynamoDB item without its type tags; numbers are whole."""
    return {name: int(typed["N"]) if "N" in typed else typed["S"] for name, typed in item.items()}
