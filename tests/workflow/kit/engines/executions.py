"""Executions at an address of the Step Functions API, whoever answers there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from botocore.exceptions import ClientError

from ..history import Run, read

# Emulators want one, and look no closer.
ANY_ROLE: Final = "arn:aws:iam::123456789012:role/machine"
DEADLINE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.02
LAST_EVENTS: Final = 10


class Executions:
    """Creates machines, and runs executions to their ends.

    Args:
        client: boto3's, for `stepfunctions`.
        role_arn: the machines' role.
        deadline_seconds: what an execution may take.
    """

    def __init__(self, client: Any, *, role_arn: str = ANY_ROLE, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._client = client
        self._role_arn = role_arn
        self._deadline_seconds = deadline_seconds
        self._created: dict[tuple[str, str], str] = {}

    def created(self, name: str, definition: str) -> str:
        """The ARN of a machine; it is created, or if there is one of that name, brought up to date."""
        if (name, definition) not in self._created:
            self._created = {key: arn for key, arn in self._created.items() if key[0] != name}
            self._created[name, definition] = self._create(name, definition)
        return self._created[name, definition]

    def _create(self, name: str, definition: str) -> str:
        try:
            new = self._client.create_state_machine(name=name, definition=definition, roleArn=self._role_arn)
        except self._client.exceptions.StateMachineAlreadyExists:
            pages = self._client.get_paginator("list_state_machines").paginate()
            arn: str = next(each["stateMachineArn"] for each in _listed(pages, "stateMachines") if each["name"] == name)
            self._client.update_state_machine(stateMachineArn=arn, definition=definition)
            return arn
        return str(new["stateMachineArn"])

    def run(self, machine_arn: str, input_: Mapping[str, Any], *, name: str) -> Run:
        """Run an execution of a name that there is not yet.

        Raises:
            TimeoutError: it does not end; the message has the last events of its history.
        """
        started = self._client.start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(input_))
        arn = started["executionArn"]
        deadline = time.monotonic() + self._deadline_seconds
        while self._client.describe_execution(executionArn=arn)["status"] == "RUNNING":
            if time.monotonic() > deadline:
                msg = f"{arn} did not end within {self._deadline_seconds} s; last of its history:\n{self._last(arn)}"
                with suppress(ClientError):
                    self._client.stop_execution(executionArn=arn)
                raise TimeoutError(msg)
            time.sleep(POLL_SECONDS)
        return read(self._history(arn))

    def current_state(self, execution_arn: str) -> str:
        """The state that an execution is in."""
        latest = self._history(execution_arn, reverseOrder=True, includeExecutionData=False)
        return next(str(event["stateEnteredEventDetails"]["name"]) for event in latest if _is_entry(event))

    def delete(self) -> None:
        """Delete the machines that were created here."""
        for arn in self._created.values():
            self._client.delete_state_machine(stateMachineArn=arn)
        self._created.clear()

    def _history(self, execution_arn: str, **options: Any) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator("get_execution_history").paginate(executionArn=execution_arn, **options)
        return _listed(pages, "events")

    def _last(self, execution_arn: str) -> str:
        page = self._client.get_execution_history(executionArn=execution_arn, reverseOrder=True, maxResults=LAST_EVENTS)
        return "\n".join(map(str, reversed(page["events"])))


def _listed(pages: Any, field: str) -> Iterator[Mapping[str, Any]]:
    return (each for page in pages for each in page[field])


def _is_entry(event: Mapping[str, Any]) -> bool:
    return str(event["type"]).endswith("StateEntered")
