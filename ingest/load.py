"""Lands rows with dlt: one pull, one client, one load package.

Rows of a day or a file are replaced together (merge, delete-insert), so that a repeated or
interrupted load neither loses nor doubles any. The working folder is new for every attempt: state
comes from the destination alone, and an unfinished load cannot poison the next one.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ingest.landing import Landing, Pull, Source
from signalroom import paths, settings
from signalroom.errors import SignalRoomError, WarehouseError
from signalroom.logs import mask
from signalroom.warehouse import dlt_destination

if TYPE_CHECKING:
    from dlt.common.pipeline import LoadInfo

# New columns are welcome; a changed type would corrupt the casts in staging without a word.
SCHEMA_CONTRACT: Any = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
TOMBSTONE: Any = {"_deleted": {"data_type": "bool", "hard_delete": True}}


def land(source: Source, pull: Pull, landings: Sequence[Landing]) -> str | None:
    """Write the landings into the source's schema; returns dlt's load id, None without rows.

    Raises what the rows' own generators raise, else WarehouseError in one line.
    """
    os.environ.setdefault("DLT_PROJECT_DIR", str(paths.root()))
    import dlt
    from dlt.pipeline.exceptions import PipelineStepFailed

    # insert_values is slow on PostgreSQL and takes gigabytes on DuckDB
    file_format: Any = "parquet" if settings.target() == "duckdb" else "csv"
    with tempfile.TemporaryDirectory(prefix="signalroom-dlt-") as folder:
        pipeline = dlt.pipeline(
            pipeline_name=f"{source.name}_{pull.client_id}",
            destination=dlt_destination(),
            dataset_name=source.name,
            pipelines_dir=folder,
        )
        data = dlt.source(_resources, name=source.name, schema_contract=SCHEMA_CONTRACT)(landings)
        try:
            info = pipeline.run(data, loader_file_format=file_format)
            info.raise_on_failed_jobs()
        except PipelineStepFailed as error:
            raise _plain(source, pull, error, str(error.step)) from None
        _announce(pull, landings, info)
        return info.loads_ids[-1] if info.loads_ids else None


def _announce(pull: Pull, landings: Sequence[Landing], info: LoadInfo) -> None:
    """Say which columns a table has for the first time; a new table is no news.

    Sources of files name the file too, and do so themselves.
    """
    tables = {landing.table for landing in landings if not landing.files}
    for package in info.load_packages:
        for table, update in package.schema_update.items():
            new = [name for name in update["columns"] if not name.startswith("_dlt")]
            if table in tables and new and "_client_id" not in new:
                pull.notice(f"new columns in {table}: {', '.join(new)}")


def _resources(landings: Sequence[Landing]) -> Any:
    import dlt

    for landing in landings:
        # copies, for dlt writes each column's name into its hints
        columns: Any = {
            name: dict(hints) for name, hints in {**landing.columns, **TOMBSTONE}.items()
        }
        rows: Any = landing.rows
        yield dlt.resource(
            rows,
            name=landing.table,
            columns=columns,
            write_disposition={"disposition": "merge", "strategy": "delete-insert"},
            merge_key=landing.merge_key,
            max_table_nesting=0,
        )


def _plain(source: Source, pull: Pull, error: BaseException, step: str) -> SignalRoomError:
    """The cause in one readable line: our own errors as they are, others without dlt's wrapping."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
        if isinstance(cause, SignalRoomError):
            return cause
    reason = mask(" ".join(str(cause).split()))[:400]
    return WarehouseError(
        f"{source.name} for client {pull.client_id}, {pull.window}: the load failed in {step}: "
        f"{reason}. Repeat it: a repeated load replaces whatever was written."
    )
