"""Tests that every source must pass against the simulated agency. A new source inherits them:

class TestMine(Acceptance):
    source = vendor = "mine"
    ...
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
import tenacity

from ingest import pull as pipeline
from ingest import registry
from ingest.model import Window
from sandbox import Agency
from sandbox.agency import HISTORY_DAYS
from sandbox.faults import Kind
from signalroom import clock
from signalroom.errors import AnswerError, CredentialsError, SourceError
from tests.ingest.reading import extract, plain, pull_of, rows_of, stored
from tests.support.processes import BIN, own_environment
from tests.support.warehouse import DUCKDB_FIRST, POSTGRES_FIRST, Warehouse

CLIENTS = ("713", "cti")
Table = list[dict[str, Any]]
# Each source tests one fault of each kind; all faults are tested in test_http.py and, for each
# source, in `make test-deep`.
PASSING: list[Any] = [
    ("status_500", {}),
    pytest.param("status", {"status": 503}, marks=pytest.mark.deep),
    pytest.param("status_429", {}, marks=pytest.mark.deep),
    ("status_429", {"retry_after": 0.2}),
    ("truncated_body", {}),
    pytest.param("close_connection", {}, marks=pytest.mark.deep),
    pytest.param("bad_json", {}, marks=pytest.mark.deep),
    ("wrong_type", {}),
]
LASTING: list[Any] = [
    ("status_500", {}, SourceError),
    pytest.param("close_connection", {}, SourceError, marks=pytest.mark.deep),
    pytest.param("truncated_body", {}, SourceError, marks=pytest.mark.deep),
    ("status", {"status": 403}, CredentialsError),
    pytest.param("status", {"status": 400}, SourceError, marks=pytest.mark.deep),
    ("redirect_foreign", {}, AnswerError),
]


PLAIN = """
import sys
import dlt
from ingest.sources.{source} import {source}

client_id, start, end = sys.argv[1:]
pipeline = dlt.pipeline(
    "plain",
    destination=dlt.destinations.duckdb("scratch.duckdb"),
    dataset_name="{source}",
    pipelines_dir="pipelines",
)
pipeline.run({source}(client_id=client_id, start=start, end=end))
"""


def content(path: Path, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns with their types, and rows, without dlt's own."""
    with duckdb.connect(str(path), read_only=True) as connection:
        described = connection.execute(f"describe {table}").fetchall()
        columns = sorted(f'"{name}" {kind}' for name, kind, *_ in described if name[:4] != "_dlt")
        names = ", ".join(column.rsplit('" ', 1)[0] + '"' for column in columns)
        return columns, connection.execute(f"select {names} from {table} order by all").fetchall()


class Acceptance:
    """`moments` are three simulated times at which the vendor gives different answers."""

    source: ClassVar[str]
    vendor: ClassVar[str]
    window: ClassVar[Window]
    moments: ClassVar[tuple[datetime, datetime, datetime]]
    first_table: ClassVar[str]
    clients: ClassVar[tuple[str, ...]] = CLIENTS
    credential: ClassVar[str]  # the variable, and below it a value that the vendor refuses
    bad_credential: ClassVar[str]
    history_days: ClassVar[int] = HISTORY_DAYS  # fewer if all of them are read

    def truth(self, agency: Agency, client_id: str) -> Mapping[str, Table]:
        """The rows of each table after a complete pull of the window now."""
        raise AssertionError("a source says what is true of it")

    def secrets(self) -> list[str]:
        """Texts that no output may contain."""
        return [os.environ[self.credential]]

    @pytest.fixture
    def agency(
        self, start_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Agency]:
        """A separate agency for the test, without waits between attempts."""
        agency = start_agency(history_days=self.history_days)
        monkeypatch.setattr("ingest.http._backoff", tenacity.wait_none())
        for name, value in agency.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SIGNALROOM_HASH_SALT", "salt-of-the-tests")
        return agency

    def move(self, agency: Agency, moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
        """Set the simulated time for the vendor and for SignalRoom."""
        agency.set_now(moment)
        monkeypatch.setenv("SIGNALROOM_NOW", moment.isoformat())

    def load(self, client_id: str, said: list[str]) -> pipeline.Loaded:
        """Load the window; messages are appended to `said`."""
        source = registry.source(self.source)
        pull = pipeline.make_pull(
            source, client_id, window=self.window, say=said.append, notice=said.append
        )
        loaded = pipeline.load(source, pull)
        said += [loaded.summary(), *loaded.failures, repr(pull), repr(loaded)]
        return loaded

    def check(
        self, warehouse: Warehouse, agency: Agency, clients: tuple[str, ...] | None = None
    ) -> None:
        """Check that every raw table equals the truth, row by row, client by client."""
        for client_id in clients or self.clients:
            for table, expected in self.truth(agency, client_id).items():
                columns = list(expected[0]) if expected else ["_client_id"]
                found = stored(
                    warehouse, f"{self.source}.{table}", columns, f"_client_id = '{client_id}'"
                )
                # the first differences are enough: a diff of two thousand rows takes minutes
                have, want = plain(found, columns), plain(expected, columns)
                differences = [*(have - want), *(want - have)][:3]
                assert not differences, (client_id, table)

    def check_that_a_ledger_of_the_future_is_overruled(self, warehouse: Warehouse) -> None:
        """A run with a wrong clock must not make every later one believe that nothing is due."""
        source, client_id, today = registry.source(self.source), self.clients[0], clock.today()
        warehouse.execute("update ops.loads set window_end = date '2099-12-31'")
        # one table: the window of all is chosen the same way, and its five weeks have many rows
        table = (self.first_table,)
        window = pipeline.make_pull(source, client_id, resources=table).window
        assert window.start < today == window.end
        pull = pipeline.make_pull(source, client_id, window=window, resources=table)
        pipeline.load(source, pull)
        ends = (
            "select distinct window_end from ops.loads"
            f" where _client_id = '{client_id}' and table_name = '{self.first_table}'"
        )
        assert warehouse.rows(ends) == [(today,)]

    # on PostgreSQL the next test compares each load with the truth, and the main job a second run
    @pytest.mark.parametrize("warehouse", DUCKDB_FIRST, indirect=True)
    def test_a_full_read_equals_the_truth_and_a_second_adds_nothing(
        self, warehouse: Warehouse, agency: Agency, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warehouse.activate(monkeypatch)
        said: list[str] = []
        source = registry.source(self.source)
        for client_id in self.clients:
            pull = pipeline.make_pull(source, client_id, window=self.window)
            planned = source.plan(pull)
            before = len(agency.requests)
            self.load(client_id, said)
            assert len(agency.requests) - before == planned.requests
        self.check(warehouse, agency)
        again = [self.load(client_id, said) for client_id in self.clients]
        assert [loaded.changed for loaded in again] == [0] * len(again)
        self.check(warehouse, agency)
        truths = {client_id: self.truth(agency, client_id) for client_id in self.clients}
        for table in truths[self.clients[0]]:
            tags = warehouse.rows(f"select distinct _client_id from {self.source}.{table}")
            expected = [client_id for client_id, tables in truths.items() if tables[table]]
            assert sorted(tag for (tag,) in tags) == sorted(expected)
        agency.faults.plan(self.vendor, "redirect_foreign", times=50)
        with pytest.raises(SourceError) as caught:
            self.load(self.clients[0], said)
        self.check(warehouse, agency)
        output = "\n".join([*said, str(caught.value)])
        assert not [secret for secret in self.secrets() if secret in output]
        agency.faults.clear()
        self.check_that_a_ledger_of_the_future_is_overruled(warehouse)

    @pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
    def test_what_the_vendor_restates_is_restated(
        self, warehouse: Warehouse, agency: Agency, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        warehouse.activate(monkeypatch)
        seen = []
        for moment in self.moments:
            self.move(agency, moment, monkeypatch)
            self.load(self.clients[0], [])
            self.check(warehouse, agency, self.clients[:1])
            seen.append(repr(self.truth(agency, self.clients[0])))
        assert len(set(seen)) == 3

    @pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
    def test_plain_dlt_loads_the_same_rows(
        self,
        warehouse: Warehouse,
        agency: Agency,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """From an empty folder into a scratch DuckDB, with no SignalRoom setup."""
        warehouse.activate(monkeypatch)
        self.load(self.clients[0], [])
        empty = tmp_path / "empty"
        empty.mkdir()
        env = own_environment({**agency.environment(), **warehouse.environment})
        env |= {"SIGNALROOM_HOME": str(tmp_path / "unused"), "HOME": str(tmp_path / "nobody")}
        found = subprocess.run(
            [
                *(sys.executable, "-c", PLAIN.format(source=self.source), self.clients[0]),
                *(str(self.window.start), str(self.window.end)),
            ],
            cwd=empty,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert found.returncode == 0, found.stderr
        assert not (tmp_path / "unused").exists()
        for table in self.truth(agency, self.clients[0]):
            ours = content(warehouse.home / "warehouse.duckdb", f"{self.source}.{table}")
            assert ours == content(empty / "scratch.duckdb", f"{self.source}.{table}"), table

    @pytest.mark.fault(1, 4)
    @pytest.mark.parametrize("warehouse", POSTGRES_FIRST, indirect=True)
    def test_a_killed_load_is_made_whole_by_the_next(
        self, warehouse: Warehouse, agency: Agency, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """kill -9 during vendor requests and while rows are written; then one successful load."""
        warehouse.activate(monkeypatch)
        client_id = self.clients[0]
        command = [str(BIN / "signalroom"), "ingest", self.source, "--client", client_id]
        command += ["--start", str(self.window.start), "--end", str(self.window.end)]
        env = own_environment({**agency.environment(), **warehouse.environment})
        for pause in (0.05, 1.2):
            asked = len(agency.requests)
            with subprocess.Popen(
                command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as child:
                give_up_at = time.monotonic() + 60
                while len(agency.requests) == asked and time.monotonic() < give_up_at:
                    time.sleep(0.02)
                time.sleep(pause)
                child.kill()
            assert len(agency.requests) > asked
        self.load(client_id, [])
        self.check(warehouse, agency, self.clients[:1])

    def test_bad_credentials_are_named_and_not_shown(
        self, agency: Agency, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(self.credential, self.bad_credential)
        with pytest.raises(CredentialsError, match=f"{self.source} for client 713") as caught:
            extract(pull_of(self.source, window=self.window), self.source)
        assert self.bad_credential not in str(caught.value)

    @pytest.mark.fault(19, 21)
    @pytest.mark.parametrize(("kind", "options"), PASSING)
    def test_a_passing_fault_changes_nothing_in_what_is_read(
        self, agency: Agency, kind: Kind, options: dict[str, Any]
    ) -> None:
        agency.faults.plan(self.vendor, kind, times=2, **options)
        pull = pull_of(self.source, window=self.window, resources=(self.first_table,))
        landing = extract(pull, self.source)[self.first_table]
        expected = self.truth(agency, "713")[self.first_table]
        columns = list(expected[0])
        assert plain(rows_of(landing), columns) == plain(expected, columns)
        assert agency.faults.pending == []

    @pytest.mark.fault(24, 58)
    @pytest.mark.parametrize(("kind", "options", "error"), LASTING)
    def test_a_lasting_fault_is_one_line_without_secrets(
        self, agency: Agency, kind: Kind, options: dict[str, Any], error: type[SourceError]
    ) -> None:
        agency.faults.plan(self.vendor, kind, times=100, **options)
        with pytest.raises(error, match=f"{self.source} for client 713") as caught:
            extract(pull_of(self.source, window=self.window), self.source)
        assert "\n" not in str(caught.value)
        assert not [secret for secret in self.secrets() if secret in str(caught.value)]
