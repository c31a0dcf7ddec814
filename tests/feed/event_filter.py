"""Lambda's event filtering, as far as the template uses it.

By "Filter rule syntax" in the Lambda Developer Guide: the names of a pattern are all to be there, at each the value has
to meet one of the rules listed; `exists` is for leaves, where a value is no object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEAF = (str, int, float, bool, type(None))


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Whether an event is one of those meant. Raises: NotImplementedError for a rule that is not known here."""
    return isinstance(event, Mapping) and all(_meets(rules, name, event) for name, rules in pattern.items())


def _meets(rules: Any, name: str, event: Mapping[str, Any]) -> bool:
    if isinstance(rules, Mapping):
        # A name that is not there is as good as an empty object: what must not exist in it does not.
        return matches(rules, event.get(name, {}))
    return any(_holds(rule, name, event) for rule in rules)


def _holds(rule: Any, name: str, event: Mapping[str, Any]) -> bool:
    match rule:
        case {"exists": bool(wanted)} if len(rule) == 1:
            return (name in event and isinstance(event[name], _LEAF)) is wanted
        case str() | None:
            return name in event and event[name] == rule
        case _:
            msg = f"the tests do not know the rule {rule}"
            raise NotImplementedError(msg)
