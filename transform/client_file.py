"""A CSV file that a client keeps in a spreadsheet, read line by line, every fault with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from signalroom import settings
from signalroom.clients import Client

if TYPE_CHECKING:
    from _csv import Reader

BLANKS = " \t\r\n\u00a0\ufeff"


@dataclass(frozen=True)
class Line:
    """A line of the file: its number, and its values by header, trimmed; `n/a` is blank."""

    number: int
    values: dict[str, str]


Fault = tuple[int, str]  # line, reason with its repair


@dataclass(frozen=True)
class ClientFile:
    """One file below a client's folder `mappings`, with the header that it has to have."""

    client: Client
    name: str
    columns: tuple[str, ...]

    @property
    def path(self) -> Path:
        return settings.root() / "data" / "clients" / self.client.id / "mappings" / self.name

    @property
    def shown(self) -> Path:
        """The path as people know it."""
        return self.path.relative_to(settings.root())

    def read(self) -> Iterator[Line | Fault]:
        """Lines and faults as they come; blank lines are passed over. The file must be there."""
        content = self.path.read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            yield line, "not UTF-8; save the sheet as 'CSV UTF-8'."
            return
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            yield from self._lines(reader)
        except csv.Error as error:
            yield reader.line_num, f"{error}; check the quotes of this line."

    def _lines(self, reader: Reader) -> Iterator[Line | Fault]:
        header = [cell.strip(BLANKS) for cell in next(reader, [])]
        if tuple(header) != self.columns:
            yield 1, f"the header has to be {','.join(self.columns)}; it is {','.join(header)}."
            return
        for cells in reader:
            values = [_value(cell) for cell in cells]
            if not any(values):
                continue
            if len(cells) != len(self.columns):
                reason = "a comma too many or too few."
                yield (
                    reader.line_num,
                    f"{len(cells)} cells instead of {len(self.columns)}; {reason}",
                )
                continue
            yield Line(reader.line_num, dict(zip(self.columns, values, strict=True)))


def unknown_advertiser(client: Client, advertiser_id: str) -> str | None:
    """What is wrong with an advertiser that the registry does not give to this client."""
    known = {str(brand.advertiser_id): brand.name for brand in client.brands}
    if not known or not advertiser_id or advertiser_id in known:
        return None
    has = ", ".join(f"{number} ({name})" for number, name in known.items())
    return f"advertiser {advertiser_id} is unknown; dbt_project.yml gives this client {has}."


def _value(cell: str) -> str:
    text = cell.strip(BLANKS)
    return "" if text.lower() == "n/a" else text
