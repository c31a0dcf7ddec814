"""Starting an execution again, with the same input: never twice, and under a name that tells where it comes from."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from lockstep.stack import Stack

_MAX_NAME: Final = 80  # Step Functions API Reference, StartExecution
_AGAIN: Final = re.compile(r"(.*)-again([2-9]|[1-9]\d{1,3}|)", re.DOTALL)


def next_name(name: str) -> str:
    """What an execution is called when it is started again: there is one such name, so it happens once.

    Of a name that would become too long, the end is exchanged for its hash.
    """
    found = _AGAIN.fullmatch(name)
    base, suffix = (found[1], f"-again{int(found[2] or 1) + 1}") if found else (name, "-again")
    room = _MAX_NAME - len(suffix)
    if len(base) > room:
        base = base[: room - 9] + "-" + hashlib.sha256(base.encode()).hexdigest()[:8]
    return base + suffix


def start_again(stack: Stack, arn: str) -> str:
    """Start an execution with the input of another one, and return its name.

    Raises: ExecutionAlreadyExists when that has been done. While the first one runs, it is that one's name again.
    """
    client = stack.stepfunctions
    found = client.describe_execution(executionArn=arn)
    name = next_name(found["name"])
    client.start_execution(stateMachineArn=stack.starts_on, name=name, input=found["input"])
    return name
