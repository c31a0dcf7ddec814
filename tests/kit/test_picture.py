"""The picture of a machine shows all of it, and stands on its own."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest

from tests.workflow.kit import picture
from tests.workflow.kit.machine import Edge, Machine
from tests.workflow.kit.picture import PACKAGE, CannotDrawError, dot, svg

ROOT: Final = Path(__file__).parents[2]
SVG: Final = "{http://www.w3.org/2000/svg}"

needs_graphviz = pytest.mark.skipif(
    shutil.which("node") is None or not (ROOT / "node_modules" / PACKAGE).is_dir(),
    reason=f"Node or {PACKAGE} is not installed: npm ci",
)

ODD: Final = 'Say "hi" <b>\\N & größe 画像'
ODD_ERROR: Final = 'a \\"quoted" <error>'
STATES: Final[dict[str, Any]] = {
    ODD: {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Retry": [{"ErrorEquals": ["Busy", "Late"]}, {"ErrorEquals": ["Hopeless"], "MaxAttempts": 0}],
        "Catch": [
            {"ErrorEquals": ["Lost", ODD_ERROR], "Next": "Rest"},
            {"ErrorEquals": ["States.ALL"], "Next": "Bad"},
        ],
        "Next": "Route",
    },
    "Route": {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.kind", "StringEquals": "<new> & 'old'", "Next": "Done"},
            {"Variable": "$.sizes.x", "NumericGreaterThanEquals": 3, "Next": "Done"},
            {"Variable": "$.again", "BooleanEquals": True, "Next": "Route"},
            {"And": [{"Variable": "$.x", "IsPresent": True}], "Next": "Rest"},
        ],
        "Default": "Bad",
    },
    "Rest": {"Type": "Wait", "Seconds": 1, "Next": ODD},
    "Done": {"Type": "Succeed"},
    "Bad": {"Type": "Fail"},
}
MACHINE: Final = Machine(json.dumps({"StartAt": ODD, "States": STATES}))
ALL: Final = {edge: 100 + number for number, edge in enumerate(MACHINE.edges)}


@cache
def _svg(machine: Machine, counts: tuple[tuple[Edge, int], ...]) -> str:
    return svg(machine, dict(counts), ROOT)


def without(*fields: str) -> dict[Edge, int]:
    return {edge: count for edge, count in ALL.items() if not edge.field.startswith(fields)}


def drawn(counts: Mapping[Edge, int] = ALL, machine: Machine = MACHINE) -> ET.Element:
    return ET.fromstring(_svg(machine, tuple(counts.items())))  # noqa: S314  # our own text


def groups(picture: ET.Element, class_: str) -> dict[str, list[str]]:
    """What is in each group of that class: its texts, by its title."""
    return {
        str(group.findtext(f"{SVG}title")): ["".join(text.itertext()) for text in group.iter(f"{SVG}text")]
        for group in picture.iter(f"{SVG}g")
        if class_ in group.attrib["class"].split()
    }


@needs_graphviz
def test_every_state_is_there_with_its_type_and_its_visits() -> None:
    entered = sum(count for edge, count in ALL.items() if edge.target == ODD and not edge.field.startswith("Retry"))

    states = groups(drawn(), "state")

    assert [texts[0] for texts in states.values()] == list(STATES)
    assert states[f"{ODD}: {entered}"] == [ODD, f"Task · {entered}×"]


@needs_graphviz
def test_every_edge_is_there_with_its_count() -> None:
    picture = drawn()

    titles = [line for class_ in ("edge", "retry") for title in groups(picture, class_) for line in title.split("\n")]
    assert sorted(titles) == sorted(f"{edge}: {count}" for edge, count in ALL.items())


@needs_graphviz
def test_a_label_says_what_a_line_is_about() -> None:
    labels = groups(drawn(dict.fromkeys(ALL, 7)), "edge")
    by_first_edge = {title.split("\n")[0].removesuffix(": 7"): texts for title, texts in labels.items()}

    assert by_first_edge == {
        f"StartAt -> {ODD}": ["7"],
        f"{ODD}.Catch[0] Lost -> Rest": ["Lost 7", f"{ODD_ERROR} 7"],
        f"{ODD}.Catch[1] States.ALL -> Bad": ["States.ALL 7"],
        f"{ODD}.Next -> Route": ["7"],
        "Route.Choices[0,1] -> Done": ["<new> & 'old'", "x ≥ 3 7"],
        "Route.Choices[2]": ["again = true 7"],
        "Route.Choices[3] -> Rest": ["a rule 7"],
        "Route.Default -> Bad": ["Default 7"],
        f"Rest.Next -> {ODD}": ["7"],
        "Done.Succeed -> (end)": ["7"],
        "Bad.Fail -> (end)": ["7"],
    }


@needs_graphviz
def test_retries_are_summed_up_in_their_state() -> None:
    ((title, texts),) = groups(drawn(dict.fromkeys(ALL, 7)), "retry").items()

    assert texts == ["2 names 14 · given up 14"]
    assert f"{ODD}.Retry[0] Late: 7" in title.split("\n")


@needs_graphviz
def test_nothing_is_red_where_all_was_taken() -> None:
    picture = drawn()

    assert groups(picture, "missing") == {}
    assert [element for element in picture.iter() if "zero" in element.attrib.get("class", "")] == []


@needs_graphviz
def test_edges_that_were_never_taken_are_marked() -> None:
    missing = groups(
        drawn(without("Retry[0] Late", "Retry[1]", "Catch[0] Lost", "Catch[1]", "Choices[0,1]", "Default", "Succeed")),
        "missing",
    )

    assert sorted(missing.values()) == [
        ["0"],
        ["2 names 101 · given up 103", "Late 0", "Retry[1] given up 0"],
        ["<new> & 'old'", "x ≥ 3 0"],
        ["Bad", "Fail · never entered"],
        ["Default 0"],
        ["Done", "Succeed · never entered"],
        ["Lost 0", f"{ODD_ERROR} 106"],
        ["States.ALL 0"],
    ]
    assert all(": 0" in title for title in missing)


@needs_graphviz
def test_a_line_is_red_only_if_none_of_its_edges_was_taken() -> None:
    assert len(groups(drawn(without("Catch[0] Lost")), "never")) == 0
    assert len(groups(drawn(without("Catch[0]")), "never")) == 1


@needs_graphviz
def test_many_retries_that_never_were_are_one_line() -> None:
    names = [f"Error{number}" for number in range(9)]
    states = {"A": {"Type": "Task", "Resource": "arn:x", "Retry": [{"ErrorEquals": names}], "End": True}}
    machine = Machine(json.dumps({"StartAt": "A", "States": states}))

    ((_, texts),) = groups(drawn({Edge("A", "Retry[0] Error3", "A"): 2}, machine), "retry").items()

    assert texts == ["9 names 2 · given up 0", "8 of the 9 0"]


@needs_graphviz
def test_a_state_that_was_never_entered_is_marked() -> None:
    states = groups(drawn({}), "never")

    assert ["Route", "Choice · never entered"] in states.values()


@needs_graphviz
def test_the_picture_refers_to_nothing_outside_it() -> None:
    text = _svg(MACHINE, tuple(ALL.items()))

    assert re.findall(r"[a-z]+://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert not re.findall(r"<!DOCTYPE|href|@import|<image|<script", text)
    assert set(re.findall(r"url\((.)", text)) == {"#"}


@needs_graphviz
def test_all_text_can_be_read() -> None:
    sizes = re.findall(r"font-size[=:] *\"?([\d.]+)", _svg(MACHINE, tuple(ALL.items())))

    assert sizes
    assert min(map(float, sizes)) >= 11


@needs_graphviz
def test_everything_stays_where_it_is_when_counts_change() -> None:
    def places(counts: Mapping[Edge, int]) -> list[Mapping[str, str]]:
        return [
            dict(each.attrib)
            for each in drawn(counts).iter()
            if each.tag in {f"{SVG}rect", f"{SVG}polygon", f"{SVG}circle"} or each.attrib.get("class") == "line"
        ]

    assert places(ALL) == places(dict.fromkeys(ALL, 5))


def test_the_graph_is_the_same_for_the_same_counts() -> None:
    assert dot(MACHINE, ALL) == dot(Machine(MACHINE.text), dict(reversed(ALL.items())))


def test_without_node_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(CannotDrawError, match="needs Node, and there is no `node` on the PATH"):
        svg(MACHINE, ALL, ROOT)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_without_the_package_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CannotDrawError, match=f"needs {PACKAGE}: there is no node_modules with it in {tmp_path}"):
        svg(MACHINE, ALL, tmp_path)


@needs_graphviz
def test_what_graphviz_says_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "dot", lambda *_: "digraph {")

    with pytest.raises(CannotDrawError, match=r"does not draw the state machine: syntax error in line 1$"):
        svg(MACHINE, ALL, ROOT)
