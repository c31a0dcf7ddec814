"""`make bench`: see docs/performance.md."""

from __future__ import annotations

import sys

try:
    from benchmarks.images.command import main
except ModuleNotFoundError as missing:
    sys.exit(f"{missing.name} is not installed here: `make bench` runs this in an environment of its own, .tools/bench")

if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
