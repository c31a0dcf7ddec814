"""Write the cases' mock file, for a server to be started with: `make mock-file`."""

from __future__ import annotations

from tests.workflow.engines import MOCK_FILE
from tests.workflow.template import ROOT

if __name__ == "__main__":
    file = ROOT / "build/workflow/sfn-mock-file.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(MOCK_FILE.text, encoding="utf-8")
    print(f"wrote {file.relative_to(ROOT)}: start the server with SFN_MOCK_CONFIG naming it")  # noqa: T201  # its output
