"""Schemas of PostgreSQL that only their owner may enter.

Supabase gives new tables to the roles of its public interface by default. Without the right to
enter a schema nobody reaches any of its tables, those to come included. What dbt builds is closed
by its own macros (transform/macros/privileges.sql).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from signalroom.settings import schema_prefix, target
from signalroom.warehouse import BUILT_SCHEMAS, Execute, schema, transaction

if TYPE_CHECKING:
    pass

# The roles of the public interface, beside PostgreSQL's own PUBLIC.
WEB_ROLES = "('anon', 'authenticated')"
OPEN = f"""
select distinct coalesce(quote_ident(pg_roles.rolname), 'public') as holder
from pg_namespace
cross join lateral aclexplode(pg_namespace.nspacl) as held
left join pg_roles on held.grantee = pg_roles.oid
where
    pg_namespace.nspname = :schema
    and (held.grantee = 0 or pg_roles.rolname in {WEB_ROLES})
"""  # noqa: S608
UNGUARDED = """
select pg_class.relname as table_name
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    pg_namespace.nspname = :schema
    and pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
    and (
        not pg_class.relrowsecurity
        or not exists (select from pg_policy where pg_policy.polrelid = pg_class.oid)
    )
order by 1
"""


def create_closed(execute: Execute, name: str) -> None:
    """Create a schema where it is missing, and close it to the roles of a public interface.

    DuckDB has neither roles nor a need to create it here; a name is ours, never data.
    """
    if target() == "duckdb":
        return
    execute(f"create schema if not exists {name}")
    for row in execute(OPEN, {"schema": name}):
        execute(f"revoke all on schema {name} from {row['holder']}")


def exposed(sources: Iterable[str]) -> list[str]:
    """What of the warehouse others could read, in one line each with its repair."""
    if target() == "duckdb":
        return []
    loaded = [name for source in sources for name in (source, f"{source}_staging")]
    with transaction() as execute:
        found = [
            f"Schema {name} is open to {row['holder']}: `revoke all on schema {name} from "
            f"{row['holder']}`; the next load or build does so too."
            for name in sorted({"ops", *loaded, *map(schema, BUILT_SCHEMAS)})
            for row in execute(OPEN, {"schema": name})
        ]
        marts = f"{schema_prefix()}marts"
        found += [
            f"{marts}.{row['table_name']} has no row security: `signalroom build` gives it, or "
            "drop what dbt did not build."
            for row in execute(UNGUARDED, {"schema": marts})
        ]
    return found
