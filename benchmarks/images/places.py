"""Where things are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SAMPLES: Final = ROOT / "samples"
BUILD: Final = ROOT / "build/bench"
RAW: Final = BUILD / "images.json"
INPUTS: Final = BUILD / "inputs"
OUTPUTS: Final = BUILD / "outputs"
PAGE: Final = ROOT / "docs/performance.md"
DRAWING: Final = ROOT / "docs/images/performance.svg"  # the page shows it
