"""The history as one HTML file, to be kept or sent: of one execution, or of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from lockstep.history import page
from lockstep.history.graph import Graph
from lockstep.history.index import Index
from lockstep.history.object_page import ObjectPage
from lockstep.history.pictures import described, embedded
from lockstep.history.run import Run
from lockstep.history.service import History, read_run
from lockstep.stack import Stack

_PICTURED: Final = 12


def archive(stack: Stack, names: Sequence[str]) -> str:
    """A page with the executions named, and the objects they are about.

    Raises: ProblemError when there is none of a name; UserError, ClientError, BotoCoreError.
    """
    return archive_of(stack, [read_run(stack, name) for name in names])


def archive_of(stack: Stack, runs: Sequence[Run]) -> str:
    """The same with executions that have been read. Raises: UserError, ClientError, BotoCoreError."""
    history = History(stack, Graph.deployed(stack), Index(stack), is_live=False)
    for each in runs:
        history.index.put(each.execution)
    executions = {each.execution.name: history.told(each) for each in runs}
    return page.one_file(
        {
            "stack": history.about(),
            "rows": [each["execution"] for each in executions.values()],
            "executions": executions,
            "objects": _objects(history),
        }
    )


def _objects(history: History) -> dict[str, Any]:
    """A page an object, newest first; those of the first few with their pictures, so that the file stays small."""
    about = dict.fromkeys(
        (found.bucket, found.key) for each in history.index.since(0) if (found := each.execution) and found.key
    )
    return {
        f"{bucket}/{key}": ObjectPage.read(
            history.stack,
            bucket,
            key,
            history.index.of_object(bucket, key),
            embedded if number < _PICTURED else described,
        ).as_json()
        for number, (bucket, key) in enumerate(about)
    }
