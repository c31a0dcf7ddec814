"""`lockstep run`: photos in, gray photos out, one overwritten, one deleted, and the output bucket following."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from lockstep import paths
from lockstep.errors import UserError
from lockstep.executions import Execution, Follower, history
from lockstep.history.archive import archive_of
from lockstep.history.run import Run
from lockstep.objects import listing, out_of_step, put, remove
from lockstep.stack import Stack
from lockstep.view import follow

PAGE: Final = paths.RUN / "history.html"

_DEADLINE_SECONDS: Final = 120
_AWS_PREFIX: Final = "lockstep-run/"


@dataclass
class Demo:
    """Plays on one stack; on AWS below a prefix of its own, which is empty again at the end.

    Attributes:
        executions: those of all acts so far, oldest first.
    """

    stack: Stack
    console: Console
    executions: list[Execution] = field(default_factory=list)

    def play(self) -> None:
        """Upload the samples, overwrite one, delete another; leave what came out in build/run.

        Raises: UserError when the output bucket does not follow.
        """
        photos = sorted(paths.SAMPLES.glob("*.*"))
        first, other, last = photos[0], photos[1], photos[-1]
        shutil.rmtree(paths.RUN, ignore_errors=True)
        self._act("1-uploaded", [each.name for each in photos], lambda: self._put_all(photos))
        self._act("2-overwritten", [last.name], lambda: put(self.stack, other, self._key(last.name)))
        self._act("3-deleted", [first.name], lambda: remove(self.stack, self._key(first.name)))
        self._save_histories()
        if not self.stack.is_local:
            left = [each.name for each in photos if each != first]
            self._act("4-cleaned-up", left, lambda: self._remove_all(left))

    def _act(self, name: str, touched: list[str], do: Callable[[], object]) -> None:
        """Do something to the input bucket, follow what comes of it, and check and save the output bucket."""
        follower = Follower(self.stack, wants=lambda each: each.key.startswith(self._prefix))
        do()
        executions = follow(follower, self.console, at_least=len(touched), seconds=_DEADLINE_SECONDS)
        self.executions += executions
        if differing := out_of_step(self.stack, self._prefix):
            msg = f"the output bucket is not in step with the input bucket: {', '.join(differing)}"
            raise UserError(msg)
        outputs = self._save_outputs(paths.RUN / name)
        self.console.print(
            Text.assemble(
                ("✓ ", "green"),
                f"{name.partition('-')[2]} {', '.join(touched)}",
                (f" → output bucket: {', '.join(outputs) or 'empty'}", "dim"),
            )
        )

    @property
    def _prefix(self) -> str:
        return "" if self.stack.is_local else _AWS_PREFIX

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _put_all(self, photos: list[Path]) -> None:
        for photo in photos:
            put(self.stack, photo, self._key(photo.name))

    def _remove_all(self, names: list[str]) -> None:
        for name in names:
            remove(self.stack, self._key(name))

    def _save_outputs(self, directory: Path) -> list[str]:
        directory.mkdir(parents=True)
        keys = [each["Key"] for each in listing(self.stack, self.stack.output_bucket, self._prefix)]
        for key in keys:
            self.stack.s3.download_file(self.stack.output_bucket, key, str(directory / Path(key).name))
        return keys

    def _save_histories(self) -> None:
        """Each execution's history as Step Functions gives it, a summary, and a page to look at them."""
        directory = paths.RUN / "histories"
        directory.mkdir()
        runs = [Run.of(each.arn, history(self.stack, each.arn)) for each in self.executions]
        for number, run in enumerate(runs, start=1):
            file = directory / f"{number}-{Path(run.execution.key).name}-{run.execution.change}.json"
            file.write_text(json.dumps(run.history, indent=2, default=str, ensure_ascii=False))
        summary = [each.as_json() for each in self.executions]
        (paths.RUN / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False))
        PAGE.write_text(archive_of(self.stack, runs[::-1]))
