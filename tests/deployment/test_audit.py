"""`make audit` tells a vulnerability from a registry that does not answer."""

from __future__ import annotations

import json

import pytest

from tests.deployment import audit
from tests.deployment.audit import Audit, of_node, of_python
from tests.deployment.test_lockfiles import LOCK_FILES
from tests.deployment.test_repository import git_files

SAFE = {"name": "rich", "version": "14.0.0", "vulns": []}
VULNERABLE = {
    "name": "pillow",
    "version": "9.0.0",
    "vulns": [{"id": "PYSEC-2022-42979", "fix_versions": ["9.3.0"], "description": "…"}],
}
SKIPPED = {"name": "isal", "skip_reason": "Dependency not found and could not be audited: isal (1.7.0)"}


def pip_audit(*packages: object) -> Audit:
    return of_python(json.dumps({"dependencies": packages, "fixes": []}), "")


def test_a_vulnerability_is_named_with_the_version_that_mends_it() -> None:
    assert pip_audit(SAFE, VULNERABLE).findings == ("pillow 9.0.0: PYSEC-2022-42979, mended in 9.3.0",)
    found = of_node(json.dumps({"vulnerabilities": {"ws": {"severity": "high", "range": "<8.17.1"}}}), "")
    assert found.findings == ("ws <8.17.1: high",)


def test_without_a_vulnerability_it_says_so() -> None:
    for found in (pip_audit(SAFE), of_node('{"vulnerabilities": {}}', "")):
        assert found == Audit((), "")
        assert found.verdict == "no known vulnerabilities"


def test_what_the_registry_does_not_know_is_not_called_safe() -> None:
    found = pip_audit(SAFE, SKIPPED)
    assert not found.findings
    assert found.verdict == "not audited: the registry has no data on 1 of 2, isal among them"


@pytest.mark.parametrize("said", ["", "<html>", '{"message": "method not allowed", "error": {}}'])
def test_an_audit_that_did_not_take_place_is_no_finding_and_says_why(said: str) -> None:
    for found in (of_python(said, "Traceback\n  …\nConnectionError: no route\n"), of_node(said, "npm error no route")):
        assert not found.findings
        assert found.verdict.startswith("not audited: ")
        assert "no route" in found.verdict


def test_a_finding_fails_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_run", lambda _: ("", "no route"))
    assert audit.main() == 0
    monkeypatch.setattr(audit, "_run", lambda _: (json.dumps({"dependencies": [VULNERABLE]}), ""))
    assert audit.main() == 1


def test_every_lock_file_is_audited() -> None:
    assert set(audit.PYTHON) == set(LOCK_FILES)
    assert {(audit.ROOT / name).parent for name in git_files("*package-lock.json")} == set(audit.NODE)
