"""A PostgreSQL database set up like Supabase: every new table is readable by the public roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.postgres import ROLE, PostgresServer
from tests.support.warehouse import Warehouse, empty_warehouse

WEB = ("anon", "authenticated", "service_role")
READER = "signalroom_report"
DEFAULTS = """
alter default privileges for role {role} grant all on tables to anon, authenticated, service_role;
alter default privileges for role {role} grant all on sequences to anon, authenticated, service_role;
alter default privileges for role {role} grant all on functions to anon, authenticated, service_role;
alter default privileges for role {role} grant usage on schemas to anon, authenticated, service_role;
grant usage on schema public to anon, authenticated, service_role;
"""  # noqa: E501
RELATIONS = """
select n.nspname || '.' || quote_ident(c.relname)
from pg_class as c
inner join pg_namespace as n on c.relnamespace = n.oid
where c.relkind in ('r', 'v', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1
"""


@dataclass(frozen=True)
class Supabase:
    """The database, as its administrator sees it."""

    warehouse: Warehouse
    server: PostgresServer

    @property
    def name(self) -> str:
        """The database's name."""
        return self.warehouse.environment["SUPABASE_DB_NAME"]

    def admin(self, sql: str) -> list[tuple[Any, ...]]:
        """Run statements as administrator."""
        with closing(self.server.connect(self.name)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    def asks(self, setting: str) -> Callable[[str], str]:
        """Open a separate connection for queries of one value, after applying some settings."""
        connection = self.server.connect(self.name)
        cursor = connection.cursor()
        cursor.execute(setting)

        def ask(sql: str) -> str:
            cursor.execute(sql)
            return str(cursor.fetchone()[0])

        return ask

    def relations(self) -> list[str]:
        """Every table and view except PostgreSQL's own."""
        return [name for (name,) in self.admin(RELATIONS)]

    def readable(self, role: str) -> dict[str, int]:
        """The tables and views that a role may read, with the number of rows that it sees."""
        import psycopg2

        found = {}
        with closing(self.server.connect(self.name)) as connection, connection.cursor() as cursor:
            cursor.execute(RELATIONS)
            relations = [name for (name,) in cursor.fetchall()]
            cursor.execute(f"set role {role}")
            for relation in relations:
                try:
                    cursor.execute(f"select count(*) from {relation}")
                    found[relation] = int(cursor.fetchone()[0])
                except psycopg2.errors.InsufficientPrivilege:
                    continue
        return found


@contextmanager
def supabase_database(server: PostgresServer, home: Path) -> Iterator[Supabase]:
    """An empty database with Supabase's roles and default privileges, and a role for reports."""
    roles = [*WEB, READER]
    for role in roles:
        server.command(f"create role {role}")
    server.command(f"grant {READER} to {ROLE}")
    try:
        with empty_warehouse("postgres", home, server) as warehouse:
            supabase = Supabase(warehouse, server)
            supabase.admin(DEFAULTS.format(role=ROLE))
            yield supabase
    finally:
        for role in roles:
            server.command(f"drop role {role}")
