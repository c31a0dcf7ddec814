"""What is promised: always, of each verdict, and once nothing more happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from objectlock.conditions import Item
from objectlock.errors import SourceRejected
from objectlock.ports import SourceObject
from objectlock.record import (
    ABSENT,
    APPLIED_AT,
    APPLIED_BY,
    APPLIED_SEQUENCER,
    APPLIED_SOURCE,
    CLOCK_MARGIN_MS,
    EXPIRES_AT,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    NEWEST_SEQUENCER,
    OUTPUT_ETAG,
    OWNER,
    RECORD_SINCE,
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
BEFORE_ALL: Final = "0"  # the place of a reconcile, which S3 has not told of
# What the state machine has an answer to, or what would be a mistake of ours.
_NO_END: Final = frozenset(
    {
        "AttemptInFlight",
        "AttributeError",
        "InputChanged",
        "InvalidEvent",
        "KeyError",
        "LeaseLost",
        "OutputChanged",
        "States.Runtime",
        "Runtime",
        "TypeError",
        "UnknownRecordVersion",
        "ValueError",
    }
)


# What the change feed tells, and orders by.
_TOLD: Final = (RECORD_SINCE, FENCING_TOKEN, OUTPUT_ETAG, APPLIED_SOURCE, APPLIED_SEQUENCER, APPLIED_AT, APPLIED_BY)


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
        if mark in before and before[mark] != after.get(mark):
            was, is_now = (_raw(world, by.key, item.get(mark, "")) for item in (before, after))
            always(world, not is_newer(was, is_now), f"{mark} never goes back")
    always(world, _token(before) <= _token(after), "fencing tokens grow")
    if not world.system.flag:
        _is_consistent(world, after)
        _is_in_order(world, by, before, after)
        _keeps_off(world, by, before, after)
        _is_told(world, by, before, after)
        if before.get(OWNER, by.arn) != by.arn and after.get(OWNER) == by.arn:
            by.took_from = str(before[OWNER])
        if _is_release(by, before, after):
            _is_known_again(world, by.key)
    is_longer = after.get(WORKER_UNTIL) != before.get(WORKER_UNTIL)
    if WORKER_UNTIL in after and (is_longer or _token(after) > _token(before)):
        _has_begun(world, by, before, after)
    elif by.token and WORKER_UNTIL not in after:
        by.token = 0


def _is_consistent(world: World, record: Item) -> None:
    is_in_use = OWNER in record
    always(world, is_in_use or WORKER_UNTIL not in record, "who frees the lock leaves no attempt on record")
    always(world, not is_in_use or EXPIRES_AT not in record, "a record in use has no TTL")


def _is_in_order(world: World, by: Invocation, before: Item, after: Item) -> None:
    """What is on record of the order of events is S3's."""
    for mark in (APPLIED_SEQUENCER, NEWEST_SEQUENCER):
        is_changed = before.get(mark) != after.get(mark)
        always(world, not is_changed or _is_of_an_event(world, by.key, after.get(mark)), f"{mark} is that of an event")
    is_as_before = after.get(NEWEST_SEQUENCER, BEFORE_ALL) == before.get(NEWEST_SEQUENCER, BEFORE_ALL)
    always(world, is_as_before or not by.is_reconcile, "a reconcile leaves the order of events as it is")
    newest, applied = (_raw(world, by.key, after.get(mark, "")) for mark in (NEWEST_SEQUENCER, APPLIED_SEQUENCER))
    is_ahead = APPLIED_SEQUENCER in after and NEWEST_SEQUENCER in after and is_newer(applied, newest)
    always(world, not is_ahead or by.key in world.behind, "no event is applied that is not on record")


def _is_release(by: Invocation, before: Item, after: Item) -> bool:
    """Whether what was applied is put on record, and not only given up."""
    is_freed, state = OWNER in before and OWNER not in after, by.payload.get("state", {})
    return is_freed and (by.token > 0 or ("applied" in state and "caught" not in by.payload))


def _is_told(world: World, by: Invocation, before: Item, after: Item) -> None:
    """The change feed has each write to a record that then has `applied_at`."""
    is_told, was_told = APPLIED_AT in after, APPLIED_AT in before
    is_known = by.key in world.behind or before.get(RECORD_SINCE) in {None, after.get(RECORD_SINCE)}
    always(world, is_known, "since when a record has been there does not change")
    if _is_release(by, before, after):
        always(world, is_told and after.get(APPLIED_BY) == by.arn, "what was applied is told, and by whom")
        always(world, RECORD_SINCE in after, "what is told says since when its record has been there")
    elif is_told:
        is_repeated = was_told and all(before.get(name) == after.get(name) for name in _TOLD)
        always(world, is_repeated, "only what was applied is told")
    always(world, not is_told or OWNER not in after, "nothing is told of a record in use")
    if is_told:
        before_it = world.told.get(by.key, after)
        always(world, by.key in world.behind or _place(before_it) <= _place(after), "what is told never goes back")
        world.told[by.key] = {name: after[name] for name in _TOLD if name in after}


def _place(told: Item) -> tuple[int, int]:
    """Where in the order of an object's changes."""
    return int(told.get(RECORD_SINCE, 0)), _token(told)


def _is_known_again(world: World, key: str) -> None:
    """Unless what was applied was begun before the damage."""
    if world.unsure.get(key):
        del world.unsure[key]


def _has_begun(world: World, by: Invocation, before: Item, after: Item) -> None:
    """An attempt is on record: a new token, no other one, and time enough."""
    always(world, _token(after) > _token(before), "an attempt has a token of its own")
    by.token = _token(after)
    if by.key in world.unsure:
        world.unsure[by.key] = True
    at_work = [each for each in (*world.invocations, *(doubt.invocation for doubt in world.doubts)) if each.token]
    others = [each.caller for each in at_work if each.key == by.key and each.token != by.token]
    words = f"only one attempt is at work on an object, but {', '.join(others)} is too"
    always(world, not others or by.key in world.early, words)
    until, latest = int(after[WORKER_UNTIL]), by.ends_at + max(world.settings.skews)
    always(world, until >= latest, "an attempt is on record for as long as its Lambda may run, by every clock")
    always(world, int(after[LEASE_EXPIRES_AT]) > until, "a lease outlasts its attempt")


def _keeps_off(world: World, by: Invocation, before: Item, after: Item) -> None:
    """Whoever writes changes only what is its own, or is over by its clock."""
    if by.key in world.early:
        return
    token = by.token or by.payload.get("state", {}).get("applied", {}).get("token")
    is_owner, is_attempt = before.get(OWNER) == by.arn, token is not None and _token(before) == token
    for name, is_mine, ends in (
        (OWNER, is_owner, LEASE_EXPIRES_AT),
        (LEASE_EXPIRES_AT, is_owner, LEASE_EXPIRES_AT),
        (WORKER_UNTIL, is_attempt, WORKER_UNTIL),
    ):
        is_over = int(before.get(ends, 0)) < world.now + by.skew
        always(world, is_mine or is_over or after.get(name) == before.get(name), f"nobody changes another's {name}")
    for name in (OUTPUT_ETAG, APPLIED_SOURCE, APPLIED_SEQUENCER):
        is_changed = before.get(name) != after.get(name)
        always(world, not is_changed or (is_owner and is_attempt), f"only the attempt on record says what {name} is")


def output_written(world: World, by: Invocation, before: StoredObject | None, after: StoredObject | None) -> None:
    """An output may have changed."""
    if after is before or world.system.flag:
        return
    always(world, by.token > 0, "only an attempt changes an output")
    always(world, after is None or after.label.token == by.token, "an output says which attempt has made it")
    is_late = world.highest.get(by.key, 0) > by.token
    always(world, not is_late or by.key in world.early, "no write lands after one with a higher token")
    world.highest[by.key] = max(by.token, world.highest.get(by.key, 0))


# --- verdicts ------------------------------------------------------------------------------------------------


def answered(world: World, by: Invocation, answer: Answer) -> None:
    """A Lambda has ended."""
    if not isinstance(answer, Returns) or world.system.flag:
        return
    outcomes = [content for _, content in by.heard if isinstance(content, Outcome)]
    if by.function == ACQUIRE:
        _follows_the_rule(world, by, answer.payload, outcomes)
    elif by.function == world.system.reaper or "caught" in by.payload:
        _has_given_up(world, by, outcomes[-1].item if outcomes else world.record(by.key))


def _follows_the_rule(world: World, by: Invocation, decision: Mapping[str, Any], outcomes: list[Outcome]) -> None:
    """What AcquireLock says follows AWS's rule for sequencers, whatever it compares by."""
    event, seen = by.payload["state"], outcomes[-1].item if outcomes else {}
    mine = BEFORE_ALL if by.is_reconcile else event["detail"]["object"]["sequencer"]
    looks = [content for (kind, content) in by.heard if kind == "value" and not isinstance(content, Outcome)]
    is_new = is_newer(mine, _raw(world, by.key, seen.get(APPLIED_SEQUENCER, "")))
    match decision["work"]:
        case "STALE" | "SUPERSEDED" | "FOLDER" if by.is_reconcile:
            always(world, False, "a reconcile always looks")
        case "STALE":
            always(world, not is_new, "a stale verdict follows AWS's rule")
            is_confirmed = looks[-1:] == [None if seen.get(APPLIED_SOURCE) == ABSENT else seen.get(APPLIED_SOURCE)]
            always(world, is_confirmed, "a stale verdict is confirmed by a look at the input")
        case "SUPERSEDED":
            on_record = _raw(world, by.key, seen.get(NEWEST_SEQUENCER, ""))
            always(world, is_newer(on_record, mine), "who leaves leaves a newer event on record")
        case "HELD":
            holders = {each.item.get(OWNER) for each in outcomes} - {None, by.arn}
            always(world, bool(holders), "who waits waits for another")
            since = event.get("lock", {}).get("waiting_since") or decision["waiting_since"]
            always(world, decision["waiting_since"] == since, "who waits remembers since when")
            most = world.settings.wait_limit_seconds * 1000 + max(world.settings.skews)
            always(world, world.now - since <= most + world.system.time_limit_ms, "waiting has an end")
        case "GRAYSCALE" | "DELETE":
            was_mine = any(each.item.get(OWNER) == by.arn for each in outcomes if not each.accepted)
            is_forced = by.is_reconcile or "look_again" in event or len(looks) > 1 or was_mine
            always(world, is_new or APPLIED_SEQUENCER not in seen or is_forced, "a stale event causes no write")
            says = decision.get("taken_from")
            is_said = by.took_from in {"", says} or by.key in world.behind  # a record restored since it was looked at
            always(world, is_said, "who takes a lock over says from whom")


def _has_given_up(world: World, by: Invocation, seen: Item) -> None:
    is_as_short_as_can_be = (
        WORKER_UNTIL in seen and int(seen[LEASE_EXPIRES_AT]) <= int(seen[WORKER_UNTIL]) + CLOCK_MARGIN_MS
    )
    kept = seen.get(OWNER) != by.arn or is_as_short_as_can_be
    always(world, kept, "who has given up holds no lock for longer than a worker may need it")


def is_newer(one: str, other: str) -> bool:
    """AWS's rule: as text, the shorter padded with zeros on its right (S3 User Guide, "Event message structure")."""
    length = max(len(one), len(other))
    return one.lower().ljust(length, "0") > other.lower().ljust(length, "0")


def _is_of_an_event(world: World, key: str, on_record: object) -> bool:
    """Of this object; or of none, which is before all of them."""
    raw = _raw(world, key, on_record)
    known = [event.sequencer for event in world.events if event.key == key]
    return raw == BEFORE_ALL or any(not is_newer(raw, each) and not is_newer(each, raw) for each in known)


def _raw(world: World, key: str, on_record: object) -> str:
    """The sequencer as S3 has sent it, whatever form it has on record."""
    for event in world.events:
        if event.key == key and Sequencer.parse(key, event.sequencer).value == on_record:
            return event.sequencer
    return str(on_record)


# --- in the end ----------------------------------------------------------------------------------------------


def ended(world: World, execution: Execution, error: str | None) -> None:
    """An execution has ended by itself."""
    if world.system.flag:
        return
    is_failure = error not in {None, SourceRejected.__name__}
    always(world, not (is_failure and world.settings.is_mild), "where at most one thing goes wrong nothing fails")
    always(world, error not in _NO_END, f"no execution ends by {error}")
    always(world, error is None or execution.position.state == "Failed", "who fails has given up its lock")
    if error is None and execution.position.state != "Skipped":
        mine = BEFORE_ALL if execution.event is None else world.events[execution.event].sequencer
        on_record = _raw(world, execution.key, world.record(execution.key).get(APPLIED_SEQUENCER, ""))
        kept = bool(on_record) and not is_newer(mine, on_record)
        always(world, kept or execution.key in world.behind, "who succeeds has its event on record")


def quiet(world: World) -> None:
    """Nothing more happens."""
    for key in world.versions:
        found, record, stored = world.input(key), world.record(key), world.output.objects.get(key)
        is_held = OWNER in record and int(record[LEASE_EXPIRES_AT]) >= world.now
        is_held = is_held or record.get(world.system.flag) == 1
        promise(not is_held, f"in the end no lock is held, but that of {key}")
        promise(
            (stored and stored.picture) == counterpart(found),
            f"in the end every output is that of its input, but {key}",
        )
        if FENCING_TOKEN in record and key not in world.unsure:
            _is_on_record(world, key, found, stored)


def _is_on_record(world: World, key: str, found: SourceObject | None, stored: StoredObject | None) -> None:
    record = world.record(key)
    source = record.get(APPLIED_SOURCE)
    promise(source == (found.tag if found else ABSENT), f"the record of {key} says what was applied")
    promise(
        record.get(OUTPUT_ETAG) == (stored.etag if stored else None), f"the record of {key} says what the output is"
    )
    is_newest = record.get(APPLIED_SEQUENCER) == record.get(NEWEST_SEQUENCER)
    promise(is_newest or key in world.behind, f"in the end the newest event of {key} is the one applied")
    promise(EXPIRES_AT not in record or source == ABSENT, f"the record of {key} does not expire, as it is no tombstone")
    is_told = world.told.get(key, {}).get(OUTPUT_ETAG) == (stored.etag if stored else None)
    promise(is_told, f"in the end the feed tells of {key} what the output is")
    if stored is not None:
        is_known = stored.label.token <= _token(record) or key in world.behind
        # A record replaced under an attempt lets its write without an answer land late, on an output of the same bytes.
        is_its_own = stored.label.source == source or key in world.behind & world.early
        promise(is_its_own and is_known, f"the output of {key} says what it was made from")


def counterpart(found: SourceObject | None) -> Any:
    """What the output of an input has to be; None where there is to be none."""
    try:
        return None if found is None else to_grayscale(found.body)
    except SourceRejected:
        return None


def _token(record: Mapping[str, object]) -> int:
    return int(str(record.get(FENCING_TOKEN, 0)))
