"""`make audit`: known vulnerabilities in what the lock files name, as the registries tell them.

A finding fails. Where a registry does not tell, that is said, and fails nothing: it is not about this repository.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = (ROOT / "functions/requirements.txt", *sorted((ROOT / "requirements").glob("*.txt")))
NODE: Final = (ROOT, ROOT / "benchmarks", ROOT / "lockstep/web")
_SECONDS: Final = 120
_LINES: Final = 3


@dataclass(frozen=True)
class Audit:
    """What is known about one lock file.

    Attributes:
        findings: a line for each vulnerability.
        unknown: why not everything could be asked for; empty where it could.
    """

    findings: tuple[str, ...]
    unknown: str

    @property
    def verdict(self) -> str:
        """For people."""
        parts = [*self.findings, *([f"not audited: {self.unknown}"] if self.unknown else [])]
        return "\n  ".join(parts) or "no known vulnerabilities"


def of_python(said: str, troubles: str) -> Audit:
    """What pip-audit said, as JSON; nothing of the kind is an audit that did not take place."""
    try:
        packages = json.loads(said)["dependencies"]
    except (ValueError, KeyError):
        return Audit((), _last(troubles))
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    return Audit(
        tuple(
            f"{each['name']} {each['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
            for each in packages
            for found in each.get("vulns", [])
        ),
        f"the registry has no data on {len(skipped)} of {len(packages)}, {skipped[0]} among them" if skipped else "",
    )


def of_node(said: str, troubles: str) -> Audit:
    """What `npm audit` said, as JSON."""
    try:
        found: Mapping[str, Any] = json.loads(said)["vulnerabilities"]
    except (ValueError, KeyError):
        return Audit((), _last(troubles))
    return Audit(tuple(f"{name} {each['range']}: {each['severity']}" for name, each in found.items()), "")


def main() -> int:
    """Ask for all lock files, and say what is known. 1 where there is a finding."""
    audits = {path: of_python(*_run(_pip_audit(path))) for path in PYTHON}
    audits |= {folder / "package-lock.json": of_node(*_run(_npm_audit(folder))) for folder in NODE}
    for path, audit in audits.items():
        sys.stdout.write(f"{path.relative_to(ROOT)}: {audit.verdict}\n")
    return int(any(audit.findings for audit in audits.values()))


def _pip_audit(path: Path) -> list[str]:
    options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    return [str(ROOT / ".tools/security/bin/pip-audit"), *options, "--requirement", str(path)]


def _npm_audit(folder: Path) -> list[str]:
    return ["npm", "audit", "--json", "--package-lock-only", "--prefix", str(folder)]


def _run(command: list[str]) -> tuple[str, str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    return done.stdout, done.stderr


def _last(troubles: str) -> str:
    lines = [line.strip() for line in troubles.splitlines() if line.strip()]
    return " / ".join(lines[-_LINES:]) or "no answer"


if __name__ == "__main__":
    sys.exit(main())
