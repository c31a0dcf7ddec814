"""What the templates say of the two feeds: Lockstep's own, and that of the sensors in examples/."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # no types for yaml

from changefeed.change import Ordering
from export_changes.app import ORDERING
from tests.feed.mapping import FOREVER, MappingSettings
from tests.workflow import template as templates
from tests.workflow.machine import shipped_template

LOCKS: Final = ORDERING
_SENSORS: Final = templates.ROOT / "examples/sensor-feed/template.yaml"


@cache
def lock_mapping() -> MappingSettings:
    """Of the lock table's stream, with the parameters' defaults."""
    template = shipped_template()
    return _settings(template.properties("ExportChangesMapping"), template.document["Parameters"])


@cache
def lock_view() -> str:
    """StreamViewType of the lock table."""
    view: str = shipped_template().properties("LockTable")["StreamSpecification"]["StreamViewType"]
    return view


@cache
def sensor_mapping() -> MappingSettings:
    (event,) = _sensor_function()["Events"].values()
    return _settings(event["Properties"], _sensors()["Parameters"])


@cache
def sensor_view() -> str:
    (event,) = _sensor_function()["Events"].values()
    table = event["Properties"]["Stream"]["Fn::GetAtt"].partition(".")[0]
    view: str = _sensors()["Resources"][table]["Properties"]["StreamSpecification"]["StreamViewType"]
    return view


@cache
def sensors() -> Ordering:
    """As the general handler reads it from its environment."""
    environment = _sensor_function()["Environment"]["Variables"]
    return Ordering(environment["ORDERING_KEY"], tuple(environment["WATERMARK"].split()))


@cache
def _sensors() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.load(
        _SENSORS.read_text(encoding="utf-8"),
        Loader=templates._CloudFormationLoader,  # noqa: S506  # a SafeLoader
    )
    return found


def _sensor_function() -> Mapping[str, Any]:
    found: Mapping[str, Any]
    (found,) = (
        each["Properties"] for each in _sensors()["Resources"].values() if each["Type"] == "AWS::Serverless::Function"
    )
    return found


def _settings(properties: Mapping[str, Any], parameters: Mapping[str, Any]) -> MappingSettings:
    """Of an event source mapping, as CloudFormation and SAM both name its properties."""

    def value(name: str, default: Any) -> Any:
        found = properties.get(name, default)
        return parameters[found["Ref"]]["Default"] if isinstance(found, Mapping) and "Ref" in found else found

    return MappingSettings(
        batch_size=value("BatchSize", 100),
        filters=tuple(json.loads(each["Pattern"]) for each in value("FilterCriteria", {"Filters": []})["Filters"]),
        parallelization=value("ParallelizationFactor", 1),
        bisect=value("BisectBatchOnFunctionError", False),
        reports_failures="ReportBatchItemFailures" in value("FunctionResponseTypes", []),
        maximum_retries=value("MaximumRetryAttempts", FOREVER),
        maximum_age_seconds=value("MaximumRecordAgeInSeconds", FOREVER),
    )
