"""CloudWatch Logs filter patterns for JSON, as far as the template uses them; no emulator at hand evaluates any.

The grammar and the order of operations are those of "Filter pattern syntax" in the CloudWatch Logs user guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_TOKEN: Final = re.compile(r'\s*(\$(?:\.[\w-]+)+|"[^"]*"|&&|\|\||!=|=|\(|\)|NOT EXISTS)\s*')

Entry = Mapping[str, Any]
Condition = Callable[[Entry], bool]


@dataclass(frozen=True)
class FilterPattern:
    """A pattern like `{ $.type = "a" && ($.details.error NOT EXISTS || $.details.error != "b") }`.

    Attributes:
        missing_differs: whether `!=` holds for a field that is not there. AWS does not say, so ask both ways.
    """

    pattern: str
    missing_differs: bool

    def matches(self, message: str) -> bool:
        """Whether a log entry is one of those meant; one that is no JSON object never is.

        Raises: ValueError when the pattern has something that is not known here.
        """
        condition = _Parser(self.pattern, self.missing_differs).parse()
        try:
            entry = json.loads(message)
        except ValueError:
            return False
        return isinstance(entry, dict) and condition(entry)


class _Parser:
    def __init__(self, pattern: str, missing_differs: bool) -> None:
        self._missing_differs = missing_differs
        text = pattern.strip()
        if not (text.startswith("{") and text.endswith("}")):
            msg = f"not a pattern for JSON: {pattern}"
            raise ValueError(msg)
        self._tokens = _tokens(text[1:-1])

    def parse(self) -> Condition:
        condition = self._any()
        if self._tokens:
            msg = f"not understood: {' '.join(self._tokens)}"
            raise ValueError(msg)
        return condition

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self._next_is("||"):
            conditions.append(self._all())
        return lambda entry: any(each(entry) for each in conditions)

    def _all(self) -> Condition:
        conditions = [self._one()]
        while self._next_is("&&"):
            conditions.append(self._one())
        return lambda entry: all(each(entry) for each in conditions)

    def _one(self) -> Condition:
        if self._next_is("("):
            inner = self._any()
            if not self._next_is(")"):
                msg = "a parenthesis is not closed"
                raise ValueError(msg)
            return inner
        path = self._take("$").split(".")[1:]
        if self._next_is("NOT EXISTS"):
            return lambda entry: _field(entry, path) is None
        is_equal = self._take("=", "!=") == "="
        wanted = self._take('"')[1:-1]

        def compare(entry: Entry) -> bool:
            found = _field(entry, path)
            if found is None:
                return not is_equal and self._missing_differs
            return (found == wanted) is is_equal

        return compare

    def _next_is(self, token: str) -> bool:
        if self._tokens[:1] != [token]:
            return False
        self._tokens.pop(0)
        return True

    def _take(self, *beginnings: str) -> str:
        if not self._tokens or not self._tokens[0].startswith(beginnings):
            msg = f"expected {' or '.join(beginnings)} before: {' '.join(self._tokens)}"
            raise ValueError(msg)
        return self._tokens.pop(0)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        token = _TOKEN.match(text, at)
        if not token:
            msg = f"not understood: {text[at:]}"
            raise ValueError(msg)
        found.append(token[1])
        at = token.end()
    return found


def _field(entry: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(entry, dict):
            return None
        entry = entry.get(name)
    return entry
