"""The tables of docs/cost.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from benchmarks.cost import bursts, feed
from benchmarks.cost.assumptions import DEFAULTS, named
from benchmarks.cost.bills import Bill, bill, gigabyte_seconds, log_bytes
from benchmarks.cost.bursts import Burst
from benchmarks.cost.compared import (
    BURSTS,
    SHARES,
    break_even_gigabytes,
    break_even_seconds,
    million_events,
    once,
    per_million_in_a_burst,
    round_dollars,
    sleep_dollars,
)
from benchmarks.cost.paths import CREATED, Measured
from benchmarks.cost.prices import DATE, MILLION, PRICES, REGION
from benchmarks.cost.quotas import QUOTAS, RATES, Quota, longest_minutes
from benchmarks.cost.usage import Usage

Row = Iterable[str]
WORK: Final = {150: "a photo, converted in 0.15 s", 5_000: "a long film, converted in 5 s"}
ON_ONE_OBJECT: Final = 100
ITEM_WRITES: Final = 1_000  # a second: DynamoDB, "Burst and adaptive capacity", for a partition
ENDS: Final = ((10, 0.0), (50, 0.0), (10, bursts.DELETED))


def dollars(amount: float) -> str:
    """Three digits at least, cents at most."""
    return f"${amount:,.2f}" if amount < 100 else f"${amount:,.0f}"


def table(head: Row, rows: Iterable[Row]) -> str:
    """In Markdown."""
    first = list(head)
    lines = [first, ["---"] * len(first), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --- inputs --------------------------------------------------------------------------------------------------


def prices() -> str:
    """What is charged for what."""
    rows = ([each.name, _price(each.dollars, each.per), each.page, each.seen] for each in PRICES)
    return table([f"{REGION}, {DATE}", "list price", "published at", "number found on"], rows)


def _price(amount: float, per: int) -> str:
    unit = {MILLION: " a million", 1: ""}.get(per, "")
    return f"${amount:,.4f}".rstrip("0").rstrip(".") + unit


def assumptions() -> str:
    """What is assumed, and how to assume another thing."""
    rows = ([f"`--{name.replace('_', '-')}`", f"{value:g}", what, why] for name, value, what, why in named())
    return table(["assumed", "", "what it is", "why so much"], rows)


# --- the ways ------------------------------------------------------------------------------------------------


def ways(measured: Measured) -> str:
    """What each way uses."""
    head = ["", "transitions", "Lambdas", "GB-s", "writes", "of these refused", "HEAD, GET", "PUT", "log"]
    return table(head, ([name, *_used(usage)] for name, usage in measured.ways.items()))


def _used(usage: Usage) -> Iterator[str]:
    calls = usage.calls
    yield str(usage.transitions)
    yield str(usage.invocations.total())
    yield f"{gigabyte_seconds(usage):.2f}"
    yield str(usage.write_units)
    yield str(calls["refused"])
    yield str(calls["HEAD"] + calls["GET"])
    yield str(calls["PUT"])
    yield f"{log_bytes(usage) / 1000:.1f} kB"


def bills(measured: Measured) -> str:
    """What a million of each costs."""
    found = {name: bill(usage).times(MILLION) for name, usage in measured.ways.items()}
    return table(
        ["a million of", "in all", *found[CREATED].lines], ([name, *_billed(of)] for name, of in found.items())
    )


def _billed(of: Bill) -> Iterator[str]:
    yield f"**{dollars(of.total)}**"
    yield from map(dollars, of.lines.values())


# --- compared ------------------------------------------------------------------------------------------------


def compared(measured: Measured) -> str:
    """A million events, by the share of those that wait, and in bursts."""
    rows = [
        [f"{share:.0%} of them wait, one round of 2 s", *_totals(million_events(measured, share))] for share in SHARES
    ]
    for events in BURSTS:
        costs = {name: per_million_in_a_burst(bursts.burst(name, events)) for name in bursts.SYSTEMS}
        rows.append([f"bursts of {events:,} on an object", *_totals(costs)])
    return table(["a million events", *bursts.SYSTEMS], rows)


def _totals(costs: Mapping[str, float]) -> Iterator[str]:
    return (dollars(costs[name]) for name in bursts.SYSTEMS)


def break_even(measured: Measured) -> str:
    """In words."""
    common, other = bill(measured.ways[CREATED]).times(MILLION), bill(once(bursts.PLAIN)).times(MILLION)
    return (
        f"On the common path Lockstep costs {common.total / other.total:.1f} times the plain trigger, or "
        f"{dollars(common.total - other.total)} more for a million uploads, however long the work; "
        f"{common.lines['Step Functions'] / common.total:.0%} of its cost are state transitions. "
        f"Whoever waits pays {dollars(MILLION * round_dollars(measured))} for a million rounds, and "
        f"{dollars(MILLION * sleep_dollars())} for a million sleeps of 2 s. So a round is cheaper than a sleeping "
        f"Lambda only if that has {break_even_gigabytes(measured):.1f} GB of memory or more, or, with as much as the "
        f"worker, if `RetryIntervalSeconds` is {break_even_seconds(measured):.0f} or more."
    )


# --- bursts --------------------------------------------------------------------------------------------------


def burst_table(work_ms: int, sizes: Iterable[int] = bursts.SIZES) -> str:
    """One object, overwritten so many times within ten seconds."""
    head = ["events", "", "conversions", "rounds of waiting", "transitions", "STALE", "SUPERSEDED", "failed"]
    head += ["Lambdas at once", "Lambda s", "of these asleep", "quiet after", "a million events"]
    run = partial(bursts.burst, assumptions=replace(DEFAULTS, conversion_ms=work_ms))
    rows = [[f"{size:,}", name, *_of_burst(run(name, size))] for size in sizes for name in bursts.SYSTEMS]
    return table(head, rows)


def _of_burst(found: Burst) -> Iterator[str]:
    usage, outcomes = found.usage, found.outcomes
    yield f"{usage.calls['PUT']:,}"
    yield f"{usage.rounds:,}"
    yield f"{usage.transitions:,}"
    yield f"{outcomes.get('STALE', 0):,}"
    yield f"{outcomes.get('SUPERSEDED', 0):,}"
    yield f"{sum(count for name, count in outcomes.items() if name not in _GOOD_ENDS):,}"
    yield f"{found.most_at_once:,}"
    yield f"{sum(usage.milliseconds.values()) / 1000:,.1f}"
    yield f"{usage.asleep_ms / 1000:,.0f}"
    yield f"{found.quiet_after:.1f} s"
    yield dollars(per_million_in_a_burst(found))


_GOOD_ENDS: Final = {"STALE", "SUPERSEDED", "FOLDER", "did its work"}


def ends(work: Mapping[int, str] = WORK) -> str:
    """How many bursts end wrong."""
    rows = []
    for work_ms, what in work.items():
        for events, deleted in ENDS:
            count = partial(
                bursts.wrong_ends, events=events, assumptions=replace(DEFAULTS, conversion_ms=work_ms), deleted=deleted
            )
            changes = f"{events} changes, {f'{deleted:.0%} of them deletions' if deleted else 'all of them uploads'}"
            rows.append([what, changes, *(str(count(name)) for name in bursts.SYSTEMS)])
    return table([f"of {bursts.SEEDS} bursts end wrong", "", *bursts.SYSTEMS], rows)


# --- scale ---------------------------------------------------------------------------------------------------


def quotas(measured: Measured) -> str:
    """How far each quota goes, and what to do where it does not go far enough; the tightest first."""
    usage = measured.ways[CREATED]
    head = ["default quota", f"{REGION} (least elsewhere)", "enough for, events a second"]
    head += [*(f"used at {rate:,} a second" for rate in RATES), "seen when it is used up", "what to turn"]
    ordered = sorted(QUOTAS, key=lambda quota: quota.enough_for(usage)[0])
    return table(head, (_quota(quota, usage) for quota in ordered))


def _quota(quota: Quota, usage: Usage) -> Iterator[str]:
    most, least = quota.enough_for(usage)
    has_less = least < most
    yield quota.name
    yield f"{quota.most:,}" + (f" ({quota.least:,})" if has_less else "")
    yield f"{most:,.0f}" + (f" ({least:,.0f})" if has_less else "")
    for rate in RATES:
        yield _share(rate / most)
    yield from (quota.seen, quota.turn)


def _share(share: float) -> str:
    if share > 1:
        return f"**{share:.1f} times**"
    return f"{share:.0%}" if share >= 0.01 else f"{share:.2%}"


def sources() -> str:
    """Where AWS publishes the quotas."""
    return "\n".join(f"- {page}" for page in dict.fromkeys(quota.page for quota in QUOTAS))


def backlog() -> str:
    """In words."""
    start, rate, burst = QUOTAS[0], RATES[-1], bursts.burst(bursts.LOCKSTEP, ON_ONE_OBJECT)
    writes = burst.usage.write_units / burst.events
    return (
        f"At {rate:,} a second, {start.most} start and the others wait in EventBridge. After "
        f"{longest_minutes(rate, start.most):.0f} minutes of that the newest would wait for more than 24 h "
        f"and end in the queue; with the least quota, after {longest_minutes(rate, start.least):.0f} minutes. "
        f"One object is one item, which takes {ITEM_WRITES:,} writes a second; in a burst of {burst.events} an event "
        f"made {writes:.1f} of them, so that is enough for about {ITEM_WRITES / writes:.0f} events "
        "a second on one object."
    )


# --- the change feed -----------------------------------------------------------------------------------------


def change_feed() -> str:
    """What it costs to write, the more at a time the less."""
    head = ["changes a second", "`FeedWindowSeconds`", "changes in a file", "files for a million changes"]
    head += ["a million changes", "a month of them"]
    return table(head, (_feed(rate, window) for rate, window in feed.RATES))


def _feed(rate: float, window: int) -> Iterator[str]:
    changes = feed.changes_in_a_file(rate, window)
    million = feed.million_changes(changes).total
    yield f"{rate:,}"
    yield str(window)
    yield f"{changes:,}"
    yield f"{MILLION / changes:,.0f}"
    yield dollars(million) if million > 0.1 else f"${million:.4f}"
    yield dollars(million * rate * feed.MONTH_SECONDS / MILLION)


# --- the page ------------------------------------------------------------------------------------------------


def quick(measured: Measured) -> dict[str, str]:
    """What takes no simulation of large bursts, by the mark that it stands at."""
    return {
        "ways": ways(measured),
        "bills": bills(measured),
        "break-even": break_even(measured),
        "quotas": quotas(measured),
        "sources": sources(),
        "backlog": backlog(),
        "feed": change_feed(),
        "prices": prices(),
        "assumptions": assumptions(),
    }


def everything(measured: Measured) -> dict[str, str]:
    """All of them."""
    found = quick(measured)
    found["compared"] = compared(measured)
    found |= {f"burst-{work_ms}": burst_table(work_ms) for work_ms in WORK}
    found["ends"] = ends()
    return found


def written(page: str, texts: Mapping[str, str]) -> str:
    """The page, with the texts put between their marks."""
    for name, text in texts.items():
        placed = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
        page = re.sub(f"(?s)<!-- {name} -->.*<!-- /{name} -->", partial(_itself, placed), page)
    return page


def _itself(text: str, _: re.Match[str]) -> str:
    """Not read as a template for what replaces a match."""
    return text


def between(page: str, name: str) -> str:
    """What stands at a mark. Raises: ValueError, if there is none."""
    found = re.search(f"(?s)<!-- {name} -->\n(.*)\n<!-- /{name} -->", page)
    if found is None:
        msg = f"the page has no mark {name}"
        raise ValueError(msg)
    return found[1]
