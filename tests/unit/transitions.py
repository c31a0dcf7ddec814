"""Requests to the lock in any order: what executions that know nothing of each other may ask for."""

from __future__ import annotations

from hypothesis import strategies as st

from objectlock.lock import (
    ABSENT,
    Applied,
    Claim,
    Transition,
    give_up,
    grant,
    grant_overtaken,
    register,
    release,
    release_behind,
)
from objectlock.sequencer import Sequencer

LEASE_MS = 30_000

owners = st.sampled_from(["one", "two", "three"])
sequencers = st.sampled_from(["0", "01", "02", "020", "02a", "1", "F"])
applied = st.sampled_from([Applied("etag-a", "out-a"), Applied("etag-b", "out-b"), Applied("etag-c", None)]) | st.just(
    Applied(ABSENT, None)
)
moments = st.integers(0, 4 * LEASE_MS)


@st.composite
def transitions(draw: st.DrawFn, object_id: str) -> Transition:
    """One request by any execution, for any event, at any time."""
    claim = Claim(draw(owners), Sequencer.parse(object_id, draw(sequencers)), draw(st.booleans()))
    now = draw(moments)
    match draw(st.sampled_from(["grant", "grant_overtaken", "register", "release", "release_behind", "give_up"])):
        case "grant":
            return grant(claim, now=now, lease_ms=LEASE_MS)
        case "grant_overtaken":
            return grant_overtaken(claim, now=now, lease_ms=LEASE_MS)
        case "register":
            return register(claim)
        case "release":
            return release(claim, draw(applied), now=now)
        case "release_behind":
            return release_behind(claim, draw(applied), now=now)
        case _:
            return give_up(object_id, claim.owner)
