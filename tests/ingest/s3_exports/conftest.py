"""A real S3 server with a bucket for each test, and pulls from it."""

from __future__ import annotations

import csv
import io
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from dlt.common.configuration.container import Container
from dlt.common.pipeline import PipelineContext

from ingest import registry
from ingest.model import KnownFile, Plan, Pull, TableMetrics, Tables, Window
from ingest.sources.s3_exports import Exports, plan, read_files, s3_exports
from ingest.sources.s3_exports.limits import ORDER_COLUMNS

CREATE = "orders-create/report_2026-11-18T1849_ab12.csv"
SPELLED = {
    "click_id": "Click ID",
    "retries_left": "Retries Left",
    "hold_type_id": "Hold Type ID",
    "offer_id": "Offer ID",
    "processor_id": "Processor ID",
}
HEADER = [SPELLED.get(name, name) for name in ORDER_COLUMNS]
ORDER = {
    "order_date": "11/18/2026",
    "order_time": "09:30 AM",
    "order_status": "NEW",
    "total_amount": "49.95",
    "billing_fname": "Augusta",
    "billing_email": "augusta@example.com",
    "billing_postcode": "01234",
    "cc_num_masked": "411111******1111",
}


def order(number: int, **cells: str) -> dict[str, str]:
    """An order's cells by normalized column."""
    return {"orders_id": str(number), **ORDER, **cells}


def orders(numbers: Iterable[int], **cells: str) -> list[dict[str, str]]:
    """Orders with these numbers, otherwise identical."""
    return [order(number, **cells) for number in numbers]


def line(cells: Sequence[str], end: str = "\r\n") -> bytes:
    """One line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator=end).writerow(cells)
    return text.getvalue().encode()


def export(
    rows: Iterable[Mapping[str, str]], header: Sequence[str] = HEADER, end: str = "\r\n"
) -> bytes:
    """A file as the shop writes it; keys of rows are normalized names or the header's own."""
    names = {spelled: name for name, spelled in SPELLED.items()}
    found = [line(header, end)]
    found += [line([row.get(names.get(name, name), "") for name in header], end) for row in rows]
    return b"".join(found)


@dataclass
class Taken:
    """The result of a pull that was read to its end."""

    landings: dict[str, TableMetrics]
    tables: dict[str, list[Any]]
    said: list[str]

    def rows(self, table: str = "orders_create") -> list[dict[str, Any]]:
        """The rows without the tombstones."""
        return [
            row for part in self.tables[table] for row in part.to_pylist() if not row["_deleted"]
        ]

    def cleared(self, table: str = "orders_create") -> list[str]:
        """The files whose earlier rows are cleared."""
        every = [row for part in self.tables[table] for row in part.to_pylist()]
        return [row["_file_name"] for row in every if row["_deleted"]]

    @property
    def failures(self) -> list[str]:
        """Every failure of every table."""
        return [failure for landing in self.landings.values() for failure in landing.failures]

    @property
    def known(self) -> dict[tuple[str, str], KnownFile]:
        """The ledger's content afterwards."""
        return {
            (table, file.file_name): KnownFile(file.etag, file.size_bytes, file.status, file.header)
            for table, landing in self.landings.items()
            for file in landing.files
        }

    @property
    def everything(self) -> str:
        """Everything that the reader outputs, as text."""
        return repr(
            (self.landings, [t.to_pylist() for p in self.tables.values() for t in p], self.said)
        )


@dataclass
class Bench:
    """A bucket, and pulls from it for client 713."""

    s3: Any
    bucket: str
    known: dict[tuple[str, str], KnownFile] = field(default_factory=dict)

    def put(self, content: bytes, key: str = CREATE) -> None:
        """Upload a file."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def pull(self, said: list[str] | None = None, **settings: Any) -> Pull:
        """A pull that knows which files earlier ones have read."""
        lines = [] if said is None else said
        return Pull(
            client_id=settings.pop("client_id", "713"),
            window=Window(date(2026, 11, 18), date(2026, 11, 19)),
            as_of=datetime(2026, 11, 19, 14, 30, tzinfo=UTC),
            resources=settings.pop("resources", None)
            or registry.source("s3_exports").chosen("713"),
            say=lines.append,
            notice=lines.append,
            known_files=dict(self.known),
            source="s3_exports",
        )

    def take(self, **settings: Any) -> Taken:
        """Pull, read everything, and remember it as the ledger would."""
        said: list[str] = []
        between = settings.pop("between", lambda: None)
        Container()[PipelineContext].deactivate()  # one left by another test would expect files
        pull = self.pull(said, **settings)
        s3_exports(pull=pull)
        exports = Exports(pull)
        listed = list(exports.listings)
        between()
        landings: dict[str, TableMetrics] = {}
        tables: dict[str, list[Any]] = {}
        for prefix in listed:
            part = replace(pull, metrics=TableMetrics(), tables=Tables())
            tables[prefix.table] = list(read_files(part, exports, prefix))
            landings[prefix.table] = part.metrics
        taken = Taken(landings, tables, said)
        for key, known in taken.known.items():
            self.known.pop(key, None)
            if known.status != "gone":
                self.known[key] = known
        return taken

    def plan(self, **settings: Any) -> Plan:
        """The plan of the next pull."""
        return plan(self.pull(**settings))


@dataclass
class Faults:
    """Faulty answers: the first planned fault that matches a request's path answers it."""

    planned: list[tuple[str, str, list[bytes]]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def plan(self, method: str, part: str, *answers: bytes) -> None:
        """Answer the next requests whose path contains `part` with these, each status + body."""
        self.planned.append((method, part, list(answers)))

    def answer(self, method: str, path: str) -> bytes | None:
        """The planned answer to a request, if any."""
        self.requests.append((method, path))
        for wanted, part, answers in self.planned:
            if answers and wanted == method and part in path:
                return answers.pop(0)
        return None


def failure(status: str, code: str, message: str = "") -> bytes:
    """S3's answer for a failure."""
    said = message or code
    return f"{status}\n<Error><Code>{code}</Code><Message>{said}</Message></Error>".encode()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[str, Faults]]:
    """moto's S3 server on a free port, behind a proxy that can inject faults."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: Any) -> None:
            pass

    faults = Faults()
    app = DomainDispatcherApplication(create_backend_app)

    def gate(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        answer = faults.answer(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if answer is None:
            found: Iterable[bytes] = app(environ, start)
            return found
        status, body = answer.split(b"\n", 1)
        start(status.decode(), [("Content-Type", "application/xml")])
        return [body]

    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", faults
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def faults(s3_server: tuple[str, Faults]) -> Iterator[Faults]:
    """The proxy in front of the server, with no planned faults."""
    found = s3_server[1]
    found.planned.clear()
    found.requests.clear()
    yield found
    found.planned.clear()


@pytest.fixture(scope="session")
def s3_client(s3_server: tuple[str, Faults]) -> Any:
    """A client of the server, for uploads."""
    return boto3.client(
        "s3",
        endpoint_url=s3_server[0],
        region_name="us-east-1",
        aws_access_key_id="uploader",
        aws_secret_access_key="uploader",
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture
def bench(s3_client: Any, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A separate bucket for the test, and the variables that point to it."""
    bucket = f"exports-{uuid.uuid4().hex}"
    s3_client.create_bucket(Bucket=bucket)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-access-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_client.meta.endpoint_url)
    monkeypatch.setenv("S3_BUCKET_NAME", bucket)
    return Bench(s3_client, bucket)
