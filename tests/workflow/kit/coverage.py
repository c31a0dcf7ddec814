"""Which edges of a state machine its tests have been over.

coverage = EdgeCoverage(machine)
coverage.add(run)                  # after each execution
coverage.merge(from_elsewhere)     # another process's `document`
coverage.write(sys.stdout)
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, TextIO

from .history import Run, taken
from .machine import Edge, Machine

# The columns of the report: what an edge's field begins with, or has in it.
_COLUMNS: Final = ("retries", "given up", "catches", "onwards")
_BOLD, _RED, _GREEN, _DIM = "1", "31", "32", "2"


class EdgeCoverage:
    """Counts the states that runs of one machine enter and the edges that they take.

    Attributes:
        machine: whose states and edges these are.
        runs: how many executions were added.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.runs = 0
        self._states = Counter(dict.fromkeys(machine.states, 0))
        self._edges = Counter(dict.fromkeys(machine.edges, 0))

    def add(self, run: Run) -> None:
        """Count what a run has been through."""
        self.runs += 1
        self._states.update(state for state in run.path if state in self._states)
        self._edges.update(taken(self.machine, run))

    def merge(self, other: EdgeCoverage | Mapping[str, Any]) -> None:
        """Count what was counted elsewhere, by another process for example.

        Args:
            other: of the same machine; or what its `document` says.

        Raises:
            ValueError: it is of another machine.
        """
        document = other.document() if isinstance(other, EdgeCoverage) else other
        edges = {Edge(each["state"], each["field"], each["target"]): each["count"] for each in document["edges"]}
        if strange := [str(edge) for edge in edges if edge not in self._edges]:
            msg = f"coverage of another state machine: this one has no {', '.join(strange)}"
            raise ValueError(msg)
        self.runs += document["executions"]
        self._states.update(document["states"])
        self._edges.update(edges)

    @property
    def states(self) -> Mapping[str, int]:
        """Every state, in the order of the definition, and how often it was entered."""
        return self._states

    @property
    def edges(self) -> Mapping[Edge, int]:
        """Every edge, in the order of the definition, and how often it was taken."""
        return self._edges

    @property
    def covered(self) -> list[Edge]:
        """The edges that were taken."""
        return [edge for edge, count in self._edges.items() if count]

    @property
    def missing(self) -> list[Edge]:
        """The edges that were not."""
        return [edge for edge, count in self._edges.items() if not count]

    @property
    def percentage(self) -> float:
        """Of the edges."""
        return 100 * len(self.covered) / len(self._edges)

    # --- reports -------------------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """All of it as plain JSON; `merge` takes it again."""
        return {
            "executions": self.runs,
            "covered": len(self.covered),
            "total": len(self._edges),
            "percentage": self.percentage,
            "states": dict(self._states),
            "edges": [
                {"state": edge.state, "field": edge.field, "target": edge.target, "count": count}
                for edge, count in self._edges.items()
            ],
            "missing": [str(edge) for edge in self.missing],
        }

    @property
    def summary(self) -> str:
        """One line: `state machine edges: 95 of 95 covered (119 executions)`."""
        executions = f"{self.runs} execution{'' if self.runs == 1 else 's'}"
        return f"state machine edges: {len(self.covered)} of {len(self._edges)} covered ({executions})"

    def text(self, *, colour: bool = False) -> str:
        """A table for a terminal: a line per state, each missing edge below it, the summary at the end.

        A cell says how many of a state's edges are covered; `onwards` are its branches, its Next or its end.
        """
        width = max(map(len, ["(start)", *self._states]))
        lines = [_painted(f"{'':{width}}  visits" + "".join(f"{title:>10}" for title in _COLUMNS), _DIM, colour)]
        for state in ["", *self._states]:
            edges = [edge for edge in self._edges if edge.state == state]
            visits = self._states[state] if state else self.runs
            start = _painted(f"{state or '(start)':{width}}", _BOLD, colour) + f"{visits:8}"
            lines.append((start + "".join(self._cell(edges, title, colour) for title in _COLUMNS)).rstrip())
            lines += [_painted(f"  missing: {_within(edge)}", _RED, colour) for edge in edges if not self._edges[edge]]
        lines.append(_painted(self.summary, _RED if self.missing else _GREEN, colour))
        return "\n".join(lines)

    def write(self, stream: TextIO) -> None:
        """Write the table, in colour where somebody looks at it and has not said no (no-color.org)."""
        stream.write(self.text(colour=stream.isatty() and not os.environ.get("NO_COLOR")) + "\n")

    def _cell(self, edges: list[Edge], title: str, colour: bool) -> str:
        counts = [self._edges[edge] for edge in edges if _column(edge) == title]
        covered = sum(map(bool, counts))
        text = f"{f'{covered}/{len(counts)}' if counts else '':>10}"
        return _painted(text, _GREEN if covered == len(counts) else _RED, colour and bool(counts))


def _column(edge: Edge) -> str:
    if edge.field.startswith("Retry"):
        return "given up" if edge.field.endswith("] given up") else "retries"
    return "catches" if edge.field.startswith("Catch") else "onwards"


def _within(edge: Edge) -> str:
    """An edge, below the line of its state."""
    return str(edge).removeprefix(f"{edge.state}.")


def _painted(text: str, how: str, colour: bool) -> str:
    return f"\x1b[{how}m{text}\x1b[0m" if colour else text
