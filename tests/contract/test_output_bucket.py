from __future__ import annotations

from collections.abc import Callable
from operator import methodcaller
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from objectlock.attempts import OutputObject
from objectlock.errors import OutputChanged
from objectlock.ports import Label, OutputBucket, Picture
from objectlock.s3 import S3OutputBucket
from tests.contract.conftest import MakeOutput, Output, new_bucket, stored
from tests.contract.implementations import ATOMIC_BUCKETS
from tests.contract.keys import KEYS
from tests.contract.racing import at_once
from tests.memory import InMemoryOutput, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Call = Callable[[OutputBucket], str | None]

KEY = "photo.jpg"
ONE, TWO = Picture(b"one", "image/png"), Picture(b"two", "image/jpeg")
LABEL, LATER = Label("etag@version", "0069a5", token=1), Label("other-etag", "0069a6", token=2)
NO_ETAG = "0" * 32


# --- what is written ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_an_output_is_stored_replaced_and_removed_under_its_key_and_no_other(output: Output, key: str) -> None:
    bucket = output.bucket
    bucket.write(f"{key[1:]}.", TWO, LATER, replaces=None)
    one = bucket.write(key, ONE, LABEL, replaces=None)
    assert output.see(key) == StoredObject(ONE, LABEL)
    assert bucket.look(key) == OutputObject(one, LABEL.token)
    two = bucket.write(key, TWO, LATER, replaces=one)
    assert output.see(key) == StoredObject(TWO, LATER)
    assert bucket.look(key) == OutputObject(two, LATER.token)
    bucket.delete(key, replaces=two)
    assert output.see(key) is None
    assert bucket.look(key) is None
    assert output.see(f"{key[1:]}.") == StoredObject(TWO, LATER)


@pytest.mark.parametrize(
    "label",
    [
        Label("d41d8cd98f00b204e9800998ecf8427e-2@3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY", "0055aed6dcd90281e5", token=1),
        Label("absent", "", token=0),  # the sequencer of zeros only
        Label("etag", "0", token=10**12),
    ],
    ids=str,
)
def test_the_label_comes_back(output: Output, label: Label) -> None:
    etag = output.bucket.write(KEY, ONE, label, replaces=None)
    assert output.see(KEY) == StoredObject(ONE, label)
    assert output.bucket.look(KEY) == OutputObject(etag, label.token)


def test_the_label_is_in_the_metadata(s3: S3Client) -> None:
    """Under names that an operator can read."""
    bucket = new_bucket(s3)
    S3OutputBucket(s3, bucket).write(KEY, ONE, LABEL, replaces=None)
    found = s3.head_object(Bucket=bucket, Key=KEY)
    assert found["Metadata"] == {"source-tag": "etag@version", "sequencer": "0069a5", "fencing-token": "1"}
    assert found["ContentType"] == "image/png"


def test_the_etag_tells_the_bytes_and_has_no_quotes(output: Output) -> None:
    """It does not tell the label, so who compares ETags takes outputs of the same bytes for the same."""
    bucket = output.bucket
    etags = [bucket.write(key, ONE, LABEL, replaces=None) for key in ("a", "b")]
    other = bucket.write("c", TWO, LABEL, replaces=None)
    relabelled = bucket.write("a", ONE, LATER, replaces=etags[0])
    assert etags == [relabelled, relabelled]
    assert other != relabelled
    assert '"' not in other


# --- what is there -----------------------------------------------------------------------------------------


def test_where_nothing_is_nothing_is_seen(output: Output) -> None:
    assert output.bucket.look(KEY) is None


@pytest.mark.parametrize(
    ("metadata", "token"),
    [
        ({}, 0),
        ({"made-by": "hand"}, 0),
        ({"fencing-token": ""}, 0),
        ({"fencing-token": "seven"}, 0),
        ({"fencing-token": "-7"}, 0),
        ({"fencing-token": "7.0"}, 0),
        ({"fencing-token": "0x7"}, 0),
        ({"fencing-token": "7"}, 7),
        ({"fencing-token": "9" * 18}, 10**18 - 1),
        ({"fencing-token": "9" * 19}, 0),  # DynamoDB's numbers have 38 digits
        ({"Fencing-Token": "7"}, 7),
    ],
    ids=str,
)
def test_an_object_of_somebody_else_can_be_seen_replaced_and_removed(
    s3: S3Client, metadata: dict[str, str], token: int
) -> None:
    """It is there, whatever it says of itself: an attempt that refused to see it could never make it right."""
    bucket = new_bucket(s3)
    output = S3OutputBucket(s3, bucket)
    for key in ("a", "b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"somebody's", Metadata=metadata)
    found = output.look("a")
    assert found == OutputObject(s3.head_object(Bucket=bucket, Key="a")["ETag"].strip('"'), token)
    output.write("a", ONE, LABEL, replaces=found.etag)
    assert stored(s3, bucket, "a") == StoredObject(ONE, LABEL)
    output.delete("b", replaces=found.etag)
    assert output.look("b") is None


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("replaces", [None, NO_ETAG], ids=["nothing", "another"])
def test_what_is_not_as_expected_is_not_replaced(output: Output, replaces: str | None) -> None:
    """Neither its bytes nor what it says of itself."""
    etag = output.bucket.write(KEY, ONE, LABEL, replaces=None)
    with pytest.raises(OutputChanged, match=KEY):
        output.bucket.write(KEY, TWO, LATER, replaces=replaces)
    with pytest.raises(OutputChanged, match=KEY):
        output.bucket.write(KEY, ONE, LATER, replaces=replaces)
    assert output.see(KEY) == StoredObject(ONE, LABEL)
    assert output.bucket.look(KEY) == OutputObject(etag, LABEL.token)


def test_what_is_not_as_expected_is_not_removed(output: Output) -> None:
    output.bucket.write(KEY, ONE, LABEL, replaces=None)
    with pytest.raises(OutputChanged, match=KEY):
        output.bucket.delete(KEY, replaces=NO_ETAG)
    assert output.see(KEY) == StoredObject(ONE, LABEL)


@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
def test_what_is_gone_is_neither_replaced_nor_removed_but_can_be_made_anew(
    make_output: MakeOutput, versioned: bool
) -> None:
    output = make_output(versioned=versioned)
    etag = output.bucket.write(KEY, ONE, LABEL, replaces=None)
    output.bucket.delete(KEY, replaces=etag)
    with pytest.raises(OutputChanged, match=KEY):
        output.bucket.write(KEY, ONE, LABEL, replaces=etag)
    with pytest.raises(OutputChanged, match=KEY):
        output.bucket.delete(KEY, replaces=etag)
    assert output.see(KEY) is None
    assert output.bucket.write(KEY, ONE, LATER, replaces=None) == etag
    assert output.see(KEY) == StoredObject(ONE, LATER)


def test_what_never_was_is_neither_replaced_nor_removed(output: Output) -> None:
    with pytest.raises(OutputChanged, match=KEY):
        output.bucket.write(KEY, ONE, LABEL, replaces=NO_ETAG)
    with pytest.raises(OutputChanged, match=KEY):
        output.bucket.delete(KEY, replaces=NO_ETAG)
    assert output.see(KEY) is None


def test_a_missing_bucket_is_a_mistake_and_no_changed_output(s3: S3Client) -> None:
    """Taken for a change it would be tried again and again, and then fail without a word about the bucket."""
    output = S3OutputBucket(s3, "no-such-bucket")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
        output.write(KEY, ONE, LABEL, replaces=None)
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
        output.write(KEY, ONE, LABEL, replaces=NO_ETAG)
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
        output.delete(KEY, replaces=NO_ETAG)


# --- all of it together ------------------------------------------------------------------------------------


def what_came_of_it(call: Call, bucket: OutputBucket) -> str | type[OutputChanged] | None:
    try:
        return call(bucket)
    except OutputChanged as error:
        return type(error)


@settings(deadline=None, max_examples=30, phases=set(Phase) - {Phase.explain})  # which takes a thousand more calls
@given(data=st.data(), versioned=st.booleans())
def test_the_same_calls_have_the_same_outcomes_everywhere(
    make_output: MakeOutput, data: st.DataObject, versioned: bool
) -> None:
    """Whatever the unit tests prove in memory holds for the real bucket."""
    memory, real = InMemoryOutput(), make_output(versioned=versioned)
    etags = [NO_ETAG]
    for _ in range(data.draw(st.integers(1, 10))):
        replaces = data.draw(st.sampled_from([None, *etags]))
        if replaces is None or data.draw(st.booleans()):
            picture, label = data.draw(st.sampled_from([ONE, TWO])), data.draw(st.sampled_from([LABEL, LATER]))
            call: Call = methodcaller("write", KEY, picture, label, replaces=replaces)
        else:
            call = methodcaller("delete", KEY, replaces=replaces)
        outcome = what_came_of_it(call, memory)
        assert what_came_of_it(call, real.bucket) == outcome
        assert real.see(KEY) == memory.objects.get(KEY)
        assert real.bucket.look(KEY) == memory.look(KEY)
        if isinstance(outcome, str):
            etags.append(outcome)


# --- races -------------------------------------------------------------------------------------------------


@pytest.fixture(params=ATOMIC_BUCKETS)
def atomic_output(request: pytest.FixtureRequest) -> S3OutputBucket:
    client: S3Client = request.getfixturevalue(f"{request.param}_s3")
    return S3OutputBucket(client, new_bucket(client))


def test_of_many_writes_at_once_exactly_one_succeeds(atomic_output: S3OutputBucket) -> None:
    """First where there is nothing, then over what the last one has left: no attempt writes over another's output."""
    replaces: str | None = None
    for race in range(3):

        def write(number: int, race: int = race, replaces: str | None = replaces) -> str | None:
            picture = Picture(f"{race}, {number}".encode(), "image/png")
            try:
                return atomic_output.write(KEY, picture, Label("etag", "01", number), replaces=replaces)
            except OutputChanged:
                return None

        ((number, replaces),) = [(number, etag) for number, etag in enumerate(at_once(write)) if etag]
        assert atomic_output.look(KEY) == OutputObject(replaces, number)


def test_of_many_removals_at_once_exactly_one_succeeds(atomic_output: S3OutputBucket) -> None:
    etag = atomic_output.write(KEY, ONE, LABEL, replaces=None)

    def delete(_: int) -> bool:
        try:
            atomic_output.delete(KEY, replaces=etag)
        except OutputChanged:
            return False
        return True

    assert sum(at_once(delete)) == 1
    assert atomic_output.look(KEY) is None


def test_an_output_shows_the_input_that_it_was_made_from_under_its_etag_alone(output: Output) -> None:
    etag = output.bucket.write(KEY, ONE, LABEL, replaces=None)
    assert output.bucket.shows(KEY, LABEL.source, etag)
    assert not output.bucket.shows(KEY, LATER.source, etag)
    assert not output.bucket.shows(KEY, LABEL.source, "another-etag")
    output.bucket.delete(KEY, replaces=etag)
    assert not output.bucket.shows(KEY, LABEL.source, etag)
