"""Texts arrive in PostgreSQL as they are, although its COPY has characters of its own."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest

from ingest.dlt_pipeline import file_format
from ingest.import_file import ESCAPES, FileFormat, ImportFile
from signalroom.warehouse import dlt_destination
from tests.support.warehouse import Warehouse

# What means something to COPY or CSV, alone and in each order, before letters and digits.
PARTS = (
    *(mark.decode() for mark in ESCAPES),
    ",",
    "\t",
    "'",
    "N",
    ".",
    "x41",
    "101",
    "b",
    "é",
    "\u2028",
    " ",
)
TEXTS = [
    *("".join(some) for count in (1, 2, 3) for some in itertools.product(PARTS, repeat=count)),
    *("\\N", "\\.", "NULL", '""', "\\x1f", "\x7f\x01", "a" * 100_000 + '"', "\r\n\r\n"),
]


def loaded(tables: list[pa.Table], folder: Path, form: FileFormat, destination: Any) -> list[Any]:
    @dlt.resource(name="texts")
    def texts() -> Any:
        file = ImportFile(folder / f"one.{form}", form, tables[0].schema)
        file.write(tables)
        file.close()
        yield file.as_item()

    pipeline = dlt.pipeline(
        "import_file",
        destination=destination,
        dataset_name=f"import_{form}",
        pipelines_dir=str(folder),
    )
    pipeline.run(texts()).raise_on_failed_jobs()
    with pipeline.sql_client() as client:
        return list(client.execute_sql("select * from texts order by number") or ())


@pytest.mark.parametrize("form", ["copy", "csv"])
def test_no_character_of_a_text_ends_a_cell_or_becomes_another(
    form: FileFormat, postgres_warehouse: Warehouse, tmp_path: Path
) -> None:
    count = len(TEXTS)
    moment = datetime(2026, 3, 1, 23, 59, 59, 123456, tzinfo=UTC)
    values = {
        "number": list(range(count)),
        "text": TEXTS,
        "reversed": TEXTS[::-1],
        "some": [text if number % 3 else None for number, text in enumerate(TEXTS)],
        "amount": [Decimal("-0.000000000000000001")] * count,
        "day": [date(2026, 3, 1)] * count,
        "moment": [moment] * count,
        "flag": [True, None] * (count // 2) + [False] * (count % 2),
        "nothing": [None] * count,
    }
    types = {
        "number": pa.int64(),
        "amount": pa.decimal128(38, 18),
        "day": pa.date32(),
        "moment": pa.timestamp("us", "UTC"),
        "flag": pa.bool_(),
    }
    table = pa.table(
        {name: pa.array(v, types.get(name, pa.string())) for name, v in values.items()}
    )
    cut = [table.slice(0, 1), table.slice(1, 1500), table.slice(1501)]
    destination = dlt_destination() if form == "copy" else plain(postgres_warehouse)

    rows = loaded(cut, tmp_path, form, destination)

    names = list(values)
    assert [dict(zip(names, row, strict=True)) for row in rows] == table.to_pylist()


def plain(warehouse: Warehouse) -> Any:
    given = warehouse.environment
    user = f"{given['SUPABASE_DB_USER']}:{given['SUPABASE_DB_PASSWORD']}"
    place = f"{given['SUPABASE_DB_HOST']}:{given['SUPABASE_DB_PORT']}/{given['SUPABASE_DB_NAME']}"
    return dlt.destinations.postgres(f"postgresql://{user}@{place}")


def test_an_empty_text_is_null_as_in_csv(postgres_warehouse: Warehouse, tmp_path: Path) -> None:
    table = pa.table({"number": [1, 2, 3], "text": ["", None, " "], "last": [None, "", "end"]})
    for form, destination in (("copy", dlt_destination()), ("csv", plain(postgres_warehouse))):
        rows = loaded([table], tmp_path, form, destination)  # type: ignore[arg-type]
        assert rows == [(1, None, None), (2, None, None), (3, " ", "end")], form


def test_what_would_be_copied_without_escapes_is_no_schema_of_a_copied_file(tmp_path: Path) -> None:
    text = pa.array(["a\\b"])
    for table in (
        pa.table({"number": [1], "text": text.cast(pa.large_string())}),
        pa.table({"number": [1], "text": text.dictionary_encode()}),
        pa.table({"text": text}),  # without a delimiter in its header it would be read as CSV
    ):
        with pytest.raises(TypeError, match="can be copied"):
            ImportFile(tmp_path / "one.copy", "copy", table.schema)


@pytest.mark.usefixtures("postgres_warehouse")
def test_json_is_written_as_csv_and_other_tables_are_copied(tmp_path: Path) -> None:
    pipeline = dlt.pipeline(
        "chosen", destination=dlt_destination(), dataset_name="chosen", pipelines_dir=str(tmp_path)
    )
    pipeline.activate()
    assert (file_format(), file_format(has_json=True)) == ("copy", "csv")
