"""The files of the pages: one page for each client, and one file for each of its days."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from reports.pages.content import Content, content, read
from signalroom import clock, warehouse
from signalroom.clients import Client, active_clients
from signalroom.clients import client as client_of
from signalroom.errors import ConfigurationError, ReportError
from signalroom.paths import home
from signalroom.settings import target

log = logging.getLogger(__name__)
DIGEST = re.compile(r'<meta name="digest" content="([0-9a-f]{64})">')
DAY_FILE = re.compile(r"\d{4}-\d\d-\d\d\.html")


@dataclass(frozen=True)
class Made:
    """The files written for a client: its page, and the days that had changed."""

    client_id: str
    page: Path
    days: tuple[Path, ...]


def folder() -> Path:
    """The folder of the pages; everything there can be regenerated."""
    return home() / "pages"


def make(client_ids: Sequence[str] = ()) -> list[Made]:
    """Write the pages of the clients, of all active ones by default.

    Raises ReportError or WarehouseError; clients before the failed one are done.
    """
    clients = [client_of(name) for name in client_ids] or active_clients()
    return [_make(client) for client in clients]


def _make(client: Client) -> Made:
    from reports.pages import render

    last_day = clock.today() - timedelta(days=1)
    found = content(client, last_day, clock.now(), read(client, last_day))
    own = folder() / client.id
    days = []
    for day, rows in found.parts.items():
        path, mark = own / "days" / f"{day.isoformat()}.html", render.digest(rows)
        if _digest_in(path) != mark:
            _write(path, render.day_page(found, rows).replace("DIGEST", mark, 1))
            days.append(path)
    _remove_others(own / "days", found)
    page = own / "index.html"
    _write(page, render.page(found))
    return Made(client.id, page, tuple(days))


def are_missing() -> bool:
    """Whether a client's page is missing although there are marts to make it from."""
    is_built = target() != "duckdb" or warehouse.duckdb_exists()
    return is_built and any(file_of(one.id) is None for one in active_clients())


def file_of(client_id: str, day: str = "") -> Path | None:
    """The file of a client's page or of one of its days; None if there is none."""
    try:
        own = folder() / client_of(client_id).id
        path = own / "days" / f"{date.fromisoformat(day).isoformat()}.html" if day else None
    except (ConfigurationError, ValueError):
        return None
    path = path or own / "index.html"
    return path if path.is_file() else None


def _digest_in(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8") as file:
        found = DIGEST.search(file.read(600))
    return found[1] if found else ""


def _remove_others(days: Path, found: Content) -> None:
    """Days that are older than the page's range."""
    kept = {f"{day.isoformat()}.html" for day in found.parts}
    for path in days.iterdir() if days.is_dir() else ():
        if DAY_FILE.fullmatch(path.name) and path.name not in kept:
            path.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    """Replace a file atomically."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ReportError(f"The page cannot be written to {path}: {error.strerror}.") from error
