"""What the tests take from template.yaml and statemachine/, so that they run what is shipped and not a copy of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

from tests.conditions import decided

ROOT: Final = Path(__file__).resolve().parents[2]

Handler = Callable[[Any, Any], Any]


class _CloudFormationLoader(yaml.SafeLoader):  # type: ignore[misc]  # no types for yaml
    """YAML with CloudFormation's short tags, which are read as what they are short for."""


def _short_tag(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        argument = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        argument = loader.construct_mapping(node, deep=True)
    return {"Ref": argument} if suffix == "Ref" else {f"Fn::{suffix}": argument}


_CloudFormationLoader.add_multi_constructor("!", _short_tag)


@dataclass(frozen=True)
class Template:
    """The deployed stack, as far as the template says.

    Attributes:
        names: what `Ref` gives for resources and pseudo parameters; parameters have their defaults.
    """

    document: Mapping[str, Any]
    names: Mapping[str, str]
    region: str
    account: str

    @classmethod
    def read(cls, names: Mapping[str, str], *, region: str, account: str) -> Template:
        text = (ROOT / "template.yaml").read_text(encoding="utf-8")
        document = yaml.load(text, Loader=_CloudFormationLoader)  # noqa: S506  # a SafeLoader
        return cls(decided(document), names, region, account)

    def properties(self, logical_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["Resources"][logical_id]["Properties"]
        return found

    def functions(self) -> dict[str, Handler]:
        """The real handler of each function, by logical id."""
        return {
            name: _handler(resource["Properties"]["Handler"])
            for name, resource in self.document["Resources"].items()
            if resource["Type"] == "AWS::Serverless::Function"
        }

    def environment(self) -> dict[str, str]:
        """The environment that every function gets."""
        variables = self.document["Globals"]["Function"]["Environment"]["Variables"]
        return {name: self._resolve(value) for name, value in variables.items()}

    def definition(self) -> str:
        """The shipped state machine, its `${...}` filled in as SAM does it."""
        machine = self.properties("StateMachine")
        text = ROOT.joinpath(str(machine["DefinitionUri"])).read_text(encoding="utf-8")
        for name, value in machine["DefinitionSubstitutions"].items():
            text = text.replace(f"${{{name}}}", self._resolve(value))
        if "${" in text:
            msg = f"{machine['DefinitionUri']}: a substitution that template.yaml does not fill in"
            raise ValueError(msg)
        return text

    def permissions(self, function: str) -> set[tuple[str, str]]:
        """What a function's role allows on buckets and table, as action and which of them."""
        role = self.properties(self.properties(function)["Role"]["Fn::GetAtt"].removesuffix(".Arn"))
        return {
            (action, self.names[name])
            for policy in role["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in _as_list(statement["Action"])
            for resource in _as_list(statement["Resource"])
            if (name := _resource(resource)) in self.names
        }

    def resolve(self, node: Any) -> Any:
        """A part of the template with its references filled in."""
        match node:
            case {"Ref": _, **rest} | {"Fn::GetAtt": _, **rest} if not rest:
                return self._resolve(node)
            case dict():
                return {name: self.resolve(value) for name, value in node.items()}
            case list():
                return [self.resolve(each) for each in node]
            case _:
                return node

    def _resolve(self, value: Any) -> str:
        match value:
            case {"Ref": str(name)} if name.endswith("Function.Version"):
                return f"arn:aws:lambda:{self.region}:{self.account}:function:{name.removesuffix('.Version')}:1"
            case {"Ref": str(name)}:
                return self.names[name] if name in self.names else str(self.document["Parameters"][name]["Default"])
            case {"Fn::GetAtt": str(path)} if path.endswith("Function.Arn"):
                return f"arn:aws:lambda:{self.region}:{self.account}:function:{path.removesuffix('.Arn')}"
            case {}:
                msg = f"the workflow tests cannot resolve {value}"
                raise NotImplementedError(msg)
            case _:
                return str(value)


def _resource(reference: Mapping[str, str] | str) -> str:
    """The logical id in `!GetAtt Table.Arn` or `!Sub ${Bucket.Arn}/*`; "*" as it is."""
    (text,) = reference.values() if isinstance(reference, Mapping) else (reference,)
    return text.removeprefix("${").partition(".")[0]


def _as_list(one_or_more: Any) -> list[Any]:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def _handler(path: str) -> Handler:
    module, _, name = path.rpartition(".")
    handler: Handler = getattr(import_module(module), name)
    return handler
