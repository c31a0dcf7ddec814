"""The lock table in DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never, cast

from botocore.exceptions import ClientError

from objectlock.aws import busy_is_unavailable
from objectlock.conditions import Absent, AllOf, AnyOf, Condition, Equals, Item, Less, Not, Value
from objectlock.errors import ServiceUnavailable
from objectlock.record import OBJECT_ID, Outcome, Transition

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UpdateItemInputTypeDef


@dataclass
class _Expression:
    """An expression's text, with its names and values behind placeholders: `owner` may be a reserved word."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)

    def name(self, attribute: str) -> str:
        self.names[f"#{attribute}"] = attribute
        return f"#{attribute}"

    def value(self, value: Value) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = _to_dynamodb(value)
        return placeholder

    def condition(self, condition: Condition) -> str:
        match condition:
            case Absent(attribute):
                return f"attribute_not_exists({self.name(attribute)})"
            case Equals(attribute, value):
                return f"{self.name(attribute)} = {self.value(value)}"
            case Less(attribute, value):
                return f"{self.name(attribute)} < {self.value(value)}"
            case Not(part):
                return f"NOT {self._operand(part)}"
            case AllOf(parts):
                return " AND ".join(map(self._operand, parts))
            case AnyOf(parts):
                return " OR ".join(map(self._operand, parts))
            case _:
                assert_never(condition)

    def _operand(self, condition: Condition) -> str:
        """In parentheses where it needs them: DynamoDB refuses an expression with redundant ones."""
        text = self.condition(condition)
        match condition:
            case AllOf((_, _, *_)) | AnyOf((_, _, *_)):
                return f"({text})"
            case _:
                return text

    def update(self, transition: Transition) -> str:
        put = [f"{self.name(each)} = {self.value(value)}" for each, value in transition.put.items()]
        put += [self._put_once(each, value) for each, value in transition.put_once.items()]
        remove = [self.name(each) for each in transition.remove]
        add = [f"{self.name(each)} {self.value(value)}" for each, value in transition.add.items()]
        actions = {"SET": put, "REMOVE": remove, "ADD": add}
        return " ".join(f"{verb} {', '.join(what)}" for verb, what in actions.items() if what)

    def _put_once(self, attribute: str, value: Value) -> str:
        name = self.name(attribute)
        return f"{name} = if_not_exists({name}, {self.value(value)})"


@dataclass(frozen=True)
class DynamoDBLockStore:
    """A `LockStore` in a table whose partition key is `object_id`. One UpdateItem a transition, no reads.

    As `LockRecords`, it reads.
    """

    client: DynamoDBClient
    table: str

    @busy_is_unavailable
    def read(self, object_id: str) -> Item:
        """Raises: ServiceUnavailable."""
        key = {OBJECT_ID: _to_dynamodb(object_id)}
        found = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return _to_item(cast("dict[str, Any]", found).get("Item", {}))

    @busy_is_unavailable
    def apply(self, transition: Transition) -> Outcome:
        """Raises: ServiceUnavailable, also for an answer that is broken off, which botocore takes for an empty one."""
        expression = _Expression()
        request: UpdateItemInputTypeDef = {
            "TableName": self.table,
            "Key": {OBJECT_ID: _to_dynamodb(transition.object_id)},
            "ConditionExpression": expression.condition(transition.condition),
            "UpdateExpression": expression.update(transition),
            "ExpressionAttributeNames": expression.names,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if expression.values:  # DynamoDB refuses an empty map
            request["ExpressionAttributeValues"] = expression.values
        try:
            answer = self.client.update_item(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code.isdecimal():  # DynamoDB names its errors; without a name it is the bare status
                raise ServiceUnavailable(str(error)) from error
            if code != "ConditionalCheckFailedException":
                raise
            return Outcome(accepted=False, item=_to_item(cast("dict[str, Any]", error.response.get("Item", {}))))
        after = cast("dict[str, Any]", answer).get("Attributes")
        if after is None:
            msg = f"{transition.object_id}: the answer of {self.table} is not complete"
            raise ServiceUnavailable(msg)
        return Outcome(accepted=True, item=_to_item(after))


def _to_dynamodb(value: Value) -> dict[str, str]:
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _to_item(attributes: Mapping[str, Any]) -> Item:
    return {name: int(typed["N"]) if "N" in typed else typed["S"] for name, typed in attributes.items()}
