"""S3 with Sticky.io's exports: which files exist, when, and in what state."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import s3fs
from botocore.exceptions import ClientError

from sandbox import Agency
from sandbox.clock import BUSINESS_ZONE
from sandbox.orders.header import ORDERS
from tests.sandbox import calls

CREATE, UPDATE, PROSPECTS = "orders-create/", "orders-update/", "prospects-create/"


@pytest.fixture(scope="module")
def agency() -> Iterator[Agency]:
    """20 days contain every trap, and are faster to fetch."""
    with Agency(history_days=20) as short:
        yield short


@pytest.fixture(scope="module")
def exports(agency: Agency) -> dict[str, dict[str, bytes]]:
    return {client: calls.files(agency, client) for client in agency.clients}


def test_a_wrong_key_opens_the_bucket(agency: Agency) -> None:
    bucket = calls.bucket(agency)
    stranger = s3fs.S3FileSystem(
        key="AKIAWRONG", secret="x", endpoint_url=agency.base_url("s3"), skip_instance_cache=True
    )
    with pytest.raises(PermissionError):
        stranger.ls(bucket.name, refresh=True)


def test_a_client_reads_another_clients_bucket(agency: Agency) -> None:
    bucket = calls.bucket(agency, "cti")
    foreign = calls.bucket(agency).meta.client
    with pytest.raises(ClientError, match="AccessDenied"):
        foreign.list_objects_v2(Bucket=bucket.name)


def test_s3fs_and_boto3_see_different_files(
    agency: Agency, exports: dict[str, dict[str, bytes]]
) -> None:
    bucket = calls.bucket(agency)
    filesystem = s3fs.S3FileSystem(
        key=calls.variable(agency, "AWS_ACCESS_KEY_ID"),
        secret=calls.variable(agency, "AWS_SECRET_ACCESS_KEY"),
        endpoint_url=agency.base_url("s3"),
        skip_instance_cache=True,
    )
    found = filesystem.find(bucket.name)
    assert {path.removeprefix(f"{bucket.name}/") for path in found} == set(exports["713"])
    path = next(path for path in found if path.endswith(".csv"))
    assert filesystem.info(path)["size"] == filesystem.du(path) > 1000
    head = bucket.meta.client.head_object(
        Bucket=bucket.name, Key=path.removeprefix(f"{bucket.name}/")
    )
    assert head["ContentLength"] == len(filesystem.cat_file(path))
    assert filesystem.cat_file(path, start=0, end=9) == filesystem.cat_file(path)[:9]
    assert filesystem.cat_file(path) == exports["713"][path.removeprefix(f"{bucket.name}/")]


def test_a_day_or_prefix_has_no_file(exports: dict[str, dict[str, bytes]]) -> None:
    for files in exports.values():
        days = defaultdict(set)
        for key in files:
            prefix, _, name = key.partition("/")
            days[prefix].add(name.split("_")[1][:10])
        assert {prefix: len(found) for prefix, found in days.items()} == {
            "orders-create": 21, "orders-update": 21, "prospects-create": 21,
        }  # fmt: skip


def test_the_header_is_not_the_known_one(exports: dict[str, dict[str, bytes]]) -> None:
    assert len(ORDERS) == 129
    for client, files in exports.items():
        headers = Counter(
            body.decode("utf-8-sig").splitlines()[0] == ",".join(ORDERS)
            for key, body in files.items()
            if key.startswith("orders-")
        )
        assert headers[True] > 35, client
        assert headers[False] > 0, client
        for key, body in files.items():
            if key.startswith("orders-") and body.count(b"\n") > 1:
                assert "click_id" in calls.lines(body)[0]


def _all_lines(files: dict[str, bytes], prefix: str) -> list[dict[str, str]]:
    return [
        row for key, body in files.items() if key.startswith(prefix) for row in calls.lines(body)
    ]


def test_a_trap_of_the_files_is_missing(exports: dict[str, dict[str, bytes]]) -> None:
    for client, files in exports.items():
        create = [body for key, body in files.items() if key.startswith(CREATE)]
        assert any(body.startswith(b"\xef\xbb\xbf") for body in create), client
        assert any(body.split(b"\n")[0].endswith(b"\r") for body in create)
        assert any(key.endswith(".csv.gz") for key in files)
        repeated = Counter(create)
        assert max(repeated.values()) == 2  # delivered again under another name
        update = [body for key, body in files.items() if key.startswith(UPDATE)]
        assert any(body.strip().count(b"\n") == 0 for body in update)  # only a header


def test_a_trap_of_the_lines_is_missing(exports: dict[str, dict[str, bytes]]) -> None:
    created = _all_lines(exports["713"], CREATE)
    updated = _all_lines(exports["713"], UPDATE)
    assert any("\n" in row["notes"] for row in created)
    assert any("," in row["notes"] and '"' in row["notes"] for row in created)
    assert any(row["billing_postcode"].startswith("0") for row in created)
    assert all(row["billing_phone"].startswith("0") for row in created)
    assert {row["product_category"] for row in created} == {"CCW", "EXP"}
    tests = sum(row["is_test_cc"] == "YES" for row in created) / len(created)
    assert 0.02 < tests < 0.09
    assert any(int(row["rebill_depth"]) > 0 and row["parent_order_id"] for row in created)
    assert {row["order_status"] for row in created} >= {"NEW", "DECLINED"}
    assert any(row["affid"] == "" for row in created)
    assert {row["affid"] for row in created} >= {"11", "12", "21", "34"}
    assert any(row["refund_flag"] == "YES" for row in updated)
    assert any(row["void_flag"] == "YES" for row in updated)
    assert any(row["chargeback_flag"] == "YES" for row in updated)
    assert {row["order_status"] for row in updated} >= {"NEW", "VOID/REFUNDED"}
    assert all("X" in row["cc_num_masked"] for row in created)
    assert {row["orders_id"] for row in created} & {row["orders_id"] for row in updated}


def test_one_client_writes_flags_as_the_other(exports: dict[str, dict[str, bytes]]) -> None:
    flags = {
        client: {row["is_test_cc"] for row in _all_lines(files, CREATE)}
        for client, files in exports.items()
    }
    assert flags == {"713": {"YES", "NO"}, "cti": {"1", ""}}


def test_an_order_of_two_products_is_one_line_or_two_totals(
    exports: dict[str, dict[str, bytes]],
) -> None:
    key = next(key for key in exports["713"] if key.startswith(CREATE))
    lines = defaultdict(list)
    for row in calls.lines(exports["713"][key]):
        lines[row["orders_id"]].append(row)
    doubled = [rows for rows in lines.values() if len(rows) > 1]
    assert doubled
    for rows in doubled:
        assert len({row["total_amount"] for row in rows}) == 1
        assert len({row["products_id"] for row in rows}) == len(rows)


def test_the_day_of_a_client_has_few_or_many_orders(
    exports: dict[str, dict[str, bytes]],
) -> None:
    for client, (least, most) in {"713": (90, 230), "cti": (20, 75)}.items():
        for key, body in exports[client].items():
            if key.startswith(CREATE):
                orders = {row["orders_id"] for row in calls.lines(body)}
                assert least < len(orders) < most, key


def _newest(files: dict[str, bytes]) -> dict[str, list[dict[str, str]]]:
    """The newest lines of each order, read from the files only."""
    newest: dict[str, tuple[tuple[str, bool, str], list[dict[str, str]]]] = {}
    for key, body in files.items():
        if not key.startswith("orders-") or not body:
            continue
        prefix, _, name = key.partition("/")
        rank = (name.split("_")[1], prefix == "orders-update", key)
        orders = defaultdict(list)
        for row in calls.lines(body):
            orders[row["orders_id"]].append(row)
        for number, rows in orders.items():
            if number not in newest or newest[number][0] < rank:
                newest[number] = (rank, rows)
    return {number: rows for number, (_, rows) in newest.items()}


def test_the_truth_of_orders_differs_from_the_files(
    agency: Agency, exports: dict[str, dict[str, bytes]]
) -> None:
    yes = {"YES", "1"}
    for client in agency.clients:
        found = {}
        for number, rows in _newest(exports[client]).items():
            row = rows[0]
            found[number] = {
                "_client_id": client,
                "order_id": number,
                "order_date": datetime.strptime(row["order_date"], "%m/%d/%Y")
                .replace(tzinfo=UTC)
                .date(),
                "order_status": row["order_status"],
                "total_amount": Decimal(row["total_amount"]),
                "is_test": row["is_test_cc"] in yes,
                "is_initial": row["rebill_depth"] == "0",
                "state": row["billing_state"],
                "project": row["product_category"],
                "is_voided": row["void_flag"] in yes,
                "is_refunded": row["refund_flag"] in yes,
                "refund_amount": Decimal(row["refund_amount"]),
                "is_chargeback": row["chargeback_flag"] in yes,
                "affiliate_id": int(row["affid"]) if row["affid"] else None,
            }
        expected = {str(row["order_id"]): row for row in agency.truth(client).orders}
        assert found == expected


def test_the_truth_of_files_differs_from_the_bucket(
    agency: Agency, exports: dict[str, dict[str, bytes]]
) -> None:
    for client in agency.clients:
        found = {key: len(calls.lines(body)) for key, body in exports[client].items()}
        assert found == {
            str(row["file_name"]): row["row_count"] for row in agency.truth(client).files
        }


def _keys(agency: Agency, prefix: str = "") -> dict[str, tuple[int, datetime]]:
    objects: Any = calls.bucket(agency).objects.filter(Prefix=prefix)
    return {item.key: (item.size, item.last_modified) for item in objects}


def test_files_do_not_follow_time() -> None:
    morning = datetime(2026, 11, 20, 5, 30, tzinfo=BUSINESS_ZONE)
    with Agency(history_days=2) as agency:
        before = _keys(agency)
        agency.set_now(morning)
        assert _keys(agency) == before
        agency.set_now(morning + timedelta(minutes=5))
        after = _keys(agency)
        new = after.keys() - before.keys()
        assert {key.split("/")[0] for key in new} == {
            "orders-create", "orders-update", "prospects-create",
        }  # fmt: skip
        assert {modified for key, (_, modified) in after.items() if key in new} == {
            datetime(2026, 11, 20, 10, 31, tzinfo=UTC)
        }
        agency.set_now(morning)
        assert _keys(agency) == before


def _turn(agency: Agency, name: str, every: int) -> datetime:
    """The morning of the last day on which this oddity happens to client 713's files."""
    today = agency.calendar.today()
    day = next(
        day
        for day in (today - timedelta(days=age) for age in range(3, 21))
        if agency.stage.world.turn("713", day, name, every)
    )
    return datetime(day.year, day.month, day.day, 5, 31, tzinfo=BUSINESS_ZONE)


def test_a_file_is_never_uploaded_again_with_fewer_rows() -> None:
    with Agency(history_days=20) as agency:
        morning = _turn(agency, "shrunk", 18)
        prefix = f"{CREATE}report_{morning:%Y-%m-%d}T0531"
        counts = []
        for hours in (0, 60):
            agency.set_now(morning + timedelta(hours=hours))
            files = calls.files(agency, prefix=prefix)
            key = min(files)
            counts.append((key, len(calls.lines(files[key])), _keys(agency, prefix)[key][1]))
        assert counts[0][0] == counts[1][0]
        assert counts[0][1] > counts[1][1] > 0
        assert counts[0][2] < counts[1][2]


def test_a_file_without_a_byte_never_appears_or_never_fills() -> None:
    with Agency(history_days=20) as agency:
        morning = _turn(agency, "uploading", 15)
        prefix = f"{UPDATE}report_{morning:%Y-%m-%d}T0531"
        agency.set_now(morning + timedelta(minutes=5))
        [(key, (size, _))] = _keys(agency, prefix).items()
        assert size == 0
        [file] = [row for row in agency.truth("713").files if row["file_name"] == key]
        assert file["row_count"] is None
        agency.set_now(morning + timedelta(hours=5))
        assert _keys(agency, prefix)[key][0] > 1000


def test_two_agencies_of_one_process_share_files() -> None:
    with Agency(history_days=1) as one, Agency(history_days=1) as other:
        assert calls.bucket(one).name != calls.bucket(other).name
        one.s3.put("713", "orders-create/own.csv", b"a,b\n1,2\n")
        assert "orders-create/own.csv" in _keys(one)
        assert "orders-create/own.csv" not in _keys(other)
        one.s3.delete("713", "orders-create/own.csv")
        assert "orders-create/own.csv" not in _keys(one)


def test_a_card_number_is_written_out(exports: dict[str, dict[str, bytes]]) -> None:
    """Nothing in the default files may look like a card: thirteen or more digits."""
    for files in exports.values():
        for key, body in files.items():
            for cells in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")):
                for cell in cells:
                    assert not (cell.isdigit() and len(cell) >= 13), (key, cell)
