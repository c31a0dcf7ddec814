"""The roles of a running stack: what each grants, who has it, and how it is without one permission."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import boto3

from lockstep.stack import Stack
from tests.e2e.gateway import Call
from tests.e2e.iam.needs import Need


@dataclass(frozen=True)
class Grant:
    """One action on one resource, as a statement of a role's own policies allows it.

    Attributes:
        role: the name of its resource in the template.
        policy: the name of the policy, which is in the role.
        number: which of the policy's grants it is.
        resource: an ARN, maybe with wildcards.
    """

    role: str
    policy: str
    number: int
    action: str
    resource: str

    def covers(self, need: Need) -> bool:
        """Whether this is what the need asks for."""
        return fnmatchcase(need.action, self.action) and fnmatchcase(need.resource, self.resource)

    def __str__(self) -> str:
        return f"{self.role}: {self.action} on {self.resource}"


class Roles:
    """Those that CloudFormation has made for a stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._of_access_key: dict[str, str] = {}

    @cached_property
    def names(self) -> dict[str, str]:
        """What the roles are called, by the name of their resource in the template."""
        pages = (
            self._client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self._stack.name)
        )
        resources = [each for page in pages for each in page["StackResourceSummaries"]]
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in resources
            if each["ResourceType"] == "AWS::IAM::Role"
        }

    def caller(self, call: Call) -> str:
        """The role that a function makes a call with. Raises: psutil.NoSuchProcess where the caller has gone."""
        key = call.access_key
        if key not in self._of_access_key:
            function = call.caller.environ()["AWS_LAMBDA_FUNCTION_NAME"]
            found = self._client("lambda").get_function_configuration(FunctionName=function)["Role"].rpartition("/")[2]
            self._of_access_key[key] = next(role for role, name in self.names.items() if name == found)
        return self._of_access_key[key]

    def allows(self, role: str, need: Need) -> bool:
        """Whether the role's policies allow it, by IAM's own word."""
        answer = self._iam.simulate_principal_policy(
            PolicySourceArn=self.arn(role), ActionNames=[need.action], ResourceArns=[need.resource]
        )
        return [each["EvalDecision"] for each in answer["EvaluationResults"]] == ["allowed"]

    def arn(self, role: str) -> str:
        """The role's ARN."""
        return str(self._iam.get_role(RoleName=self.names[role])["Role"]["Arn"])

    def grants(self, role: str) -> list[Grant]:
        """All that the role's own policies allow."""
        return [
            Grant(role, policy, number, statement["Action"], statement["Resource"])
            for policy, statements in self._policies(role).items()
            for number, statement in enumerate(statements)
        ]

    def managed(self, role: str) -> set[str]:
        """The names of policies that the role has beside its own: AWS's, and others that are managed."""
        found = self._iam.list_attached_role_policies(RoleName=self.names[role])["AttachedPolicies"]
        return {each["PolicyName"] for each in found}

    @contextmanager
    def without(self, grant: Grant) -> Iterator[None]:
        """Take one permission away, until the block ends."""
        name = self.names[grant.role]
        before = self._policies(grant.role)[grant.policy]
        rest = [each for number, each in enumerate(before) if number != grant.number]
        try:
            if rest:
                self._put(name, grant.policy, rest)
            else:
                self._iam.delete_role_policy(RoleName=name, PolicyName=grant.policy)
            yield
        finally:
            self._put(name, grant.policy, before)

    def taken(self, role: str) -> boto3.Session:
        """A session with the role, as its service has one."""
        with self._trusting_the_account(role):
            answer = self._client("sts").assume_role(RoleArn=self.arn(role), RoleSessionName="test")
        found, region = answer["Credentials"], self._stack.session.region_name
        return boto3.Session(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], region)

    @contextmanager
    def _trusting_the_account(self, role: str) -> Iterator[None]:
        """The role can be taken by hand, until the block ends."""
        name = self.names[role]
        before = self._iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        (statement,) = before["Statement"]
        account = {"Effect": "Allow", "Principal": {"AWS": self.arn(role).split(":")[4]}, "Action": statement["Action"]}
        try:
            self._trust(name, {**before, "Statement": [account]})
            yield
        finally:
            self._trust(name, before)

    def _trust(self, name: str, document: Mapping[str, Any]) -> None:
        self._iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))

    def _policies(self, role: str) -> dict[str, list[dict[str, str]]]:
        """The role's own policies by name, as statements of one action and one resource each."""
        name = self.names[role]
        return {
            policy: single(self._iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
            for policy in self._iam.list_role_policies(RoleName=name)["PolicyNames"]
        }

    def _put(self, name: str, policy: str, statements: list[dict[str, str]]) -> None:
        document = {"Version": "2012-10-17", "Statement": statements}
        self._iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))

    @cached_property
    def _iam(self) -> Any:
        return self._client("iam")

    def _client(self, service: str) -> Any:
        return self._stack.session.client(service, endpoint_url=self._stack.endpoint_url)  # type: ignore[call-overload]


def single(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """A policy as statements of one action and one resource each, which together allow the same."""
    return [
        {**statement, "Action": action, "Resource": resource}
        for statement in document["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    ]


def _listed(found: str | list[str]) -> list[str]:
    return [found] if isinstance(found, str) else found
