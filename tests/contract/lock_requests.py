"""All that the lock asks of its store."""

from __future__ import annotations

from hypothesis import strategies as st

from objectlock.attempts import Attempt, OutputObject, begin_work, end_work, note_output
from objectlock.conditions import Item
from objectlock.lock import (
    Applied,
    Claim,
    cut_lease,
    give_up,
    give_up_tombstone,
    grant,
    grant_overtaken,
    register,
    release,
    release_behind,
)
from objectlock.record import ABSENT, FENCING_TOKEN, LEASE_EXPIRES_AT, OWNER, WORKER_UNTIL, Transition
from objectlock.sequencer import Sequencer

LEASE_MS = 30_000
MILLISECONDS_LEFT = 25_000


@st.composite
def requests(draw: st.DrawFn, object_id: str, item: Item) -> Transition:
    """One request by any execution, for any event, at any time; mostly one that fits the record, `item`.

    Chance alone would hardly ever get as far as a release.
    """
    owner = draw(st.sampled_from([str(item.get(OWNER, "one")), "one", "two"]))
    token = draw(st.sampled_from([int(item.get(FENCING_TOKEN, 0)), 1]))
    deadlines = [int(item[each]) for each in (LEASE_EXPIRES_AT, WORKER_UNTIL) if each in item]
    now = draw(st.sampled_from([0, *deadlines, *(each + 1 for each in deadlines), 1_772_442_904_567]))
    sequencer = Sequencer.parse(object_id, draw(st.sampled_from(["0", "01", "02", "020", "02a", "1", "F"])))
    claim = Claim(owner, sequencer, forced=draw(st.booleans()), takes_over=draw(st.booleans()))
    attempt = Attempt(object_id, owner, token, sequencer, output_etag=None, source=None)
    source, etag = draw(st.sampled_from([("etag-a", "out-a"), ("etag-b@2", "out-b"), ("etag-c", None), (ABSENT, None)]))
    applied = Applied(source, etag, token, sequencer)
    found = draw(st.sampled_from([None, OutputObject("out-x", 0), OutputObject("out-y", token + 1)]))
    possible = [
        register(claim),
        grant(claim, now=now, lease_ms=LEASE_MS),
        grant_overtaken(claim, now=now, lease_ms=LEASE_MS),
        begin_work(object_id, owner, now=now, milliseconds_left=MILLISECONDS_LEFT),
        end_work(attempt),
        note_output(attempt, found, now=now),
        release(owner, applied, now=now),
        release_behind(owner, applied, now=now),
        give_up(object_id, owner, now=now),
        give_up_tombstone(object_id, owner, now=now),
        cut_lease(object_id, owner, worker_until=int(item.get(WORKER_UNTIL, now))),
    ]
    fitting = [each for each in possible if each.condition.holds(item)]
    return draw(st.sampled_from(draw(st.sampled_from([fitting or possible, fitting or possible, possible]))))
