"""Row 8: JSON lists into PostgreSQL, compared with dlt's default of dicts on the same pages."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from sandbox import Agency
from tests.bench.measure import Part, Process, Result, Rounds, Setup, number, process, say, warm
from tests.support.warehouse import empty_warehouse

CONVERSIONS, CONTACTS = 100_000, 50_000
DAYS = 35  # the length of a first pull
# A resource of dicts with dlt's defaults; it reads the same pages as the product.
PLAIN = """
import json, os, resource, sys, time
import dlt, httpx, psycopg2
name, key, made, folder = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]
user = "{SUPABASE_DB_USER}:{SUPABASE_DB_PASSWORD}"
url = "postgresql://" + user + "@{SUPABASE_DB_HOST}:{SUPABASE_DB_PORT}/{SUPABASE_DB_NAME}"
@dlt.resource(name=name, write_disposition="merge", primary_key=key)
def rows():
    with httpx.Client(timeout=60) as http:
        for method, address, body in made:
            found = http.request(method, address, json=body).json()[name]
            yield list(found.values()) if isinstance(found, dict) else found
destination = dlt.destinations.postgres(url.format(**os.environ))
pipeline = dlt.pipeline("plain", folder, destination=destination, dataset_name="plain")
began = time.monotonic()
pipeline.run(rows())
print(f"seconds={time.monotonic() - began:.3f}")
"""

Page = tuple[str, str, Any]  # method, path with its query, JSON body


@dataclass(frozen=True)
class Vendor:
    """A list: what the product loads, and its pages for the plain dlt way."""

    source: str
    table: str
    key: str
    rows: int
    pages: list[Page]


def _everflow(entry: dict[str, Any], last: date, rows: int) -> dict[str, list[bytes]]:
    """Conversions by day, each with its own id and amount."""
    by_day = {}
    for back in range(DAYS):
        day = last - timedelta(days=back)
        noon = int(datetime.fromisoformat(f"{day}T17:00:00+00:00").timestamp())
        by_day[str(day)] = [
            json.dumps(
                {
                    **entry,
                    "conversion_id": f"{day}-{one:06d}",
                    "transaction_id": f"t-{day}-{one:06d}",
                    "conversion_unix_timestamp": noon + one % 3600,
                    "click_unix_timestamp": noon - 100,
                    "payout": one % 9000 / 100,
                }
            ).encode()
            for one in range(rows // DAYS)
        ]
    return by_day


def _mautic(entry: dict[str, Any], rows: int) -> list[tuple[str, bytes]]:
    return [
        (str(one), json.dumps({**entry, "id": one, "points": one % 100}).encode())
        for one in range(1, rows + 1)
    ]


class _Pages(ThreadingHTTPServer):
    """Both vendors' pages, prepared in advance; answering costs next to nothing."""

    daemon_threads = True

    def __init__(self, conversions: dict[str, list[bytes]], contacts: list[tuple[str, bytes]]):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.conversions = conversions
        self.contacts = contacts


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Pages

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path != "/api/contacts":
            return self._answer(b'{"timezones": []}')
        start, limit = int(asked["start"]), int(asked["limit"])
        page = self.server.contacts[start : start + limit]
        entries = b",".join(b'"%s":%s' % (name.encode(), entry) for name, entry in page)
        total = len(self.server.contacts)
        return self._answer(b'{"total":"%d","contacts":{%s}}' % (total, entries))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        address = urlsplit(self.path)
        if address.path == "/oauth/v2/token":
            return self._answer(b'{"access_token": "bench-token", "expires_in": 3600}')
        asked = {name: int(values[0]) for name, values in parse_qs(address.query).items()}
        found = self.server.conversions.get(json.loads(body)["from"][:10], [])
        first = (asked["page"] - 1) * asked["page_size"]
        paging = {**asked, "total_count": len(found)}
        return self._answer(
            b'{"conversions":[%s],"paging":%s}'
            % (b",".join(found[first : first + asked["page_size"]]), json.dumps(paging).encode())
        )

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _templates(agency: Agency) -> tuple[dict[str, Any], dict[str, Any]]:
    """One conversion and one contact, as the simulated vendors return them."""
    there = agency.environment()
    yesterday = agency.now().date() - timedelta(days=1)
    window = {"from": f"{yesterday} 00:00:00", "to": f"{yesterday} 23:59:59", "timezone_id": 80}
    conversion = httpx.post(
        f"{there['EVERFLOW_BASE_URL']}/v1/networks/reporting/conversions",
        headers={"X-Eflow-API-Key": there["EVERFLOW_API_KEY"]},
        params={"page": 1, "page_size": 1},
        json={**window, "show_conversions": True, "show_events": False},
    ).json()["conversions"][0]
    base = there["MAUTIC_BASE_URL"]
    form = {
        "grant_type": "client_credentials",
        "client_id": there["MAUTIC_CLIENT_ID"],
        "client_secret": there["MAUTIC_CLIENT_SECRET"],
    }
    token = httpx.post(f"{base}/oauth/v2/token", data=form).json()["access_token"]
    asked: dict[str, str | int] = {"start": 0, "limit": 1, "orderBy": "id", "orderByDir": "asc"}
    headers = {"Authorization": f"Bearer {token}"}
    contacts = httpx.get(f"{base}/api/contacts", headers=headers, params=asked).json()["contacts"]
    return conversion, next(iter(contacts.values()))


@contextmanager
def vendors(scale: float) -> Iterator[tuple[dict[str, str], list[Vendor]]]:
    """The variables that point to the pages, and the two lists."""
    with Agency(history_days=3) as agency:
        now = agency.now()
        conversion, contact = _templates(agency)
    conversions = _everflow(conversion, now.date(), int(CONVERSIONS * scale))
    contacts = _mautic(contact, int(CONTACTS * scale))
    with _Pages(conversions, contacts) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        path = f"{base}/v1/networks/reporting/conversions"
        by_day: list[Page] = [
            ("POST", f"{path}?page={page}&page_size=2000", {"from": f"{day} 00:00:00"})
            for day, found in conversions.items()
            for page in range(1, -(-len(found) // 2000) + 1)
        ]
        whole: list[Page] = [
            ("GET", f"{base}/api/contacts?start={start}&limit=500", None)
            for start in range(0, len(contacts), 500)
        ]
        count = sum(map(len, conversions.values()))
        yield (
            {
                "SIGNALROOM_NOW": now.isoformat(timespec="seconds"),
                "EVERFLOW_API_KEY": "bench",
                "EVERFLOW_BASE_URL": base,
                "MAUTIC_BASE_URL": base,
                "MAUTIC_CLIENT_ID": "bench",
                "MAUTIC_CLIENT_SECRET": "bench",
            },
            [
                Vendor("everflow", "conversions", "conversion_id", count, by_day),
                Vendor("mautic", "contacts", "id", len(contacts), whole),
            ],
        )
        server.shutdown()


def lists(setup: Setup) -> list[Result]:
    """Row 8."""
    results = []
    with vendors(setup.scale) as (variables, found):
        for one in found:
            say(f"{one.source}: {one.rows:,} {one.table}")
            measured = Rounds()
            memory: list[float] = []

            def ours(one: Vendor = one, memory: list[float] = memory) -> float:
                with (
                    TemporaryDirectory() as home,
                    empty_warehouse("postgres", Path(home), setup.server) as made,
                ):
                    arguments = ["ingest", one.source, "--client", "713", "--resource", one.table]
                    done = warm(arguments, {**made.environment, **variables})
                    memory.append(done.memory_mb)
                    [(rows,)] = made.rows(f"select count(*) from {one.source}.{one.table}")
                    if rows != one.rows:
                        raise RuntimeError(f"{rows} rows of {one.rows}: {done.output[-500:]}")
                    return number(done.output, "seconds")

            def plain(one: Vendor = one) -> float:
                with TemporaryDirectory() as home, setup.server.database() as there:
                    return number(_plain(one, home, there).output, "seconds")

            measured.run(setup.rounds, plain=plain, ours=ours)
            results.append(
                Result(
                    "8",
                    f"{one.rows:,} {one.table} of {one.source} to PostgreSQL, warm",
                    "dlt's dicts",
                    "<= 0.4, 400 MB",
                    measured.median("ours"),
                    measured.median("plain"),
                    max(memory),
                )
            )
    return results


def _plain(one: Vendor, home: str, there: dict[str, str]) -> Process:
    env = {**there, "RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": home}
    command = [sys.executable, "-c", PLAIN, one.table, one.key, json.dumps(one.pages), home]
    return process(command, env)


PARTS = (Part(frozenset({"8"}), lists),)
