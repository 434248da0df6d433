"""Which files are read, and which are ignored."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from ingest.sources.s3_exports.bucket import StoredFile
from ingest.sources.s3_exports.file import file_date
from ingest.sources.s3_exports.settings import account, client_tables
from signalroom.errors import ConfigurationError
from tests.ingest.s3_exports.conftest import CREATE, Bench, export, orders


def test_a_listing_beyond_a_thousand_names_loses_none(bench: Bench) -> None:
    shelf = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]  # a thousand uploads would take seconds
    for number in range(1_003):
        shelf.put_object(bench.bucket, f"orders-create/empty_{number:04}.csv", b"")
    bench.put(export(orders([1])), "orders-create/last.csv")
    plan = bench.plan(resources=("orders_create",))
    taken = bench.take(resources=("orders_create",))
    assert len(taken.landings["orders_create"].files) == 1_004 == plan.files
    assert [row["_file_name"] for row in taken.rows()] == ["orders-create/last.csv"]
    assert plan.requests == 2 + 1


def test_a_file_uploaded_between_two_pulls_is_seen_by_the_second(bench: Bench) -> None:
    bench.put(export(orders([1])), "orders-create/a.csv")
    bench.take()
    bench.put(export(orders([2])), "orders-create/b.csv")
    assert [row["orders_id"] for row in bench.take().rows()] == ["2"]


def test_the_same_file_again_is_not_read_again(bench: Bench) -> None:
    bench.put(export(orders([1])))
    bench.take()
    again = bench.take()
    assert not again.tables["orders_create"]
    assert not again.landings["orders_create"].files


@pytest.mark.fault(28)
def test_a_file_that_became_shorter_replaces_its_rows(bench: Bench) -> None:
    bench.put(export(orders(range(5))))
    bench.take()
    bench.put(export(orders([7])))
    again = bench.take()
    assert [(row["orders_id"], row["_row_id"]) for row in again.rows()] == [("7", 0)]


def test_a_file_that_became_only_a_header_clears_its_rows(bench: Bench) -> None:
    bench.put(export(orders(range(5))))
    bench.take()
    bench.put(export([]))
    again = bench.take()
    assert again.cleared() == [CREATE]
    assert again.rows() == []
    assert again.landings["orders_create"].totals[0].totals == {"rows": 0, "total_amount": 0}


def test_a_file_that_expired_in_the_bucket_keeps_its_rows(bench: Bench) -> None:
    bench.put(export(orders([1])))
    bench.take()
    bench.s3.delete_object(Bucket=bench.bucket, Key=CREATE)
    assert not bench.take().tables["orders_create"]


@pytest.mark.fault(29)
@pytest.mark.parametrize("content", [b"", export(orders([1]))[:-40]], ids=["empty", "cut off"])
def test_a_file_that_waits_is_named_in_every_run_and_read_once_it_is_whole(
    bench: Bench, content: bytes
) -> None:
    bench.put(content)
    first = bench.take()
    assert [file.status for file in first.landings["orders_create"].files] == ["waiting"]
    assert any(CREATE in said for said in first.said)
    assert first.failures == []
    assert bench.plan().files == 0
    assert any("stay waiting" in said for said in bench.take().said)
    bench.put(export(orders([1])))
    assert len(bench.take().rows()) == 1


def test_a_refused_file_fails_once_and_is_left_alone_until_it_changes(bench: Bench) -> None:
    bench.put(b"no,such,export\r\n1,2,3\r\n")
    assert len(bench.take().failures) == 1
    again = bench.take()
    assert again.failures == []
    assert any("stay refused" in said for said in again.said)
    bench.put(export(orders([1])))
    assert len(bench.take().rows()) == 1


def test_a_neighbour_folder_with_a_longer_name_is_not_read(bench: Bench) -> None:
    bench.put(export(orders([1])), "orders-create-old/a.csv")
    assert not bench.take().tables["orders_create"]


def test_marks_of_programs_and_other_files_are_left_aside_and_named(bench: Bench) -> None:
    for key in ("orders-create/", "orders-create/_SUCCESS", "orders-create/manifest.json"):
        bench.put(b"{}", key)
    taken = bench.take()
    assert taken.landings["orders_create"].files == []
    assert taken.failures == []
    (said,) = [line for line in taken.said if line.startswith("orders-create")]
    assert said == "orders-create: no CSV and not read: orders-create/manifest.json"


@pytest.mark.parametrize(
    "name",
    [
        "orders.zip",
        "orders.csv.ZIP",
        "orders.xlsx",
        "orders.csv.zst",
        "a.XLSB",
        "a.zip ",
        "a.csv.gpg",
        "a.csv.Z",
        "a.zip (1)",
        "a.jsonl",
    ],
)
def test_an_export_in_another_form_is_refused_by_name_once(bench: Bench, name: str) -> None:
    bench.put(b"PK\x03\x04", f"orders-create/{name}")
    (said,) = bench.take().failures
    assert f"orders-create/{name} is refused: it is" in said
    assert bench.take().failures == []
    bench.s3.delete_object(Bucket=bench.bucket, Key=f"orders-create/{name}")
    gone = bench.take()
    assert [one.status for one in gone.landings["orders_create"].files] == ["gone"]


@pytest.mark.parametrize("name", ["a.csv (1)", "a (1).csv", "a.CSV", "a.csv.csv", "a.csv.gzip"])
def test_a_download_by_another_ending_is_read(bench: Bench, name: str) -> None:
    content = export(orders([1]))
    bench.put(gzip.compress(content) if "gzip" in name else content, f"orders-create/{name}")
    assert [row["orders_id"] for row in bench.take().rows()] == ["1"]


def test_a_prefix_that_holds_nothing_at_all_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put(export(orders([1])))
    monkeypatch.setenv("S3_PREFIXES", "order-create,orders-create")
    bench.put(b"", "order-create/")  # a folder marker from an S3 browser is not a file
    bench.put(b"", "order-create/2026_$folder$")
    bench.put(b"", "order-create/_SUCCESS")
    taken = bench.take()
    assert [said for said in taken.said if said.startswith("order-create holds no file at all")]
    assert not [said for said in taken.said if said.startswith("orders-create holds no")]


@pytest.mark.parametrize("given", ["in/713/orders-create", "/in/713/orders-create/ , "])
def test_a_nested_prefix_fills_the_table_of_its_last_part(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("S3_PREFIXES", given)
    bench.put(export(orders([1])), "in/713/orders-create/2026/11/a.csv")
    taken = bench.take()
    assert list(taken.landings) == ["orders_create"]
    assert taken.rows()[0]["_file_name"] == "in/713/orders-create/2026/11/a.csv"


def test_a_prefix_of_ones_own_gets_a_table(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_PREFIXES", "Chargebacks-Daily")
    bench.put(b"Case ID,amount\n7,1.50\n", "Chargebacks-Daily/a.csv")
    assert bench.take().rows("chargebacks_daily")[0]["case_id"] == "7"


def test_the_old_name_of_the_prefix_still_works(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_PREFIX", "orders-update/")
    assert list(bench.take().landings) == ["orders_update"]
    monkeypatch.setenv("S3_PREFIXES", "orders-create")
    assert list(bench.take().landings) == ["orders_create"]


def test_the_old_name_of_the_prefix_works_in_a_copied_example_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_PREFIXES", "orders-create,orders-update,prospects-create")
    monkeypatch.setenv("S3_PREFIX", "orders-update/")
    assert list(bench.take().landings) == ["orders_update"]


def test_a_blank_behind_the_name_of_an_export_hides_no_order(bench: Bench) -> None:
    bench.put(export(orders([1])), "orders-create/report.CSV ")
    assert len(bench.take().rows()) == 1


@pytest.mark.parametrize(
    "given",
    ["a/orders-create,b/orders_create", "a,a/b", " , ", "///", "orders-create;orders-update",
     "s3://exports/orders-create", "orders-create/*", "'orders-create'", "orders-create|a"],
)  # fmt: skip
def test_prefixes_that_would_mix_tables_or_load_twice_are_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("S3_PREFIXES", given)
    with pytest.raises(ConfigurationError, match="S3_PREFIXES of client 713"):
        bench.take()


def test_one_folder_for_two_clients_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_BUCKET_NAME__CTI", bench.bucket)
    monkeypatch.setenv("S3_PREFIXES__CTI", "orders-create/cti,prospects")
    with pytest.raises(ConfigurationError, match="713 and cti both read"):
        bench.take()
    monkeypatch.setenv("S3_PREFIXES__CTI", "cti/orders-create")
    bench.take()
    assert account("713") != account("cti")


def test_only_the_tables_asked_for_are_read(bench: Bench) -> None:
    bench.put(export(orders([1])))
    assert list(bench.take(resources=("orders_update",)).landings) == ["orders_update"]


def test_the_plan_counts_what_the_pull_then_reads(bench: Bench) -> None:
    bench.put(export(orders([1])))
    bench.put(b"", "orders-update/empty.csv")
    bench.put(b"bad", "prospects-create/1.csv")
    plan = bench.plan()
    taken = bench.take()
    assert plan.files == sum(len(one.files) for one in taken.landings.values()) == 3
    assert plan.tables == ("orders_create", "orders_update", "prospects_create")
    assert bench.plan().files == 0


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("orders-create/report_2025-09-22T1849_ab12.csv", date(2025, 9, 22)),
        ("orders-create/2025-01-01/report_20250922.csv", date(2025, 9, 22)),
        ("orders-create/2025/report.csv", date(2026, 11, 18)),
        ("orders-create/report_2025-02-31.csv", date(2026, 11, 18)),
        ("orders-create/order_120250922001.csv", date(2026, 11, 18)),
    ],
)
def test_the_day_of_a_file_is_its_names_else_the_business_day_of_its_upload(
    key: str, expected: date
) -> None:
    uploaded = datetime(2026, 11, 19, 3, 0, tzinfo=UTC)  # the evening before in New York
    assert file_date(StoredFile(key, "etag", 1, uploaded)) == expected


@pytest.mark.parametrize(
    "path",
    ["orders-create", "orders", "a1-b2_c3", "in/713/Orders-Create", "a--b", "x" * 70, "1st", "a-1"],
)
def test_the_table_of_a_prefix_is_named_as_dlt_names_it(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    monkeypatch.setenv("S3_PREFIXES", path)
    assert client_tables("713") == (
        NamingConvention(63).normalize_identifier(path.rsplit("/", 1)[-1]),
    )
