"""Errors between us and S3, each reported in one line without a secret."""

from __future__ import annotations

import socket
import time

import pytest

from ingest.sources.s3_exports import bucket as bucket_module
from ingest.sources.s3_exports import file as reading
from signalroom.errors import AnswerError, ConfigurationError, CredentialsError, SourceError
from tests.ingest.s3_exports.conftest import CREATE, Bench, Faults, export, failure, orders

OTHER = "orders-create/report_2026-11-19T1849_cd34.csv"


def one_line(error: SourceError) -> str:
    text = str(error)
    assert "\n" not in text
    assert "713" in text
    assert "canary" not in text
    return text


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("403 Forbidden", "InvalidAccessKeyId"),
        ("403 Forbidden", "SignatureDoesNotMatch"),
        ("403 Forbidden", "AccessDenied"),
        ("403 Forbidden", "ExpiredToken"),
        ("401 Unauthorized", "Unauthorized"),
    ],
)
def test_refused_credentials_say_which_variables_to_mend(
    bench: Bench, faults: Faults, status: str, code: str
) -> None:
    faults.plan("GET", bench.bucket, *[failure(status, code)] * 3)
    with pytest.raises(CredentialsError, match="AWS_ACCESS_KEY_ID") as caught:
        bench.take()
    one_line(caught.value)
    assert bench.bucket in str(caught.value)


def test_a_refusal_without_a_code_of_s3_is_one_of_the_key(bench: Bench, faults: Faults) -> None:
    """The answer of an S3-compatible store, or of a proxy in front of it."""
    faults.plan("GET", bench.bucket, *[b'401 Unauthorized\n{"error": "unauthorized"}'] * 3)
    with pytest.raises(CredentialsError, match="AWS_ACCESS_KEY_ID"):
        bench.take()


def test_a_bucket_that_does_not_exist_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_BUCKET_NAME", "no-such-bucket")
    with pytest.raises(SourceError, match=r"no-such-bucket at .* does not exist") as caught:
        bench.plan()
    one_line(caught.value)


def test_a_bucket_of_another_region_says_what_to_set(bench: Bench, faults: Faults) -> None:
    faults.plan("GET", bench.bucket, *[failure("301 Moved", "PermanentRedirect")] * 3)
    with pytest.raises(SourceError, match="Set AWS_REGION"):
        bench.take()


def test_an_endpoint_that_is_away_gives_up_soon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    began = time.monotonic()
    with pytest.raises(SourceError, match="Check AWS_ENDPOINT_URL") as caught:
        bench.take()
    one_line(caught.value)
    assert time.monotonic() - began < 60


@pytest.mark.fault(20)
def test_an_endpoint_that_never_answers_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr(bucket_module, "ATTEMPTS", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts, but never answers
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(SourceError, match="cannot be read"):
            bench.take()


def test_an_endpoint_without_a_scheme_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "s3.example.com")
    with pytest.raises(ConfigurationError, match="begin it with https://"):
        bench.take()


def test_a_busy_server_is_asked_again(bench: Bench, faults: Faults) -> None:
    bench.put(export(orders([1])))
    faults.plan("GET", f"{bench.bucket}", failure("503 Slow Down", "SlowDown"))
    faults.plan("GET", CREATE, failure("500 Internal", "InternalError"))
    assert len(bench.take().rows()) == 1


def test_a_page_that_is_no_listing_is_not_taken_for_an_empty_one(
    bench: Bench, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "ATTEMPTS", 2)
    bench.put(export(orders(range(1))))
    page = b"200 OK\n<html><body>Maintenance</body></html>"
    faults.plan("GET", bench.bucket, *[page] * 100)
    with pytest.raises(AnswerError, match="were not a listing"):
        bench.take()


def test_an_answer_that_breaks_off_is_asked_for_again(bench: Bench, faults: Faults) -> None:
    bench.put(export(orders([1])))
    faults.plan("GET", CREATE, b"206 Partial\nonly a part")
    assert len(bench.take().rows()) == 1
    assert len([path for _, path in faults.requests if CREATE in path]) == 3  # including the upload


def test_one_unreadable_file_does_not_stop_the_others(bench: Bench, faults: Faults) -> None:
    bench.put(export(orders([1])))
    bench.put(export(orders([2])), OTHER)
    faults.plan("GET", CREATE, failure("403 Forbidden", "AccessDenied"))
    taken = bench.take()
    assert [row["orders_id"] for row in taken.rows()] == ["2"]
    (said,) = taken.failures
    assert CREATE in said
    assert "713" in said
    assert {file.file_name: file.status for file in taken.landings["orders_create"].files} == {
        CREATE: "unreadable",
        OTHER: "loaded",
    }
    assert [row["orders_id"] for row in bench.take().rows()] == ["1"]  # the next run reads it


def test_a_server_that_goes_away_is_not_asked_for_every_file(
    bench: Bench, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "UNREACHABLE_FILES", 2)
    for number in range(6):
        bench.put(export(orders([number])), f"orders-create/{number}.csv")
    faults.plan("GET", "orders-create/", *[failure("400 Bad Request", "InvalidArgument")] * 6)
    taken = bench.take()
    assert len(taken.failures) == 3
    assert "4 more files of orders_create were not tried" in taken.failures[-1]


def test_single_unreadable_files_among_others_do_not_end_the_reading(
    bench: Bench, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "UNREACHABLE_FILES", 2)
    for number in range(6):
        bench.put(export(orders([number])), f"orders-create/{number}.csv")
    for number in (0, 2, 4):
        faults.plan("GET", f"orders-create/{number}.csv", failure("403 Forbidden", "AccessDenied"))
    taken = bench.take()
    assert [row["orders_id"] for row in taken.rows()] == ["1", "3", "5"]
    (said,) = taken.failures
    assert "orders-create/0.csv, orders-create/2.csv, orders-create/4.csv cannot be read" in said


def denied(bench: Bench, faults: Faults, times: int = 1) -> None:
    for number in range(5):
        answers = [failure("403 Forbidden", "AccessDenied")] * times
        faults.plan("GET", f"orders-create/{number}.csv", *answers)


def test_objects_that_are_denied_are_named_once_and_read_as_soon_as_they_can_be(
    bench: Bench, faults: Faults
) -> None:
    for number in range(7):
        bench.put(export(orders([number])), f"orders-create/{number}.csv")
    denied(bench, faults, times=2)
    first = bench.take()
    assert [row["orders_id"] for row in first.rows()] == ["5", "6"]
    assert len(first.failures) == 1
    before = len(faults.requests)
    again = bench.take()
    assert again.failures == []
    assert again.rows() == []
    assert any("stay unreadable until they change: 5" in said for said in again.said)
    asked = [path for method, path in faults.requests[before:] if path.endswith(".csv")]
    assert len(asked) == 1, "one of them is tried, not all"
    faults.planned.clear()
    assert [row["orders_id"] for row in bench.take().rows()] == ["0", "1", "2", "3", "4"]
    assert not any("unreadable" in said for said in bench.take().said)


KMS = (
    b"403 Forbidden\n<Error><Code>AccessDenied</Code>"
    b"<Message>is not authorized to perform: kms:Decrypt</Message></Error>"
)
OWN_KEY = failure(
    "400 Bad Request",
    "InvalidRequest",
    "The object was stored using a form of Server Side Encryption. The correct parameters must be "
    "provided to retrieve the object.",
)
TIERED = failure("403 Forbidden", "InvalidObjectState")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(KMS, "kms:Decrypt", id="its key may not be used"),
        pytest.param(failure("400 Bad Request", "KMS.DisabledException"), "kms", id="disabled"),
        pytest.param(OWN_KEY, "encrypted", id="its own key"),
        pytest.param(TIERED, "restore it in S3", id="archived by intelligent tiering"),
    ],
)
def test_old_objects_that_cannot_be_decrypted_or_are_archived_hold_up_no_new_one(
    bench: Bench, faults: Faults, answer: bytes, reason: str
) -> None:
    """There are more such objects than files that would be requested from a dead server."""
    for number in range(9):
        bench.put(export(orders([number])), f"orders-create/{number}.csv")
    for number in range(8):
        faults.plan("GET", f"orders-create/{number}.csv", answer, answer)
    taken = bench.take()
    assert [row["orders_id"] for row in taken.rows()] == ["8"]
    (said,) = taken.failures
    assert reason in said
    assert "orders-create/4.csv and 3 more cannot be read" in said
    again = bench.take()
    assert again.failures == []
    assert any("stay unreadable until they change: 8" in said for said in again.said)


def test_a_request_that_a_store_does_not_know_is_no_encrypted_object(
    bench: Bench, faults: Faults
) -> None:
    """Stores like S3 give that code for many reasons; the object is asked for again."""
    bench.put(export(orders([1])))
    answer = failure("400 Bad Request", "InvalidRequest", "Missing x-amz-content-sha256.")
    faults.plan("GET", CREATE, answer)
    (said,) = bench.take().failures
    assert "x-amz-content-sha256" in said
    assert "encrypted" not in said
    assert len(bench.take().rows()) == 1


def test_archived_objects_are_named_without_a_request_and_hold_up_no_other(
    bench: Bench, faults: Faults
) -> None:
    for number in range(4):
        bench.s3.put_object(
            Bucket=bench.bucket,
            Key=f"orders-create/{number}.csv",
            Body=export(orders([number])),
            StorageClass="GLACIER",
        )
    bench.put(export(orders([5])), "orders-create/5.csv")
    taken = bench.take()
    assert [row["orders_id"] for row in taken.rows()] == ["5"]
    (said,) = taken.failures
    assert "orders-create/0.csv" in said
    assert "archived (GLACIER); restore it in S3" in said
    again = bench.take()
    assert again.failures == []
    assert not [path for _, path in faults.requests if "orders-create/0.csv" in path and _ == "GET"]
    bench.put(export(orders([0])), "orders-create/0.csv")  # copied back to the usual storage class
    assert [row["orders_id"] for row in bench.take().rows()] == ["0"]


def test_a_folder_that_may_not_be_listed_is_named_once_and_forgotten_when_it_may(
    bench: Bench, faults: Faults
) -> None:
    bench.put(export(orders([1])), "orders-create/a.csv")
    denial = failure("403 Forbidden", "AccessDenied")
    faults.plan("GET", bench.bucket, denial)
    assert len(bench.take().failures) == 1
    faults.plan("GET", bench.bucket, denial)
    again = bench.take()
    assert again.failures == []
    assert any("orders-create still may not be listed" in said for said in again.said)
    now = bench.take()
    assert [row["orders_id"] for row in now.rows()] == ["1"]
    gone = [one.file_name for one in now.landings["orders_create"].files if one.status == "gone"]
    assert gone == ["orders-create/"]


def test_a_folder_that_may_not_be_listed_does_not_stop_the_others(
    bench: Bench, faults: Faults
) -> None:
    bench.put(export(orders([1])), "orders-update/a.csv")
    faults.plan("GET", bench.bucket, failure("403 Forbidden", "AccessDenied"))
    taken = bench.take()
    assert len(taken.rows("orders_update")) == 1
    assert len(taken.failures) == 1
    assert taken.landings["orders_create"].failures == taken.failures


@pytest.mark.fault(29)
@pytest.mark.parametrize("is_gone", [True, False], ids=["removed", "replaced"])
def test_a_file_changed_between_listing_and_reading_is_left_for_the_next_run(
    bench: Bench, is_gone: bool
) -> None:
    bench.put(export(orders([1])))
    bench.put(export(orders([2])), OTHER)

    def change() -> None:
        if is_gone:
            bench.s3.delete_object(Bucket=bench.bucket, Key=CREATE)
        else:
            bench.put(export(orders([3])))

    taken = bench.take(between=change)
    assert [row["orders_id"] for row in taken.rows()] == ["2"]
    assert taken.failures == []
    assert any("has changed since it was listed" in said for said in taken.said)
    assert [row["orders_id"] for row in bench.take().rows()] == ([] if is_gone else ["3"])


@pytest.mark.fault(17)
def test_a_full_disk_is_a_failure_of_the_file_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put(export(orders([1])))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ingest.sources.s3_exports.download.TemporaryFile", full)
    (said,) = bench.take().failures
    assert "No space left on device" in said
    assert CREATE in said


def test_no_secret_stands_in_anything_that_leaves(bench: Bench, faults: Faults) -> None:
    bench.put(export(orders([1])))
    faults.plan(
        "GET", CREATE, b"403 Forbidden\n<Error><Code>AccessDenied</Code>"
        b"<Message>key canary-access-key with canary-secret-key</Message></Error>",
    )  # fmt: skip
    assert "canary" not in bench.take().everything
