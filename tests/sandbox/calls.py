"""Calls to the simulated vendors, as a careful client makes them."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import boto3
import httpx
from botocore.config import Config

from sandbox import Agency

FIRST, LAST = date(2026, 10, 16), date(2026, 11, 19)
NEW_YORK = 80
DIMENSIONS = ("date", "affiliate", "advertiser")
RECENT = date(2026, 11, 6)
# shared, because creating them again would cost more than the calls
HTTP = httpx.Client(timeout=30, trust_env=False)
AWS = boto3.Session()
TABLE = "/v1/networks/reporting/entity/table"


def variable(agency: Agency, name: str, client: str = "713") -> str:
    return agency.environment()[name if client == "713" else f"{name}__{client.upper()}"]


def everflow(agency: Agency, path: str, client: str = "713", **options: Any) -> httpx.Response:
    """POST if there is a JSON body, else GET."""
    headers = {"X-Eflow-API-Key": variable(agency, "EVERFLOW_API_KEY", client)}
    method = "POST" if "json" in options else "GET"
    url = agency.base_url("everflow") + path
    return HTTP.request(method, url, headers=headers, **options)


def table_body(start: date = FIRST, end: date = LAST, **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "timezone_id": NEW_YORK,
        "currency_id": "USD",
        "columns": [{"column": name} for name in DIMENSIONS],
    }
    return body | changes


def table_rows(agency: Agency, client: str = "713", **changes: Any) -> list[dict[str, Any]]:
    answer = everflow(agency, TABLE, client, json=table_body(**changes))
    assert answer.status_code == 200, answer.text
    assert answer.json()["incomplete_results"] is False
    rows: list[dict[str, Any]] = answer.json()["table"]
    return rows


def columns_of(row: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {column["column_type"]: column for column in row["columns"]}


def stats(agency: Agency, client: str = "713", **changes: Any) -> list[dict[str, Any]]:
    """Rows of the table under the names of `everflow.daily_stats`, with exact money values."""
    found = []
    for row in table_rows(agency, client, **changes):
        named, told = columns_of(row), row["reporting"]
        found.append(
            {
                "date": datetime.fromtimestamp(int(named["date"]["id"]), UTC).date(),
                "affiliate_id": int(named["affiliate"]["id"]),
                "affiliate_label": named["affiliate"]["label"],
                "advertiser_id": int(named["advertiser"]["id"]),
                "advertiser_label": named["advertiser"]["label"],
                "imp": told["imp"],
                "clicks": told["total_click"],
                "unique_clicks": told["unique_click"],
                "invalid_clicks": told["invalid_click"],
                "duplicate_clicks": told["duplicate_click"],
                "gross_clicks": told["gross_click"],
                "conversions": told["cv"],
                "total_conversions": told["total_cv"],
                "view_through_conversions": told["view_through_cv"],
                "scrubbed_conversions": told["invalid_cv_scrub"],
                "events": told["event"],
            }
            | {
                name: Decimal(str(told[name]))
                for name in ("revenue", "payout", "profit", "event_revenue", "gross_sales")
            }
        )
    return sorted(found, key=lambda row: (row["date"], row["advertiser_id"], row["affiliate_id"]))


def conversions(agency: Agency, client: str = "713", **changes: Any) -> list[dict[str, Any]]:
    """Every conversion row of all pages, including repeated ones."""
    body = {
        "from": f"{RECENT} 00:00:00",
        "to": f"{LAST} 23:59:59",
        "timezone_id": NEW_YORK,
        "show_conversions": True,
    } | changes
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        path = f"/v1/networks/reporting/conversions?page={page}&page_size=1000"
        answer = everflow(agency, path, client, json=body).json()
        found += answer["conversions"]
        if page * 1000 >= answer["paging"]["total_count"]:
            return found
        page += 1


def report(agency: Agency, client: str = "713", **changes: str) -> httpx.Response:
    parameters = {
        "api_key": variable(agency, "REDTRACK_API_KEY", client),
        "group": "date,source",
        "date_from": FIRST.isoformat(),
        "date_to": LAST.isoformat(),
        "timezone": "America/New_York",
        "per": "1000",
    } | changes
    return HTTP.get(agency.base_url("redtrack") + "/report", params=parameters)


def spend(agency: Agency, client: str = "713", **changes: str) -> list[dict[str, Any]]:
    """All pages of a report."""
    found: list[dict[str, Any]] = []
    per = int(changes.get("per", "1000"))
    for page in range(1, 100):
        answer = report(agency, client, **changes, page=str(page))
        assert answer.status_code == 200, answer.text
        found += answer.json()
        if len(answer.json()) < per:
            return found
    raise AssertionError("the report never came to a short page")


def bucket(agency: Agency, client: str = "713") -> Any:
    """The client's bucket through boto3."""
    resource = AWS.resource(
        "s3",
        endpoint_url=agency.base_url("s3"),
        aws_access_key_id=variable(agency, "AWS_ACCESS_KEY_ID", client),
        aws_secret_access_key=variable(agency, "AWS_SECRET_ACCESS_KEY", client),
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 0}),
    )
    return resource.Bucket(variable(agency, "S3_BUCKET_NAME", client))


def files(agency: Agency, client: str = "713", prefix: str = "") -> dict[str, bytes]:
    """The uncompressed content of every file under a prefix."""
    found = {}
    for item in bucket(agency, client).objects.filter(Prefix=prefix):
        body = item.get()["Body"].read()
        found[item.key] = gzip.decompress(body) if item.key.endswith(".gz") else body
    return found


def lines(body: bytes) -> list[dict[str, str]]:
    """Lines of an export under snake_case names."""
    reader = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))
    header = [name.strip().lower().replace(" ", "_") for name in next(reader)]
    return [dict(zip(header, cells, strict=True)) for cells in reader]
