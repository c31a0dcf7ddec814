"""Every role grants what the code behind it asks AWS for, and no more; by reading both.

What is the same for all roles, whatever the code, is in `test_roles.py`.
`tests/e2e/test_permissions.py` shows the same on the running stack. This takes a second.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

import pytest

from changefeed.file import CHANGES, UNREADABLE
from tests.deployment.reach import ADAPTERS, Code, Operation, clients, hidden_uses_of_clients
from tests.deployment.shipped import FUNCTIONS, RESOURCES, ROOT, grants, grants_for_work, of_type

Permission = tuple[str, str]

# Whose resource an adapter calls.
OF_ADAPTER: Final = {
    "S3SourceBucket": "InputBucket",
    "S3OutputBucket": "OutputBucket",
    "DynamoDBLockStore": "LockTable",
    "S3FeedBucket": "FeedBucket",
}
# By the Service Authorization Reference; who may not list a bucket is told 403 where there is no object, not 404.
ACTIONS: Final = {
    "GetObject": ["s3:GetObject", "s3:ListBucket"],
    "HeadObject": ["s3:GetObject", "s3:ListBucket"],
    "PutObject": ["s3:PutObject"],
    "DeleteObject": ["s3:DeleteObject"],
    "GetItem": ["dynamodb:GetItem"],
    "UpdateItem": ["dynamodb:UpdateItem"],
}
MACHINES: Final = of_type("AWS::Serverless::StateMachine")
# IAM is asked about the machine; that it is by the alias is a condition: tests/deployment/test_versions.py.
OF_ALIAS: Final = {"StateMachineAlias": "StateMachine"}


def needed(operation: Operation) -> set[Permission]:
    """A write on condition of an ETag counts as reading."""
    actions = [*ACTIONS[operation.name], *(["s3:GetObject"] if operation.is_conditional else [])]
    return {(action, OF_ADAPTER[operation.adapter]) for action in actions}


def permissions(statements: list[dict[str, Any]]) -> list[Permission]:
    """One for each action on each resource, which goes by its name in the template."""
    assert all(each["Effect"] == "Allow" for each in statements)
    return [
        (action, logical_id(resource))
        for statement in statements
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def logical_id(resource: str) -> str:
    """What a reference names: `Table.Arn`, `${Bucket.Arn}/*`, `Machine`, or an ARN with the name of a machine."""
    named = [each for each, machine in MACHINES.items() if resource.endswith(f":stateMachine:{machine.get('Name')}")]
    if named:
        return named[0]
    found = re.match(r"(?:\$\{)?(\w+)", resource)
    name = found[1] if found else resource
    return OF_ALIAS.get(name, name)


def listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_do_what_its_code_does_and_nothing_else(name: str) -> None:
    operations = Code(FUNCTIONS[name]["Handler"]).operations()
    granted = Counter(permissions(statements_for_code(name)))
    assert operations
    assert granted == Counter({each for operation in operations for each in needed(operation)})


# What Lambda does itself, by the role of the function: it reads the stream, and keeps what it gives up.
OF_LAMBDA: Final = {
    "ExportChangesFunction": {"ReadStream", "FindStream", "KeepWhatIsGivenUp", "FindBucket"},
}


def statements_for_code(name: str) -> list[dict[str, Any]]:
    """Those of the role that are for the code, each folder that it writes to standing for its bucket."""
    found = [each for each in grants_for_work(name) if each.get("Sid") not in OF_LAMBDA.get(name, set())]
    return [each | {"Resource": "FeedBucket"} if each.get("Sid") == "WriteFeed" else each for each in found]


def test_lambda_may_read_the_stream_and_keep_what_it_gives_up_for_the_mapping_that_there_is() -> None:
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    statements = {each.get("Sid"): each for each in grants_for_work(mapping["FunctionName"])}
    assert mapping["FunctionName"] in OF_LAMBDA
    table, _, attribute = mapping["EventSourceArn"].partition(".")
    assert attribute == "StreamArn"
    assert statements["ReadStream"]["Resource"] == f"${{{table}.Arn}}/stream/*", "also after a restore"
    bucket = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert statements["FindBucket"]["Resource"] == bucket
    assert statements["KeepWhatIsGivenUp"]["Resource"] == f"${{{bucket}}}/aws/lambda/*", "as Lambda names what it keeps"


def test_the_exporter_may_write_to_the_folders_that_its_code_names_and_to_no_other() -> None:
    (statement,) = (each for each in grants_for_work("ExportChangesFunction") if each["Sid"] == "WriteFeed")
    assert statement["Action"] == "s3:PutObject"
    assert sorted(statement["Resource"]) == sorted(f"${{FeedBucket.Arn}}/{each}*" for each in (CHANGES, UNREADABLE))
    assert FUNCTIONS["ExportChangesFunction"]["Environment"]["Variables"] == {"FEED_BUCKET": "FeedBucket"}


def test_it_is_known_whose_resource_every_adapter_calls() -> None:
    assert set(OF_ADAPTER) == ADAPTERS


def test_all_clients_are_made_where_their_calls_are_read() -> None:
    """A client of another service, or in another module, would have calls that nobody compares."""
    assert {str(path): services for path, services in clients().items()} == {
        "changefeed/wiring.py": ["s3"],
        "objectlock/comparing.py": ["s3", "dynamodb"],
        "objectlock/wiring.py": ["s3", "dynamodb"],
    }


def test_no_call_is_made_in_a_way_that_is_not_followed() -> None:
    assert hidden_uses_of_clients() == []


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_may_invoke_the_functions_and_start_the_machines_that_it_names(name: str) -> None:
    machine = MACHINES[name]
    definition = json.dumps(json.loads((ROOT / machine["DefinitionUri"]).read_text(encoding="utf-8")))
    named = {
        (action, logical_id(machine["DefinitionSubstitutions"][substitution]))
        for action, field in (("lambda:InvokeFunction", "FunctionName"), ("states:StartExecution", "StateMachineArn"))
        for substitution in re.findall(rf'"{field}": "\${{(\w+)}}"', definition)
    }
    if '"Mode": "DISTRIBUTED"' in definition:  # then its children are executions of its own
        named.add(("states:StartExecution", name))
    granted = [
        (action, resource)
        for action, resource in permissions(grants(name))
        if action in {"lambda:InvokeFunction", "states:StartExecution"} or "*" in action
    ]
    assert Counter(granted) == Counter(named)


@pytest.mark.parametrize("name", of_type("AWS::Events::Rule"))
def test_a_rule_may_start_the_machine_or_invoke_the_function_that_is_its_target(name: str) -> None:
    (target,) = RESOURCES[name]["Properties"]["Targets"]
    if "RoleArn" in target:
        role = RESOURCES[logical_id(target["RoleArn"])]["Properties"]
        statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
        assert [(each["Action"], each["Resource"]) for each in statements] == [
            ("states:StartExecution", logical_id(target["Arn"]))
        ]
    else:
        allowed = [
            (each["Action"], each["FunctionName"], each["Principal"])
            for each in of_type("AWS::Lambda::Permission").values()
            if each["SourceArn"] == f"{name}.Arn"
        ]
        assert allowed == [("lambda:InvokeFunction", logical_id(target["Arn"]), "events.amazonaws.com")]
