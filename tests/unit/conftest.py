from collections.abc import Iterator
from functools import cache

import pytest
import pytest_socket
from typer.main import get_command


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    """A unit test that needs the network is none; pytest-socket puts the sockets back after each test."""
    pytest_socket.disable_socket()


@pytest.fixture(autouse=True, scope="session")
def _commands_are_built_once() -> Iterator[None]:
    """Typer's runner builds all commands anew each time that one is called, which takes longer than most calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(get_command))
        yield
