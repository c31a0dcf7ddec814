"""What is made from the environment, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from objectlock import wiring

ENVIRONMENT = {
    "INPUT_BUCKET": "photos-in",
    "OUTPUT_BUCKET": "photos-out",
    "LOCK_TABLE": "locks",
    "LEASE_SECONDS": "30",
    "LOCK_WAIT_SECONDS": "60",
    "MAX_IMAGE_MEGABYTES": "100",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
MADE_ONCE = (wiring.source_bucket, wiring.output_bucket, wiring.lock_protocol, wiring.worker)


@pytest.fixture(autouse=True)
def made_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for each in MADE_ONCE:
        each.cache_clear()
    yield
    for each in MADE_ONCE:
        each.cache_clear()


def test_worker_works_between_two_buckets() -> None:
    wiring.worker()


def test_worker_refuses_to_write_into_the_bucket_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the template could not tell, as when a stack's own output bucket is named as its input."""
    monkeypatch.setenv("OUTPUT_BUCKET", "photos-in")

    with pytest.raises(ValueError, match="OUTPUT_BUCKET is INPUT_BUCKET"):
        wiring.worker()
