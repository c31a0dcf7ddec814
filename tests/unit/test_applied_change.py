"""What the change feed tells of an applied change, from the lock record that its release has left."""

from __future__ import annotations

from typing import Any

import pytest

from objectlock.applied_change import applied_change
from objectlock.lock import Applied, release
from objectlock.record import ABSENT
from tests.unit.records import NOW, TOKEN, applied_to, at_work, free, seq

ME = "arn:aws:states:us-east-1:123456789012:execution:lockstep:one"
RECORD = free(
    applied_sequencer="05",
    applied_source="etag-in",
    applied_at=NOW,
    applied_by=ME,
    fencing_token=TOKEN,
    output_etag="etag-out",
    record_since=1,
)


def released(source: str, output_etag: str | None) -> dict[str, Any] | None:
    """As the shipped release leaves it."""
    applied = Applied(source, output_etag, TOKEN, seq("05"))
    return applied_change(applied_to(at_work(ME), release(ME, applied, now=NOW)).item)


def test_a_conversion_is_a_put() -> None:
    assert released("etag-in", "etag-out") == {
        "operation": "PUT",
        "bucket": "bucket",
        "object": "photo.jpg",
        "sequencer": "05",
        "fencing_token": TOKEN,
        "source_etag": "etag-in",
        "source_version_id": None,
        "output_etag": "etag-out",
        "time": "2026-03-02T09:15:04.567Z",
        "execution": ME,
    }


@pytest.mark.parametrize(
    ("source", "output_etag", "told"),
    [
        ("etag-in@v1", "etag-out", {"operation": "PUT", "source_etag": "etag-in", "source_version_id": "v1"}),
        (ABSENT, None, {"operation": "DELETE", "source_etag": None, "source_version_id": None, "output_etag": None}),
        ("etag-in@v1", None, {"operation": "DELETE", "source_etag": "etag-in", "source_version_id": "v1"}),  # rejected
    ],
)
def test_a_change_says_what_became_of_the_output(source: str, output_etag: str | None, told: dict[str, Any]) -> None:
    change = released(source, output_etag)
    assert change is not None
    assert change | told == change


def test_a_key_may_have_slashes_in_it() -> None:
    change = applied_change({**RECORD, "object_id": "bucket//photos/ü+ 1.jpg"})
    assert change is not None
    assert (change["bucket"], change["object"]) == ("bucket", "/photos/ü+ 1.jpg")


def test_a_record_in_use_tells_nothing() -> None:
    """A version of Lockstep from before the feed leaves `applied_at` there when it takes the lock."""
    assert applied_change({**RECORD, "owner": "other"}) is None


@pytest.mark.parametrize("name", ["record_since", "fencing_token"])
def test_what_orders_changes_is_a_number(name: str) -> None:
    """One text, made by hand, would stop every reader that has a number for the object."""
    with pytest.raises(ValueError, match=f"{name} is '7', which is no whole number"):
        applied_change({**RECORD, name: "7"})


@pytest.mark.parametrize(
    "name", ["applied_at", "applied_by", "applied_sequencer", "applied_source", "fencing_token", "record_since"]
)
def test_a_record_without_a_change_is_an_error(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        applied_change({each: value for each, value in RECORD.items() if each != name})
