"""The history in the terminal: what a table and the way of one tell, in any width, with and without colours."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from rich.console import Console, RenderableType
from rich.style import Style

from lockstep.executions import Execution, Outcome
from lockstep.history.terminal import bars
from lockstep.history.terminal import table as tables
from lockstep.history.terminal import way as ways
from lockstep.history.visits import Spent
from lockstep.view import STYLES
from tests.unit.test_history_visits import BEGIN, CREATED, HELD, PREFIX, Dialect, Story, failed_in_conversion

NOON: Final = datetime(2026, 7, 15, 12).astimezone()  # local time, so that the day is the same wherever this runs
UUIDS: Final = ["17f7d9ea-52e5-4834-b367-abce52f5a656", "0cd47b8c-945a-4abe-8aa4-cac7bb6b2d7d"]
WORKING, WAITING, FAILED, MACHINE = "█", "░", "╳", "·"


def execution(name: str = UUIDS[0], outcome: Outcome = Outcome.CONVERTED, **different: Any) -> Execution:
    return Execution(
        **{
            "arn": PREFIX + name,
            "bucket": "input",
            "key": "rocket.jpg",
            "change": "created",
            "etag": "",
            "sequencer": "",
            "applied_sequencer": "",
            "outcome": outcome,
            "states": (),
            "started": NOON,
            "stopped": NOON + timedelta(seconds=2.5) if outcome.is_final else None,
            "explanation": "",
            **different,
        }
    )


def terminal(shown: RenderableType, width: int = 100, *, colours: bool = False) -> str:
    """As somebody sees it who looks at it."""
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="standard" if colours else None,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def pipe(shown: RenderableType) -> str:
    """As a program reads it."""
    console = Console(file=io.StringIO(), width=200, highlight=False, _environ={})
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def table(*executions: Execution, width: int = 100) -> list[str]:
    return terminal(tables.table(executions, NOON), width).splitlines()


def way(story: Story, after: float = 60, width: int = 100) -> str:
    return terminal(ways.way(story.run, BEGIN + timedelta(seconds=after)), width)


def track(story: Story, after: float = 60, width: int = 100) -> list[str]:
    """Only the lines between the headline and the totals."""
    lines = way(story, after, width).split("\n\n")[1].splitlines()
    return [each.strip() for each in lines]


def stop(story: Story, state: str, after: float = 60) -> str:
    """The line of a state that was visited once."""
    (found,) = [each for each in track(story, after) if f" {state} " in f"{each} "]
    return found


def bar(line: str) -> str:
    return "".join(re.findall(f"[{WORKING}{WAITING}{FAILED}{MACHINE}]", line))


# --- the table ---------------------------------------------------------------------------------------------


def test_a_row_tells_what_happened_to_what_and_when() -> None:
    (_, row) = table(execution())

    assert row.split() == ["12:00:00", "rocket.jpg", "created", "converted", "2.5", "s", "17f7d9ea"]


def test_the_newest_execution_is_on_top() -> None:
    old, new = execution(UUIDS[0], started=NOON - timedelta(seconds=9)), execution(UUIDS[1])

    assert [each.split()[-1] for each in table(old, new)[1:]] == [new.name[:8], old.name[:8]]


@pytest.mark.parametrize(
    ("started", "shown"), [(NOON - timedelta(hours=11), "01:00:00"), (NOON - timedelta(hours=13), "2026-07-14 23:00")]
)
def test_the_day_is_told_where_it_is_not_today(started: datetime, shown: str) -> None:
    assert table(execution(started=started))[1].startswith(f"{shown}  ")


def test_an_execution_that_runs_has_taken_the_time_until_now() -> None:
    running = execution(outcome=Outcome.WAITING, started=NOON - timedelta(seconds=75))

    assert "waiting  75.0 s" in table(running)[1]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["17f7d9ea-52e5", "0cd47b8c-945a"], {"17f7d9ea", "0cd47b8c"}),
        (["17f7d9ea-52e5", "17f7d9ea-9999"], {"17f7d9ea-5", "17f7d9ea-9"}),
        (["17f7d9ea-52e5", "17f7d9ea-52e5-again"], {"17f7d9ea", "17f7d9ea…-again"}),
        (["17f7d9ea-52e5", "17f7d9ea-52e5-again", "17f7d9"], {"17f7d9ea", "17f7d9ea…-again", "17f7d9"}),
        (["17f7d9ea-again", "17f7d9ea-again2"], {"17f7d9ea-again", "17f7d9ea-again2"}),
        (["17f7d9ea-52e5-again", "17f7d9ea-9999-again12"], {"17f7d9ea-5…-again", "17f7d9ea-9…-again12"}),
    ],
)
def test_the_shown_beginning_of_a_name_means_one_of_the_executions_shown(names: list[str], shown: set[str]) -> None:
    """Or it is a whole name: `lockstep show` takes both."""
    assert {each.split()[-1] for each in table(*map(execution, names))[1:]} == shown


def test_a_shortened_name_is_that_of_no_other_execution_that_was_read() -> None:
    shown = terminal(tables.table([execution("17f7d9ea-52e5")], NOON, among=["17f7d9ea-52e5", "17f7d9ea-9999"]))

    assert shown.split()[-1] == "17f7d9ea-5"


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_has_its_word_in_its_colour(outcome: Outcome) -> None:
    shown = terminal(tables.table([execution(outcome=outcome)], NOON), colours=True)

    assert Style.parse(STYLES[outcome]).render(outcome.value).removesuffix("\x1b[0m") in shown


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_did_not_end_well_is_explained(outcome: Outcome) -> None:
    shown = table(execution(outcome=outcome, explanation=f"Some: by {PREFIX}other"))[2:]

    expected = [] if outcome.is_good else [f"17f7d9ea rocket.jpg {outcome.value}: Some: by other"]
    assert shown == expected


def test_where_there_is_no_explanation_none_is_shown() -> None:
    assert len(table(execution(outcome=Outcome.ABORTED), execution(outcome=Outcome.FAILED, explanation=": "))) == 3


def test_no_executions_are_a_hint_how_to_start_one() -> None:
    assert "lockstep put samples/rocket.jpg" in terminal(tables.table([]))


def test_what_no_terminal_can_be_sent_is_shown_as_its_number() -> None:
    assert r"rocket\ud800.jpg" in pipe(tables.table([execution(key="rocket\ud800.jpg")], NOON))


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_long_key_folds_in_a_terminal_and_is_there_in_full(width: int) -> None:
    key = "".join(f"{number:03}/" for number in range(75))

    lines = table(execution(key=key), execution(UUIDS[1], outcome=Outcome.TIMED_OUT), width=width)
    begin, end = lines[0].index("object"), lines[0].index("event")

    assert max(map(len, lines)) <= width
    assert "".join(each[begin:end].strip() for each in lines[1:-1]) == key
    assert [each.split()[-1] for each in (lines[1], lines[-1])] == [each[:8] for each in UUIDS]


def test_in_a_pipe_a_row_is_a_line_without_colours() -> None:
    rows = [execution(str(number) * 9, key=f"{number} of\nmany " * 90) for number in range(3)]

    header, *lines = pipe(tables.table(rows, NOON)).splitlines()

    assert header.split()[-1] == "execution"
    assert [each.split()[-1] for each in lines] == ["00000000", "11111111", "22222222"]
    assert "\x1b" not in "".join(lines)
    assert max(map(len, lines)) <= 200


def test_in_a_pipe_a_row_is_a_line_even_where_there_is_no_room_for_it() -> None:
    name = "x" * 73

    lines = pipe(tables.table([execution(name, change="y" * 128), execution(f"{name}-again")], NOON)).splitlines()

    assert len(lines) == 3


HOSTILE: Final = "[red]no markup[/red] [/] :rocket: \x1b[2J\r\x07\u202e"
VISIBLE: Final = r"[red]no markup[/red] [/] :rocket: \x1b[2J\r\x07\u202e"


def test_what_a_key_has_in_it_is_shown_and_does_nothing_in_the_table() -> None:
    hostile = execution(key=HOSTILE, change=HOSTILE, outcome=Outcome.FAILED, explanation=f"An{HOSTILE}\nerror")

    shown = pipe(tables.table([hostile], NOON))

    assert shown.count(VISIBLE) == 3  # the event, and both in the explanation; the key has to make room
    assert "[red]no markup[/red]" in shown.splitlines()[1]
    assert not set(shown) & set("\x1b\r\x07\u202e")


# --- the way of one: its head and its end ------------------------------------------------------------------


def test_the_head_tells_what_happened_to_what_when_and_in_which_execution() -> None:
    head = way(Story(name="x" * 73).granted(3).ends_well(25)).split("\n\n")[0].splitlines()

    assert head == [
        "a photo.jpg  created  converted  in 25.0 s",
        f"started    {BEGIN.astimezone():%Y-%m-%d %H:%M:%S}",
        f"execution  {'x' * 73}",
    ]


def test_the_head_of_one_that_runs_tells_for_how_long() -> None:
    assert way(Story().granted(0), after=7).startswith("a photo.jpg  created  working  for 7.0 s so far\n")


def test_the_way_has_a_line_a_visit_in_order_with_the_time_since_the_start() -> None:
    story = Story().granted(0.15).works(1.15, 12, "ConvertToGrayscale").works(12, 12.5, "ReleaseLock").ends_well(13)

    lines = [each.split() for each in track(story) if "●" in each or "■" in each]

    assert [each[:4] for each in lines] == [
        ["0.15", "s", "●", "AcquireLock"],
        ["1.15", "s", "●", "RouteWork"],
        ["1.15", "s", "●", "ConvertToGrayscale"],
        ["12.0", "s", "●", "ReleaseLock"],
        ["13.0", "s", "■", "converted"],
    ]
    assert [each[-2:] for each in lines[:4]] == [["1.00", "s"], ["0.00", "s"], ["10.8", "s"], ["0.50", "s"]]


def test_why_it_went_on_is_below_a_state_and_not_said_twice_in_a_row() -> None:
    lines = track(Story().waits_once(0).granted(3).ends_well(4))

    assert [each for each in lines if each.startswith("│")] == ["│ held by other", "│ the input object exists"]
    assert lines.index("│ held by other") == 2  # below RouteWork


def test_the_one_that_goes_on_is_marked_and_has_taken_the_time_until_now() -> None:
    lines = track(Story().waits_once(0).enters(3, "AcquireLock").calls(3), after=6.2)

    assert lines[-1].startswith("3.00 s  ▶ AcquireLock")
    assert lines[-1].endswith("3.20 s  so far")
    assert sum("▶" in each for each in lines) == 1


def test_an_execution_that_has_entered_no_state_says_so() -> None:
    assert track(Story()) == ["0.00 s  ● started, and in no state yet"]


@pytest.mark.parametrize(("how", "word"), [("Aborted", "aborted"), ("TimedOut", "timed out")])
def test_what_was_ended_in_the_middle_is_marked_where_it_was(how: str, word: str) -> None:
    lines = track(Story().granted(0).enters(1, "ConvertToGrayscale").calls(1).ends(4, how))

    assert [each for each in lines if "✗" in each] == [lines[-2]]
    assert "✗ ConvertToGrayscale" in lines[-2]
    assert lines[-1] == f"4.00 s  ■ {word}"


def test_the_mark_of_what_failed_is_red() -> None:
    run = failed_in_conversion(Story()).run

    shown = terminal(ways.way(run), colours=True)

    for state in ("ConvertToGrayscale", "Failed"):
        assert re.search(rf"\x1b\[1;31m✗ \x1b\[0m\x1b\[1;31m{state} *\x1b\[0m", shown)


# --- attempts and errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", Dialect)
def test_how_many_attempts_a_state_took_and_why_is_told(dialect: Dialect) -> None:
    story = Story(dialect).enters(0, "AcquireLock")
    for second in (0, 2, 4):
        story.calls(second).fails(second + 1, "ServiceUnavailable", "busy")
    lines = track(story.calls(6).answers(7).leaves(7).granted(7).ends_well(9))

    assert lines[0].endswith("4 attempts")
    assert lines[1] == "│ tried again after ServiceUnavailable ×3"
    assert "attempt" not in "".join(lines[2:])


def test_an_error_that_led_on_by_a_catch_was_caught() -> None:
    story = Story().granted(0).enters(1, "ConvertToGrayscale").calls(1).fails(2, "LeaseLost", "to\nanother").leaves(2)

    lines = track(story.granted(2).ends_well(3))

    assert "✗ ConvertToGrayscale" in lines[3]
    assert lines[4] == "│ caught: LeaseLost: to another"


def test_an_error_that_nobody_caught_was_not() -> None:
    lines = track(Story().enters(0, "AcquireLock").calls(0).fails(1, "Odd", "why").ends(1, "Failed", error="Other"))

    assert lines[1] == "│ failed: Odd: why"


def test_the_cause_that_it_ended_with_is_told_once_and_in_full() -> None:
    cause = "word " * 200

    shown = " ".join(way(failed_in_conversion(Story(), cause=cause), width=80).split())

    assert "caught: SourceRejected 3.00 s" in shown.replace("│ ", "")
    assert shown.count("word") == 200


def test_a_cause_on_the_way_is_told_in_short() -> None:
    story = Story().enters(0, "ReleaseLock").calls(0).fails(1, "LeaseLost", "word " * 900).leaves(1).granted(1)

    assert 50 <= way(story).count("word") <= 70


# --- bars --------------------------------------------------------------------------------------------------


def test_a_bar_shows_by_characters_alone_what_the_time_was_spent_on() -> None:
    story = Story().enters(0, "AcquireLock").calls(5).fails(10, "ServiceUnavailable").calls(15).answers(20).leaves(20)

    shape = bar(stop(story.ends_well(20), "AcquireLock"))

    assert re.fullmatch(f"{MACHINE}+{FAILED}+{WAITING}+{WORKING}+", shape)
    assert max(map(shape.count, shape)) - min(map(shape.count, shape)) <= 1  # each took a quarter of the time


def test_all_bars_have_one_scale_and_are_where_their_time_was() -> None:
    story = Story().works(0, 10, "AcquireLock").works(10, 40, "ConvertToGrayscale").ends_well(40)

    first, second = track(story)[:2]

    assert len(bar(second)) == pytest.approx(3 * len(bar(first)), abs=2)
    assert second.index(WORKING) == first.rindex(WORKING) + 1


@pytest.mark.parametrize(("begin", "seconds"), [(0, 0.001), (0, 0), (899, 0.001), (900, 0)])
def test_what_took_no_time_to_speak_of_is_seen_all_the_same(begin: float, seconds: float) -> None:
    story = Story().works(begin, begin + seconds, "AcquireLock").ends_well(900)

    assert bar(stop(story, "AcquireLock")) == WORKING


def test_an_attempt_that_failed_at_once_is_seen_beside_what_took_long() -> None:
    story = Story().enters(0, "AcquireLock").calls(0).fails(0.01, "ServiceUnavailable").calls(60).answers(90)

    shape = bar(stop(story.leaves(90).ends_well(90), "AcquireLock"))

    assert re.fullmatch(f"{FAILED}{WAITING}+{WORKING}+", shape)


def test_what_took_little_of_a_character_does_not_make_a_bar_longer() -> None:
    """Two states of 1.2 characters each: the second one has its own place, and not that of the first as well."""
    story = Story().works(0, 1.2, "AcquireLock").works(1.2, 2.4, "ConvertToGrayscale").ends_well(48)

    assert [len(bar(each)) for each in track(story, width=140)[:2]] == [1, 1]


def test_a_choice_that_took_no_time_is_the_machines() -> None:
    assert bar(stop(Story().granted(0).ends_well(9), "RouteWork")) == MACHINE


def test_the_totals_explain_the_bars_and_add_up_to_the_duration() -> None:
    story = Story().waits_once(0.25).enters(3.25, "AcquireLock").calls(4).fails(4.5, "ServiceUnavailable").calls(5.5)

    totals = way(story.answers(6).leaves(6).ends_well(7)).split("\n\n")[2].splitlines()

    assert totals == [
        "█ working 1.50 s  ░ waiting 3.00 s  ╳ failed 0.50 s  · Step Functions 2.00 s",
        "5 state transitions",  # three rounds and an entry, and a retry is one, too
    ]


def test_the_totals_explain_only_what_there_is() -> None:
    assert way(Story().works(0, 1, "AcquireLock").ends_well(1)).split("\n\n")[2].splitlines() == [
        "█ working 1.00 s",
        "1 state transition",
    ]


def test_every_way_to_spend_time_has_a_character_of_its_own() -> None:
    assert len({character for character, _ in bars._BARS.values()}) == len(Spent)


# --- loops -------------------------------------------------------------------------------------------------


def loops(rounds: int) -> Story:
    story = Story()
    for number in range(rounds):
        story.waits_once(3 * number)
    return story


def test_of_many_rounds_the_first_and_the_last_are_shown_and_the_others_are_one_line() -> None:
    lines = track(loops(14).granted(42).works(43, 44, "ConvertToGrayscale").ends_well(44))

    assert [re.split(r"  +", each)[1] for each in lines if not each.startswith("│")] == [
        *("● AcquireLock", "● RouteWork", "● WaitForLock"),
        "┊ … 12 more rounds",
        *("● AcquireLock", "● RouteWork", "● WaitForLock"),
        *("● AcquireLock", "● RouteWork", "● ConvertToGrayscale"),
        "■ converted",
    ]
    (folded,) = [each for each in lines if "more rounds" in each]
    assert folded.startswith("3.00 s")
    assert folded.endswith("36.0 s")
    assert set(bar(folded)) <= {WORKING, WAITING}
    assert lines[lines.index(folded) + 1] == "│ of AcquireLock › RouteWork › WaitForLock"


def test_the_last_round_of_one_that_waits_is_shown() -> None:
    story = loops(5)
    story.events.pop()  # the last WaitForLock is not left

    lines = track(story, after=15)

    assert lines[-1].startswith("13.0 s  ▶ WaitForLock")
    assert "… 3 more rounds" in "".join(lines)


def test_few_rounds_are_shown_one_by_one() -> None:
    lines = track(loops(3).granted(9).ends_well(10))

    assert sum("WaitForLock" in each for each in lines) == 3
    assert "more rounds" not in "".join(lines)


def test_what_was_different_in_a_folded_round_is_told() -> None:
    story = loops(2)
    for number, who in enumerate(["one", "two", "three", "four", "one", "five"], start=2):
        story.waits_once(3 * number, {**HELD, "reason": f"held by {who}"})
    story.enters(24, "AcquireLock").calls(24).fails(24.5, "ServiceUnavailable").calls(24.6).answers(25).leaves(25)
    story.passes(25, 25, "RouteWork", "Choice").passes(25, 27, "WaitForLock", "Wait")

    lines = track(story.waits_once(27).granted(30).ends_well(31))

    begin = lines.index("│ of AcquireLock › RouteWork › WaitForLock")
    assert lines[begin + 1 : begin + 6] == [
        *("│ held by one", "│ held by two", "│ held by three"),
        "│ and 2 more",
        "│ failed: ServiceUnavailable",
    ]


def test_rounds_that_a_catch_began_fold_as_well() -> None:
    story = Story()
    for second in range(0, 15, 3):
        story.granted(second).enters(second + 1, "ConvertToGrayscale").calls(second + 1)
        story.fails(second + 3, "LeaseLost").leaves(second + 3)

    lines = track(story.granted(15).works(16, 17, "ConvertToGrayscale").ends_well(17))

    assert "│ of AcquireLock › RouteWork › ConvertToGrayscale" in lines
    assert "│ failed: LeaseLost ×3" in lines
    assert sum("✗" in each for each in lines) == 2


# --- words -------------------------------------------------------------------------------------------------


def test_what_failed_is_explained_with_what_to_do_about_it() -> None:
    shown = way(failed_in_conversion(Story()))

    assert "\n\nThe input cannot be converted\nThere is no output for it, and its lock is free.\nUpload" in shown
    assert "\n\nerror  SourceRejected\ncause  no image" in shown
    assert "start it again" not in shown  # it would find that nothing is left to do


def last_line(story: Story, after: float = 60, **options: Any) -> str:
    return pipe(ways.way(story.run, BEGIN + timedelta(seconds=after), **options)).splitlines()[-1]


def test_what_may_be_started_again_says_how() -> None:
    shown = last_line(failed_in_conversion(Story(), "ServiceUnavailable", "busy"))

    assert "`lockstep redrive --key 'a photo.jpg'`" in shown
    assert "`lockstep history`" in shown


def test_the_command_to_start_it_again_looks_back_far_enough() -> None:
    story = failed_in_conversion(Story(), "ServiceUnavailable", "busy")

    assert "--key 'a photo.jpg' --since 3d`" in last_line(story, after=timedelta(days=2.5).total_seconds())


def test_the_command_to_start_it_again_is_about_this_key_whatever_is_in_it() -> None:
    event = json.loads(json.dumps(CREATED))
    event["detail"]["object"]["key"] = "my photo [1].jpg"

    assert "--key 'my photo [[]1].jpg'`" in last_line(failed_in_conversion(Story(input=event), "Timeout", ""))


def test_what_was_started_again_names_its_successor_instead() -> None:
    story = failed_in_conversion(Story(), "ServiceUnavailable", "busy")

    assert last_line(story, started_again_as="failed-again") == "It was started again as failed-again"


def test_what_was_no_event_is_not_to_be_started_again() -> None:
    assert "start it again" not in way(failed_in_conversion(Story(), "InvalidEvent", "no key"))


@pytest.mark.parametrize(
    "story", [loops(1).granted(3).ends_well(4), loops(1), Story()], ids=["converted", "waiting", "started"]
)
def test_what_has_not_failed_is_not_to_be_started_again(story: Story) -> None:
    assert "lockstep history" not in way(story)
    assert "error" not in way(story)


def test_one_that_waits_is_told_that_nothing_is_wrong() -> None:
    story = loops(1)
    story.events.pop()

    assert "It waits for its turn" in way(story, after=3)


def test_what_people_wrote_is_shown_and_does_nothing_on_the_way() -> None:
    hostile = json.loads(json.dumps(CREATED))
    hostile["detail"]["object"]["key"] = HOSTILE
    story = Story(input=hostile).enters(0, HOSTILE).calls(0).fails(1, HOSTILE, HOSTILE)

    shown = pipe(ways.way(story.ends(1, "Failed", error=HOSTILE, cause=f"{HOSTILE}\nmore").run))

    assert shown.startswith(VISIBLE)
    assert f"✗ {VISIBLE}" in shown
    assert f"error  {VISIBLE}" in shown
    assert not set(shown) & set("\x1b\r\x07\u202e")


# --- wherever it is shown ----------------------------------------------------------------------------------

STORIES: Final = {
    "converted": lambda: loops(9).granted(27).works(28, 29, "ConvertToGrayscale").ends_well(29),
    "waiting": lambda: loops(5),
    "failed": lambda: failed_in_conversion(Story(name="x" * 80), cause="a cause in many words " * 20),
    "retried": lambda: Story().enters(0, "AcquireLock").calls(0).fails(1, "ServiceUnavailable").calls(2),
    "long state": lambda: Story().works(0, 1, "S" * 80).ends_well(2),
}


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("width", [20, 40, 80, 100, 140, 200])
def test_no_line_of_the_way_is_wider_than_the_terminal(name: str, width: int) -> None:
    assert max(map(len, way(STORIES[name](), width=width).splitlines())) <= width


@pytest.mark.parametrize("width", [32, 40, 80])
def test_a_visit_is_one_line_however_narrow_the_terminal(width: int) -> None:
    lines = track(loops(3), width=width)

    assert len([each for each in lines if not each.startswith("│")]) == len(loops(3).way.visits)


@pytest.mark.parametrize("width", [40, 80])
def test_a_long_reason_goes_on_beside_the_track(width: int) -> None:
    story = Story().enters(0, "ReleaseLock").calls(0).fails(1, "LeaseLost", "a cause " * 20).leaves(1).granted(1)

    lines = track(story, width=width)

    assert sum("cause" in each for each in lines) > 1
    assert all(each.startswith("│ ") for each in lines if "cause" in each)


@pytest.mark.parametrize("name", STORIES)
def test_in_a_pipe_there_are_no_colours_and_all_that_colours_say_is_there(name: str) -> None:
    shown = pipe(ways.way(STORIES[name]().run, BEGIN + timedelta(seconds=60)))

    assert "\x1b" not in shown
    assert set(bar(shown))


def test_a_clock_that_is_behind_shows_nothing_negative() -> None:
    shown = way(Story().granted(5).enters(6, "ConvertToGrayscale").calls(6), after=-5)

    assert "-" not in shown.split("\n\n")[1]
    assert "for 0.0 s so far" in shown
