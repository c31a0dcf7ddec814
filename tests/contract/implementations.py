"""The names of the implementations, and where one is not like AWS.

A test that has a known deviation runs all the same, and fails as soon as the deviation is mended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest

REAL: Final = ["moto", "emulator"]
ALL: Final = ["memory", *REAL]

# Not moto: its update_item and its put_object look and then write with no lock around both, so that now and then
# two or three of 40 racers win.
ATOMIC_STORES: Final = ["memory", "emulator"]
ATOMIC_BUCKETS: Final = ["emulator"]


@dataclass(frozen=True)
class Deviation:
    """What an implementation does unlike AWS.

    Attributes:
        raises: how the test fails for it.
    """

    implementation: str
    reason: str
    raises: type[BaseException]


COMPARES_NO_TYPES: Final = Deviation(
    "moto", "a number compared with a string is a TypeError; in DynamoDB it is false", TypeError
)
NEGATES_ONCE: Final = Deviation("moto", "NOT NOT is not understood", ValueError)
WRITES_HALF: Final = Deviation(
    "moto", "of an update that fails at its ADD, the SET stays; DynamoDB writes all or nothing", AssertionError
)
WRITES_TWICE: Final = Deviation(
    "emulator",
    "an attribute may be named twice in an update; DynamoDB says that document paths overlap",
    pytest.fail.Exception,
)


def every(fixture: str, *, but: Deviation) -> pytest.MarkDecorator:
    """Give the fixture every implementation, the one that deviates among them."""
    fails = pytest.mark.xfail(strict=True, reason=but.reason, raises=but.raises)
    return pytest.mark.parametrize(
        fixture,
        [pytest.param(each, marks=fails) if each == but.implementation else each for each in ALL],
        indirect=True,
    )
