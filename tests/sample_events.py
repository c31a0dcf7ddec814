"""S3 events for tests: the files in events/, and small ones made to order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from objectlock.events import ObjectEvent

EVENTS = Path(__file__).parents[1] / "events"
OURS = {"execution-aborted", "reconcile"}  # the others are S3's
FILES = [path for path in sorted(EVENTS.glob("*.json")) if path.stem not in OURS]
BUCKET = "lockstep-input"
KEY = "photos/rocket.jpg"


def load(name: str) -> dict[str, Any]:
    """The event in events/`name`.json."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


def created(sequencer: str, *, key: str = KEY, **fields: Any) -> ObjectEvent:
    """An upload; `fields` go into detail.object."""
    return _parsed("created-put", sequencer, key, fields)


def deleted(sequencer: str, *, key: str = KEY, **fields: Any) -> ObjectEvent:
    """A deletion; `fields` go into detail.object."""
    return _parsed("deleted", sequencer, key, fields)


def reconcile(*, key: str = KEY) -> ObjectEvent:
    """Somebody asks to look at the object."""
    raw = load("reconcile")
    raw["detail"]["object"]["key"] = key
    return ObjectEvent.parse(raw)


def _parsed(name: str, sequencer: str, key: str, fields: dict[str, Any]) -> ObjectEvent:
    raw = load(name)
    raw["detail"]["object"].update(key=key, sequencer=sequencer, **fields)
    return ObjectEvent.parse(raw)
