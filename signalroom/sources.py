"""What each source declares in its `settings.py`: found by folder, read without importing dlt.

A source is a folder of `ingest/sources` with a `settings.py`. That file holds plain data and
imports nothing beyond the standard library and `signalroom`, so that the command line's help,
`status`, `doctor` and the idle scheduler know every source without loading it.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from signalroom import settings
from signalroom.errors import ConfigurationError
from signalroom.paths import root

# The order in which they run and are shown; any other source comes after these.
FIRST = ("everflow", "redtrack", "s3_exports", "posthog", "mautic", "google_sheets")


@cache
def names() -> tuple[str, ...]:
    """The sources, in the order in which they run."""
    folder = root() / "ingest" / "sources"
    found = sorted(path.parent.name for path in folder.glob("*/settings.py"))
    return (*(name for name in FIRST if name in found), *sorted(set(found) - set(FIRST)))


@cache
def declared(name: str) -> ModuleType:
    """The source's `settings.py` as a module; ConfigurationError for an unknown source.

    It is loaded by its path: importing it by name would import the source's package, and dlt.
    """
    if name not in names():
        raise ConfigurationError(f"Source {name!r} is unknown; there are: {', '.join(names())}.")
    path = root() / "ingest" / "sources" / name / "settings.py"
    spec = spec_from_file_location(f"signalroom.sources.{name}", path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"Source {name!r} is unreadable: {path}.")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def is_configured(name: str, client_id: str) -> bool:
    """Whether the client has every variable that the source needs, valid or not."""
    try:
        return not settings.unset(declared(name).REQUIRED, client_id)
    except ConfigurationError:
        return True


def variables(name: str) -> frozenset[str]:
    """The names of the variables that a source reads."""
    found = getattr(declared(name), "VARIABLES", {})
    return frozenset(found or {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})
