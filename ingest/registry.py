"""The sources, in the order in which they run. A new one is a folder and a line here."""

from __future__ import annotations

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
