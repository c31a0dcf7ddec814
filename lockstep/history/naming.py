"""Names of executions as people see and type them: short ones, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Final

from botocore.exceptions import ClientError

from lockstep.errors import UserError
from lockstep.executions import listed, name_of
from lockstep.problems import is_of_no_execution
from lockstep.stack import Stack

_SHORTEST: Final = 8  # characters of a name: enough to be told apart tomorrow as well
_AGAIN: Final = re.compile(r"(.+?)((?:-again\d*)?)", re.DOTALL)  # see lockstep.again
_LEFT_OUT: Final = "…"


def short(names: Iterable[str], among: Iterable[str] = ()) -> Mapping[str, str]:
    """Of each name the shortest form that no other one has, also none of `among`: `lockstep show` takes it.

    It is the name's beginning. Of an execution that is another one started again, the end is kept.
    """
    shown = set(names)
    bases = sorted({_parted(each)[0] for each in {*shown, *among}})
    beginnings = {}
    for before, base, after in zip(["", *bases], bases, [*bases[1:], ""], strict=False):
        beginnings[base] = base[: max(_SHORTEST, 1 + max(_shared(base, other) for other in (before, after)))]
    return {each: _short(each, beginnings) for each in shown}


def meant(stack: Stack, given: str) -> tuple[str, Sequence[str]]:
    """The execution of that name, ARN, beginning of a name or short form; and others that begin so, of the same event.

    Those others are the same execution started again.

    Raises: UserError when there is none, or more than one; ClientError, BotoCoreError.
    """
    wanted = name_of(given)
    if is_there(stack, wanted):
        return wanted, ()
    found = [each["name"] for each in listed(stack) if _is_meant(wanted, each["name"])]
    if len({_parted(each)[0] for each in found}) == 1:
        first, *others = sorted(found, key=lambda each: (len(each), each))
        return first, others
    msg = f"no execution {given!r}: `lockstep history --text` shows which there are"
    if found:
        msg = f"{len(found)} executions begin with {given!r}: {_some(found)}"
    raise UserError(msg)


def is_there(stack: Stack, name: str) -> bool:
    """Whether there is an execution of that name. Raises: ClientError, BotoCoreError."""
    try:
        stack.stepfunctions.describe_execution(executionArn=stack.execution_arn(name))
    except ClientError as error:
        if not is_of_no_execution(error):
            raise
        return False
    return True


def _short(name: str, beginnings: Mapping[str, str]) -> str:
    base, end = _parted(name)
    beginning = beginnings[base]
    return f"{beginning}{_LEFT_OUT}{end}" if end and beginning != base else beginning + end


def _is_meant(wanted: str, name: str) -> bool:
    beginning, left_out, wanted_end = wanted.partition(_LEFT_OUT)
    base, end = _parted(name)
    return base.startswith(beginning) and end == wanted_end if left_out else name.startswith(wanted)


def _parted(name: str) -> tuple[str, str]:
    """What it was called at first, and the end that tells that it was started again, which may be empty."""
    found = _AGAIN.fullmatch(name)
    return (found[1], found[2]) if found else (name, "")


def _shared(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
