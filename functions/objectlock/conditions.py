"""Conditions on one stored item, as data: evaluated here, rendered to DynamoDB by the adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Value = str | int
Item = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Absent:
    """The item does not have the attribute."""

    attribute: str

    def holds(self, item: Item) -> bool:
        return self.attribute not in item


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute has this value."""

    attribute: str
    value: Value

    def holds(self, item: Item) -> bool:
        return item.get(self.attribute) == self.value


@dataclass(frozen=True, slots=True)
class Less:
    """The attribute is less than this value: numbers by size, strings by code point."""

    attribute: str
    value: Value

    def holds(self, item: Item) -> bool:
        found = item.get(self.attribute)
        match found, self.value:
            case (int(), int()) | (str(), str()):
                return found < self.value  # type: ignore[operator]  # same type on both sides
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; true where it compares an absent attribute."""

    part: Condition

    def holds(self, item: Item) -> bool:
        return not self.part.holds(item)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds."""

    parts: tuple[Condition, ...]

    def holds(self, item: Item) -> bool:
        return all(part.holds(item) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def holds(self, item: Item) -> bool:
        return any(part.holds(item) for part in self.parts)


# True or false of an item; one that does not exist is an empty one. An absent attribute compares as false, as in
# DynamoDB.
Condition: TypeAlias = Absent | Equals | Less | Not | AllOf | AnyOf
