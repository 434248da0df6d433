"""The clients' files as the product's builds give them to dbt: packages of usable lines.

An unusable file is replaced by its last good version from the warehouse, which stores every version
that a build read (`ops.client_file_versions`); if there is none, by the header alone. Plain dbt
reads the files in `data/clients` unchanged.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signalroom import clients, clock, paths, settings
from signalroom.clients import Client
from signalroom.migrations import prepare_warehouse
from signalroom.tables import METADATA
from signalroom.warehouse import Execute, transaction
from transform.client_files import check
from transform.client_files.files import KINDS, Reading, read, read_text
from transform.client_files.reader import Mistake
from transform.history import copy_history
from transform.reported import copy_reported_days

LINE_NUMBER = "_line"
REGISTRY = "dbt_project.yml"
Key = tuple[str, str]  # client, file name


@dataclass(frozen=True)
class Prepared:
    """The folder of packages, and the mistakes in the files that they were made from."""

    folder: Path
    mistakes: list[Mistake]


def prepare() -> Prepared:
    """Write the packages for a build, and store the files' versions; the caller holds the lock."""
    readings = {
        (client.id, reading.file.name): reading
        for client in clients.registry().values()
        for reading in (read(kind, client) for kind in KINDS)
    }
    prepare_warehouse()
    with transaction() as execute:
        good = _last_good(execute)
        if not settings.schema_prefix():  # an analyst's own builds are not recorded
            _keep(execute, readings)
            if "reported_figures" in METADATA.tables:
                copy_reported_days(execute)
            copy_history(execute)
    folder = paths.home() / "dbt" / "packages"
    for client in clients.registry().values():
        used = [_used(kind, client, readings, good) for kind in KINDS]
        _write(folder / f"client_{client.id}", client, used)
    return Prepared(folder, check())


def write_packages(folder: Path, instead: Mapping[Key, Reading]) -> None:
    """The packages of the current files, with some replaced; for what-if."""
    for client in clients.registry().values():
        readings = [instead.get((client.id, kind.name)) or read(kind, client) for kind in KINDS]
        used = [one if one.is_usable else Reading(one.file) for one in readings]
        _write(folder / f"client_{client.id}", client, used)


def _used(kind: Any, client: Client, readings: dict[Key, Reading], good: dict[Key, str]) -> Reading:
    """The current file if usable, else its last usable version, else only the header."""
    reading = readings[client.id, kind.name]
    if reading.is_usable:
        return reading
    text = good.get((client.id, kind.name))
    if text is not None:
        earlier = read_text(kind, client, text)
        if earlier.is_usable:
            return earlier
    return Reading(reading.file)


def _last_good(execute: Execute) -> dict[Key, str]:
    rows = execute(
        "select _client_id, file_name, content from ops.client_file_versions"
        " where is_usable and content is not null order by recorded_at"
    )
    return {(row["_client_id"], row["file_name"]): row["content"] for row in rows}


def _keep(execute: Execute, readings: dict[Key, Reading]) -> None:
    """Append each file that differs from its newest version, and each client of the registry."""
    rows = execute(
        "select _client_id, file_name, content_hash from ops.client_file_versions"
        " order by recorded_at"
    )
    newest = {(row["_client_id"], row["file_name"]): row["content_hash"] for row in rows}
    found: dict[Key, tuple[str | None, bool]] = {
        key: (reading.text, reading.is_usable) for key, reading in readings.items()
    }
    for client in clients.registry().values():
        found[client.id, REGISTRY] = (json.dumps(entry_of(client)), True)
    for (client_id, file_name), (content, is_usable) in found.items():
        digest = hashlib.sha256((content or "").encode()).hexdigest()
        known = newest.get((client_id, file_name))
        if digest == known or (content is None and known is None):
            continue
        execute(
            "insert into ops.client_file_versions values (:client_id, :file_name, :digest,"
            " :content, :is_usable, :commit_id, :known_from, :recorded_at)",
            {
                "client_id": client_id,
                "file_name": file_name,
                "digest": digest,
                "content": content,
                "is_usable": is_usable,
                "commit_id": settings.variable("SIGNALROOM_COMMIT"),
                "known_from": clock.now(),
                "recorded_at": clock.instant(),
            },
        )


def entry_of(client: Client) -> dict[str, Any]:
    """The parts of the client's registry entry that models read."""
    brands = {brand.name: brand.advertiser_id for brand in client.brands}
    entry = {"name": client.name, "active": client.is_active, "brands": brands}
    # unset keys are omitted, so that entries from before a key existed stay the same version
    return entry | ({"mapping": "offer"} if client.maps_by_offer else {})


def project_file(client_id: str, columns: Mapping[str, Iterable[str]]) -> str:
    """The dbt_project.yml of a client's package: every column of its files is text."""
    lines = [
        f"name: client_{client_id}",
        'version: "1.0"',
        "config-version: 2",
        'seed-paths: ["mappings"]',
        "seeds:",
        f"  client_{client_id}:",
    ]
    for name, found in columns.items():
        lines += [f"    {name.removesuffix('.csv')}:", "      +column_types:"]
        lines += [f"        {column}: text" for column in found]
    return "\n".join(lines) + "\n"


def _write(folder: Path, client: Client, used: Iterable[Reading]) -> None:
    """A package for dbt, written only if it differs: dbt parses newer files again."""
    used = list(used)
    columns = {one.file.name: (*one.file.all_columns, LINE_NUMBER) for one in used}
    wanted = {"dbt_project.yml": project_file(client.id, columns)}
    for reading in used:
        wanted[f"mappings/{reading.file.name}"] = _csv(reading)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    if folder.is_symlink():
        folder.unlink()
    for name, text in wanted.items():
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_suffix(".new")
        written.write_text(text, encoding="utf-8", newline="")
        shutil.move(written, path)


def _csv(reading: Reading) -> str:
    """The cells as typed, under every column that the file may have, with the line number."""
    from io import StringIO

    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*reading.file.all_columns, LINE_NUMBER))
    for line in reading.lines:
        writer.writerow((*line.cells, line.number))
    return text.getvalue()
