"""Least privilege, proven: nothing is denied with the roles as they are, and something is without any one permission.

`tests/e2e/iam` says how far the emulator goes. `tests/deployment/test_permissions.py` asks the same of the code alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from lockstep.executions import Outcome
from lockstep.stack import Stack
from tests.e2e.conftest import World, wait_until
from tests.e2e.gateway import BY_TLS, Gateway
from tests.e2e.iam.needs import Need
from tests.e2e.iam.roles import Grant, Roles
from tests.e2e.iam.scenarios import SCENARIOS, Scenario
from tests.e2e.iam.use import EXPORTER, MACHINE, RECONCILE, RULE, Use, needs_of_lambda, needs_of_reconcile, use_of

OF_FUNCTIONS: Final = tuple(
    f"{each}FunctionRole"
    for each in ("AcquireLock", "Grayscale", "DeleteOutput", "ReleaseLock", "Reaper", "CompareObjects", "ExportChanges")
)
REAPER: Final = "ReaperFunctionRole"
DENIED: Final = re.compile(r"AccessDenied|An error occurred \(403\)")

# What nothing here can show to be needed. The Step Functions Developer Guide has it in "Logging using CloudWatch Logs",
# "IAM policies for AWS X-Ray", "Using Map state in Distributed mode" and, for `.sync`, "Integrate with nested
# executions"; the Lambda Developer Guide in "Working with AWS managed policies in the execution role".
LOG_DELIVERY: Final = frozenset(
    f"logs:{each}"
    for each in (
        *("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries"),
        *("PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups"),
    )
)
CHILDREN: Final = frozenset({"states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"})
ENDS: Final = frozenset({"events:PutTargets", "events:PutRule", "events:DescribeRule"})
OWN_LOG: Final = frozenset({"logs:CreateLogStream", "logs:PutLogEvents"})
TRACES: Final = frozenset({"xray:PutTraceSegments", "xray:PutTelemetryRecords"})
SAMPLING: Final = frozenset({"xray:GetSamplingRules", "xray:GetSamplingTargets"})
UNSHOWN: Final = {
    **dict.fromkeys(
        OF_FUNCTIONS, (OWN_LOG | TRACES, "the emulator writes the functions' logs itself, and takes no traces")
    ),
    MACHINE: (LOG_DELIVERY | TRACES | SAMPLING, "the emulator delivers no logs of a machine, and takes no traces"),
    RECONCILE: (
        LOG_DELIVERY | TRACES | SAMPLING | CHILDREN | ENDS,
        "the emulator delivers no logs of a machine, takes no traces, and makes no requests for what a machine starts",
    ),
}


@pytest.fixture(scope="module")
def roles(stack: Stack) -> Roles:
    return Roles(stack)


@pytest.fixture(scope="module")
def granted(roles: Roles) -> list[Grant]:
    """All that the template grants to any role and that can be shown to be needed."""
    found = [grant for role in roles.names for grant in roles.grants(role)]
    return [each for each in found if each.role not in UNSHOWN or each.action not in UNSHOWN[each.role][0]]


@pytest.fixture(scope="module")
def uses(stack: Stack, gateway: Gateway, roles: Roles) -> list[Use]:
    """Every scenario once, with all permissions in place."""
    return [use_of(scenario, World(stack), gateway, roles) for scenario in SCENARIOS]


@pytest.fixture(scope="module")
def needed(stack: Stack, uses: list[Use]) -> set[tuple[str, Need]]:
    """All needs there are, with the role that has them."""
    of_services = {RECONCILE: needs_of_reconcile(World(stack)), EXPORTER: needs_of_lambda(World(stack))}
    return {each for use in uses for each in use.needs} | {
        (role, need) for role, needs in of_services.items() for need in needs
    }


def test_with_all_permissions_in_place_nothing_fails(uses: list[Use]) -> None:
    outcomes = {use.scenario.name: use.seen.execution and use.seen.execution.outcome for use in uses}
    explanations = [use.seen.explanation for use in uses]
    assert outcomes == {each.name: each.outcome for each in SCENARIOS}, explanations
    assert not [each for each in explanations if DENIED.search(each)]


def test_nothing_is_granted_that_is_never_used(granted: list[Grant], needed: set[tuple[str, Need]]) -> None:
    assert not [
        str(each) for each in granted if not any(each.role == role and each.covers(need) for role, need in needed)
    ]


def test_nothing_is_used_that_is_not_granted(granted: list[Grant], needed: set[tuple[str, Need]]) -> None:
    """Each by one permission, as one that another repeats can be taken away."""
    by = {
        (role, need): [str(each) for each in granted if each.role == role and each.covers(need)]
        for role, need in needed
    }
    assert not {used: grants for used, grants in by.items() if len(grants) != 1}


def test_without_any_one_permission_of_a_function_something_is_denied(
    world: World, gateway: Gateway, roles: Roles, granted: list[Grant], uses: list[Use]
) -> None:
    of_lambda = needs_of_lambda(world)
    of_functions = [
        grant
        for grant in granted
        if grant.role not in SERVICES or (grant.role == EXPORTER and not any(map(grant.covers, of_lambda)))
    ]
    needless = []
    for grant in of_functions:
        scenario = next((use.scenario for use in uses if use.of(grant)), None)
        if scenario is None or not DENIED.search(said_without(grant, scenario, world, gateway, roles)):
            needless.append(str(grant))
    assert of_functions
    assert not needless


def said_without(grant: Grant, scenario: Scenario, world: World, gateway: Gateway, roles: Roles) -> str:
    """What the execution's history, or the reaper's log, says of a scenario that ends without this permission."""
    key = scenario.prepare(world, gateway)
    with roles.without(grant):
        seen = scenario.last(world, gateway, key)
        return reapers_word(world, key) if grant.role == REAPER else seen.explanation


def reapers_word(world: World, key: str) -> str:
    """What the reaper has logged of the object, or of an error."""

    def lines() -> list[str]:
        return [line for line in world.messages("ReaperLogGroup") if key in line or "[ERROR]" in line]

    wait_until(lambda: bool(lines()), f"the reaper has looked at {key}")
    return "\n".join(lines())


# The roles of services: of what they do with them. Lambda does some of its work with the exporter's.
SERVICES: Final = (MACHINE, RECONCILE, RULE, EXPORTER)
# An execution that starts all the same does nothing.
NO_WORK: Final = json.dumps({"dry_run": True, "prefix": "there-is-no-such-object"})
CALLS: Final[dict[str, Callable[[Callable[[str], Any], str], object]]] = {
    "lambda:InvokeFunction": lambda client, arn: client("lambda").invoke(FunctionName=arn, InvocationType="DryRun"),
    "states:StartExecution": lambda client, arn: client("stepfunctions").start_execution(
        stateMachineArn=arn, input=NO_WORK
    ),
    "s3:ListBucket": lambda client, arn: client("s3").list_objects_v2(Bucket=arn.rpartition(":")[2]),
    "s3:PutObject": lambda client, arn: put_object(client("s3"), *arn.rpartition(":")[2].split("/", 1)),
    "dynamodb:ListStreams": lambda client, _: client("dynamodbstreams").list_streams(),
}


# Calls that the emulator takes for such as name no resource; so IAM is asked what it would say.
ASKED_OF_IAM: Final = frozenset(f"dynamodb:{each}" for each in ("DescribeStream", "GetShardIterator", "GetRecords"))


def put_object(client: Any, bucket: str, key: str) -> None:
    client.put_object(Bucket=bucket, Key=key, Body=b"")


@pytest.mark.parametrize("role", SERVICES)
def test_without_any_one_permission_of_a_service_its_call_is_denied(
    world: World, roles: Roles, granted: list[Grant], needed: set[tuple[str, Need]], role: str
) -> None:
    """The emulator has Step Functions and EventBridge call without their roles; here the same is called with them.

    So does Lambda, where it reads a stream and keeps what it gives up.
    """
    client = clients(world, roles, role)

    def denied(need: Need) -> bool:
        return not roles.allows(role, need) if need.action in ASKED_OF_IAM else is_denied(client, need)

    of_service = needs_of_lambda(world) if role == EXPORTER else {need for who, need in needed if who == role}
    of_role = [
        grant for grant in granted if grant.role == role and (role != EXPORTER or any(map(grant.covers, of_service)))
    ]
    assert of_role
    for grant in of_role:
        need = next((need for need in of_service if grant.covers(need)), None)
        assert need, f"nothing needs {grant}"
        assert not denied(need), f"{grant} is there, and all the same {need} is denied"
        with roles.without(grant):
            assert denied(need), f"{need} is not denied without {grant}"


def clients(world: World, roles: Roles, role: str) -> Callable[[str], Any]:
    """Makes clients that call with this role, and by TLS as far as the buckets can tell."""
    session = roles.taken(role)

    def client(service: str) -> Any:
        made = session.client(service, endpoint_url=world.stack.endpoint_url)  # type: ignore[call-overload]
        made.meta.events.register("before-sign", by_tls)
        return made

    return client


def by_tls(request: AWSRequest, **_: object) -> None:
    for name, value in BY_TLS.items():
        request.headers[name] = value


def is_denied(client: Callable[[str], Any], need: Need) -> bool:
    try:
        CALLS[need.action](client, need.resource)
    except ClientError as error:
        return bool(DENIED.search(str(error)))
    return False


def test_every_role_is_put_to_the_test(roles: Roles, uses: list[Use]) -> None:
    """A new role needs a scenario, or the calls that its service makes with it."""
    assert set(roles.names) == {role for use in uses for role, _ in use.needs} | set(SERVICES)


def test_without_tls_a_function_is_denied_the_buckets(world: World, gateway: Gateway) -> None:
    with gateway.without_tls():
        execution = world.put(f"permissions/plain-{uuid4().hex}", b"")
    assert execution.outcome is Outcome.FAILED
    assert DENIED.search(execution.explanation)


@pytest.mark.parametrize("of", [OF_FUNCTIONS, (MACHINE,), (RECONCILE,)], ids=["functions", MACHINE, RECONCILE])
def test_what_the_emulator_cannot_show_is_granted_by_the_book(
    roles: Roles, granted: list[Grant], of: tuple[str, ...]
) -> None:
    for role in of:
        book, why = UNSHOWN[role]
        found = {each.action for each in roles.grants(role)} - {each.action for each in granted if each.role == role}
        assert found == book
    pytest.skip(f"{', '.join(of)}: not shown to need {', '.join(sorted(book))}: {why}")


@pytest.mark.parametrize("role", OF_FUNCTIONS)
def test_a_function_may_write_to_its_own_log_alone(world: World, roles: Roles, role: str) -> None:
    function = world.physical_id(role.removesuffix("Role"))
    group = world.client("lambda").get_function_configuration(FunctionName=function)["LoggingConfig"]["LogGroup"]
    groups = world.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    (arn,) = (each["arn"] for each in groups if each["logGroupName"] == group)
    assert {each.resource for each in roles.grants(role) if each.action in OWN_LOG} == {arn}
    assert arn.endswith(f":{group}:*")


def test_no_role_has_a_policy_that_is_not_its_own(roles: Roles) -> None:
    assert not {role: found for role in roles.names if (found := roles.managed(role))}
