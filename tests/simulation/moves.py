"""What can happen next in a world, and doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from objectlock.errors import ServiceUnavailable, WriteInDoubt
from objectlock.record import LEASE_EXPIRES_AT, OBJECT_ID, WORKER_UNTIL, Outcome
from tests.simulation import comparison, damage, promises, user
from tests.simulation.lambdas import Call, Heard, Invocation
from tests.simulation.settings import RECONCILES
from tests.simulation.timeline import call_in_words
from tests.simulation.world import KILLED, Doubt, Execution, Report, World
from tests.workflow.kit.cases import Raises, Refused

MOST_STEPS: Final = 4_000  # a world that has not come to rest by then never will
REST_MS: Final = 61_000  # longer than any lease

GOES_ON, HAPPENS, RARELY = 8, 3, 1  # weights
LOST: Final = Refused("ServiceException", 500, "the answer is lost")
UNHEARD_OF: Final = Raises("HandlerNotFound", "an error that is not tried again")


# What can go wrong at a call to AWS.
_AT_ALL_CALLS: Final = ("kills", "errors", "refusals")
_AT_THESE: Final = {"apply": ("losses", "repeats"), "write": ("losses", "doubts"), "delete": ("losses", "doubts")}


class Move(NamedTuple):
    """Something that can happen.

    Attributes:
        weight: how likely it is, against the others.
    """

    weight: float
    do: Callable[..., None]
    arguments: tuple[Any, ...] = ()


class AccessDenied(Exception):
    """AWS refuses a call, and will the next time."""


def run(world: World) -> None:
    """Let things happen until nothing can any more. Raises: promises.Violation."""
    try:
        while step(world):
            pass
    finally:
        world.end()


def step(world: World) -> bool:
    """Let one thing happen; False where there is nothing left. Raises: promises.Violation."""
    moves = possible(world)
    wrong = mishaps(world)
    if not moves:
        moves = _at_rest(rested(world))
        if not wrong and moves[0].do is _nothing:
            return False
    world.steps += 1
    promises.promise(world.steps < MOST_STEPS, f"it gets quiet within {MOST_STEPS} steps")
    chosen = [*moves, *wrong][world.chooser.choose([each.weight for each in (*moves, *wrong)])]
    chosen.do(world, *chosen.arguments)
    return chosen.do is not _nothing


def _at_rest(world: World) -> list[Move]:
    """What the operator does when nothing more happens: mostly nothing, as everything promised must be kept."""
    if keys := comparison.due(world):
        return [Move(GOES_ON, comparison.reconciles, (keys,))]
    promises.quiet(world)
    return [Move(GOES_ON, _nothing)]


def rested(world: World) -> World:
    """A while later."""
    world.now += REST_MS
    return world


def _nothing(_: World) -> None:
    """That was all."""


# --- what goes well --------------------------------------------------------------------------------------------


def possible(world: World) -> list[Move]:
    """What can happen without anything going wrong."""
    moves = [Move(GOES_ON * each.pace, goes_on, (each,)) for each in world.invocations if each.wakes_at <= world.now]
    moves += [Move(GOES_ON, wakes, (each,)) for each in world.executions if each.is_running and each.until <= world.now]
    can_go_on = bool(moves)
    moves += [
        Move(HAPPENS, delivers, (each,))
        for each in world.undelivered
        if not world.settings.calm or _is_calm(world, each)
    ]
    if world.done < len(world.settings.plan):
        moves.append(Move(HAPPENS * world.settings.user_pace, user.changes))
    moves += [Move(HAPPENS, reports, (each,)) for each in world.reports]
    moves += [Move(RARELY / 2, takes_effect, (each,)) for each in world.doubts]
    moves += [Move(RARELY, tried_again, (each,)) for each in world.executions if not each.is_running]
    if not can_go_on and (moments := world.moments()):
        moves.append(Move(GOES_ON, passes, (min(moments) - world.now,)))
    return moves


def _is_calm(world: World, event: int) -> bool:
    key = world.events[event].key
    is_first = min(each for each in world.undelivered if world.events[each].key == key) == event
    return is_first and not any(each.key == key and each.is_running for each in world.executions)


def delivers(world: World, event: int) -> None:
    world.undelivered.remove(event)
    world.deliver(event)


def wakes(world: World, execution: Execution) -> None:
    world.wakes(execution)


def reports(world: World, report: Report) -> None:
    world.reports.remove(report)
    if world.mishap("lost_reports"):
        world.say("EventBridge", f"loses the report that {report.name} has ended")
    else:
        world.reap(report)


def takes_effect(world: World, doubt: Doubt) -> None:
    world.doubts.remove(doubt)
    words = call_in_words(doubt.call, {}, world.make(doubt.call, doubt.invocation))
    world.say("S3", f"carries out what {doubt.invocation.caller} had no answer to: {words}")


def tried_again(world: World, execution: Execution) -> None:
    """Somebody sees to an execution that did not succeed."""
    is_stopped = execution.status != "FAILED"  # a redrive of that one would only fail again
    chosen = world.chooser.choose([1, is_stopped, execution.is_outdone])
    if chosen == 1:
        world.redrive(execution)
    elif chosen:
        world.say("somebody", f"leaves {execution.name} alone, as a newer one has succeeded since")
        world.executions.remove(execution)
    else:
        world.say("somebody", f"starts {execution.name} again")
        world.start_again(execution)


def passes(world: World, milliseconds: int) -> None:
    world.say("time", f"{milliseconds / 1000:.3f} s pass")
    world.passes(milliseconds)


def goes_on(world: World, invocation: Invocation) -> None:
    """A Lambda makes its next call to AWS."""
    call = invocation.stands_before
    assert call is not None
    mishap = world.mishap(*_AT_ALL_CALLS, *_AT_THESE.get(call.method, ()))
    before = world.record(invocation.key)
    calls = world.seen["calls"]
    try:
        heard = _made(world, invocation, call, mishap) if mishap else world.make(call, invocation)
    except promises.Violation:
        after = Outcome(accepted=True, item=world.record(invocation.key))
        _tell(world, invocation, call_in_words(call, before, ("value", after)))
        raise
    if world.tell is not None:
        effect = "carried out" if world.seen["calls"] > calls else "not carried out"
        _tell(world, invocation, f"{call_in_words(call, before, heard)}{mishap and f' ({mishap}: {effect})'}")
    if heard is None:
        world.ends(invocation, KILLED)
    else:
        world.let_hear(invocation, heard)
    if world.settings.tick_ms:
        world.passes(world.settings.tick_ms)


def _tell(world: World, invocation: Invocation, words: str) -> None:
    world.say(invocation.caller, f"{invocation.function}: {words}")


def _made(world: World, invocation: Invocation, call: Call, mishap: str) -> Heard | None:
    """What is heard of a call at which something goes wrong; None where nobody is left to hear it."""
    lost = WriteInDoubt("no answer") if call.method in {"write", "delete"} else ServiceUnavailable("no answer")
    match mishap:
        case "kills":
            if world.chooser.choose([1, 1]):
                world.make(call, invocation)
            return None
        case "errors":
            return "error", ServiceUnavailable("busy")
        case "refusals":
            return "error", AccessDenied("not allowed")
        case "losses":
            world.make(call, invocation)
            return "error", lost
        case "repeats":
            world.make(call, invocation)
            return world.make(call, invocation)
        case _:
            world.doubts.append(Doubt(call, invocation.copy(), invocation.ends_at))
            return "error", lost


# --- what goes wrong by itself -----------------------------------------------------------------------------------


def mishaps(world: World) -> list[Move]:
    """What can go wrong without anybody doing anything."""
    return [
        Move(weight, do, arguments)
        for mishap, weight, do, may_be in _MISHAPS
        if mishap in world.left
        for arguments in may_be(world)
    ]


def _running(world: World) -> Iterator[tuple[Execution]]:
    return ((each,) for each in world.executions if each.is_running)


def _waiting(world: World) -> Iterator[tuple[Execution]]:
    return ((each,) for each in world.executions if each.waits_for is not None)


def _delivered(world: World) -> Iterator[tuple[int]]:
    return ((number,) for number, each in enumerate(world.events) if each.deliveries)


def _at_large(world: World) -> Iterator[tuple[Invocation]]:
    return ((each,) for each in world.invocations if world.waiting_for(each) is None)


def _at_work(world: World) -> Iterator[tuple[str]]:
    return ((key,) for key in world.versions if int(world.record(key).get(WORKER_UNTIL, 0)) >= world.now)


def delivered_again(world: World, event: int) -> None:
    world.spend("duplicates")
    world.deliver(event)


def stopped(world: World, execution: Execution) -> None:
    world.spend("stops")
    world.stop(execution, "ABORTED")


def timed_out(world: World, execution: Execution) -> None:
    world.spend("timeouts")
    world.stop(execution, "TIMED_OUT")


def not_heard(world: World, execution: Execution) -> None:
    """Nothing is heard of its Lambda until its time-out, while that goes on."""
    world.spend("silences")
    execution.waits_for = None
    world.say(execution.name, f"will not hear of {execution.position.state}")


def ambiguous(world: World, execution: Execution) -> None:
    """It is told that its Lambda has failed, while that goes on."""
    world.spend("ambiguities")
    _told(world, execution, LOST)


def failed(world: World, execution: Execution) -> None:
    """It is told so for good, while its Lambda goes on."""
    world.spend("failures")
    _told(world, execution, UNHEARD_OF)


def _told(world: World, execution: Execution, answer: Refused | Raises) -> None:
    world.say(execution.name, f"{execution.position.state} -> {answer.error}, although it goes on")
    world.hears(execution, answer)


def killed(world: World, invocation: Invocation) -> None:
    """A Lambda that nobody waits for; the others are killed at their calls."""
    world.spend("kills")
    world.say(invocation.caller, f"{invocation.function} is killed")
    world.ends(invocation, KILLED)


def delayed(world: World) -> None:
    """Time passes although a Lambda could go on: to the next moment that makes a difference, or beyond."""
    world.spend("delays")
    moments = sorted({*world.moments(), *world.ends_on_record()})[:4]
    steps = [moment - world.now for moment in moments] or [1000]
    passes(world, steps[world.chooser.choose([4, 2, 1, 1][: len(steps)])])


def expires(world: World, key: str) -> None:
    world.spend("expiries")
    world.expire(key)


def ends_early(world: World, key: str) -> None:
    """As a clock that is wrong would have it."""
    world.spend("early")
    world.say("somebody", f"thinks that the lease of {key} has ended")
    world.early.add(key)
    record = world.record(key)
    past = world.now - 60_000
    world.locks.items[str(record[OBJECT_ID])] = {**record, LEASE_EXPIRES_AT: past, WORKER_UNTIL: past}


# Of which number it is, how likely, what it does, and to whom or what it may happen.
_MISHAPS: Final[Sequence[tuple[str, float, Callable[..., None], Callable[[World], Iterable[tuple[Any, ...]]]]]] = (
    ("duplicates", RARELY / 4, delivered_again, _delivered),
    ("stops", RARELY / 4, stopped, _running),
    ("timeouts", RARELY / 4, timed_out, _running),
    ("ambiguities", RARELY / 4, ambiguous, _waiting),
    ("silences", RARELY / 4, not_heard, _waiting),
    ("failures", RARELY / 4, failed, _waiting),
    ("kills", RARELY / 4, killed, _at_large),
    ("delays", RARELY / 3, delayed, lambda world: [()] if world.invocations else []),
    ("expiries", RARELY, expires, lambda world: ((key,) for key in world.tombstones())),
    ("early", GOES_ON, ends_early, _at_work),
    ("deletions", RARELY, damage.deletes, damage.outputs),
    ("overwrites", RARELY, damage.overwrites, damage.outputs),
    ("strays", RARELY / 4, damage.strays, damage.no_outputs),
    ("lost_records", RARELY / 4, damage.loses_record, damage.records),
    ("restores", RARELY / 4, damage.backs_up, damage.not_backed_up),
    ("restores", RARELY / 2, damage.restores, damage.changed_since_backup),
    ("lost_events", RARELY / 2, damage.loses_event, lambda world: ((each,) for each in world.undelivered)),
    (RECONCILES, RARELY / 4, comparison.at_any_time, lambda world: ((key,) for key in world.versions)),
)
