"""The sources: what each declares, and its functions, imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from ingest.model import Plan, Pull
from signalroom import settings
from signalroom.errors import ConfigurationError
from signalroom.sources import declared, names

NAMES = names()


@dataclass(frozen=True)
class SourceSettings:
    """What a source's `settings.py` declares, for commands, schedule and documentation.

    `required` are the variables without which it is off for a client ("A or B": one of them is
    enough); `account` returns what identifies the account behind a client's credentials, so that
    one account is never loaded for two clients. `tables` are its tables, each replaced by `day`,
    `file` or as a `whole`; `optional` are large ones, each with the variable that switches it on.
    """

    name: str
    title: str
    tables: Mapping[str, str]
    required: tuple[str, ...]
    account: Callable[[str], str]
    optional: Mapping[str, str] = field(default_factory=dict)
    client_tables: Callable[[str], tuple[str, ...]] | None = None  # when they depend on settings
    backfill_days: int = 30  # at most, in one slice
    functions: Any = None  # a module or object with the source's function and `plan`

    @property
    def resources(self) -> tuple[str, ...]:
        """The tables that are always read."""
        return tuple(table for table in self.tables if table not in self.optional)

    @property
    def by_day(self) -> tuple[str, ...]:
        """All tables that are replaced by day."""
        return tuple(table for table, kind in self.tables.items() if kind == "day")

    @property
    def daily(self) -> tuple[str, ...]:
        """The tables by day that a backfill requests."""
        return tuple(table for table in self.by_day if table not in self.optional)

    def chosen(self, client_id: str, resources: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The tables to read for a client: those requested, or else the default and enabled ones.

        Raises ConfigurationError for a table that the source does not have.
        """
        usual = self.client_tables(client_id) if self.client_tables else self.resources
        known = (*usual, *self.optional)
        unknown = sorted(set(resources) - set(known))
        if unknown:
            raise ConfigurationError(
                f"{self.name} has no resource {', '.join(unknown)}; it has {', '.join(known)}."
            )
        if resources:
            return tuple(table for table in known if table in resources)
        on = (table for table, switch in self.optional.items() if _is_on(switch, client_id))
        return (*usual, *on)

    def plan(self, pull: Pull) -> Plan:
        """What a pull would do: days, requests, files; may list files or request totals."""
        found: Plan = self._functions().plan(pull)
        return found

    def dlt_source(self, pull: Pull) -> Any:
        """The source's dlt source for a pull."""
        return getattr(self._functions(), self.name)(pull=pull)

    def _functions(self) -> Any:
        return self.functions or import_module(f"ingest.sources.{self.name}")


def source(name: str) -> SourceSettings:
    """The source of that name; ConfigurationError for another. Does not import dlt."""
    found = declared(name)
    return SourceSettings(
        name=name,
        title=found.TITLE,
        tables=found.TABLES,
        required=found.REQUIRED,
        account=found.account,
        optional=getattr(found, "OPTIONAL", {}),
        client_tables=getattr(found, "client_tables", None),
        backfill_days=getattr(found, "BACKFILL_DAYS", SourceSettings.backfill_days),
    )


def tables_of(name: str, client_ids: Iterable[str]) -> set[str]:
    """The tables that a source can have for these clients, optional ones included.

    Empty when they depend on clients' settings and none is set.
    """
    found = source(name)
    tables = set(found.tables)
    for client_id in client_ids:
        if found.client_tables is not None:
            try:
                tables.update(found.client_tables(client_id))
            except ConfigurationError:
                continue  # another check reports the client's invalid settings
    return tables


def _is_on(switch: str, client_id: str) -> bool:
    value = (settings.variable(switch, client_id) or "off").lower()
    if value not in ("on", "off"):
        raise ConfigurationError(f"{switch} is {value!r}: set it to on or off.")
    return value == "on"
