"""Comparing the buckets from here: listings first, and then requests for what they do not tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from botocore.config import Config

from lockstep.ahead import AT_ONCE, in_order
from lockstep.errors import UserError
from lockstep.reconcile.listing import Pair, pairs
from lockstep.reconcile.wanted import Wanted
from lockstep.stack import Stack
from objectlock.comparison import Comparison, Finding, Kind
from objectlock.dynamodb import DynamoDBLockStore
from objectlock.errors import ServiceUnavailable
from objectlock.s3 import S3OutputBucket, S3SourceBucket


@dataclass
class Seen:
    """How far a comparison has come, and what it has found.

    Attributes:
        until: the last key that is done with: it, and all before it, need not be looked at again.
        kinds: how many findings of each kind; of those not wanted as well.
    """

    inputs: int = 0
    outputs: int = 0
    until: str = ""
    kinds: Counter[Kind] = field(default_factory=Counter)

    def count(self, pair: Pair) -> None:
        """One more."""
        self.inputs += pair.etag is not None
        self.outputs += pair.has_output


def findings(stack: Stack, wanted: Wanted, seen: Seen) -> Iterator[Finding]:
    """Yield what is out of step, in the order of the keys. Who asks for the next one is done with the last.

    An object that is changed meanwhile may be in the listings as it was before. So what looks out of step is looked at
    again, by itself and as it is now, exactly as the Lambda function does it.

    Raises: ClientError, BotoCoreError; UserError when S3 or DynamoDB are too busy to answer.
    """
    comparison = _comparison(stack)

    def look(pair: Pair) -> tuple[Pair, Finding | None]:
        is_in_step = pair.etag is not None and pair.has_output and comparison.shows(pair.key, pair.etag)
        return pair, None if is_in_step else comparison.compare(pair.key)

    try:
        for pair, finding in in_order(look, pairs(stack, wanted.prefix, wanted.start_after)):
            seen.count(pair)
            if finding is not None:
                seen.kinds[finding.kind] += 1
                yield finding
            seen.until = pair.key
    except ServiceUnavailable as error:
        msg = f"AWS is too busy to compare more: {error}"
        raise UserError(msg) from error


def _comparison(stack: Stack) -> Comparison:
    """With clients that have a connection for each thread."""
    config = stack.config.merge(Config(max_pool_connections=AT_ONCE))
    s3 = stack.session.client("s3", endpoint_url=stack.endpoint_url, config=config)
    dynamodb = stack.session.client("dynamodb", endpoint_url=stack.endpoint_url, config=config)
    return Comparison(
        source=S3SourceBucket(s3, max_bytes=0),
        outputs=S3OutputBucket(s3, stack.output_bucket),
        records=DynamoDBLockStore(dynamodb, stack.lock_table),
        input_bucket=stack.input_bucket,
    )
