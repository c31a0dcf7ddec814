"""Where things are in the checkout; everything that is made goes below build/, or LOCKSTEP_BUILD."""

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
BUILD: Final = Path(os.environ.get("LOCKSTEP_BUILD", ROOT / "build")).resolve()
SAMPLES: Final = ROOT / "samples"
RUN: Final = BUILD / "run"
LOCAL: Final = BUILD / "local"

# The environments that `make setup` installs.
EMULATOR: Final = ROOT / ".tools" / "emulator" / "bin" / "ministack"
SAM: Final = ROOT / ".tools" / "sam" / "bin" / "sam"


def relative(path: Path) -> str:
    """The path as one types it from the checkout."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
