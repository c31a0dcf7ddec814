"""Which AWS operations a handler can come to, by its code: followed from function to function by names and types.

Errs on the side of too many: of a method whose object is not known, all of that name count, other than the adapters'.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ServiceModel

from tests.deployment.shipped import ROOT

FUNCTIONS: Final = ROOT / "functions"
_FIRST: Final = "handler"
ADAPTERS: Final = frozenset({"S3SourceBucket", "S3OutputBucket", "DynamoDBLockStore", "S3FeedBucket"})


class Operation(NamedTuple):
    """An operation of AWS.

    Attributes:
        adapter: the class that calls it.
        is_conditional: on condition of an object's ETag.
    """

    adapter: str
    name: str
    is_conditional: bool


def _operations(service: str) -> dict[str, str]:
    """The operations of a service by boto3's names for them."""
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    return {xform_name(name): name for name in model.operation_names}


_OPERATIONS: Final = _operations("s3") | _operations("dynamodb")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class _Class:
    """A class of the functions' code.

    Attributes:
        types: of its fields, by name.
    """

    name: str
    methods: dict[str, Function] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    is_protocol: bool = False

    @property
    def is_adapter(self) -> bool:
        return any(type_.endswith("Client") for type_ in self.types.values())


class Code:
    """The modules of one handler: its own, and those of the shared packages that it names."""

    def __init__(self, handler: str) -> None:
        self._functions: defaultdict[str, list[Function]] = defaultdict(list)
        self._classes: dict[str, _Class] = {}
        own = FUNCTIONS.joinpath(*handler.split(".")[:-1]).with_suffix(".py")
        shared = [path for each in sorted(_packages(own)) for path in sorted(FUNCTIONS.glob(f"{each}/**/*.py"))]
        for path in [own, *(each for each in shared if not _is_handler(each))]:
            for node in _module(path).body:
                if isinstance(node, Function):
                    self._functions[node.name].append(node)
                elif isinstance(node, ast.ClassDef):
                    self._classes[node.name] = _read(node)

    def operations(self) -> set[Operation]:
        """All that the handler can come to."""
        seen: set[tuple[str, str]] = set()
        found: set[Operation] = set()
        waiting = [("", _FIRST)]
        while waiting:
            where, name = waiting.pop()
            if (where, name) in seen:
                continue
            seen.add((where, name))
            for function in [self._classes[where].methods[name]] if where else self._functions[name]:
                found |= set(_called(where, function))
                waiting += self._next(where, function)
        return found

    def _next(self, where: str, function: Function) -> Iterator[tuple[str, str]]:
        """The functions that it names, each with its class."""
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute):
                yield from ((each.name, node.attr) for each in self._owners(where, function, node))
            elif isinstance(node, ast.Name) and node.id in self._functions:
                yield ("", node.id)
            elif isinstance(node, ast.Name) and "__post_init__" in self._methods(node.id):
                yield (node.id, "__post_init__")

    def _owners(self, where: str, function: Function, node: ast.Attribute) -> list[_Class]:
        """The classes whose method it may be."""
        type_ = self._type(where, function, node.value)
        if type_ not in self._classes:
            found = [each for each in self._classes.values() if not each.is_adapter]
        elif self._classes[type_].is_protocol:
            wanted = set(self._classes[type_].methods)
            found = [each for each in self._classes.values() if wanted <= set(each.methods) and not each.is_protocol]
        else:
            found = [self._classes[type_]]
        return [each for each in found if node.attr in each.methods]

    def _type(self, where: str, function: Function, node: ast.expr) -> str:
        """A value's type, where the code says it: of `self`, its fields, arguments, and what a function returns."""
        arguments = {each.arg: each.annotation for each in (*function.args.args, *function.args.kwonlyargs)}
        match node:
            case ast.Name("self"):
                return where
            case ast.Attribute(ast.Name("self"), name) if where and name in self._classes[where].types:
                return self._classes[where].types[name]
            case ast.Call(ast.Name(name)) if name in self._functions:
                return _text(self._functions[name][0].returns)
            case ast.Name(name):
                return _text(arguments.get(name))
            case _:
                return ""

    def _methods(self, name: str) -> dict[str, Function]:
        return self._classes[name].methods if name in self._classes else {}


def _packages(path: Path) -> set[str]:
    """The shared packages that a module imports from."""
    imported = {str(node.module) for node in _module(path).body if isinstance(node, ast.ImportFrom)}
    return {name for name in (each.partition(".")[0] for each in imported) if (FUNCTIONS / name).is_dir()}


def _is_handler(path: Path) -> bool:
    """A shared package may have a handler of its own, which is not reached from another."""
    return path.name == "app.py"


@cache
def _module(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _text(annotation: ast.expr | None) -> str:
    return ast.unparse(annotation) if annotation else ""


def _read(node: ast.ClassDef) -> _Class:
    found = _Class(node.name, is_protocol=any(ast.unparse(base) == "Protocol" for base in node.bases))
    for each in node.body:
        if isinstance(each, Function):
            found.methods[each.name] = each
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            found.types[each.target.id] = ast.unparse(each.annotation)
    return found


def _called(where: str, function: Function) -> Iterator[Operation]:
    """The operations that it calls on a client. `IfMatch` may be among the arguments, or in the request that is one."""
    text = ast.unparse(function)
    for node in ast.walk(function):
        match node:
            case ast.Call(ast.Attribute(ast.Attribute(ast.Name("self"), "client"), name)) if name in _OPERATIONS:
                yield Operation(where, _OPERATIONS[name], "IfMatch" in text)


def hidden_uses_of_clients() -> list[str]:
    """Where a client is used in another way than those that are followed here, so that a call could be missed.

    An adapter makes its calls as `self.client.operation(...)`. Elsewhere a client is made, and handed to an adapter.
    """
    found = []
    for path in sorted(FUNCTIONS.glob("**/*.py")):
        module = _module(path)
        made = {
            target.id
            for node in ast.walk(module)
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("boto3.client(")
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        seen = {
            id(part)
            for node in ast.walk(module)
            if isinstance(node, ast.Call)
            for part in (*_followed(node), *_handed_on(node))
        }
        found += [
            f"{path.relative_to(FUNCTIONS)}:{node.lineno}: {ast.unparse(node)}"
            for node in ast.walk(module)
            if isinstance(node, ast.Attribute) and id(node) not in seen
            if (node.attr == "client" and ast.unparse(node.value) != "boto3")
            or (isinstance(node.value, ast.Name) and node.value.id in made)
        ]
    return found


def _followed(call: ast.Call) -> Iterator[ast.expr]:
    match call.func:
        case ast.Attribute(ast.Attribute(ast.Name("self"), "client") as client, name) if name in _OPERATIONS:
            yield client


def _handed_on(call: ast.Call) -> Iterator[ast.expr]:
    if isinstance(call.func, ast.Name) and call.func.id in ADAPTERS:
        yield from call.args


def clients() -> dict[Path, list[str]]:
    """The modules that make clients of boto3, and of which services."""
    found: dict[Path, list[str]] = {}
    for path in sorted(FUNCTIONS.glob("**/*.py")):
        for node in ast.walk(_module(path)):
            match node:
                case ast.Call(
                    ast.Attribute(ast.Name("boto3"), "client" | "resource"), [ast.Constant(str(service)), *_]
                ):
                    found.setdefault(path.relative_to(FUNCTIONS), []).append(service)
    return found
