"""How reports read PostgreSQL: as a role restricted to one client's rows by row security."""

from __future__ import annotations

from typing import Any

from signalroom.errors import WarehouseError
from signalroom.settings import report_login, report_role, require

# Only a role that may be set: since PostgreSQL 16, members may lack that right.
TAKE_ROLE = """
select set_config('role', rolname, true), set_config('signalroom.client_id', %s, true)
from pg_roles
where
    rolname = %s
    and pg_has_role(
        oid,
        case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end
    )
"""


def read_as_reports(cursor: Any, client_id: str) -> None:
    """Restrict this transaction to one client's rows; WarehouseError if the role cannot be set."""
    role = report_role()
    if login := report_login():
        cursor.execute("select set_config('signalroom.client_id', %s, true)", [client_id])
        _refuse_one_who_sees_all(cursor, f"SUPABASE_DB_REPORT_USER {login}")
        return
    cursor.execute(TAKE_ROLE, [client_id, role])
    if cursor.fetchone() is not None:
        _refuse_one_who_sees_all(cursor, f"SIGNALROOM_REPORT_ROLE {role}")
        return
    cursor.execute("select 1 from pg_roles where rolname = %s", [role])
    if cursor.fetchone():
        raise WarehouseError(
            f"{require('SUPABASE_DB_USER')} may not read as role {role}, so that rows of "
            "every client would be shown: run `signalroom db setup`."
        )


def _refuse_one_who_sees_all(cursor: Any, who: str) -> None:
    """Row security does not apply to superusers, or roles that may bypass it."""
    cursor.execute("select rolsuper or rolbypassrls from pg_roles where rolname = current_user")
    if cursor.fetchone()["?column?"]:
        raise WarehouseError(
            f"{who} may pass over row security, so that rows of every client would be shown: use "
            "one that may not; `signalroom db setup` creates it."
        )
