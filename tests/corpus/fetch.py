"""`make corpus`: the test images of Pillow's source distribution, of the version that is installed here.

The source distribution is the one that requirements/dev.txt pins by its hash; pip asks the package index it is
configured for. Nothing of it is compiled.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".tools/corpus"
LOCK: Final = ROOT / "requirements/dev.txt"


def requirement() -> str:
    """The lines of the lock file that are Pillow's: its version, and the hashes of all its files."""
    found = re.search(r"^pillow==(?:.*\\\n)*.*", LOCK.read_text("utf-8"), re.MULTILINE)
    if not found:
        sys.exit(f"{LOCK.relative_to(ROOT)} does not pin pillow")
    return found[0]


def _version() -> str:
    return requirement().split()[0].removeprefix("pillow==")


IMAGES: Final = CACHE / f"pillow-{_version()}"


def fetch() -> None:
    """Into the cache, if it is not there."""
    if not IMAGES.exists():
        sys.stdout.write(f"fetching the test images of Pillow {_version()}\n")
        sys.stdout.flush()
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _unpack(_downloaded(Path(folder)), Path(folder, "images")).rename(IMAGES)


def _downloaded(folder: Path) -> Path:
    """The source distribution."""
    lines = folder / "requirements.txt"
    lines.write_text(requirement(), "utf-8")
    try:
        venv.create(folder / "pip", with_pip=True)
    except subprocess.CalledProcessError:
        sys.exit("make corpus: needs pip, which this Python cannot install; on Debian, install python3-venv")
    command: list[str | Path] = [
        folder / "pip/bin/python",
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
    ]
    options: list[str | Path] = [
        "--no-deps",
        "--no-binary",
        "pillow",
        "--require-hashes",
        "--requirement",
        lines,
        "--dest",
        folder,
    ]
    done = subprocess.run(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if line.startswith("ERROR")] or done.stdout.splitlines()
        sys.exit(f"make corpus: cannot download the source of Pillow {_version()}: {' '.join(said[-1:])}")
    (archive,) = folder.glob("pillow-*.tar.gz")
    return archive


def _unpack(archive: Path, folder: Path) -> Path:
    """Tests/images; pip has verified the hash."""
    beginning = f"{archive.name.removesuffix('.tar.gz')}/Tests/images/"
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.startswith(beginning):
                path = folder / member.name.removeprefix(beginning)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    shutil.copyfileobj(tar.extractfile(member) or file, file)
    return folder


if __name__ == "__main__":
    fetch()
