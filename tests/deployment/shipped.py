"""What is shipped, as plain data: the template, and the state machine it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cfnlint.decode import decode  # type: ignore[import-untyped]  # ships no types

from tests.conditions import decided

ROOT: Final = Path(__file__).parents[2]


def load_template(path: Path, **parameters: Any) -> dict[str, Any]:
    """A template with references as text: `!Ref Table` is "Table", `!GetAtt Table.Arn` is "Table.Arn".

    It is what its conditions make of it with these parameters, and the defaults of the others.
    """
    loaded: dict[str, Any] = _plain(decided(read_template(path), **parameters))
    return loaded


def read_template(path: Path) -> dict[str, Any]:
    """A template as it is, functions by their long names."""
    template, errors = decode(str(path))
    assert not errors, errors
    read: dict[str, Any] = _as_dict(template)
    return read


def _as_dict(node: Any) -> Any:
    """The same in Python's own types."""
    match node:
        case dict():
            return {str(key): _as_dict(value) for key, value in node.items()}
        case list():
            return [_as_dict(each) for each in node]
        case str():
            return str(node)
        case _:
            return node


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


def grants(name: str, template: dict[str, Any] = TEMPLATE) -> list[dict[str, Any]]:
    """The statements of the role that a function or a state machine works with."""
    resources = template["Resources"]
    role = resources[resources[name]["Properties"]["Role"].removesuffix(".Arn")]["Properties"]
    return [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]


def grants_for_work(name: str) -> list[dict[str, Any]]:
    """Without logs and traces, which the service writes by itself, whatever the code does."""

    def is_for_work(statement: dict[str, Any]) -> bool:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        return not all(action.startswith(("logs:", "xray:")) for action in actions)

    return [each for each in grants(name) if is_for_work(each)]


FUNCTIONS: Final = of_type("AWS::Serverless::Function")
FUNCTION_DEFAULTS: Final[dict[str, Any]] = TEMPLATE["Globals"]["Function"]

MACHINE_TEXT: Final = (ROOT / "statemachine/lockstep.asl.json").read_text(encoding="utf-8")
MACHINE: Final[dict[str, Any]] = json.loads(MACHINE_TEXT)
STATES: Final[dict[str, dict[str, Any]]] = MACHINE["States"]
TASKS: Final = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
