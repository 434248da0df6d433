"""Fingerprints of the warehouse's relations: equal fingerprints mean equal contents.

Raw tables are fingerprinted by their rows without dlt's columns, so that loading the same rows
again is not a change; tables over LARGE rows by their control totals, which have a digest of each
day or file. Relations built by dbt are fingerprinted by their rows on DuckDB, and on
PostgreSQL by the server's counters for each table, its file and its privileges. These counters also
show which raw tables need not be read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

from signalroom import settings
from signalroom.warehouse import Row, read, read_together, schema

LARGE = 300_000
# Hashed twice: PostgreSQL adds up the hashes of a row's columns, and a sum of those over all rows
# is the same for values that changed places.
HASH = "hashint8extended(hash_record_extended(rows, 0), 0)"
# Types that PostgreSQL can hash: making text of a row first takes twice as long.
HASHED = frozenset(
    {
        *("text", "character varying", "boolean", "bigint", "integer", "numeric"),
        *("double precision", "date", "timestamp with time zone", "jsonb"),
    }
)
BUILT = ("staging", "intermediate", "marts", "reference")
COLUMNS = """
select table_schema, table_name, column_name, data_type
from information_schema.columns
where table_catalog = current_database()
order by 1, 2, 3
"""
DIGESTS = """
select source || '.' || table_name as name, _client_id, partition_key, measure, total, digest
from control_totals
order by 1, 2, 3, 4
"""
# The day-level records of pulls, which the marts read for completeness and freshness.
REQUESTS = """
select _client_id, source, table_name, partition_key, is_closed, loaded_at
from control_totals
where measure = 'rows'
order by 1, 2, 3, 4
"""
BUILT_ON_POSTGRES = """
select
    nspname || '.' || relname as name,
    pg_class.oid,
    relfilenode,
    relkind::text,
    relrowsecurity,
    (
        select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
        from pg_attribute
        where attrelid = pg_class.oid and attnum > 0 and not attisdropped
    ) as columns,
    coalesce(relacl::text, '') as rights,
    case when relkind = 'v' then pg_get_viewdef(pg_class.oid) end as definition,
    pg_stat_get_tuples_inserted(pg_class.oid) as inserted,
    pg_stat_get_tuples_updated(pg_class.oid) as updated,
    pg_stat_get_tuples_deleted(pg_class.oid) as deleted
from pg_class
inner join pg_namespace on pg_namespace.oid = relnamespace
where relkind in ('r', 'v') and nspname in ({schemas})
order by 1
"""
# A backfill, and a pull that failed partway, record control totals but no load; a file that was
# refused changes only the ledger of files.
UNTOUCHED_ON_POSTGRES = """
with recorded as materialized (
    select source, table_name, max(loaded_at) as loaded_at from ops.loads group by 1, 2
    union all
    select source, table_name, max(loaded_at) from ops.control_totals group by 1, 2
    union all
    select source, table_name, max(loaded_at) from ops.file_ledger group by 1, 2
)

select
    nspname || '.' || relname as name,
    pg_class.oid,
    relfilenode,
    (
        select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
        from pg_attribute
        where attrelid = pg_class.oid and attnum > 0 and not attisdropped
    ) as columns,
    pg_stat_get_tuples_inserted(pg_class.oid) as inserted,
    pg_stat_get_tuples_updated(pg_class.oid) as updated,
    pg_stat_get_tuples_deleted(pg_class.oid) as deleted,
    (
        select max(loaded_at)
        from recorded
        where nspname = 'ops' or (source = nspname and table_name = relname)
    ) as loaded_at
from pg_class
inner join pg_namespace on pg_namespace.oid = relnamespace
where relkind = 'r' and nspname in ({schemas})
order by 1
"""
BUILT_ON_DUCKDB = """
select schema_name || '.' || view_name as name, true as is_view, sql
from duckdb_views() where schema_name in ({schemas})
union all
select schema_name || '.' || table_name as name, false as is_view, sql
from duckdb_tables() where schema_name in ({schemas})
order by 1
"""


def requests() -> str:
    """When each day of each source was last pulled."""
    return _digest(read(REQUESTS, within="ops"))


def states(names: Iterable[str]) -> dict[str, str]:
    """Equal states mean an untouched table: fast to read, only for PostgreSQL.

    The counters may lag a few seconds behind a pooler; the end of a load never does.
    """
    wanted = set(names)
    if settings.target() != "postgres" or not wanted:
        return {}
    schemas = ", ".join(f"'{name}'" for name in sorted({name.split(".")[0] for name in wanted}))
    rows = read(UNTOUCHED_ON_POSTGRES.format(schemas=schemas), within="ops")
    return {row["name"]: _digest([row]) for row in rows if row["name"] in wanted}


def of_tables(names: Iterable[str]) -> dict[str, str]:
    """Fingerprints of raw tables and those of `ops` by `schema.table`; '' where missing."""
    columns: dict[str, list[str]] = {}
    types: dict[str, list[str]] = {}
    as_text: set[str] = set()
    for row in read(COLUMNS, within="ops"):
        name = f"{row['table_schema']}.{row['table_name']}"
        types.setdefault(name, []).append(f"{row['column_name']} {row['data_type']}")
        if row["data_type"] not in HASHED:
            as_text.add(name)
        if not row["column_name"].startswith("_dlt_"):
            columns.setdefault(name, []).append(row["column_name"])
    found = [name for name in sorted(names) if name in columns]
    counts = _counted(found)
    large = {name for name in found if counts[name] > LARGE and not name.startswith("ops.")}
    rows = _summed({name: columns[name] for name in found if name not in large}, as_text)
    digests = _digests() if large else {}
    return {
        name: f"{counts[name]} {rows.get(name) or digests.get(name)} {_digest(types[name])}"
        if name in counts
        else ""
        for name in names
    }


def columns_in(words: str | None) -> str | None:
    """The columns and types of a raw table, from its fingerprint; '' where it is missing."""
    return words.rpartition(" ")[2] if words is not None else None


def of_built() -> dict[str, str]:
    """Everything in the schemas that dbt builds, by `schema.relation`."""
    schemas = ", ".join(f"'{schema(name)}'" for name in BUILT)
    if settings.target() == "postgres":
        rows = read(BUILT_ON_POSTGRES.format(schemas=schemas), within="ops")
        return {row["name"]: _digest([row]) for row in rows}
    relations = read(BUILT_ON_DUCKDB.format(schemas=schemas), within="ops")
    sums = _summed({row["name"]: ["*"] for row in relations if not row["is_view"]})
    return {row["name"]: _digest([row["sql"], sums.get(row["name"])]) for row in relations}


def _counted(names: Sequence[str]) -> dict[str, int]:
    queries = {name: f"select count(*) as rows from {_quoted(name)}" for name in names}  # noqa: S608
    return {name: rows[0]["rows"] for name, rows in read_together(queries, within="ops").items()}


def _summed(columns: Mapping[str, Sequence[str]], as_text: Collection[str] = ()) -> dict[str, str]:
    """One number for all rows of each table, independent of their order.

    PostgreSQL hashes the rows of the tables named in `as_text` as text.
    """
    is_postgres = settings.target() == "postgres"
    queries = {}
    for name, chosen in columns.items():
        listed = "*" if chosen == ["*"] else ", ".join(f'"{column}"' for column in chosen)
        summed = "cast(coalesce(sum(hash(rows)), 0) as varchar)"
        if is_postgres:
            hashed = "hashtextextended(cast(rows as text), 0)" if name in as_text else HASH
            summed = f"coalesce(sum({hashed}), 0)"
        queries[name] = (
            f"select {summed} as sum from (select {listed} from {_quoted(name)}) as rows"  # noqa: S608
        )
    return {
        name: str(rows[0]["sum"]) for name, rows in read_together(queries, within="ops").items()
    }


def _digests() -> dict[str, str]:
    tables: dict[str, list[Row]] = {}
    for row in read(DIGESTS, within="ops"):
        tables.setdefault(row["name"], []).append(row)
    return {name: _digest(rows) for name, rows in tables.items()}


def _quoted(name: str) -> str:
    return ".".join(f'"{part}"' for part in name.split(".", 1))


def _digest(parts: Iterable[object]) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:24]
