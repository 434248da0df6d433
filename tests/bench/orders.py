"""Rows 1 to 7: order exports from S3 into both engines, against what the engines do alone."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ingest.sources.s3_exports.limits import ORDER_COLUMNS
from tests.bench.measure import Result, Rounds, number, process, say
from tests.support.postgres import PostgresServer
from tests.support.processes import BIN
from tests.support.warehouse import Target, empty_warehouse

FILES = 36
ROWS = 18_000
DAY_ROWS = 19_000
FIRST = date(2025, 11, 18)
ADDED = ("_client_id", "_file_name", "_row_id", "_file_date")
# Times the command alone, in a process that has imported what it uses.
WARM = """
import sys, time
import duckdb, dlt, psycopg2, pyarrow, pyarrow.csv, s3fs, sqlalchemy
import cli.ingest, ingest.pull, ingest.sources.s3_exports, scheduler.steps.ingest
from cli.main import main
sys.argv = ["signalroom", "ingest", "s3_exports", "--client", "713"]
began = time.monotonic()
try:
    code = main()
except SystemExit as error:
    code = error.code
print(f"\\nseconds={time.monotonic() - began:.3f}")
sys.exit(code)
"""
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


def cells(chance: random.Random, order: int, day: date) -> list[str]:
    """One order, about as wide as a real one."""
    filled = {
        "orders_id": str(order),
        "order_date": f"{day:%m/%d/%Y}",
        "order_time": "09:30 AM",
        "order_status": "NEW",
        "total_amount": f"{chance.randrange(1000, 20000) / 100:.2f}",
        "billing_email": f"person{order}@example.com",
        "billing_state": "CA",
        "billing_postcode": f"{chance.randrange(10000, 99999)}",
        "notes": "left at the door, call first " * 3 if chance.random() < 0.3 else "",
    }
    return [
        filled.get(name, str(chance.randrange(1000, 999999)) if number % 2 else "")
        for number, name in enumerate(ORDER_COLUMNS)
    ]


def write(folder: Path, files: int, rows: int) -> list[Path]:
    """The exports as files, one a day."""
    chance = random.Random(713)
    paths = []
    for index in range(files):
        day = FIRST + timedelta(days=index)
        path = folder / f"report_{day}T0600_{index:04x}.csv"
        lines = [",".join(ORDER_COLUMNS)]
        lines += [
            ",".join(
                f'"{cell}"' if "," in cell else cell
                for cell in cells(chance, index * rows + one, day)
            )
            for one in range(rows)
        ]
        path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
        paths.append(path)
    return paths


@contextmanager
def bucket(paths: list[Path]) -> Iterator[dict[str, str]]:
    """The files in a bucket of a real S3 server; gives the variables that point at it."""
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
    """Measurements on one set of files; each starts on an empty warehouse."""

    server: PostgresServer
    folder: Path
    variables: dict[str, str]
    memory: dict[str, float]

    def ingest(self, target: Target, warm: bool, twice: bool = False) -> float:
        """Seconds of one pull, or of the second one that finds nothing new."""
        with TemporaryDirectory() as home, empty_warehouse(target, Path(home), self.server) as made:
            env = {**made.environment, **self.variables}
            cold = [str(BIN / "signalroom"), "ingest", "s3_exports", "--client", "713"]
            if twice:
                process(cold, env)
            done = process([sys.executable, "-c", WARM] if warm else cold, env)
            name = f"{target}"
            self.memory[name] = max(self.memory.get(name, 0), done.memory_mb)
            return number(done.output, "seconds") if warm else done.seconds

    def copy(self) -> float:
        """`psql \\copy` of the same bytes; the four columns come from defaults."""
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
        """DuckDB's own `create table as select` from the same files."""
        with TemporaryDirectory() as home:
            return process(
                [sys.executable, "-c", CTAS, f"{home}/one.duckdb", str(self.folder)], {}
            ).seconds

    def plain_dlt(self) -> float:
        """A plain dlt resource of csv.DictReader rows, merged on file and row."""
        [path] = sorted(self.folder.glob("*.csv"))
        with TemporaryDirectory() as home, self.server.database() as there:
            env = {**there, "RUNTIME__DLTHUB_TELEMETRY": "false", "DLT_DATA_DIR": home}
            return number(
                process([sys.executable, "-c", PLAIN, str(path), home], env).output, "seconds"
            )

    def listing(self) -> float:
        """A process that lists the bucket and does nothing else."""
        return process([sys.executable, "-c", LISTING], self.variables).seconds


@contextmanager
def bench(server: PostgresServer, files: int, rows: int) -> Iterator[OrdersBench]:
    with TemporaryDirectory() as folder:
        paths = write(Path(folder), files, rows)
        with bucket(paths) as variables:
            yield OrdersBench(server, Path(folder), variables, {})


def month(server: PostgresServer, scale: float, rounds: int) -> list[Result]:
    """Rows 1, 2, 3 and 6."""
    rows = int(ROWS * scale)
    say(f"orders: {FILES} files of {rows} rows")
    measured = Rounds()
    with bench(server, FILES, rows) as made:
        measured.run(
            rounds,
            copy=made.copy,
            warm=lambda: made.ingest("postgres", warm=True),
            cold=lambda: made.ingest("postgres", warm=False),
            ctas=made.ctas,
            duckdb=lambda: made.ingest("duckdb", warm=True),
        )
        memory = dict(made.memory)
    with bench(server, FILES * 4, rows) as made:
        made.ingest("postgres", warm=False)
        more = made.memory["postgres"]
    work = f"{FILES * rows:,} orders in {FILES} files"
    copy, ctas = measured.median("copy"), measured.median("ctas")
    return [
        Result(
            "1",
            f"{work} to PostgreSQL, warm",
            r"psql \copy",
            "<= 1.6",
            measured.median("warm"),
            copy,
            memory["postgres"],
        ),
        Result(
            "2",
            "the same, cold",
            r"psql \copy",
            "<= 2.2",
            measured.median("cold"),
            copy,
            memory["postgres"],
        ),
        Result(
            "3",
            "the same to DuckDB, warm",
            "CTAS",
            "<= 1.5",
            measured.median("duckdb"),
            ctas,
            memory["duckdb"],
        ),
        Result(
            "6",
            f"{FILES * 4} files to PostgreSQL",
            "",
            "<= 400 MB, flat",
            memory_mb=more,
            note=f"{FILES} files: {memory['postgres']:.0f} MB; DuckDB {memory['duckdb']:.0f} MB",
        ),
    ]


def one_day(server: PostgresServer, scale: float, rounds: int) -> list[Result]:
    """Row 4; what row 5 compares with is measured where sling and ingestr can be installed."""
    rows = int(DAY_ROWS * scale)
    say(f"one day: {rows} rows")
    measured = Rounds()
    with bench(server, 1, rows) as made:
        measured.run(
            rounds,
            plain=made.plain_dlt,
            warm=lambda: made.ingest("postgres", warm=True),
            cold=lambda: made.ingest("postgres", warm=False),
        )
    warm, plain, cold = (measured.median(name) for name in ("warm", "plain", "cold"))
    return [
        Result(
            "4",
            f"one day, {rows:,} orders to PostgreSQL, warm",
            "plain dlt",
            "<= 0.033",
            warm,
            plain,
        ),
        Result(
            "5",
            "the same, whole process",
            "plain dlt",
            "2x sling, ingestr",
            cold,
            plain,
            note="sling and ingestr not run",
        ),
    ]


def nothing_new(server: PostgresServer, rounds: int) -> list[Result]:
    """Row 7."""
    say("second run: 400 files")
    measured = Rounds()
    with bench(server, 400, 20) as made:
        measured.run(
            rounds, listing=made.listing, again=lambda: made.ingest("postgres", False, True)
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
