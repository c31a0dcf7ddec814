import pytest

from objectlock.errors import SourceRejected
from objectlock.lock import ABSENT, Applied
from objectlock.work import SEQUENCER, SOURCE_TAG, Picture, convert, remove
from tests.memory import InMemoryOutput, InMemorySource, StoredObject
from tests.sample_events import BUCKET, KEY, created, deleted


def gray(body: bytes) -> Picture:
    return Picture(b"gray " + body, "image/test")


def reject(_body: bytes) -> Picture:
    raise SourceRejected("not an image")


@pytest.fixture
def source() -> InMemorySource:
    return InMemorySource()


@pytest.fixture
def output() -> InMemoryOutput:
    return InMemoryOutput()


def test_the_output_is_the_counterpart_of_the_input_as_it_is_now(
    source: InMemorySource, output: InMemoryOutput
) -> None:
    """Whatever the event said: its size and ETag may be those of an older upload."""
    source.put(BUCKET, KEY, b"as it was")
    event = created("05A0")
    tag = source.put(BUCKET, KEY, b"as it is")
    applied = convert(event, source, output, gray)
    assert output.objects == {
        KEY: StoredObject(b"gray as it is", "image/test", {SOURCE_TAG: tag, SEQUENCER: "05a"}),
    }
    assert applied.source == tag
    assert applied.output_etag


def test_an_older_output_is_replaced(source: InMemorySource, output: InMemoryOutput) -> None:
    source.put(BUCKET, KEY, b"one")
    first = convert(created("01"), source, output, gray)
    source.put(BUCKET, KEY, b"two")
    second = convert(created("02"), source, output, gray)
    assert output.objects[KEY].body == b"gray two"
    assert first.output_etag != second.output_etag


def test_an_input_that_is_gone_by_now_takes_its_output_with_it(source: InMemorySource, output: InMemoryOutput) -> None:
    """Between the grant and the worker's read. A failure here would leave the old output behind."""
    output.write(KEY, b"old", "image/test", {})
    assert convert(created("01"), source, output, gray) == Applied(ABSENT, None)
    assert output.objects == {}


def test_a_rejected_input_removes_the_older_output_and_names_the_object(
    source: InMemorySource, output: InMemoryOutput
) -> None:
    """The output of an image that was replaced by what is no image is out of date."""
    output.write(KEY, b"old", "image/test", {})
    source.put(BUCKET, KEY, b"text")
    with pytest.raises(SourceRejected, match=f"^{BUCKET}/{KEY}: not an image$"):
        convert(created("01"), source, output, reject)
    assert output.objects == {}


def test_removing_leaves_other_keys_alone(output: InMemoryOutput) -> None:
    output.write(KEY, b"one", "image/test", {})
    output.write("another.jpg", b"two", "image/test", {})
    assert remove(deleted("01"), output) == Applied(ABSENT, None)
    assert output.objects.keys() == {"another.jpg"}


def test_removing_what_is_not_there_is_a_success(output: InMemoryOutput) -> None:
    """The worker may be started again after it has removed the output."""
    assert remove(deleted("01"), output) == Applied(ABSENT, None)
