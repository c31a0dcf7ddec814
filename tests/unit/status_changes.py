"""What Step Functions tells EventBridge of an execution that has ended, made to order."""

from __future__ import annotations

import json
from typing import Any

from tests.sample_events import load


def ended(owner: str, state: dict[str, Any], status: str = "ABORTED") -> dict[str, Any]:
    """The event in events/execution-aborted.json, for another execution, whose input was `state`."""
    change = load("execution-aborted")
    change["resources"] = [owner]
    change["detail"].update(executionArn=owner, name=owner.rpartition(":")[2], status=status, input=json.dumps(state))
    return change
