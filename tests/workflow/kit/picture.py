"""A state machine's graph as SVG, with the counts on its edges.

Graphviz lays it out, as WebAssembly in Node: the npm package `@viz-js/viz`. What is red was never taken.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from .machine import END, Edge, Machine

PACKAGE: Final = "@viz-js/viz"

_SECONDS: Final = 60.0
_SPACE: Final = 20.0  # around the graph
_FOOT: Final = 34.0  # for the line below it
_NAMES: Final = 3  # how many that were never tried again are named in a state's box
_STADIUMS: Final = {"Wait", "Succeed", "Fail"}

_SCRIPT: Final = """
const graph = require("fs").readFileSync(0, "utf8");
Promise.resolve().then(() => require("@viz-js/viz").instance()).then(
  (viz) => process.stdout.write(viz.renderString(graph, { format: "json" })),
).catch((error) => { process.stderr.write(error.message); process.exitCode = 1; });
"""

_STYLE: Final = """
    .card { fill: #ffffff; stroke: #d1d9e0; }
    text { fill: #1f2328; }
    .name { font-size: 14px; font-weight: 600; }
    .small, .what { fill: #59636e; }
    .count { font-weight: 600; }
    .state rect, .state polygon { stroke-width: 1.5; stroke-linejoin: round; }
    .task rect { fill: #ddf4ff; stroke: #54aeff; }
    .choice polygon { fill: #f6f8fa; stroke: #8c959f; }
    .wait rect { fill: #fff8c5; stroke: #d4a72c; }
    .pass rect { fill: #ffffff; stroke: #8c959f; }
    .map rect, .parallel rect { fill: #fbefff; stroke: #c297ff; }
    .succeed rect { fill: #dafbe1; stroke: #4ac26b; }
    .fail rect { fill: #ffebe9; stroke: #ff8182; }
    .line { fill: none; stroke: #424a53; stroke-width: 1.6; marker-end: url(#tip); }
    .catch .line { stroke: #9a6700; stroke-width: 1.4; stroke-dasharray: 5 4; marker-end: url(#caught); }
    .near { fill: none; stroke: #ffffff; stroke-opacity: 0; stroke-width: 14; }
    .edge text { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; }
    .loop { fill: none; stroke: #59636e; stroke-width: 1.5; marker-end: url(#again); }
    .terminal { fill: #424a53; stroke: #424a53; }
    .ring { fill: none; stroke: #424a53; stroke-width: 1.4; }
    .never .line { stroke: #cf222e; stroke-width: 2; marker-end: url(#never); }
    .state.never rect, .state.never polygon { stroke: #cf222e; stroke-dasharray: 5 4; }
    text .zero, text.zero { fill: #cf222e; font-weight: 600; }
"""
_TIPS: Final = {"tip": ("#424a53", 9), "caught": ("#9a6700", 9), "never": ("#cf222e", 9), "again": ("#59636e", 6)}

_COMPARISON: Final = re.compile(r"(?:String|Numeric|Boolean|Timestamp)((?:Less|Greater)Than)?(Equals)?")
_SIGNS: Final[Mapping[tuple[str | None, str | None], str]] = {
    (None, "Equals"): "=",
    ("LessThan", None): "<",
    ("LessThan", "Equals"): "≤",
    ("GreaterThan", None): ">",
    ("GreaterThan", "Equals"): "≥",
}


class CannotDrawError(RuntimeError):
    """Something is not there that drawing needs; the message says what."""


def svg(machine: Machine, counts: Mapping[Edge, int], folder: Path | None = None) -> str:
    """Draw a machine, as an SVG that refers to nothing outside it. What a line stands for in full is its tooltip.

    Args:
        machine: the definition.
        counts: how often each of its edges was taken; one that is not in it never was.
        folder: has `node_modules` in it or above it; None for the current directory.

    Raises:
        CannotDrawError: Node or the npm package is not there, or they do not draw.
    """
    return _Picture(machine, counts).drawn(_laid_out(dot(machine, counts), folder or Path.cwd()))


def dot(machine: Machine, counts: Mapping[Edge, int]) -> str:
    """The graph in Graphviz's language, its labels in a font whose letters are as wide as any."""
    return _Picture(machine, counts).dot()


# --- the parts of a picture --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """One line of a label.

    Attributes:
        what: it is about; empty where that is plain.
        count: how often; None where the next row says it.
    """

    what: str
    count: int | None

    @property
    def text(self) -> str:
        """With room for three digits, so that a picture stays as it is when counts change."""
        return " ".join([self.what] * bool(self.what) + ([] if self.count is None else [f"{self.count:3}"]))


@dataclass(frozen=True)
class _Line:
    """What is drawn as one line: edges of one kind between the same two states."""

    id: str
    kind: str
    edges: Sequence[Edge]
    rows: Sequence[_Row]
    count: int
    title: str


@dataclass(frozen=True)
class _Box:
    """A state, with the retries in it."""

    id: str
    name: str
    type: str
    visits: int
    retries: Sequence[Sequence[_Row]]
    retries_title: str

    @property
    def height(self) -> int:
        """Of its text."""
        return 18 + 16 * (1 + len(self.retries))

    def below(self, count: str) -> str:
        return f"{self.type} · {count}×" if self.visits else f"{self.type} · never entered"


class _Picture:
    def __init__(self, machine: Machine, counts: Mapping[Edge, int]) -> None:
        self._machine = machine
        self._counts = {edge: counts.get(edge, 0) for edge in machine.edges}
        self._boxes = {name: self._box(f"state{number}", name) for number, name in enumerate(machine.states)}
        self._lines = {line.id: line for line in self._bundled()}

    def _box(self, id_: str, name: str) -> _Box:
        retries = [edge for edge in self._counts if edge.state == name and _kind(edge) == "retry"]
        visits = sum(n for edge, n in self._counts.items() if edge.target == name and _kind(edge) != "retry")
        type_ = self._machine.states[name]["Type"]
        return _Box(id_, name, type_, visits, list(self._retries(retries)), self._title(retries))

    def _retries(self, edges: Sequence[Edge]) -> Iterator[Sequence[_Row]]:
        """The sums in one line; then what never happened."""
        given_up = [edge for edge in edges if edge.field.endswith("] given up")]
        names = [edge for edge in edges if edge not in given_up]
        groups = [(some, what) for some, what in ((names, _many(len(names), "name")), (given_up, "given up")) if some]
        sums = [_Row(what, sum(self._counts[edge] for edge in some)) for some, what in groups]
        if sums:
            yield sums
        for some, _ in groups:
            never = [_name(edge) for edge in some if not self._counts[edge]]
            if len(never) == len(some):
                continue  # as the sum says
            if len(never) > _NAMES:
                never = [f"{len(never)} of the {len(some)}"]
            yield from ([_Row(name, 0)] for name in never)

    def _bundled(self) -> Iterator[_Line]:
        bundles: dict[tuple[str, str, str], list[Edge]] = {}
        for edge in self._counts:
            bundles.setdefault((_kind(edge), edge.state, edge.target), []).append(edge)
        for number, ((kind, _, _), edges) in enumerate(bundles.items()):
            if kind != "retry":
                rows = [row for edge in edges for row in self._rows(edge)]
                count = sum(self._counts[edge] for edge in edges)
                yield _Line(f"line{number}", kind, edges, rows, count, self._title(edges))

    def _rows(self, edge: Edge) -> Iterator[_Row]:
        said = [_name(edge)] if _kind(edge) == "catch" else _conditions(self._machine, edge)
        yield from (_Row(what, None) for what in said[:-1])
        yield _Row(said[-1] if said else "", self._counts[edge])

    def _title(self, edges: Iterable[Edge]) -> str:
        return "\n".join(f"{edge}: {self._counts[edge]}" for edge in edges)

    # --- for Graphviz --------------------------------------------------------------------------------------

    def dot(self) -> str:
        """Every box and every line, with as much room as its label needs."""
        lines = [
            "digraph {",
            "  graph [nodesep=0.28 ranksep=0.35 mclimit=20]",  # twenty times the usual search for few crossings
            '  node [fontname="Courier" fontsize=11 shape=box style=rounded margin="0.16,0.05"]',
            '  edge [fontname="Courier" fontsize=11.5 arrowsize=0.7]',
        ]
        ends = ["start"]
        for line in self._lines.values():  # before the boxes: Graphviz begins with what is named first
            edge = line.edges[0]
            tail = self._boxes[edge.state].id if edge.state else "start"
            head = self._boxes[edge.target].id if edge.target != END else f"end_of_{tail}"
            ends += [head] * (edge.target == END)
            look = "style=dashed" if line.kind == "catch" else "weight=2"
            look += "" if line.count else ' color="red"'
            label = _quoted([f" {row.text} " for row in line.rows])
            lines.append(f"  {tail} -> {head} [id={line.id} label={label} {look}]")
        for box in self._boxes.values():
            below = "".join(
                f"<br/>{escape(text)}"
                for text in [box.below(f"{box.visits:3}"), *(f"↻ {_joined(rows)}" for rows in box.retries)]
            )
            look = ' shape=hexagon style=solid margin="0.04,0.03"' if box.type == "Choice" else ""
            look = ' margin="0.26,0.05"' if box.type in _STADIUMS else look
            label = f'<font point-size="14">{escape(box.name)}</font>{below}'
            lines.append(f"  {box.id} [label=<{label}> height={(box.height + 14) / 72:.2f}{look}]")
        lines += [f'  {each} [label="" shape=circle width=0.16 height=0.16]' for each in ends]
        return "\n".join([*lines, "}", ""])

    # --- as SVG --------------------------------------------------------------------------------------------

    def drawn(self, layout: Mapping[str, Any]) -> str:
        """The picture, with each thing where Graphviz has put it."""
        _, _, width, height = (float(number) for number in layout["bb"].split(","))
        place = _Place(_SPACE, height + _SPACE)
        whole = f"{width + 2 * _SPACE:.0f}", f"{height + _SPACE + _FOOT + _SPACE / 2:.0f}"
        drawn = [_HEAD.format(width=whole[0], height=whole[1], title=escape(self._summary()), style=_STYLE)]
        drawn += [_TIP.format(id=id_, colour=colour, size=size) for id_, (colour, size) in _TIPS.items()]
        drawn.append("  </defs>")
        drawn.append(
            f'  <rect class="card" x="0.5" y="0.5" width="{int(whole[0]) - 1}" height="{int(whole[1]) - 1}" rx="10"/>'
        )
        for edge in layout["edges"]:
            drawn.append(_edge(self._lines[edge["id"]], edge, place))
        nodes = {node["name"]: node for node in layout["objects"]}
        drawn += [_state(box, nodes.pop(box.id), place) for box in self._boxes.values()]
        drawn += [_terminal(node, place) for node in nodes.values()]
        drawn.append(
            f'  <text class="small" x="{_SPACE}" y="{height + _SPACE + _FOOT:.0f}">{escape(self._summary())}</text>'
        )
        return "\n".join([*drawn, "</svg>", ""])

    def _summary(self) -> str:
        taken = sum(map(bool, self._counts.values()))
        executions = sum(count for edge, count in self._counts.items() if not edge.state)
        said = f"{taken} of {len(self._counts)} edges taken in {_many(executions, 'execution')}"
        return f"{said} · dashed: a Catch · ↻ a Retry{' · red: never' * (taken < len(self._counts))}"


_HEAD: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" \
font-family="ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12">
  <title>{title}</title>
  <style>{style}  </style>
  <defs>"""
_TIP: Final = """\
    <marker id="{id}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="{size}" markerHeight="{size}" \
markerUnits="userSpaceOnUse" orient="auto"><path d="M0 1 10 5 0 9z" fill="{colour}"/></marker>"""


@dataclass(frozen=True)
class _Place:
    """From Graphviz's points, whose y grows upwards, to the picture's."""

    left: float
    bottom: float

    def __call__(self, pair: str) -> tuple[float, float]:
        x, y = (float(number) for number in pair.split(","))
        return self.left + x, self.bottom - y


def _edge(line: _Line, edge: Mapping[str, Any], place: _Place) -> str:
    tip, *points = edge["pos"].split()
    first, *curve = [_xy(*place(pair)) for pair in points]
    path = f"M{first}C{' '.join(curve)}L{_xy(*place(tip.removeprefix('e,')))}"
    x, y = place(edge["lp"])
    x -= max(each["width"] for each in edge["_ldraw_"] if each["op"] == "T") / 2 - 6
    y -= (len(line.rows) - 1) * 8 - 4
    rows = [
        f'<text x="{x:.1f}" y="{y + 16 * number:.1f}"{"" if row.count != 0 else _ZERO}>{_row(row)}</text>'
        for number, row in enumerate(line.rows)
    ]
    never = " missing" * any(row.count == 0 for row in line.rows) + " never" * (not line.count)
    return (
        f'  <g class="edge {line.kind}{never}"><title>{escape(line.title)}</title>'
        f'<path class="near" d="{path}"/><path class="line" d="{path}"/>{"".join(rows)}</g>'
    )


_SEPARATOR: Final = ' <tspan class="what">·</tspan> '
_ZERO: Final = ' class="zero"'


def _row(row: _Row) -> str:
    what = f'<tspan class="{"zero" if row.count == 0 else "what"}">{escape(row.what)}</tspan>' if row.what else ""
    count = "" if row.count is None else f'<tspan class="count{" zero" * (not row.count)}">{row.count}</tspan>'
    return f"{what}{' ' * bool(what and count)}{count}"


def _state(box: _Box, node: Mapping[str, Any], place: _Place) -> str:
    x, y = place(node["pos"])
    width, height = float(node["width"]) * 72, float(node["height"]) * 72
    if box.type == "Choice":
        corners = next(each["points"] for each in node["_draw_"] if each["op"] in "pP")
        shape = f'<polygon points="{" ".join(_xy(place.left + x, place.bottom - y) for x, y in corners)}"/>'
    else:
        round_ = height / 2 if box.type in _STADIUMS else 9
        shape = (
            f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}"'
            f' rx="{round_:.1f}"/>'
        )
    top = y - box.height / 2
    class_, below = ' class="small"' if box.visits else _ZERO, escape(box.below(str(box.visits)))
    drawn = (
        f'  <g class="state {escape(box.type.lower())}{"" if box.visits else " missing never"}">'
        f"<title>{escape(f'{box.name}: {box.visits}')}</title>{shape}"
        f'<text class="name" text-anchor="middle" x="{x:.1f}" y="{top + 13:.1f}">{escape(box.name)}</text>'
        f'<text{class_} text-anchor="middle" x="{x:.1f}" y="{top + 30:.1f}">{below}</text></g>'
    )
    if box.retries:
        missing = any(not row.count for rows in box.retries for row in rows)
        left = x - max(len(_joined(rows).replace("  ", " ")) for rows in box.retries) * 3.2 + 8  # a letter: 6.4
        rows = "".join(
            f'<text x="{left:.1f}" y="{top + 46 + 16 * number:.1f}">{_SEPARATOR.join(map(_row, rows))}</text>'
            for number, rows in enumerate(box.retries)
        )
        loop = f"M{_xy(left - 7, top + 45.2)}a4.6 4.6 0 1 1 1.2 -3.4"
        drawn += (
            f'\n  <g class="retry{" missing" * missing}"><title>{escape(box.retries_title)}</title>'
            f'<path class="loop" d="{loop}"/>{rows}</g>'
        )
    return drawn


def _terminal(node: Mapping[str, Any], place: _Place) -> str:
    x, y = place(node["pos"])
    if node["name"] == "start":
        return f'  <circle class="terminal" cx="{x:.1f}" cy="{y:.1f}" r="5.8"/>'
    return (
        f'  <circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5.4"/>'
        f'<circle class="terminal" cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>'
    )


# --- words -------------------------------------------------------------------------------------------------


def _kind(edge: Edge) -> str:
    return next((kind.lower() for kind in ("Retry", "Catch") if edge.field.startswith(kind)), "onwards")


def _name(edge: Edge) -> str:
    """The error's name in a Catch or Retry; which retrier it was that gave up."""
    _, _, name = edge.field.partition("] ")
    return edge.field if name == "given up" else name


def _conditions(machine: Machine, edge: Edge) -> list[str]:
    """When a Choice takes a branch, in a few words: at most three rules, those that are simple."""
    if not edge.state or machine.states[edge.state]["Type"] != "Choice":
        return []
    state = machine.states[edge.state]
    rules = [rule for rule in state["Choices"] if rule["Next"] == edge.target]
    said = [_condition(rule) for rule in rules] if len(rules) <= 3 else [f"{len(rules)} rules"]
    return [*said, "Default"] if state.get("Default") == edge.target else said


def _condition(rule: Mapping[str, Any]) -> str:
    for field, value in rule.items():
        if "Variable" in rule and (found := _COMPARISON.fullmatch(field)) and found.groups() in _SIGNS:
            sign = _SIGNS[found.group(1), found.group(2)]
            plain = sign == "=" and isinstance(value, str)
            said = value if plain else f"{rule['Variable'].rpartition('.')[2]} {sign} {json.dumps(value)}"
            return said if len(said) <= 30 else f"{said[:29]}…"
    return "a rule"


def _joined(rows: Iterable[_Row]) -> str:
    return " · ".join(row.text for row in rows)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _xy(x: float, y: float) -> str:
    return f"{x:.1f},{y:.1f}"


def _quoted(rows: Sequence[str]) -> str:
    """Lines of text as one of Graphviz's strings, in which a backslash begins an escape."""
    return '"' + "\\n".join(row.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for row in rows) + '"'


# --- Graphviz ----------------------------------------------------------------------------------------------


def _laid_out(graph: str, folder: Path) -> Mapping[str, Any]:
    node = shutil.which("node")
    if node is None:
        raise CannotDrawError("a picture of a state machine needs Node, and there is no `node` on the PATH")
    try:
        done = subprocess.run(
            [node, "-e", _SCRIPT],
            input=graph,
            capture_output=True,
            encoding="utf-8",
            cwd=folder,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"{PACKAGE} does not draw the state machine within {_SECONDS:.0f} s"
        raise CannotDrawError(msg) from error
    if done.returncode:
        msg = f"{PACKAGE} does not draw the state machine: {done.stderr.strip()[-1000:]}"
        if f"Cannot find module '{PACKAGE}'" in done.stderr:
            msg = (
                f"a picture of a state machine needs {PACKAGE}: there is no node_modules with it in {folder.resolve()}"
            )
        raise CannotDrawError(msg)
    layout: Mapping[str, Any] = json.loads(done.stdout)
    return layout
