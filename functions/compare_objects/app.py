"""CompareObjects: say which objects of a batch are out of step, and what repairs them."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from objectlock.comparing import READERS, comparison
from objectlock.comparison import TALLIED, Finding, Kind, is_folder, repair_event, repair_name

logger = Logger(use_rfc3339=True)  # Lambda reads the level only beside such a timestamp


@logger.inject_lambda_context(correlation_id_path="Items[0].run || run")
def handler(payload: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer with the repairs that are wanted, and a tally; for the batch of an ItemBatcher, or for one item of a map.

    The tally counts objects, then findings in the order of TALLIED, without the zeros at its end: all tallies of a run
    have to fit into the output of one state.
    """
    items = payload.get("Items", [payload])
    run, is_of_outputs = items[0]["run"], items[0]["listing"] == "outputs"
    wanted = {Kind(each) for each in items[0]["kinds"]}
    keys = [each["key"] for each in items if not is_folder(each["key"])]
    found = compared(keys, is_of_outputs=is_of_outputs)
    for each in found:
        logger.info("out of step", extra={"key": each.key, "kind": each.kind.value})
    repairs = [
        {"name": repair_name(run, each.key), "event": repair_event(comparison().input_bucket, each)}
        for each in found
        if each.kind in wanted and not items[0]["dry_run"]
    ]
    counts = Counter(each.kind for each in found)
    return {"repairs": repairs, "tally": trimmed([len(keys), *(counts[kind] for kind in TALLIED)])}


def compared(keys: list[str], *, is_of_outputs: bool) -> list[Finding]:
    """What is out of step. Of the inputs' listing all but orphans; of the outputs' nothing else, so each once."""
    look = comparison().compare_output if is_of_outputs else comparison().compare
    with ThreadPoolExecutor(READERS) as readers:
        found = [each for each in readers.map(look, keys) if each]
    return [each for each in found if (each.kind is Kind.ORPHANED) == is_of_outputs]


def trimmed(numbers: list[int]) -> list[int]:
    """Without the zeros at the end."""
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers
