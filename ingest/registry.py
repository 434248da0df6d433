"""The sources, in the order in which they run. A new one is a folder and a line here."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from ingest.landing import Source
from signalroom.errors import ConfigurationError

NAMES = ("everflow", "redtrack", "s3_exports", "posthog", "mautic", "google_sheets")


def source(name: str) -> Source:
    """The source of that name, imported when it is needed; ConfigurationError for another."""
    if name not in NAMES:
        raise ConfigurationError(f"Source {name!r} is unknown; there are: {', '.join(NAMES)}.")
    found: Source = import_module(f"ingest.sources.{name}").SOURCE
    return found


def tables_of(name: str, client_ids: Iterable[str]) -> set[str]:
    """The tables that a source can have for these clients, optional ones included.

    Empty where the clients' settings decide on them and none is set.
    """
    found = source(name)
    tables = {*found.resources, *found.optional}
    for client_id in client_ids:
        if found.tables is not None:
            try:
                tables.update(found.tables(client_id))
            except ConfigurationError:
                continue  # another check names what is wrong with the client's settings
    return tables
