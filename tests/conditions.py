"""A template's conditions, decided: what CloudFormation makes of it with given parameters; references stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_NOTHING: Final = {"Ref": "AWS::NoValue"}


def decided(template: Mapping[str, Any], **parameters: Any) -> dict[str, Any]:
    """The template, with functions by their long names, without what its conditions leave out.

    `parameters` are those that differ from their defaults.
    """
    values = {name: each.get("Default") for name, each in template.get("Parameters", {}).items()} | parameters
    conditions = template.get("Conditions", {})
    found: dict[str, Any] = _without_ifs(template, {name: _is_true(conditions[name], values) for name in conditions})
    return found


def holds(rule: Mapping[str, Any], template: Mapping[str, Any], **parameters: Any) -> list[str]:
    """What a rule of the template objects to in these parameters; nothing where it is kept."""
    values = {name: each.get("Default") for name, each in template["Parameters"].items()} | parameters
    if not _is_true(rule.get("RuleCondition", {"Fn::Equals": [1, 1]}), values):
        return []
    return [each["AssertDescription"] for each in rule["Assertions"] if not _is_true(each["Assert"], values)]


def _is_true(condition: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    match condition:
        case {"Fn::Equals": [left, right]}:
            return str(_value(left, values)) == str(_value(right, values))
        case {"Fn::Not": [other]}:
            return not _is_true(other, values)
        case _:
            msg = f"the tests cannot decide {condition}"
            raise NotImplementedError(msg)


def _value(node: Any, values: Mapping[str, Any]) -> Any:
    return values[node["Ref"]] if isinstance(node, Mapping) else node


def _without_ifs(node: Any, conditions: Mapping[str, bool]) -> Any:
    match node:
        case {"Fn::If": [name, then, otherwise]}:
            return _without_ifs(then if conditions[name] else otherwise, conditions)
        case dict():
            kept = {name: _without_ifs(each, conditions) for name, each in node.items() if _is_made(each, conditions)}
            return {name: each for name, each in kept.items() if each != _NOTHING}
        case list():
            return [each for each in (_without_ifs(each, conditions) for each in node) if each != _NOTHING]
        case _:
            return node


def _is_made(node: Any, conditions: Mapping[str, bool]) -> bool:
    """Whether a resource or an output is made; a policy's Condition is something else."""
    condition = node.get("Condition") if isinstance(node, Mapping) else None
    return conditions[condition] if isinstance(condition, str) else True
