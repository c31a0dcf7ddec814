"""The error names the state machine matches on.

AWS Lambda reports an exception by its class name, and `Retry` and `Catch` compare that name:
renaming a class here changes statemachine/lockstep.asl.json.
"""


class InvalidEvent(Exception):
    """The input is no S3 object event we can act on; the message names the field. Permanent."""


class UnknownRecordVersion(Exception):
    """The lock record is of a version that this code does not know; nothing was changed. Permanent for this version."""


class SourceRejected(Exception):
    """The input object can never be converted: no image, truncated, unsupported. Permanent."""


class LeaseLost(Exception):
    """The lock belongs to another execution now: the work has to be looked at again."""


class AttemptInFlight(Exception):
    """An earlier attempt may still be at work: begin again when it cannot be any more."""


class WriteInDoubt(Exception):
    """S3 gave no answer to a write, which may still take effect: that attempt counts as running for now."""


class InputChanged(Exception):
    """The input that was to be gone is there: other work is due."""


class OutputChanged(Exception):
    """The output is not what was to be replaced: the input has to be read again before anything is written."""


class LockWaitTimeout(Exception):
    """Another execution held the lock for longer than this one was allowed to wait."""


class ServiceUnavailable(Exception):
    """AWS answered that it is busy or failing; the same call may succeed later."""
