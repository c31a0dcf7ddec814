"""The loader that it went wrong with: it trusts the names of the files."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockstep.feed.loading import FeedFiles


@dataclass
class NaiveLoader:
    """Loads the files in the order of their names; of each key it keeps the line that it loaded last.

    That is right as long as the lines of a key are written in order, to files whose names are in order.

    Attributes:
        latest: the line of each key, as it is in the feed.
    """

    latest: dict[str, dict[str, Any]] = field(default_factory=dict)
    _loaded: set[str] = field(default_factory=set)

    def load(self, files: FeedFiles) -> None:
        """Load the files that have come since the last time."""
        for name in sorted(set(files.names("")) - self._loaded):
            for each in gzip.decompress(files.body(name)).splitlines():
                line = json.loads(each)
                self.latest[line["key"]] = line
            self._loaded.add(name)
