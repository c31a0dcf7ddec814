"""What is promised: always, of each verdict, and once nothing more happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from objectlock.conditions import Item
from objectlock.errors import SourceRejected
from objectlock.ports import SourceObject
from objectlock.record import (
    ABSENT,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OUTPUT_ETAG,
    OWNER,
    WORKER_UNTIL,
    Outcome,
)
from objectlock.sequencer import Sequencer
from tests.memory import StoredObject
from tests.simulation.lambdas import Invocation, to_grayscale
from tests.workflow.kit.cases import Answer, Returns

if TYPE_CHECKING:
    from tests.simulation.world import Execution, World

ACQUIRE: Final = "AcquireLockFunction"


class Violation(AssertionError):
    """Something that is promised was not kept."""


def promise(kept: bool, words: str) -> None:
    """Raises: Violation."""
    if not kept:
        raise Violation(words)


def always(world: World, kept: bool, words: str) -> None:
    """Raises: Violation, unless only the end is looked at."""
    promise(kept or not world.is_watched, words)


# --- always --------------------------------------------------------------------------------------------------


def record_written(world: World, by: Invocation, before: Item, after: Item) -> None:
    """A lock record has changed."""
    for mark in (APPLIED_SEQUENCER, NEWEST_SEQUENCER):
        is_back = mark in before and is_newer(
            _raw(world, by.key, before[mark]), _raw(world, by.key, after.get(mark, ""))
        )
        always(world, not is_back, f"{mark} never goes back")
    always(world, _token(before) <= _token(after), "fencing tokens grow")
    _keeps_off(world, by, before, after)
    if _token(after) > _token(before) and WORKER_UNTIL in after:
        by.token = _token(after)
        at_work = [each for each in (*world.invocations, *(doubt.invocation for doubt in world.doubts)) if each.token]
        others = [each.caller for each in at_work if each.key == by.key and each is not by]
        always(
            world,
            not others or _is_early(world),
            f"only one attempt is at work on an object, but {', '.join(others)} is too",
        )
    elif by.token and WORKER_UNTIL not in after:
        by.token = 0


def _keeps_off(world: World, by: Invocation, before: Item, after: Item) -> None:
    """Whoever writes changes only what is its own, or over by every clock."""
    state = by.payload.get("state", {})
    owner = by.payload.get("owner") or by.payload.get("detail", {}).get("executionArn")
    tokens = {by.token, state.get("applied", {}).get("token")}
    for ends, is_mine in ((LEASE_EXPIRES_AT, before.get(OWNER) == owner), (WORKER_UNTIL, _token(before) in tokens)):
        is_over = int(before.get(ends, 0)) < world.now + max(world.settings.skews)
        kept = is_mine or is_over or after.get(ends) == before[ends] or _is_early(world)
        always(world, kept, f"nobody changes another's {ends}")


def output_written(world: World, by: Invocation, before: StoredObject | None, after: StoredObject | None) -> None:
    """An output may have changed."""
    if before is not None and after is not before and by.token:
        always(world, before.label.token < by.token or _is_early(world), "no attempt changes the output of a later one")


def _is_early(world: World) -> bool:
    """Whether the assumption about time was broken, so that the second line of defence alone is left."""
    return "early" in world.settings.mishaps


# --- verdicts ------------------------------------------------------------------------------------------------


def answered(world: World, by: Invocation, answer: Answer) -> None:
    """A Lambda has ended. What AcquireLock says has to follow AWS's rule, whatever it compares by."""
    outcomes = [content for _, content in by.heard if isinstance(content, Outcome)]
    if by.function != ACQUIRE or not isinstance(answer, Returns) or not outcomes:
        return
    event, seen = by.payload["state"], outcomes[-1].item
    mine = event["detail"]["object"]["sequencer"]
    looks = [content for (kind, content) in by.heard if kind == "value" and not isinstance(content, Outcome)]
    is_newer_than = {
        mark: is_newer(mine, _raw(world, by.key, seen.get(mark, ""))) for mark in (APPLIED_SEQUENCER, NEWEST_SEQUENCER)
    }
    match answer.payload["work"]:
        case "STALE":
            always(world, not is_newer_than[APPLIED_SEQUENCER], "a stale verdict follows AWS's rule")
            is_confirmed = looks[-1:] == [None if seen[APPLIED_SOURCE] == ABSENT else seen[APPLIED_SOURCE]]
            always(world, is_confirmed, "a stale verdict is confirmed by a look at the input")
        case "SUPERSEDED":
            on_record = _raw(world, by.key, seen.get(NEWEST_SEQUENCER, ""))
            always(world, is_newer(on_record, mine), "who leaves leaves a newer event on record")
        case "GRAYSCALE" | "DELETE":
            was_mine = any(each.item.get(OWNER) == by.payload["owner"] for each in outcomes if not each.accepted)
            is_unforced = "look_again" not in event and len(looks) == 1 and not was_mine
            is_new = is_newer_than[APPLIED_SEQUENCER] or APPLIED_SEQUENCER not in seen
            always(world, is_new or not is_unforced, "a stale event causes no write")


def is_newer(one: str, other: str) -> bool:
    """AWS's rule: as text, the shorter padded with zeros on its right (S3 User Guide, "Event message structure")."""
    length = max(len(one), len(other))
    return one.lower().ljust(length, "0") > other.lower().ljust(length, "0")


def _raw(world: World, key: str, on_record: object) -> str:
    """The sequencer as S3 has sent it, whatever form it has on record."""
    for event in world.events:
        if event.key == key and Sequencer.parse(key, event.sequencer).value == on_record:
            return event.sequencer
    return str(on_record)


# --- in the end ----------------------------------------------------------------------------------------------


def ended(world: World, execution: Execution, error: str | None) -> None:
    """An execution has ended by itself."""
    is_failure = execution.status == "FAILED" and error != SourceRejected.__name__
    is_fault_free = not world.settings.mishaps and not world.settings.tick_ms
    always(world, not (is_failure and is_fault_free), "where nothing goes wrong nothing fails")


def quiet(world: World) -> None:
    """Nothing more happens."""
    promise(all(each.status != "RUNNING" for each in world.executions), "every execution ends")
    for key in world.versions:
        found, record, stored = world.input(key), world.record(key), world.output.objects.get(key)
        is_held = OWNER in record and int(record[LEASE_EXPIRES_AT]) >= world.now
        is_held = is_held or record.get(world.system.flag) == 1
        promise(not is_held, f"in the end no lock is held, but that of {key}")
        promise(
            (stored and stored.picture) == _counterpart(found),
            f"in the end every output is that of its input, but {key}",
        )
        if FENCING_TOKEN in record:
            _is_on_record(key, record, found, stored)


def _is_on_record(key: str, record: Item, found: SourceObject | None, stored: StoredObject | None) -> None:
    promise(
        record.get(APPLIED_SOURCE) == (found.tag if found else ABSENT), f"the record of {key} says what was applied"
    )
    promise(
        record.get(OUTPUT_ETAG) == (stored.etag if stored else None), f"the record of {key} says what the output is"
    )


def _counterpart(found: SourceObject | None) -> Any:
    try:
        return None if found is None else to_grayscale(found.body)
    except SourceRejected:
        return None


def _token(record: Mapping[str, object]) -> int:
    return int(str(record.get(FENCING_TOKEN, 0)))
