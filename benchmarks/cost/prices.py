"""List prices, and where they are published. They change: this is a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REGION: Final = "us-east-1"
DATE: Final = "November 2026"

MILLION: Final = 1_000_000
GIGABYTE: Final = 1_000_000_000  # of logs


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit costs.

    Attributes:
        name: of what is charged.
        dollars: for so many of them.
        per: how many.
        page: where AWS publishes it.
        seen: where the number was found; it may be newer there.
    """

    name: str
    dollars: float
    per: int
    page: str
    seen: str

    def of(self, amount: float) -> float:
        """Dollars for so many."""
        return self.dollars * amount / self.per


_AWS: Final = "AWS's page"
_OTHERS: Final = "pages of others, not AWS's own"

TRANSITION: Final = Price("state transition, Standard", 25.0, MILLION, "aws.amazon.com/step-functions/pricing", _AWS)
EVENT: Final = Price(
    "S3 event to EventBridge (an opt-in data event)",
    1.0,
    MILLION,
    "aws.amazon.com/eventbridge/pricing",
    "the kind of event, on AWS's page; its price not looked up there, and some pages of others call it free",
)
INVOCATION: Final = Price("Lambda invocation", 0.2, MILLION, "aws.amazon.com/lambda/pricing", _OTHERS)
GB_SECOND: Final = Price("Lambda GB-second, arm64", 13.3334, MILLION, "aws.amazon.com/lambda/pricing", _OTHERS)
WRITE_UNIT: Final = Price(
    "DynamoDB write request unit", 0.625, MILLION, "aws.amazon.com/dynamodb/pricing/on-demand", _OTHERS
)
READ_UNIT: Final = Price(
    "DynamoDB read request unit", 0.125, MILLION, "aws.amazon.com/dynamodb/pricing/on-demand", _OTHERS
)
PUT: Final = Price("S3 PUT, COPY, POST, LIST", 5.0, MILLION, "aws.amazon.com/s3/pricing", _OTHERS)
GET: Final = Price("S3 GET, HEAD", 0.4, MILLION, "aws.amazon.com/s3/pricing", _OTHERS)
LOG_BYTE: Final = Price("GB of Lambda logs, ingested", 0.5, GIGABYTE, "aws.amazon.com/cloudwatch/pricing", _OTHERS)
TRACE: Final = Price("X-Ray trace recorded", 5.0, MILLION, "aws.amazon.com/xray/pricing", _OTHERS)
MESSAGE: Final = Price("SQS request", 0.4, MILLION, "aws.amazon.com/sqs/pricing", "nowhere: not looked up")
METRIC: Final = Price("custom metric, a month", 0.3, 1, "aws.amazon.com/cloudwatch/pricing", "nowhere: not looked up")

PRICES: Final = (
    TRANSITION,
    EVENT,
    INVOCATION,
    GB_SECOND,
    WRITE_UNIT,
    READ_UNIT,
    PUT,
    GET,
    LOG_BYTE,
    TRACE,
    MESSAGE,
    METRIC,
)
