"""The two loaders side by side: what each ends up with as the latest reading of each device."""

from __future__ import annotations

import json
from pathlib import Path

from lockstep.feed.database import sqlite_catalogue
from lockstep.feed.loading import FeedFiles, load
from sensor_feed.naive import NaiveLoader
from sensor_feed.readings import Reading


def naively(files: FeedFiles) -> dict[str, Reading]:
    """By the order of the files' names."""
    loader = NaiveLoader()
    loader.load(files)
    return {device: Reading(**line["change"]) for device, line in loader.latest.items()}


def by_watermark(files: FeedFiles, into: Path | None = None) -> dict[str, Reading]:
    """By the readings' own times, as `lockstep feed load` does it.

    `into` is a SQLite file that is made, or gone on with; None for one in memory. Raises: UserError.
    """
    with sqlite_catalogue(into, "sensor-feed") as catalogue:
        load(files, catalogue)
        rows = catalogue.database.execute("SELECT key, change FROM latest").fetchall()
    return {device: Reading(**json.loads(change)) for device, change in rows}
