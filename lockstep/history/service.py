"""What the page asks for, as JSON; the same for the server and for the page in one file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from lockstep.again import next_name, start_again
from lockstep.executions import history
from lockstep.history.graph import Graph
from lockstep.history.index import Index
from lockstep.history.object_page import Lock, ObjectPage
from lockstep.history.plain import MEANINGS
from lockstep.history.run import Run, milliseconds
from lockstep.problems import Problem, ProblemError, is_of_no_execution
from lockstep.stack import Stack

_NO_EXECUTION: Final = Problem(
    "There is no execution of that name",
    "Look for it in the list. Step Functions forgets an execution 90 days after its end.",
)
_ALREADY: Final = Problem(
    "It has been started again already", "Look at the execution of the same name that ends in “-again”."
)


@dataclass(frozen=True)
class History:
    """One stack's history.

    Attributes:
        graph: of the machine that is deployed.
        is_live: whether somebody keeps the index up to date, and answers.
    """

    stack: Stack
    graph: Graph
    index: Index
    is_live: bool

    def about(self) -> dict[str, Any]:
        """The stack, its machine, and what the outcomes mean."""
        return {
            "name": self.stack.name,
            "where": self.stack.where,
            "is_local": self.stack.is_local,
            **self.stack.names,
            "is_live": self.is_live,
            "read_at": milliseconds(datetime.now(UTC)),
            "graph": self.graph.as_json(),
            "outcomes": [
                {"outcome": outcome.value, "tone": tone, "meaning": meaning}
                for outcome, (tone, meaning) in MEANINGS.items()
            ],
        }

    def run(self, name: str) -> Run:
        """One execution, as it is now. Raises as `read_run`."""
        run = read_run(self.stack, name)
        self.index.put(run.execution)
        return run

    def execution(self, name: str) -> dict[str, Any]:
        """One execution in full. Raises as `read_run`."""
        return self.told(self.run(name))

    def told(self, run: Run) -> dict[str, Any]:
        """What there is to say about an execution that has been read."""
        again = next_name(run.execution.name)
        has_been = self.index.has(self.stack.execution_arn(again))
        can_be = self.is_live and run.execution.outcome.may_be_started_again
        return {
            **run.as_json(),
            "again": {"name": again} if can_be and not has_been else None,
            "started_again": again if has_been else None,
            "holder": self._holder(run),
        }

    def object(self, bucket: str, key: str) -> dict[str, Any]:
        """Everything about one object."""
        found = self.index.of_object(bucket, key)
        if not found and bucket != self.stack.input_bucket:
            raise ProblemError(
                Problem(
                    f"This stack has nothing to do with the bucket {bucket}",
                    f"Its input bucket is {self.stack.input_bucket}.",
                ),
                404,
            )
        return ObjectPage.read(self.stack, bucket, key, found).as_json()

    def start_again(self, name: str) -> str:
        """Start a failed execution again, and return the new one's name.

        Raises: ProblemError when it has not failed, or that has been done; ClientError, BotoCoreError.
        """
        outcome = self.run(name).execution.outcome
        if not outcome.may_be_started_again:
            raise ProblemError(Problem("Only what failed is started again", f"This execution is {outcome.value}."), 409)
        try:
            return start_again(self.stack, self.stack.execution_arn(name))
        except self.stack.stepfunctions.exceptions.ExecutionAlreadyExists:
            raise ProblemError(_ALREADY, 409) from None

    def _holder(self, run: Run) -> dict[str, Any] | None:
        """Who holds the lock that a run waits for: by the lock table, or else as the run was told."""
        told = run.held_by
        if not told:
            return None
        try:
            lock = Lock.read(self.stack, f"{run.execution.bucket}/{run.execution.key}")
        except (ClientError, BotoCoreError):
            return {"owner": told, "is_execution": False, "until": None, "is_live": False}
        if lock is None or not lock.owner:  # it was let go a moment ago
            return None
        return {
            "owner": lock.owner,
            "is_execution": lock.is_execution,
            "until": lock.lease_expires_at,
            "is_live": lock.is_live,
        }


def read_run(stack: Stack, name: str) -> Run:
    """Raises: ProblemError when there is no execution of that name; ClientError, BotoCoreError."""
    try:
        found = history(stack, arn := stack.execution_arn(name))
    except ClientError as error:
        if is_of_no_execution(error):
            raise ProblemError(_NO_EXECUTION, 404) from error
        raise
    if not found:
        raise ProblemError(Problem("It has only just been started", "There is nothing to read yet."), 404)
    return Run.of(arn, found)
