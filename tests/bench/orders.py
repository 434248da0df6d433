"""Rows 1 to 7: order exports from S3 into both engines, compared with the engines alone."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from ingest.sources.s3_exports.limits import ORDER_COLUMNS
from tests.bench import measure
from tests.bench.measure import Part, Result, Rounds, Setup, number, process, say
from tests.bench.peers import peers
from tests.support.postgres import PostgresServer
from tests.support.processes import BIN
from tests.support.warehouse import Target, empty_warehouse

FILES = 36
ROWS = 18_000
DAY_ROWS = 19_000
YEAR_FILES = 365
FIRST = date(2025, 11, 18)
ADDED = ("_client_id", "_file_name", "_row_id", "_file_date")
# What a plain dlt pipeline does with the same file.
PLAIN = """
import csv, sys, time
import dlt, psycopg2, os
user = "{SUPABASE_DB_USER}:{SUPABASE_DB_PASSWORD}"
url = "postgresql://" + user + "@{SUPABASE_DB_HOST}:{SUPABASE_DB_PORT}/{SUPABASE_DB_NAME}"
@dlt.resource(name="orders", write_disposition="merge", primary_key=("_file_name", "_row_id"))
def orders():
    with open(sys.argv[1], newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            yield {**row, "_file_name": "one.csv", "_row_id": number}
destination = dlt.destinations.postgres(url.format(**os.environ))
pipeline = dlt.pipeline("plain", sys.argv[2], destination=destination, dataset_name="plain")
began = time.monotonic()
pipeline.run(orders())
print(f"seconds={time.monotonic() - began:.3f}")
"""
LISTING = """
import os, s3fs
fs = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"])
print(len(fs.find(os.environ["S3_BUCKET_NAME"], detail=True)))
"""
CTAS = """
import duckdb, sys
duckdb.connect(sys.argv[1]).execute(
    "create table orders as select *, '713' as _client_id, filename as _file_name,"
    " row_number() over () as _row_id, current_date as _file_date"
    " from read_csv(?, all_varchar=true, filename=true, header=true)", [sys.argv[2] + "/*.csv"])
"""


def _cell(name: str, number: int) -> str:
    """A column of an order in SQL, about as wide as a real one; `i` counts the orders."""
    chance = f"hash(i * 1000 + {number})"
    filled = {
        "orders_id": "i",
        "order_date": "strftime(day, '%m/%d/%Y')",
        "order_time": "'09:30 AM'",
        "order_status": "'NEW'",
        "total_amount": f"cast({chance} % 19000 / 100 + 10 as decimal(9, 2))",
        "billing_email": "'person' || i || '@example.com'",
        "billing_state": "'CA'",
        "billing_postcode": f"{chance} % 90000 + 10000",
        "notes": f"case when {chance} % 10 < 3 then repeat('left at the door, call first ', 3) end",
    }
    made = filled.get(name, f"{chance} % 998000 + 1000" if number % 2 else "null")
    return f'{made} as "{name}"'


def write(folder: Path, files: int, rows: int) -> list[Path]:
    """Write the exports as files, one per day."""
    columns = ", ".join(_cell(name, number) for number, name in enumerate(ORDER_COLUMNS))
    paths = []
    with duckdb.connect() as engine:
        for index in range(files):
            day = FIRST + timedelta(days=index)
            path = folder / f"report_{day}T0600_{index:04x}.csv"
            engine.execute(
                f"copy (select {columns} from (select unnest(range({rows})) + {index * rows} as i,"
                f" date '{day}' as day)) to '{path}' (format csv, header)"
            )
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
            paths.append(path)
    return paths


@contextmanager
def bucket(paths: list[Path]) -> Iterator[dict[str, str]]:
    """Upload the files to a bucket of a real S3 server; yields the variables that point to it."""
    import boto3
    from botocore.config import Config
    from moto.server import DomainDispatcherApplication, create_backend_app  # type: ignore[attr-defined]
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: Any) -> None:
            pass

    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
        **keys,
    )
    name = f"bench-{server.server_port}"
    client.create_bucket(Bucket=name)
    for path in paths:
        client.upload_file(str(path), name, f"orders-create/{path.name}")
    try:
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "us-east-1",
            "S3_BUCKET_NAME": name,
            "S3_PREFIXES": "orders-create",
        }
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class OrdersBench:
    """Measurements on one set of files; each starts with an empty warehouse."""

    server: PostgresServer
    folder: Path
    variables: dict[str, str]
    memory: dict[str, float]

    def ingest(self, target: Target, warm: bool, twice: bool = False) -> float:
        """Seconds of one pull, or of a second one that finds nothing new."""
        with TemporaryDirectory() as home, empty_warehouse(target, Path(home), self.server) as made:
            env = {**made.environment, **self.variables}
            arguments = ["ingest", "s3_exports", "--client", "713"]
            cold = [str(BIN / "signalroom"), *arguments]
            if twice:
                process(cold, env)
            done = measure.warm(arguments, env) if warm else process(cold, env)
            self.memory[target] = max(self.memory.get(target, 0), done.memory_mb)
            return number(done.output, "seconds") if warm else done.seconds

    def copy(self) -> float:
        """Seconds of `psql \\copy` of the same bytes; the four columns come from defaults."""
        columns = ", ".join(f'"{name}" text' for name in ORDER_COLUMNS)
        names = ", ".join(f'"{name}"' for name in ORDER_COLUMNS)
        added = (
            "_client_id text default '713', _file_name text default 'file',"
            " _row_id bigserial, _file_date date default current_date"
        )
        script = [f"create table orders ({columns}, {added});"]
        script += [
            f"\\copy orders ({names}) from '{path}' csv header"
            for path in sorted(self.folder.glob("*.csv"))
        ]
        with self.server.database() as there:
            env = {"PGPASSWORD": there["SUPABASE_DB_PASSWORD"]}
            command = [
                str(self.server.binaries / "psql"),
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
                "-p",
                there["SUPABASE_DB_PORT"],
                "-U",
                there["SUPABASE_DB_USER"],
                "-d",
                there["SUPABASE_DB_NAME"],
            ]
            (self.folder / "copy.sql").write_text("\n".join(script), encoding="utf-8")
            return process([*command, "-f", str(self.folder / "copy.sql")], env).seconds

    def ctas(self) -> float:
        """Seconds of DuckDB's own `create table as select` from the same files."""
        with TemporaryDirectory() as home:
            return process(
                [sys.executable, "-c", CTAS, f"{home}/one.duckdb", str(self.folder)], {}
            ).seconds

    def plain_dlt(self) -> float:
        """Seconds of a plain dlt resource of csv.DictReader rows, merged on file and row."""
        [path] = sorted(self.folder.glob("*.csv"))
        with TemporaryDirectory() as home, self.server.database() as there:
            env = {**there, "RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": home}
            return number(
                process([sys.executable, "-c", PLAIN, str(path), home], env).output, "seconds"
            )

    def listing(self) -> float:
        """Seconds of a process that only lists the bucket."""
        return process([sys.executable, "-c", LISTING], self.variables).seconds


@contextmanager
def bench(server: PostgresServer, files: int, rows: int) -> Iterator[OrdersBench]:
    with TemporaryDirectory() as folder:
        paths = write(Path(folder), files, rows)
        with bucket(paths) as variables:
            yield OrdersBench(server, Path(folder), variables, {})


def month(setup: Setup) -> list[Result]:
    """Rows 1, 2, 3 and 6."""
    rows = int(ROWS * setup.scale)
    say(f"orders: {FILES} files of {rows:,} rows")
    measured = Rounds()
    wanted = setup.wanted
    with bench(setup.server, FILES, rows) as made:
        works: dict[str, Callable[[], float]] = {}
        if wanted & {"1", "2"}:
            works["copy"] = made.copy
        if wanted & {"1", "6"}:
            works["warm"] = lambda: made.ingest("postgres", warm=True)
        if "2" in wanted:
            works["cold"] = lambda: made.ingest("postgres", warm=False)
        if "3" in wanted:
            works["ctas"] = made.ctas
        if wanted & {"3", "6"}:
            works["duckdb"] = lambda: made.ingest("duckdb", warm=True)
        measured.run(setup.rounds, **works)
        memory = made.memory
    work = f"{FILES * rows:,} orders in {FILES} files"
    results = []
    for row, what, name, reference, label, goal, target in (
        ("1", f"{work} to PostgreSQL, warm", "warm", "copy", r"psql \copy", "<= 1.6", "postgres"),
        ("2", f"{work} to PostgreSQL, cold", "cold", "copy", r"psql \copy", "<= 2.2", "postgres"),
        ("3", f"{work} to DuckDB, warm", "duckdb", "ctas", "CTAS", "<= 1.5", "duckdb"),
    ):
        if row in wanted:
            took, alone = measured.median(name), measured.median(reference)
            results.append(Result(row, what, label, goal, took, alone, memory[target]))
    if "6" in wanted:
        results += _year(setup, rows // 4, memory)
    return results


def _year(setup: Setup, rows: int, month: Mapping[str, float]) -> list[Result]:
    say(f"orders: {YEAR_FILES} files of {rows:,} rows")
    with bench(setup.server, YEAR_FILES, rows) as made:
        for target in ("postgres", "duckdb"):
            made.ingest(target, warm=False)
    work = f"{YEAR_FILES * rows:,} orders in {YEAR_FILES} files"
    return [
        Result(
            "6",
            f"{work} to {title}",
            "",
            "<= 400 MB, flat",
            memory_mb=made.memory[target],
            note=f"{FILES} files of four times the size: {month[target]:.0f} MB",
        )
        for target, title in (("postgres", "PostgreSQL"), ("duckdb", "DuckDB"))
    ]


def one_day(setup: Setup) -> list[Result]:
    """Row 4."""
    rows = int(DAY_ROWS * setup.scale)
    say(f"one day: {rows:,} rows")
    measured = Rounds()
    with bench(setup.server, 1, rows) as made:
        measured.run(
            setup.rounds,
            plain=made.plain_dlt,
            warm=lambda: made.ingest("postgres", warm=True),
        )
    work = f"one day, {rows:,} orders to PostgreSQL, warm"
    warm, plain = measured.median("warm"), measured.median("plain")
    return [Result("4", work, "plain dlt", "<= 0.033", warm, plain)]


def one_day_cold(setup: Setup) -> list[Result]:
    """Row 5."""
    rows = int(DAY_ROWS * setup.scale)
    say(f"one day, beside sling and ingestr: {rows:,} rows")
    measured = Rounds()
    with bench(setup.server, 1, rows) as made, peers() as others:
        [file] = made.folder.glob("*.csv")
        measured.run(
            setup.rounds,
            cold=lambda: made.ingest("postgres", warm=False),
            **others.works(setup.server, file),
        )
    work = f"one day, {rows:,} orders to PostgreSQL, cold"
    cold = measured.median("cold")
    results = [
        Result("5", work, name, "<= 0.5", cold, measured.median(name)) for name in others.installed
    ]
    results += [
        Result("5", work, name, "<= 0.5", cold, note=f"{name} cannot be installed: {reason}")
        for name, reason in others.missing.items()
    ]
    return results


def nothing_new(setup: Setup) -> list[Result]:
    """Row 7."""
    say("second run: 400 files")
    measured = Rounds()
    with bench(setup.server, 400, 20) as made:
        measured.run(
            setup.rounds, listing=made.listing, again=lambda: made.ingest("postgres", False, True)
        )
    again, listing = measured.median("again"), measured.median("listing")
    return [
        Result(
            "7",
            "second run, 400 files read before",
            "listing alone",
            "<= +1.5 s",
            again,
            listing,
            note=f"+{again - listing:.2f} s",
        )
    ]


PARTS = (
    Part(frozenset({"7"}), nothing_new),
    Part(frozenset({"4"}), one_day),
    Part(frozenset({"5"}), one_day_cold),
    Part(frozenset({"1", "2", "3", "6"}), month),
)
