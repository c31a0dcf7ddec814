"""What a follower does where it gets no answer: it says so, and asks again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # its own
    HTTPClientError,
    IncompleteReadError,
)
from rich.console import Console
from rich.text import Text

from lockstep.pace import is_throttling
from lockstep.view import say

_SERVER_ERROR: Final = 500
_NO_ANSWER: Final = Text("no answer, trying again", "dim")


class Patience:
    """Lets a follower go on after a lost connection, throttling, or an error of the server; says so once each time.

    Attributes:
        has_answer: whether what was asked last was answered.
    """

    def __init__(self, screen: Console) -> None:
        self.has_answer = True
        self._screen = screen

    @contextmanager
    def over_no_answer(self) -> Iterator[None]:
        """End the block where there is no answer. Raises what else goes wrong in it: ClientError, BotoCoreError."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            if not _is_no_answer(error):
                raise
            if self.has_answer:
                say(self._screen, _NO_ANSWER)
            self.has_answer = False
        else:
            self.has_answer = True


def _is_no_answer(error: ClientError | BotoCoreError) -> bool:
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return is_throttling(error) or status >= _SERVER_ERROR
    return isinstance(error, ConnectionError | HTTPClientError | IncompleteReadError)
