"""How rows get into their tables: new files are appended, everything else is merged.

A merge writes each row twice, first into a staging table. The choice is made when the load begins,
under its lock, by looking at the raw table itself: an interrupted load may have left rows that are
in no ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ingest.model import FileRecord, Pull, TableMetrics
from signalroom.bulk import ROWS_PER_INSERT
from signalroom.settings import target
from signalroom.warehouse import Execute, transaction

if TYPE_CHECKING:
    from dlt import Pipeline


def choose(pipeline: Pipeline, pull: Pull, tables: Mapping[str, TableMetrics]) -> None:
    """Have dlt append to the tables by file that hold no row of the pull's files yet."""
    import dlt

    schema = pipeline.schemas[pull.source]
    loaded = {
        table: [file for file in one.files if file.status == "loaded"]
        for table, one in tables.items()
        # a spreadsheet is in the file ledger too, and its rows name no file
        if one.files and "_file_name" in schema.tables.get(table, {}).get("columns", {})
    }
    # A job that is repeated after its commit duplicates rows where no index prevents it: the load
    # ends there, and the next one begins with empty staging tables, or finds the rows.
    is_indexed = target() == "postgres" and not loaded
    dlt.config["load.raise_on_max_retries"] = 5 if is_indexed else 1
    jobs = [
        job.job_file_info.table_name
        for load_id in pipeline.list_extracted_load_packages()
        for job in pipeline.get_load_package_info(load_id).jobs["new_jobs"]
    ]
    for table, files in loaded.items():
        if _is_plain(files, jobs.count(table)):
            with transaction() as execute:
                is_new = _are_new(execute, pull, table, files)
            if is_new:
                schema.tables[table]["write_disposition"] = "append"


def _is_plain(files: list[FileRecord], jobs: int) -> bool:
    """Whether an append is equivalent: readers see all rows at once, and no file is empty.

    Each job is a separate transaction; a file without rows adds one that clears its earlier rows.
    """
    return jobs == 1 and all(file.row_count for file in files)


def _are_new(execute: Execute, pull: Pull, table: str, files: list[FileRecord]) -> bool:
    """Whether the table holds no row of these files; waits for a load that is about to commit."""
    place = f'{pull.source}."{table}"'
    known = execute(
        "select 1 as found from information_schema.tables"
        " where table_schema = :source and table_name = :table_name",
        {"source": pull.source, "table_name": table},
    )
    if not known:
        return True
    if target() == "postgres":
        execute(f"lock table {place} in share mode")
        execute(f'create index if not exists "{table}_by_file" on {place} (_file_name)')
    for start in range(0, len(files), ROWS_PER_INSERT):
        some = files[start : start + ROWS_PER_INSERT]
        names = {f"file_{number}": file.file_name for number, file in enumerate(some)}
        found = execute(
            f"select 1 as found from {place} where _client_id = :client_id"  # noqa: S608
            f" and _file_name in ({', '.join(f':{name}' for name in names)}) limit 1",
            {"client_id": pull.client_id, **names},
        )
        if found:
            return False
    return True
