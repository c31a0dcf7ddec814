import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from objectlock.sequencer import Sequencer

OBJECT = "bucket/key"
HEX = st.text("0123456789abcdefABCDEF", min_size=1, max_size=20)
# Two that share their beginning, as two of one object do, and may differ in length and in zeros at the end only.
PAIRS = st.tuples(st.text("0aF", max_size=6), HEX | st.text("0", min_size=1), HEX | st.text("0", min_size=1)).map(
    lambda parts: (parts[0] + parts[1], parts[0] + parts[2])
)


def aws_order(text: str, length: int) -> int:
    """S3 User Guide: "right pad the shorter value with zeros", then compare."""
    return int(text.ljust(length, "0"), 16)


@given(PAIRS)
def test_the_order_is_that_of_aws(pair: tuple[str, str]) -> None:
    """Padding both to one length and comparing numbers says the same as our comparison of the shortened strings."""
    a, b = pair
    ours_a, ours_b = Sequencer.parse(OBJECT, a), Sequencer.parse(OBJECT, b)
    length = max(len(a), len(b))
    theirs_a, theirs_b = aws_order(a, length), aws_order(b, length)
    assert (ours_a < ours_b) == (theirs_a < theirs_b)
    assert (ours_a > ours_b) == (theirs_a > theirs_b)
    assert (ours_a == ours_b) == (theirs_a == theirs_b)


@given(PAIRS)
def test_plain_strings_compare_the_same_in_dynamodb(pair: tuple[str, str]) -> None:
    """DynamoDB compares the UTF-8 bytes of `value`: a condition there must not disagree with the code here."""
    a, b = (Sequencer.parse(OBJECT, text) for text in pair)
    assert (a < b) == (a.value.encode() < b.value.encode())


def test_leading_zeros_stay() -> None:
    """Only the right end is padded: 0069... is older than 69..."""
    assert Sequencer.parse(OBJECT, "0069a5").value == "0069a5"
    assert Sequencer.parse(OBJECT, "0069a5") < Sequencer.parse(OBJECT, "69a5")


@pytest.mark.parametrize(
    ("text", "value"), [("0069A5551842F1C0", "0069a5551842f1c"), ("aB", "ab"), ("a0b", "a0b"), ("000", "")]
)
def test_one_event_has_one_value(text: str, value: str) -> None:
    """The same place in the order is stored as the same string, whatever its case and its zeros at the end."""
    assert Sequencer.parse(OBJECT, text).value == value


@pytest.mark.parametrize("text", ["", " ", "0x1f", "12g4", "1f ", "1f\n", "-1", "１f", "not hex"])
def test_what_is_not_hex_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hex digits"):
        Sequencer.parse(OBJECT, text)


@given(HEX)
def test_a_look_that_nobody_has_sent_comes_before_all_that_s3_sends(text: str) -> None:
    real = Sequencer.parse("id", text)
    assume(real.value)  # S3's never are zero
    assert Sequencer.before_all("id") < real


def test_sequencers_of_two_objects_have_no_order() -> None:
    """S3 orders the events of one key only; a comparison across keys is a mistake, not an answer."""
    with pytest.raises(TypeError, match="have no order"):
        _ = Sequencer.parse("bucket/a", "01") < Sequencer.parse("bucket/b", "02")
    with pytest.raises(TypeError):
        _ = Sequencer.parse(OBJECT, "01") < "02"
    assert Sequencer.parse("bucket/a", "01") != Sequencer.parse("bucket/b", "01")
