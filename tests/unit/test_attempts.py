import pytest

from objectlock.attempts import Attempt, OutputObject, begin_work, end_work, is_only_early, note_output
from objectlock.conditions import Item
from objectlock.record import (
    ABSENT,
    APPLIED_SOURCE,
    FENCING_TOKEN,
    LEASE_EXPIRES_AT,
    OUTPUT_ETAG,
    WORKER_UNTIL,
    Outcome,
    Transition,
)
from tests.unit.records import ID, NOW, TOKEN, applied_to, at_work, free, held_by, seq, without

LEFT = 20_000
MINE = Attempt(ID, "me", TOKEN, seq("05"), "etag-before", "tag-before")


def begin(owner: str = "me") -> Transition:
    return begin_work(ID, owner, now=NOW, milliseconds_left=LEFT)


# --- begin -------------------------------------------------------------------------------------------------


def test_an_attempt_has_the_next_token_and_a_lease_that_outlasts_it() -> None:
    """By a margin for clocks that differ: once for the attempt to end, once more for the lock to be free."""
    before = held_by("me", until=NOW + 1, newest_sequencer="05", output_etag="b", fencing_token=TOKEN)
    outcome = applied_to(before, begin())
    assert outcome.accepted
    assert outcome.item == {
        **before,
        FENCING_TOKEN: TOKEN + 1,
        WORKER_UNTIL: NOW + LEFT + 5_000,
        LEASE_EXPIRES_AT: NOW + LEFT + 5_000 + 5_000,
    }


def test_a_lease_that_was_longer_ends_with_the_attempt_too() -> None:
    outcome = applied_to(held_by("me", until=NOW + 300_000), begin())
    assert outcome.item[LEASE_EXPIRES_AT] == NOW + LEFT + 10_000


def test_the_first_attempt_at_an_object_has_token_one() -> None:
    assert applied_to(held_by("me"), begin()).item[FENCING_TOKEN] == 1


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(held_by("me", until=NOW), id="the lease is live for this very millisecond"),
        pytest.param(at_work("me", until=NOW - 1), id="the attempt before cannot be running any more"),
        pytest.param(held_by("me", fencing_token=TOKEN), id="the attempt before has said that it ended"),
    ],
)
def test_an_attempt_begins(item: Item) -> None:
    assert applied_to(item, begin()).accepted


@pytest.mark.parametrize(
    ("item", "is_early"),
    [
        pytest.param({}, False, id="no record"),
        pytest.param(free(), False, id="released, or reaped"),
        pytest.param(held_by("other"), False, id="another has taken over"),
        pytest.param(at_work("other"), False, id="another is at work"),
        pytest.param(held_by("me", until=NOW - 1), False, id="the lease has just ended"),
        pytest.param(at_work("me", until=NOW - 5_001), False, id="the attempt and its lease have ended"),
        pytest.param(at_work("me"), True, id="at work"),
        pytest.param(at_work("me", until=NOW), True, id="at work for this very millisecond"),
        pytest.param(at_work("me", lease_expires_at=NOW - 1), True, id="at work beyond a lease that was cut short"),
    ],
)
def test_an_attempt_does_not_begin(item: Item, is_early: bool) -> None:
    """Whoever is only early tries again; whoever does not hold the lock has to ask for it."""
    outcome = applied_to(item, begin())
    assert outcome == Outcome(accepted=False, item=item)
    assert is_only_early("me", outcome.item, now=NOW) is is_early


def test_an_attempt_knows_what_it_is_to_replace_and_what_it_will_have_seen() -> None:
    before = held_by("me", newest_sequencer="09", output_etag="b", applied_source="a", fencing_token=TOKEN)
    item = applied_to(before, begin()).item
    assert Attempt.begun("me", seq("05"), item) == Attempt(ID, "me", TOKEN + 1, seq("09"), "b", "a")


def test_an_attempt_at_an_object_without_output_replaces_nothing() -> None:
    item = applied_to(held_by("me", newest_sequencer="09"), begin()).item
    assert Attempt.begun("me", seq("05"), item) == Attempt(ID, "me", 1, seq("09"), None, None)


def test_an_attempt_with_no_event_on_record_will_have_seen_its_own() -> None:
    """A tombstone may expire between two tries to take its lock."""
    item = applied_to(held_by("me"), begin()).item
    assert Attempt.begun("me", seq("05"), item).newest == seq("05")


# --- end ---------------------------------------------------------------------------------------------------


def test_an_attempt_that_has_ended_leaves_the_lock_to_the_next_one() -> None:
    """With its lease, so that the same execution can begin again at once."""
    before = at_work("me", newest_sequencer="05", output_etag="b")
    ended = applied_to(before, end_work(MINE))
    assert ended == Outcome(accepted=True, item=without(before, WORKER_UNTIL))
    assert applied_to(ended.item, begin()).item[FENCING_TOKEN] == TOKEN + 1


def test_an_attempt_may_say_late_that_it_has_ended() -> None:
    """As long as nobody took over, it does no harm."""
    assert applied_to(at_work("me", until=0), end_work(MINE)).accepted


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({}, id="no record"),
        pytest.param(free(fencing_token=TOKEN), id="released"),
        pytest.param(at_work("other", token=TOKEN + 1), id="another is at work"),
        pytest.param(at_work("other"), id="another has taken over from it"),
        pytest.param(at_work("me", token=TOKEN + 1), id="a later attempt of the same execution is at work"),
    ],
)
def test_an_abandoned_attempt_does_not_speak_for_the_next(item: Item) -> None:
    """It would let a third one begin beside the second, or have the second overwrite what it never saw."""
    for transition in (
        end_work(MINE),
        note_output(MINE, None, now=NOW),
        note_output(MINE, OutputObject("found", 9), now=NOW),
    ):
        assert applied_to(item, transition) == Outcome(accepted=False, item=item)


# --- another output than expected --------------------------------------------------------------------------


@pytest.mark.parametrize("token", [0, TOKEN - 1, TOKEN])
def test_an_output_that_was_found_is_what_the_next_attempt_replaces(token: int) -> None:
    """Written by hand, by an attempt whose answer was lost, or by this one."""
    before = at_work("me", newest_sequencer="05", output_etag="etag-before")
    outcome = applied_to(before, note_output(MINE, OutputObject("found", token), now=NOW))
    assert outcome.accepted
    assert outcome.item == {**without(before, WORKER_UNTIL), OUTPUT_ETAG: "found"}


def test_an_output_that_is_gone_leaves_the_next_attempt_nothing_to_replace() -> None:
    before = at_work("me", newest_sequencer="05", output_etag="etag-before")
    outcome = applied_to(before, note_output(MINE, None, now=NOW))
    assert outcome == Outcome(accepted=True, item=without(before, WORKER_UNTIL, OUTPUT_ETAG))


@pytest.mark.parametrize("found", [None, OutputObject("found", 0)], ids=["gone", "another"])
@pytest.mark.parametrize("source", ["etag@1", ABSENT])
def test_what_an_output_that_was_not_expected_was_made_from_is_not_known(
    found: OutputObject | None, source: str
) -> None:
    """Or the record would say that all is done, and with no output that the input was rejected."""
    before = at_work("me", applied_source=source, applied_sequencer="05", output_etag="etag-before")
    assert APPLIED_SOURCE not in applied_to(before, note_output(MINE, found, now=NOW)).item


def test_tokens_go_on_from_a_higher_one_that_was_found() -> None:
    """The record it belonged to was lost: the next attempt must not write with a lower one."""
    noted = applied_to(at_work("me"), note_output(MINE, OutputObject("found", TOKEN + 4), now=NOW)).item
    assert noted[FENCING_TOKEN] == TOKEN + 4
    assert applied_to(noted, begin()).item[FENCING_TOKEN] == TOKEN + 5


@pytest.mark.parametrize(("until", "accepted"), [(NOW, True), (NOW - 1, False)])
def test_what_is_found_after_the_lease_is_not_put_on_record(until: int, accepted: bool) -> None:
    """Whoever takes over then may be writing already."""
    item = at_work("me", lease_expires_at=until)
    assert applied_to(item, note_output(MINE, OutputObject("found", 0), now=NOW)).accepted is accepted
