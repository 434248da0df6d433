"""Checks the files that clients keep by hand, before dbt reads them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import yaml

from signalroom import clients, settings
from signalroom.clients import Client

COLUMNS = (
    "redtrack.source",
    "redtrack.source_alias",
    "redtrack.source_id",
    "everflow.affiliate_id",
    "everflow.affiliate_label",
    "everflow.advertiser_id",
    "everflow.advertiser_label",
)
BLANKS = " \t\r\n\u00a0\ufeff"


def mistakes() -> list[str]:
    """Every mistake in the client data, one line each: file, line, reason, repair."""
    found = list(_packages())
    for client in clients.registry().values():
        found += internal_affiliates(client)
    return found


def internal_affiliates(client: Client) -> list[str]:
    """Mistakes in one client's internal-affiliates.csv."""
    path = settings.root() / "data" / "clients" / client.id / "mappings" / "internal-affiliates.csv"
    shown = path.relative_to(settings.root())
    if not path.exists():
        return [f"{shown}: the file is missing; a header line alone is enough."]
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return [f"{shown}:{line}: not UTF-8; save the sheet as 'CSV UTF-8'."]
    return [f"{shown}:{line}: {reason}" for line, reason in _lines(client, text)]


def _lines(client: Client, text: str) -> Iterator[tuple[int, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip(BLANKS) for cell in next(reader, [])]
        if tuple(header) != COLUMNS:
            yield 1, f"the header has to be {','.join(COLUMNS)}; it is {','.join(header)}."
            return
        first_line_of: dict[str, int] = {}
        known = {str(brand.advertiser_id): brand.name for brand in client.brands}
        for cells in reader:
            yield from _row(cells, reader.line_num, first_line_of, known)
    except csv.Error as error:
        yield reader.line_num, f"{error}; check the quotes of this line."


def _row(
    cells: list[str], line: int, first_line_of: dict[str, int], known: dict[str, str]
) -> Iterator[tuple[int, str]]:
    values = [_value(cell) for cell in cells]
    if not any(values):
        return
    if len(cells) != len(COLUMNS):
        yield line, f"{len(cells)} cells instead of {len(COLUMNS)}; a comma too many or too few."
        return
    row = dict(zip(COLUMNS, values, strict=True))
    source_id, advertiser_id = row["redtrack.source_id"], row["everflow.advertiser_id"]
    if not source_id:
        yield line, "redtrack.source_id is blank; it is the key of the line."
    elif source_id in first_line_of:
        yield (
            line,
            f"source {source_id} is mapped twice, first in line {first_line_of[source_id]}; "
            "keep one of them.",
        )
    else:
        first_line_of[source_id] = line
    if known and advertiser_id and advertiser_id not in known:
        yield (
            line,
            f"advertiser {advertiser_id} is unknown; dbt_project.yml gives this client "
            f"{', '.join(f'{number} ({name})' for number, name in known.items())}.",
        )


def _value(cell: str) -> str:
    text = cell.strip(BLANKS)
    return "" if text.lower() == "n/a" else text


def _packages() -> Iterator[str]:
    """Each client of the registry is a dbt package, and no other folder is."""
    listed = yaml.safe_load((settings.root() / "packages.yml").read_text(encoding="utf-8"))
    paths = {Path(package["local"]).as_posix() for package in listed["packages"]}
    wanted = {f"data/clients/{client_id}" for client_id in clients.registry()}
    for path in sorted(wanted - paths):
        yield f"packages.yml: the line `- local: {path}` is missing."
    for path in sorted(paths - wanted):
        yield f"packages.yml: {path} is listed, but dbt_project.yml has no such client."
