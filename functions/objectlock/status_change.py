"""What Step Functions tells EventBridge when an execution has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from objectlock.errors import InvalidEvent
from objectlock.events import ObjectEvent


@dataclass(frozen=True, slots=True)
class EndedExecution:
    """A "Step Functions Execution Status Change" (Step Functions Developer Guide, "Automating with EventBridge").

    Attributes:
        status: ABORTED, TIMED_OUT or FAILED.
        object_id: lock key of its S3 event; None where its input is none, so that it can have locked nothing.
    """

    arn: str
    status: str
    object_id: str | None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> EndedExecution:
        detail = raw["detail"]
        return cls(detail["executionArn"], detail["status"], _object_id(detail.get("input")))


def _object_id(text: str | None) -> str | None:
    """Step Functions leaves out an input of more than 248 KiB, which no S3 event has."""
    try:
        return ObjectEvent.parse(json.loads(text or "")).object_id
    except (ValueError, InvalidEvent):
        return None
