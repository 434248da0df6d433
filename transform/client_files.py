"""Checks the files that clients keep by hand, before dbt reads them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from signalroom import clients, paths
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
        return paths.root() / "data" / "clients" / self.client.id / "mappings" / self.name

    @property
    def shown(self) -> Path:
        """The path as people know it."""
        return self.path.relative_to(paths.root())

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


COLUMNS = (
    "redtrack.source",
    "redtrack.source_alias",
    "redtrack.source_id",
    "everflow.affiliate_id",
    "everflow.affiliate_label",
    "everflow.advertiser_id",
    "everflow.advertiser_label",
)
PROJECT_COLUMNS = (
    "project",
    "everflow.advertiser_id",
    "everflow.offer_id",
    "valid_from",
    "valid_to",
)
Check = Callable[[Line], Iterator[Fault]]


def mistakes() -> list[str]:
    """Every mistake in the client data, one line each: file, line, reason, repair."""
    found = list(_packages())
    for client in clients.registry().values():
        found += internal_affiliates(client)
        found += projects(client)
    return found


def internal_affiliates(client: Client) -> list[str]:
    """Mistakes in one client's internal-affiliates.csv."""
    file = ClientFile(client, "internal-affiliates.csv", COLUMNS)
    first_line_of: dict[str, int] = {}

    def check(line: Line) -> Iterator[Fault]:
        source_id = line.values["redtrack.source_id"]
        if not source_id:
            yield line.number, "redtrack.source_id is blank; it is the key of the line."
        elif (first := first_line_of.setdefault(source_id, line.number)) != line.number:
            yield (
                line.number,
                f"source {source_id} is mapped twice, first in line {first}; keep one of them.",
            )
        if fault := unknown_advertiser(client, line.values["everflow.advertiser_id"]):
            yield line.number, fault

    return _mistakes(file, check)


def projects(client: Client) -> list[str]:
    """Mistakes in one client's projects.csv."""
    file = ClientFile(client, "projects.csv", PROJECT_COLUMNS)
    claims: list[_Claim] = []

    def check(line: Line) -> Iterator[Fault]:
        advertiser_id, offer_id = (
            line.values["everflow.advertiser_id"],
            line.values["everflow.offer_id"],
        )
        if not line.values["project"]:
            yield line.number, "project is blank; give it the name that reports shall show."
        if not advertiser_id:
            yield line.number, "everflow.advertiser_id is blank; an offer is of an advertiser."
        elif fault := unknown_advertiser(client, advertiser_id):
            yield line.number, fault
        if offer_id and not (offer_id.isascii() and offer_id.isdigit()):
            yield line.number, f"offer {offer_id} is no number; everflow.offer_id is Everflow's id."
        try:
            claim = _Claim.of(line)
        except ValueError as error:
            yield line.number, str(error)
            return
        if claim.last < claim.first:
            yield line.number, f"valid_to {claim.last} is before valid_from {claim.first}."
        for earlier in claims:
            if earlier.meets(claim):
                yield line.number, claim.clash(earlier)
                break
        claims.append(claim)

    return _mistakes(file, check)


@dataclass(frozen=True)
class _Claim:
    """The days on which a line says whose an offer, or a whole advertiser, is; both included."""

    line: int
    advertiser_id: str
    offer_id: str
    first: date
    last: date

    @classmethod
    def of(cls, line: Line) -> _Claim:
        return cls(
            line.number,
            line.values["everflow.advertiser_id"],
            line.values["everflow.offer_id"],
            _day(line, "valid_from", date.min),
            _day(line, "valid_to", date.max),
        )

    def meets(self, other: _Claim) -> bool:
        same = (self.advertiser_id, self.offer_id) == (other.advertiser_id, other.offer_id)
        return same and self.first <= other.last and other.first <= self.last

    def clash(self, earlier: _Claim) -> str:
        what = f"offer {self.offer_id}" if self.offer_id else f"advertiser {self.advertiser_id}"
        return (
            f"{what} is mapped twice on the same days, first in line {earlier.line}; end one line "
            "with valid_to before the other begins."
        )


def _day(line: Line, column: str, otherwise: date) -> date:
    """A date as people and spreadsheets write it; blank is open."""
    text = line.values[column]
    if not text:
        return otherwise
    for form in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise ValueError(f"{column} {text} is no date; write it as 2026-11-30.")


def _mistakes(file: ClientFile, check: Check) -> list[str]:
    if not file.path.exists():
        return [f"{file.shown}: the file is missing; a header line alone is enough."]
    faults: list[Fault] = []
    for read in file.read():
        faults += check(read) if isinstance(read, Line) else [read]
    return [f"{file.shown}:{line}: {reason}" for line, reason in faults]


def _packages() -> Iterator[str]:
    """Each client of the registry is a dbt package, and no other folder is."""
    listed = yaml.safe_load((paths.root() / "packages.yml").read_text(encoding="utf-8"))
    linked = {Path(package["local"]).as_posix() for package in listed["packages"]}
    wanted = {f"data/clients/{client_id}" for client_id in clients.registry()}
    for path in sorted(wanted - linked):
        yield f"packages.yml: the line `- local: {path}` is missing."
    for path in sorted(linked - wanted):
        yield f"packages.yml: {path} is listed, but dbt_project.yml has no such client."
    for path in sorted(wanted):
        types = f"{path}/mappings/_mappings__seeds.yml"
        if not (paths.root() / types).exists():
            yield f"{types}: the file is missing; copy another client's as it is."
