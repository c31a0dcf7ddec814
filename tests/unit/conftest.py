import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    """A unit test that needs the network is none; pytest-socket puts the sockets back after each test."""
    pytest_socket.disable_socket()
