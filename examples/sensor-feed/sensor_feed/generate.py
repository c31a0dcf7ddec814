"""Put readings into a table, as sensors would: .venv/bin/python -m sensor_feed.generate --help."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import boto3
import typer

from lockstep.command import guarded
from lockstep.errors import UserError
from sensor_feed import table
from sensor_feed.readings import readings


@guarded
def main(
    table_name: Annotated[str, typer.Argument(metavar="TABLE", help="The stack's output ReadingsTableName.")],
    devices: Annotated[int, typer.Option(min=1, help="How many sensors.")] = 20,
    count: Annotated[int, typer.Option("--readings", min=1, help="How many readings, of all sensors together.")] = 600,
    per_second: Annotated[float, typer.Option(min=0.1, help="How many are put a second, at most.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same readings, but for their times.")] = 1,
    profile: Annotated[str | None, typer.Option(help="AWS profile, if not from the environment.")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region, if not from the environment.")] = None,
) -> None:
    """Put readings into the table, from now on."""
    client = boto3.Session(profile_name=profile, region_name=region).client("dynamodb")
    made = readings(devices, count, seed=seed, start=datetime.now(UTC))
    try:
        table.put(client, table_name, made, per_second=per_second)
    except client.exceptions.ResourceNotFoundException:
        msg = f"there is no table {table_name!r} in {client.meta.region_name}"
        raise UserError(msg) from None
    typer.echo(f"{count:,} readings of {devices:,} sensors are in {table_name}")


if __name__ == "__main__":
    typer.run(main)
