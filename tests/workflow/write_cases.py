"""Write the cases for people, and for a server to be started with: `make cases`."""

from __future__ import annotations

from tests.workflow.cases import CASES
from tests.workflow.engines import MOCK_FILE
from tests.workflow.kit.listing import listing
from tests.workflow.template import ROOT

if __name__ == "__main__":
    folder = ROOT / "build/workflow"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"cases.md": listing(CASES), "sfn-mock-file.json": MOCK_FILE.text}.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"wrote {folder.relative_to(ROOT) / name}")  # noqa: T201  # its output
