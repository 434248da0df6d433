"""PostgreSQL schemas that only their owner may use.

Supabase grants new tables to the roles of its public interface by default. Without usage rights on
a schema no role reaches any of its tables, including future ones. dbt's own macros protect what dbt
builds (transform/macros/privileges.sql).
"""

from __future__ import annotations

from collections.abc import Iterable

from signalroom.errors import ConfigurationError, WarehouseError
from signalroom.settings import report_role, require, schema_prefix, target, variable
from signalroom.warehouse import (
    BUILT_SCHEMAS,
    Execute,
    first_line,
    is_loopback,
    postgres_connection,
    schema,
    transaction,
)

# The roles of Supabase's public interface, besides PostgreSQL's own PUBLIC; programs have a key for
# service_role.
WEB_ROLES = "('anon', 'authenticated', 'service_role')"
MAY_TAKE = """
select pg_has_role(%s, %s,
    case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
"""
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
# Publicly readable relations in other schemas. Supabase's own schemas have nothing of ours; a table
# counts as ours if it has the client column, or if it is a view that reads our schemas.
FOREIGN_SCHEMAS = (
    "auth", "cron", "extensions", "graphql", "graphql_public", "information_schema", "net",
    "pgbouncer", "pgsodium", "pgsodium_masks", "realtime", "storage", "supabase_functions",
    "supabase_migrations", "vault",
)  # fmt: skip
SHOWN = f"""
with open_relations as (
    select distinct
        pg_class.oid,
        pg_namespace.nspname as schema_name,
        pg_class.relname as relation_name,
        coalesce(pg_roles.rolname, 'public') as holder
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    cross join lateral aclexplode(pg_class.relacl) as held
    cross join lateral aclexplode(pg_namespace.nspacl) as entered
    left join pg_roles on held.grantee = pg_roles.oid
    left join pg_roles as guest on entered.grantee = guest.oid
    where
        pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
        and held.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        and (held.grantee = 0 or pg_roles.rolname in {WEB_ROLES})
        and (entered.grantee = 0 or guest.rolname in {WEB_ROLES})
        and pg_namespace.nspname !~ '^pg_'
        and not pg_namespace.nspname = any(:known)
        and not pg_class.relrowsecurity
        and not coalesce(array_to_string(pg_class.reloptions, ',') ~ 'security_invoker=(true|on|1)',
            false)
)

select
    schema_name,
    relation_name,
    string_agg(distinct holder, ', ' order by holder) as holders,
    exists (
        select from pg_attribute
        where pg_attribute.attrelid = open_relations.oid and pg_attribute.attname = '_client_id'
    )
    or exists (
        select
        from pg_rewrite
        inner join pg_depend on pg_rewrite.oid = pg_depend.objid
        inner join pg_class as read_one on pg_depend.refobjid = read_one.oid
        inner join pg_namespace as read_in on read_one.relnamespace = read_in.oid
        where pg_rewrite.ev_class = open_relations.oid and read_in.nspname = any(:ours)
    ) as is_ours
from open_relations
group by oid, schema_name, relation_name
order by 1, 2
"""  # noqa: S608


def create_closed(execute: Execute, name: str) -> None:
    """Create a schema if it is missing, and close it to the roles of a public interface.

    DuckDB has no roles, and needs no schema created here; the name is ours, never data.
    """
    if target() == "duckdb":
        return
    execute(f"create schema if not exists {name}")
    for row in execute(OPEN, {"schema": name}):
        execute(f"revoke all on schema {name} from {row['holder']}")


def exposed(sources: Iterable[str]) -> list[str]:
    """What others could read in the warehouse, one line each with the fix."""
    if target() == "duckdb":
        return []
    open_wire = _unencrypted()
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
        ours = sorted({"ops", *loaded, *map(schema, BUILT_SCHEMAS)})
        found += [
            f"{row['schema_name']}.{row['relation_name']} shows rows of SignalRoom to "
            f"{row['holders']}: `revoke all on all tables in schema {row['schema_name']} from "
            f"{row['holders']}`, and make the next in a schema that is closed to them."
            for row in execute(SHOWN, {"known": [*ours, *FOREIGN_SCHEMAS], "ours": ours})
            if row["is_ours"]
        ]
    return [*open_wire, *found]


def perhaps_exposed(sources: Iterable[str]) -> list[str]:
    """What others can read and may have been made from our rows, one line per schema.

    The origin of a plain table's rows is unknown; schema `public` is not checked.
    """
    if target() == "duckdb":
        return []
    loaded = [name for source in sources for name in (source, f"{source}_staging")]
    ours = sorted({"ops", *loaded, *map(schema, BUILT_SCHEMAS)})
    found: dict[str, list[str]] = {}
    with transaction() as execute:
        for row in execute(SHOWN, {"known": [*ours, *FOREIGN_SCHEMAS, "public"], "ours": ours}):
            if not row["is_ours"]:
                found.setdefault(row["schema_name"], []).append(row["relation_name"])
    return [
        f"Schema {name} is open to the roles of the public interface ({', '.join(tables[:3])}"
        f"{' and more' if len(tables) > 3 else ''}): if it was made from the marts, `revoke usage "
        f"on schema {name} from anon, authenticated, service_role`."
        for name, tables in found.items()
    ]


def _unencrypted() -> list[str]:
    mode, host = variable("SUPABASE_DB_SSLMODE"), require("SUPABASE_DB_HOST")
    if mode in ("disable", "allow", "prefer") and not is_loopback(host):
        return [
            f"SUPABASE_DB_SSLMODE={mode} lets passwords and rows travel to {host} unencrypted: use "
            "require, or verify-full with Supabase's root certificate in PGSSLROOTCERT, which "
            "proves the server too."
        ]
    return []


def set_up() -> list[str]:
    """Create what two logins need, if missing; returns what was done, one line each.

    The owner's login (SUPABASE_DB_USER) loads and builds. Reports read as SIGNALROOM_REPORT_ROLE,
    or with SUPABASE_DB_REPORT_USER as a separate login in that role, which sees one client's rows
    of the marts and nothing else. Safe to repeat. Raises ConfigurationError on duckdb, and
    WarehouseError if the owner may not create roles.
    """
    import psycopg2
    from psycopg2 import sql

    if target() == "duckdb":
        raise ConfigurationError("`signalroom db setup` is for SIGNALROOM_TARGET=postgres.")
    role, owner = report_role(), require("SUPABASE_DB_USER")
    login = variable("SUPABASE_DB_REPORT_USER")
    password = require("SUPABASE_DB_REPORT_PASSWORD") if login else None
    done: list[str] = []
    with postgres_connection() as connection:

        def run(statement: str, said: str, *names: str, secret: str | None = None) -> None:
            parts = [sql.Identifier(name) for name in names]
            if secret is not None:
                parts.append(sql.Literal(secret))
            cursor.execute(sql.SQL(statement).format(*parts))
            done.append(said)

        def exists(name: str) -> bool:
            cursor.execute("select 1 from pg_roles where rolname = %s", [name])
            return cursor.fetchone() is not None

        try:
            with connection, connection.cursor() as cursor:
                if not exists(role):
                    run("create role {} nologin", f"Role {role} created.", role)
                cursor.execute(MAY_TAKE, [owner, role])
                if not cursor.fetchone()[0]:
                    run("grant {} to {}", f"{owner} may read as {role}.", role, owner)
                if login and not exists(login):
                    said = f"Login {login} created, in role {role}."
                    run("create role {} login in role {} password {}", said, login, role,
                        secret=password)  # fmt: skip
                elif login:
                    said = f"Login {login} has the password of SUPABASE_DB_REPORT_PASSWORD."
                    run("alter role {} login password {}", said, login, secret=password)
                    cursor.execute("select pg_has_role(%s, %s, 'member')", [login, role])
                    if not cursor.fetchone()[0]:
                        run("grant {} to {}", f"Login {login} is in role {role}.", role, login)
                cursor.execute("select 1 from pg_namespace where nspname = %s", [schema("marts")])
                if cursor.fetchone():
                    marts = schema("marts")
                    run("grant usage on schema {} to {}", f"{role} may enter {marts}.", marts, role)
                    said = f"{role} may read {marts}, one client at a time."
                    run("grant select on all tables in schema {} to {}", said, marts, role)
        except psycopg2.Error as error:
            raise WarehouseError(
                f"The roles cannot be set up by {owner}: {first_line(error)}. Run it as a "
                "user with CREATEROLE."
            ) from error
    return done
