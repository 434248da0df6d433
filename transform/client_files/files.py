"""The files that clients maintain by hand, and the possible mistakes in a line of each."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from signalroom.clients import Client
from transform.client_files.reader import (
    FILE_NAMES,
    MANGLED,
    ClientFile,
    Line,
    Mistake,
    Unusable,
    identifier,
    is_broken,
)

SOURCE_ID = re.compile("[A-Za-z0-9_.:-]+")
VALIDITY = ("valid_from", "valid_to")
COLUMNS = (
    "redtrack.source",
    "redtrack.source_alias",
    "redtrack.source_id",
    "everflow.affiliate_id",
    "everflow.affiliate_label",
    "everflow.advertiser_id",
    "everflow.advertiser_label",
)
PROJECT_COLUMNS = ("project", "everflow.advertiser_id", "everflow.offer_id", *VALIDITY)
GOAL_COLUMNS = ("brand", "month", "spend", "cpa", "conversions")
MONTH = re.compile(
    r"[12][0-9]{3}-(0?[1-9]|1[0-2])(-0?1)?"
    r"|(0?[1-9]|1[0-2])/(0?1/)?[12][0-9]{3}"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[- ]([12][0-9])?[0-9]{2}",
    re.IGNORECASE,
)
SLASHES = re.compile(r"[0-9]{1,2}/[0-9]{1,2}/")
DAY_FIRST = re.compile(r"(1[3-9]|[23][0-9])/[0-9]{1,2}/")
_WHOLE = r"([0-9]{1,19}|[0-9]{1,3}(,[0-9]{3}){1,5})([.][0-9]{0,18})?"
AMOUNT = re.compile(rf"([$]?-?|-[$]?){_WHOLE}|[(][$]?{_WHOLE}[)]")


@dataclass
class Reading:
    """A file as read: its text, the lines passed to dbt, and its mistakes."""

    file: ClientFile
    text: str | None = None
    lines: list[Line] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def is_usable(self) -> bool:
        """Whether the file exists or may be absent, and no mistake makes it unusable as a whole."""
        return not any(mistake.spoils_file for mistake in self.mistakes)

    def blame(self, line: int, reason: str, *, spoils_file: bool) -> None:
        self.mistakes.append(Mistake(self.file.shown, line, reason, spoils_file))


@dataclass(frozen=True)
class _Claim:
    """The days on which a line applies to what `key` names; both days included."""

    line: int
    key: tuple[str, ...]
    first: date
    last: date

    def meets(self, other: _Claim) -> bool:
        return self.key == other.key and self.first <= other.last and other.first <= self.last


class _Rules(ABC):
    """The rules of a kind of file: `faults` of a line, and what no two lines may both `claim`."""

    name: str
    columns: tuple[str, ...]
    further: tuple[str, ...] = ()
    is_optional = False

    def __init__(self, client: Client) -> None:
        self.client = client
        self.file = ClientFile(client, self.name, self.columns, self.further, self.is_optional)

    @abstractmethod
    def faults(self, line: Line) -> Iterator[str]:
        """Why the line cannot be used."""

    @abstractmethod
    def claim(self, line: Line) -> _Claim | None:
        """What only this line may define; raises ValueError if its dates are invalid."""

    @abstractmethod
    def clash(self, claim: _Claim, earlier: _Claim) -> str:
        """Why two lines conflict."""

    def is_given(self, line: Line, faults: list[str]) -> bool:
        """Whether the line is passed to dbt: one with a fault only if it then maps nothing."""
        return not faults


class InternalAffiliates(_Rules):
    """Which RedTrack source belongs to which Everflow affiliate."""

    name, columns, further = "internal-affiliates.csv", COLUMNS, VALIDITY

    def faults(self, line: Line) -> Iterator[str]:
        source_id = identifier(line.values["redtrack.source_id"])
        if not source_id:
            yield "redtrack.source_id is blank; it is the key of the line."
        elif is_broken(source_id):
            yield f"redtrack.source_id is {source_id}, a failed formula; write RedTrack's id."
        elif MANGLED.fullmatch(source_id):
            yield (
                f"redtrack.source_id {source_id} is an id that the spreadsheet turned into a "
                "number; format the column as text and paste RedTrack's id again."
            )
        elif not SOURCE_ID.fullmatch(source_id):
            yield (
                f"redtrack.source_id {source_id} has characters that are in no id of RedTrack; "
                "paste the id again, one for each line."
            )
        label = line.values["everflow.affiliate_label"]
        if is_broken(label):
            yield (
                f"everflow.affiliate_label cannot be read ({label}); write the affiliate's name as "
                "Everflow has it. Until then the source counts as unmapped."
            )
        advertiser_id = line.values["everflow.advertiser_id"]
        yield from _advertiser_faults(self.client, advertiser_id)

    def claim(self, line: Line) -> _Claim | None:
        source_id = identifier(line.values["redtrack.source_id"])
        if not source_id or is_broken(source_id) or MANGLED.fullmatch(source_id):
            return None
        return _claim(line, (source_id,))

    def clash(self, claim: _Claim, earlier: _Claim) -> str:
        return (
            f"source {claim.key[0]} is mapped twice, first in line {earlier.line}; keep one of "
            "them, or end one with valid_to before the other begins."
        )

    def is_given(self, line: Line, faults: list[str]) -> bool:
        # a line that maps nothing may still name the advertiser of the spend
        return self.claim(line) is not None


class Projects(_Rules):
    """Which Everflow advertiser or offer belongs to which project, with dates."""

    name, columns = "projects.csv", PROJECT_COLUMNS

    def faults(self, line: Line) -> Iterator[str]:
        offer_id = identifier(line.values["everflow.offer_id"])
        project = line.values["project"]
        if not project or is_broken(project):
            yield "project is blank; give it the name that reports shall show."
        advertiser_id = line.values["everflow.advertiser_id"]
        if not advertiser_id:
            yield "everflow.advertiser_id is blank; an offer is of an advertiser."
        yield from _advertiser_faults(self.client, advertiser_id)
        if offer_id and not re.fullmatch(r"[0-9]{1,18}", offer_id):
            yield f"offer {offer_id} is not a valid number; everflow.offer_id is Everflow's id."

    def claim(self, line: Line) -> _Claim | None:
        ids = ("everflow.advertiser_id", "everflow.offer_id")
        return _claim(line, tuple(identifier(line.values[name]) for name in ids))

    def clash(self, claim: _Claim, earlier: _Claim) -> str:
        advertiser_id, offer_id = claim.key
        what = f"offer {offer_id}" if offer_id else f"advertiser {advertiser_id}"
        return (
            f"{what} is mapped twice on the same days, first in line {earlier.line}; end one line "
            "with valid_to before the other begins."
        )


class Goals(_Rules):
    """A brand's monthly goals for spend, CPA and conversions."""

    name, columns, is_optional = "goals.csv", GOAL_COLUMNS, True

    def faults(self, line: Line) -> Iterator[str]:
        brand, month = line.values["brand"], line.values["month"]
        names = {name.name.lower(): name.name for name in self.client.brands}
        if brand.lower() not in names:
            has = ", ".join(names.values())
            yield f"brand '{brand}' is unknown; dbt_project.yml gives this client {has}."
        if not MONTH.fullmatch(month):
            yield f"month '{month}' is not valid; write it as 2026-11."
        for name in GOAL_COLUMNS[2:]:
            text = line.values[name]
            if text and not AMOUNT.fullmatch(text):
                yield f"{name} '{text}' is not a valid number; write 1250.00, or leave it blank."

    def claim(self, line: Line) -> _Claim | None:
        if not MONTH.fullmatch(line.values["month"]):
            return None
        month = _month(line.values["month"])
        return _Claim(line.number, (line.values["brand"].lower(), month), date.min, date.max)

    def clash(self, claim: _Claim, earlier: _Claim) -> str:
        brand, month = claim.key
        return (
            f"brand {brand} has two goals for {month}, first in line {earlier.line}; keep one of "
            "them."
        )


KINDS: tuple[type[_Rules], ...] = (InternalAffiliates, Projects, Goals)
FILE_NAMES.update(kind.name for kind in KINDS)


def read(kind: type[_Rules], client: Client) -> Reading:
    """One client's file of a kind, in its current version."""
    rules = kind(client)
    reading = Reading(rules.file)
    try:
        reading.text = rules.file.content()
    except Unusable as fault:
        reading.blame(fault.line, fault.reason, spoils_file=True)
        return reading
    if reading.text is None and rules.file.is_misplaced():
        reading.blame(
            0,
            "it is one folder above this one, where nothing reads it; move it here.",
            spoils_file=False,
        )
    if reading.text is not None and (other := rules.file.second_version()):
        reason = f"{other} is next to it, but is not read; keep one of them by this name."
        reading.blame(0, reason, spoils_file=False)
    return _checked(rules, reading)


def read_text(kind: type[_Rules], client: Client, text: str) -> Reading:
    """The same for an earlier text of the file."""
    rules = kind(client)
    return _checked(rules, Reading(rules.file, text))


def _checked(rules: _Rules, reading: Reading) -> Reading:
    if reading.text is None:
        return reading
    found: list[Line | tuple[int, str]] = []
    spoilt: Unusable | None = None
    try:
        found.extend(rules.file.lines(reading.text))
    except Unusable as fault:
        spoilt = fault
    days_first = [one.number for one in found if isinstance(one, Line) and _is_day_first(one)]
    claims: list[_Claim] = []
    for one in found:
        if not isinstance(one, Line):
            reading.blame(*one, spoils_file=False)
        elif days_first and (odd := _ambiguous(one)):
            reason = (
                f"{odd} can be read in two ways, for line {days_first[0]} has the day first; "
                "write it as 2026-11-30."
            )
            reading.blame(one.number, reason, spoils_file=False)
        else:
            _check(rules, reading, one, claims)
    if spoilt:
        reading.blame(spoilt.line, spoilt.reason, spoils_file=True)
    return reading


def _is_day_first(line: Line) -> bool:
    """Whether the first number of a date of the line cannot be a month: 31/10/2026."""
    return any(DAY_FIRST.match(line.values.get(column, "")) for column in VALIDITY)


def _ambiguous(line: Line) -> str:
    """A date of the line that is valid both month first and day first."""
    return next(
        (
            f"{column} {text}"
            for column in VALIDITY
            if SLASHES.match(text := line.values.get(column, "")) and not DAY_FIRST.match(text)
        ),
        "",
    )


def _check(rules: _Rules, reading: Reading, line: Line, claims: list[_Claim]) -> None:
    faults = list(rules.faults(line))
    try:
        claim = rules.claim(line)
    except ValueError as error:
        reading.blame(line.number, str(error), spoils_file=False)
        return
    for reason in faults:
        reading.blame(line.number, reason, spoils_file=False)
    if claim and claim.last < claim.first:
        reason = f"valid_to {claim.last} is before valid_from {claim.first}."
        reading.blame(line.number, reason, spoils_file=False)
        return
    if claim and not (faults and not rules.is_given(line, faults)):
        earlier = next((one for one in claims if one.meets(claim)), None)
        if earlier:
            reading.blame(line.number, rules.clash(claim, earlier), spoils_file=True)
        claims.append(claim)
    if rules.is_given(line, faults):
        reading.lines.append(line)


def _advertiser_faults(client: Client, value: str) -> Iterator[str]:
    advertiser_id = identifier(value)
    known = {brand.advertiser_id: brand.name for brand in client.brands}
    is_number = re.fullmatch(r"[0-9]{1,18}", advertiser_id)
    if known and advertiser_id and not (is_number and int(advertiser_id) in known):
        has = ", ".join(f"{number} ({name})" for number, name in known.items())
        yield (
            f"advertiser {advertiser_id} is unknown; dbt_project.yml gives this client {has}. "
            "Until then the line maps nothing."
        )


def _claim(line: Line, key: tuple[str, ...]) -> _Claim:
    first = _day(line, "valid_from", date.min)
    return _Claim(line.number, key, first, _day(line, "valid_to", date.max))


def _day(line: Line, column: str, otherwise: date) -> date:
    """A date in any format that people and spreadsheets use; blank is open."""
    text = line.values[column]
    if not text:
        return otherwise
    for form in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        if 1000 <= day.year <= 2999:
            return day
    raise ValueError(f"{column} {text} is not a valid date; write it as 2026-11-30.")


MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def _month(text: str) -> str:
    """`2026-11` from any format of a month."""
    numbers = re.findall("[0-9]+", text)
    if text[0].isalpha():
        year, month = numbers[0], MONTHS.index(text[:3].lower()) + 1
    elif "/" in text:
        year, month = numbers[-1], int(numbers[0])
    else:
        year, month = numbers[0], int(numbers[1])
    return f"{'20' if len(year) == 2 else ''}{year}-{month:02d}"
