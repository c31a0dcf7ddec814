from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from objectlock.ports import OversizedObject, SourceObject
from objectlock.s3 import S3SourceBucket
from tests.contract.conftest import MAX_BYTES, Input, MakeInput, new_bucket, s3_input
from tests.contract.keys import KEYS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VERSIONED = pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])


@VERSIONED
def test_an_object_that_is_not_there_has_no_tag(make_input: MakeInput, versioned: bool) -> None:
    there = make_input(versioned=versioned)
    assert there.source.tag(there.bucket, "photo.jpg") is None
    assert there.source.read(there.bucket, "photo.jpg") is None


@VERSIONED
@pytest.mark.parametrize("key", KEYS)
def test_an_object_is_read_with_its_tag(make_input: MakeInput, versioned: bool, key: str) -> None:
    """The same tag as the one that is asked for alone, or every event would look as if the input had changed."""
    there = make_input(versioned=versioned)
    there.put(key, b"photo")
    tag = there.source.tag(there.bucket, key)
    assert tag
    assert there.source.read(there.bucket, key) == SourceObject(tag, b"photo")


def test_an_object_that_is_too_large_is_not_read(make_input: MakeInput) -> None:
    """It would not fit into memory, and the function would be killed without a word. Its tag is what was rejected."""
    there = make_input(versioned=False, max_bytes=5)
    there.put("photo.jpg", b"photo")
    assert there.source.read(there.bucket, "photo.jpg") == SourceObject(_tag(there, "photo.jpg"), b"photo")
    there.put("photo.jpg", b"photos")
    assert there.source.read(there.bucket, "photo.jpg") == OversizedObject(_tag(there, "photo.jpg"), 6, 5)


def _tag(there: Input, key: str) -> str:
    tag = there.source.tag(there.bucket, key)
    assert tag
    return tag


def test_the_tag_is_the_etag_and_in_a_versioned_bucket_the_version_as_well(s3: S3Client) -> None:
    """So that an operator finds in S3 what the lock record and the output's metadata speak of."""
    for versioned in (False, True):
        bucket = new_bucket(s3, versioned=versioned)
        answer = s3.put_object(Bucket=bucket, Key="photo.jpg", Body=b"photo")
        etag = answer["ETag"].strip('"')
        assert S3SourceBucket(s3, MAX_BYTES).tag(bucket, "photo.jpg") == (
            f"{etag}@{answer['VersionId']}" if versioned else etag
        )


@VERSIONED
def test_keys_that_look_alike_are_different_objects(make_input: MakeInput, versioned: bool) -> None:
    there = make_input(versioned=versioned)
    there.put("a b.jpg", b"photo")
    for key in ("a+b.jpg", "a%20b.jpg", "A b.jpg", "a b.jpg/"):
        assert there.source.tag(there.bucket, key) is None


@VERSIONED
def test_the_tag_tells_other_bytes(make_input: MakeInput, versioned: bool) -> None:
    there = make_input(versioned=versioned)
    there.put("photo.jpg", b"one")
    before = there.source.tag(there.bucket, "photo.jpg")
    there.put("photo.jpg", b"two")
    assert there.source.tag(there.bucket, "photo.jpg") != before


def test_the_tag_tells_versions_of_the_same_bytes(make_input: MakeInput) -> None:
    """a, b, a: the second a is another state, with an event of its own."""
    there = make_input(versioned=True)
    there.put("photo.jpg", b"photo")
    before = there.source.tag(there.bucket, "photo.jpg")
    there.put("photo.jpg", b"photo")
    assert there.source.tag(there.bucket, "photo.jpg") != before


def test_without_versions_the_same_bytes_are_the_same_state(make_input: MakeInput) -> None:
    """There is nothing to tell them apart by, and no need: their counterparts are the same as well."""
    there = make_input(versioned=False)
    there.put("photo.jpg", b"photo")
    before = there.source.tag(there.bucket, "photo.jpg")
    there.put("photo.jpg", b"photo")
    assert there.source.tag(there.bucket, "photo.jpg") == before


@VERSIONED
def test_a_deleted_object_is_not_there(make_input: MakeInput, versioned: bool) -> None:
    """Also where a delete marker only hides it."""
    there = make_input(versioned=versioned)
    there.put("photo.jpg", b"photo")
    there.delete("photo.jpg")
    assert there.source.tag(there.bucket, "photo.jpg") is None
    assert there.source.read(there.bucket, "photo.jpg") is None


def test_removing_a_delete_marker_brings_the_same_state_back(s3: S3Client) -> None:
    """The deletion was undone; if nobody has acted on it, there is nothing to do."""
    there = s3_input(s3, versioned=True)
    there.put("photo.jpg", b"photo")
    before = there.source.tag(there.bucket, "photo.jpg")
    marker = s3.delete_object(Bucket=there.bucket, Key="photo.jpg")["VersionId"]
    assert there.source.tag(there.bucket, "photo.jpg") is None
    s3.delete_object(Bucket=there.bucket, Key="photo.jpg", VersionId=marker)
    assert there.source.tag(there.bucket, "photo.jpg") == before


def test_deleting_an_old_version_changes_nothing(s3: S3Client) -> None:
    there = s3_input(s3, versioned=True)
    old = s3.put_object(Bucket=there.bucket, Key="photo.jpg", Body=b"one")["VersionId"]
    there.put("photo.jpg", b"two")
    before = there.source.tag(there.bucket, "photo.jpg")
    s3.delete_object(Bucket=there.bucket, Key="photo.jpg", VersionId=old)
    assert there.source.tag(there.bucket, "photo.jpg") == before


def test_an_object_from_before_versioning_has_the_tag_it_had(s3: S3Client) -> None:
    """Its version id is the word "null"; switching versioning on must not make every object look changed."""
    there = s3_input(s3, versioned=False)
    there.put("photo.jpg", b"photo")
    before = there.source.tag(there.bucket, "photo.jpg")
    s3.put_bucket_versioning(Bucket=there.bucket, VersioningConfiguration={"Status": "Enabled"})
    assert there.source.tag(there.bucket, "photo.jpg") == before


def test_a_missing_bucket_is_no_missing_object(s3: S3Client) -> None:
    """A wrong name in an event is a mistake to report; taken for "absent", it would delete an output."""
    source = S3SourceBucket(s3, MAX_BYTES)
    with pytest.raises(s3.exceptions.ClientError):
        source.read("no-such-bucket", "photo.jpg")
