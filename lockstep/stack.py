"""A deployed stack, on AWS or on the emulator: its names and its clients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lockstep.errors import UserError
from lockstep.problems import problem_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

CLIENT: Final = Config(retries={"mode": "standard", "max_attempts": 5}, connect_timeout=5)


def session_on_aws(profile: str | None, region: str | None) -> boto3.Session:
    """By the usual AWS environment. Raises: UserError when there is no such profile."""
    try:
        return boto3.Session(profile_name=profile, region_name=region)
    except BotoCoreError as error:
        raise UserError(str(error)) from error


@dataclass(frozen=True)
class Stack:
    """A stack made from template.yaml.

    Attributes:
        endpoint_url: None on AWS.
        config: how patient its clients are.
        feed_bucket: where its changes are told; None where the stack has no feed.
        reconcile_machine_arn: of the second state machine; None where the stack has none.
        live_state_machine_arn: the alias of the version in use; None where the stack has none.
        undelivered_events_queue: URL of the rule's dead-letter queue; None where the stack does not tell it.
    """

    name: str
    session: boto3.Session
    endpoint_url: str | None
    input_bucket: str
    output_bucket: str
    lock_table: str
    state_machine_arn: str
    config: Config = CLIENT
    undelivered_events_queue: str | None = None
    live_state_machine_arn: str | None = None
    reconcile_machine_arn: str | None = None
    feed_bucket: str | None = None

    @classmethod
    def open(cls, name: str, session: boto3.Session, endpoint_url: str | None = None) -> Stack:
        """Read the names from the stack's outputs.

        Raises: UserError when there is no such stack, or AWS cannot be reached or refuses.
        """
        try:
            cloudformation = session.client("cloudformation", endpoint_url=endpoint_url, config=CLIENT)
            found = cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
        except (ClientError, BotoCoreError) as error:
            msg = f"stack {name!r}: {problem_of(error)}"
            if "does not exist" in str(error):
                where = session.region_name
                msg = f"there is no stack {name!r} in {where}: `aws cloudformation list-stacks` shows which there are"
            raise UserError(msg) from error
        outputs = {each["OutputKey"]: each["OutputValue"] for each in found}
        try:
            return cls(
                name,
                session,
                endpoint_url,
                input_bucket=outputs["InputBucketName"],
                output_bucket=outputs["OutputBucketName"],
                lock_table=outputs["LockTableName"],
                state_machine_arn=outputs["StateMachineArn"],
                undelivered_events_queue=outputs.get("UndeliveredEventsQueueUrl"),
                live_state_machine_arn=outputs.get("LiveStateMachineArn"),
                reconcile_machine_arn=outputs.get("ReconcileStateMachineArn"),
                feed_bucket=outputs.get("FeedBucketName"),
            )
        except KeyError as error:
            msg = f"stack {name!r} is no Lockstep stack, or not fully deployed: it has no output {error}"
            raise UserError(msg) from None

    @classmethod
    def on_aws(cls, name: str, profile: str | None, region: str | None) -> Stack:
        """A stack on AWS, by the usual AWS environment. Raises: UserError."""
        return cls.open(name, session_on_aws(profile, region))

    @property
    def names(self) -> dict[str, str]:
        """What the stack's resources are called: those that it has."""
        found = {
            "input_bucket": self.input_bucket,
            "output_bucket": self.output_bucket,
            "feed_bucket": self.feed_bucket,
            "lock_table": self.lock_table,
            "state_machine": self.state_machine_arn,
            "live_alias": self.live_state_machine_arn,
            "reconcile_machine": self.reconcile_machine_arn,
            "undelivered_events_queue": self.undelivered_events_queue,
        }
        return {name: each for name, each in found.items() if each is not None}

    @property
    def starts_on(self) -> str:
        """What to start an execution on, so that it runs on the version that S3's events run on."""
        return self.live_state_machine_arn or self.state_machine_arn

    def execution_arn(self, name: str) -> str:
        """The ARN of an execution of the state machine."""
        return f"{self.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"

    @property
    def is_local(self) -> bool:
        """Whether it runs on an emulator."""
        return self.endpoint_url is not None

    @property
    def where(self) -> str:
        """For people: which AWS this is."""
        return self.endpoint_url or f"AWS {self.session.region_name}"

    @cached_property
    def s3(self) -> S3Client:
        return self.session.client("s3", endpoint_url=self.endpoint_url, config=self.config)

    @cached_property
    def sqs(self) -> SQSClient:
        return self.session.client("sqs", endpoint_url=self.endpoint_url, config=self.config)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        return self.session.client("stepfunctions", endpoint_url=self.endpoint_url, config=self.config)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return self.session.client("dynamodb", endpoint_url=self.endpoint_url, config=self.config)
