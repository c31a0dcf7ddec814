"""Denies what AWS denies and the emulator does not."""

from __future__ import annotations

from contextlib import suppress

import psutil

from tests.e2e.gateway import Call
from tests.e2e.iam.needs import conditional_needs, listing_needs
from tests.e2e.iam.roles import Roles


class Guard:
    """For `Gateway.denies`. It knows every caller from its first call on, as one may be killed during a later one."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    def denies(self, call: Call, status: int | None) -> bool:
        """Whether the caller's role lacks what the call needs beside its own action."""
        with suppress(psutil.NoSuchProcess):  # nobody is there to be denied anything
            role = self._roles.caller(call)
            wanted = conditional_needs(call) if status is None else listing_needs(call, status)
            return not all(self._roles.allows(role, need) for need in wanted)
        return False
