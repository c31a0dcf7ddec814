"""What is shipped, as plain data: the template, and the state machine it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cfnlint.decode import decode  # type: ignore[import-untyped]  # ships no types

ROOT: Final = Path(__file__).parents[2]


def load_template(path: Path) -> dict[str, Any]:
    """A template with references as text: `!Ref Table` is "Table", `!GetAtt Table.Arn` is "Table.Arn"."""
    template, errors = decode(str(path))
    assert not errors, errors
    loaded: dict[str, Any] = _plain(template)
    return loaded


def _plain(node: Any) -> Any:
    match node:
        case {"Ref": str(name), **rest} | {"Fn::Sub": str(name), **rest} if not rest:
            return str(name)
        case {"Fn::GetAtt": [*path], **rest} if not rest:
            return ".".join(path)
        case dict():
            return {str(key): _plain(value) for key, value in node.items()}
        case list():
            return [_plain(each) for each in node]
        case _:
            return node


TEMPLATE: Final = load_template(ROOT / "template.yaml")
PARAMETERS: Final[dict[str, dict[str, Any]]] = TEMPLATE["Parameters"]
RESOURCES: Final[dict[str, dict[str, Any]]] = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of every resource of one type, by logical id."""
    return {name: each.get("Properties", {}) for name, each in RESOURCES.items() if each["Type"] == kind}


FUNCTIONS: Final = of_type("AWS::Serverless::Function")
FUNCTION_DEFAULTS: Final[dict[str, Any]] = TEMPLATE["Globals"]["Function"]

MACHINE_TEXT: Final = (ROOT / "statemachine/lockstep.asl.json").read_text(encoding="utf-8")
MACHINE: Final[dict[str, Any]] = json.loads(MACHINE_TEXT)
STATES: Final[dict[str, dict[str, Any]]] = MACHINE["States"]
TASKS: Final = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
