"""One pull of one source for one client: which days are due, extract, land, record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import click

from ingest import adoption, unusable
from ingest import loads as ledger
from ingest.landing import Landing, Pull, Say, Source, Window
from ingest.load import land
from ingest.windows import default_window
from signalroom import clients, clock, logs, settings
from signalroom.errors import AnswerError, ConfigurationError
from signalroom.lock import hold


@dataclass(frozen=True)
class Loaded:
    """What one pull brought: rows by table, days and files that differ from what was known."""

    source: str
    client_id: str
    window: Window
    rows: dict[str, int]
    changed: int
    rejected_rows: int
    failures: tuple[str, ...]

    def summary(self) -> str:
        """What came, in one line."""
        tables = ", ".join(f"{count:,} {table}" for table, count in self.rows.items())
        said = f"{tables or 'no new files'} ({self.window})"
        if self.changed == 0:
            said += ", unchanged"
        if self.rejected_rows:
            said += f", {self.rejected_rows:,} rejected rows kept in dead letters"
        return said


def is_on(source: Source, client_id: str) -> bool:
    """Whether the client has every variable that the source needs."""
    return not missing_variables(source, client_id)


def missing_variables(source: Source, client_id: str) -> list[str]:
    """The variables of the source that are not set for the client; "A or B" lacks both."""
    return [
        names
        for names in source.required
        if all(settings.variable(name, client_id) is None for name in names.split(" or "))
    ]


def refuse_shared_accounts(source: Source) -> None:
    """Raise ConfigurationError when two clients would load the same account."""
    owners: dict[str, str] = {}
    for client in clients.active_clients():
        if is_on(source, client.id):
            account = source.account(client.id)
            if account in owners:
                raise ConfigurationError(
                    f"{source.name}: clients {owners[account]} and {client.id} use the same "
                    f"account; its rows would be loaded under two tags. Give {client.id} "
                    "credentials of its own."
                )
            owners[account] = client.id


def make_pull(
    source: Source,
    client_id: str,
    *,
    window: Window | None = None,
    asked: date | None = None,
    resources: tuple[str, ...] = (),
    say: Say = lambda _: None,
    notice: Say = lambda _: None,
) -> Pull:
    """A pull of the given days, or of the days that are due (`asked` included)."""
    ledger.prepare()
    tables = choose_tables(source, client_id, resources)
    last_end = ledger.last_window_end(client_id, source.name, tables)
    return Pull(
        client_id=client_id,
        window=window or default_window(last_end, asked, source.name),
        as_of=clock.now(),
        resources=tables,
        say=say,
        known_files=ledger.known_files(client_id, source.name),
        notice=notice,
    )


def choose_tables(
    source: Source, client_id: str, resources: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """The tables asked for; without any the usual ones and those that are switched on.

    Raises ConfigurationError for a table that the source does not have.
    """
    usual = source.tables(client_id) if source.tables else source.resources
    known = (*usual, *source.optional)
    unknown = sorted(set(resources) - set(known))
    if unknown:
        raise ConfigurationError(
            f"{source.name} has no resource {', '.join(unknown)}; it has {', '.join(known)}."
        )
    if resources:
        return tuple(table for table in known if table in resources)
    on = (table for table in source.optional if _is_switched_on(source.optional[table], client_id))
    return (*usual, *on)


def _is_switched_on(name: str, client_id: str) -> bool:
    value = (settings.variable(name, client_id) or "off").lower()
    if value not in ("on", "off"):
        raise ConfigurationError(f"{name} is {value!r}: set it to on or off.")
    return value == "on"


def load(source: Source, pull: Pull) -> Loaded:
    """Pull and land; the tables keep what they had when anything fails before the load.

    Raises SourceError and its kinds when the vendor cannot be read, WarehouseError when the rows
    cannot be written.
    """
    return store(source, pull, extract(source, pull))


def extract(source: Source, pull: Pull) -> list[Landing]:
    """Ask the vendor; an answer that cannot be used is kept among the dead letters, and raised."""
    try:
        with logs.about(client=pull.client_id, source=source.name):
            return list(source.extract(pull))
    except AnswerError as error:
        unusable.keep(source, pull, [error])
        raise


def store(source: Source, pull: Pull, landings: Sequence[Landing]) -> Loaded:
    """Land what was extracted, and record it; one load at a time on a warehouse."""
    with hold(f"ingest {source.name}"):
        adoption.claim(source.name)
        load_id = land(source, pull, landings)
        changed = ledger.record(source.name, pull, landings, load_id)
        unusable.settle(source, pull, landings)
        unusable.keep(source, pull, [one for landing in landings for one in landing.unusable])
    return Loaded(
        source=source.name,
        client_id=pull.client_id,
        window=pull.window,
        rows={
            landing.table: sum(int(total.totals["rows"]) for total in landing.totals)
            for landing in landings
        },
        changed=changed,
        rejected_rows=sum(len(landing.dead_letters) for landing in landings),
        failures=tuple(failure for landing in landings for failure in landing.failures),
    )


def smoke(source: Source) -> None:
    """Load one source for every client that has it, and say what came; for `python -m`."""
    settings.load_env_file()
    refuse_shared_accounts(source)
    for client in clients.active_clients():
        if is_on(source, client.id):
            loaded = load(source, make_pull(source, client.id, say=click.echo, notice=click.echo))
            click.echo(f"{loaded.source} {client.id} {loaded.window}: {loaded.rows}")
        else:
            click.echo(f"{source.name} {client.id}: off, {missing_variables(source, client.id)}")
