"""Checks that the models can read a file's cells: dates, amounts, ids, lines that are not orders.

A cell that cannot be read is counted and reported with the file; a file with an ambiguous notation
is refused, because nothing is guessed row by row. The patterns are those of the macros `to_date`,
`to_amount` and `to_flag` (tests/ingest/s3_exports/test_checks.py compares them).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.privacy.texts import are_digits
from ingest.sources.s3_exports.csv_records import Header
from ingest.sources.s3_exports.days import ZONED, day_or_none, is_day, is_of_another_day
from ingest.sources.s3_exports.limits import PROSPECT_IDS, AbnormalError, RefusedError
from signalroom import clock
from signalroom.plural import counted

BLANKS = " \t\n\v\f\r\u00a0"
_MONTH, _DAY = "(0?[1-9]|1[0-2])", "(0?[1-9]|[12][0-9]|3[01])"
_TIME = "([ T](?s:.*))?"
US_DATE = f"{_MONTH}/{_DAY}/[12][0-9]{{3}}{_TIME}"
ISO_DATE = f"[12][0-9]{{3}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]){_TIME}"
NO_DATE = f"0{{1,4}}[-/]0{{1,2}}[-/]0{{1,4}}{_TIME}"  # MySQL's zero date
_WHOLE = "([0-9]{1,19}|[0-9]{1,3}(,[0-9]{3}){1,5})([.][0-9]{0,18})?"
AMOUNT = rf"([$]?-?|-[$]?){_WHOLE}|[(][$]?{_WHOLE}[)]"
FLAG = "(?i:YES|Y|TRUE|T|1|NO|N|FALSE|F|0)"
READABLE = {
    "date": f"{US_DATE}|{ISO_DATE}|{NO_DATE}",
    "amount": AMOUNT,
    "flag": FLAG,
    "number": "[0-9]{1,18}",
    "status": "(?i:NEW|DECLINED|VOID/REFUNDED)",
}

# Day first, or a two-digit year first: in such a column 05/03/2026 may be the fifth of March.
DAY_FIRST = re.compile(
    r"((1[3-9]|2[0-9]|3[01])[-/.](0?[1-9]|1[0-2])[-/.]([0-9]{2}|[0-9]{4})"
    r"|[12][0-9]{3}[-/.](1[3-9]|2[0-9]|3[01])[-/.](0?[1-9]|1[0-2]))\b.*",
    re.DOTALL,
)
SWAPPABLE = re.compile(
    r"(?:(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})"
    r"|(?P<iso_year>[0-9]{4})-(?P<iso_month>[0-9]{2})-(?P<iso_day>[0-9]{2}))([ T].*)?",
    re.DOTALL,
)
FIRST_DAY = date(2000, 1, 1)  # no order is older: 1970 is a zero, 1926 two digits
# Days that only some months or years have: checked by the calendar.
LATE_DAY = "(0?2/(29|30|31)|(0?[469]|11)/31)/.*|[12][0-9]{3}-(02-(29|30|31)|(0[469]|11)-31).*"
# One point before three digits: thousands, or decimals? Another amount of the column may decide.
THREE_DIGITS = "[$(-]*[1-9][0-9]{0,2}[.][0-9]{3}[)]?"
POINT = "[$(-]*[0-9,]+[.]([0-9]{1,2}|[0-9]{4,})[)]?|[$(-]*(0|[0-9,]{4,})[.][0-9]{3}[)]?"
# A decimal comma, or points between thousands: in such a column 1.049 may be a thousand.
DECIMAL_COMMA = re.compile(r"[0-9],[0-9]{1,2}(?![0-9,.])|[.][0-9]{3}(,|[.][0-9]{3})")
WORD = re.compile(r"[^\W\d_]+[$]?")
CURRENCY_COLUMN = re.compile(
    "(.*_)?(currency|curr|ccy|moneda|moeda|devise|valuta|w.?hrung)(_(iso|code|symbol|name))*(_[0-9]+)?"
)
OUR_CURRENCY = re.compile(r"|[$]|(US|U\.S\.) ?[$]?|USD?|840|(USD? - )?((US|U\.S\.) )?DOLLARS?")
CURRENCIES = frozenset(
    """
    AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW MXN MYR NOK
    NZD PEN PHP PLN RON RUB SAR SEK SGD THB TRY TWD UAH VND ZAR A$ AU$ C$ CA$ HK$ MX$ NZ$ R$ S$ KR
    FR ZŁ KČ FT RS RP EURO EUROS POUND POUNDS
    """.split()  # noqa: SIM905
)
# Whole numbers rewritten by a spreadsheet or web page: 1001.0, 1.0E+3, 1,001, '1001, ="1001",
# (1001), one with quotes or zero-width characters around it, or in digits of another script.
_MARK = (
    r"['`+()\"\x{ad}\x{b4}\x{2bc}\x{200b}-\x{200f}\x{2018}-\x{201f}\x{202a}-\x{202e}\x{2032}"
    r"\x{2033}\x{2060}-\x{2069}\x{feff}]"
)
_SPACE = r"[ \t\n\v\f\r\x{a0}]*"
MANGLED = (
    rf"{_SPACE}([0-9]+[.,]0*|[0-9]+([.,][0-9]+[eE][+]?|[eE][+])[0-9]+"
    r"|[0-9]{1,3}([,. '\x{a0}\x{202f}][0-9]{3})+"
    rf"|{_MARK}+{_SPACE}[0-9]+{_MARK}*|[0-9]+{_SPACE}{_MARK}+|=.*"
    rf"|[0-9]*[\x{{660}}-\x{{669}}\x{{6f0}}-\x{{6f9}}\x{{ff10}}-\x{{ff19}}]+[0-9]*){_SPACE}"
)
PLAIN_ID = "^[ \t]*[0-9]+[ \t]*$"
NO_ID = re.compile(
    r"\W*((grand|sub)\W*)?(totals?|sum|count|average|avg|rows?|records?)\b.*",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Expected:
    """What the columns of a table hold; `ids` are possible names of its key."""

    ids: tuple[str, ...]
    dates: tuple[str, ...]
    amounts: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()  # number columns that the models read as numbers
    statuses: tuple[str, ...] = ()
    further: tuple[str, ...] = ()  # columns that the models read as text
    telling: tuple[str, ...] = ()  # a line without any of these is not a row

    def kinds(self) -> dict[str, str]:
        """The kind of each column that the models read."""
        return {
            **dict.fromkeys(self.dates, "date"),
            **dict.fromkeys(self.amounts, "amount"),
            **dict.fromkeys(self.flags, "flag"),
            **dict.fromkeys(self.counted, "number"),
            **dict.fromkeys(self.statuses, "status"),
        }

    def missing(self, there: Collection[str]) -> list[str]:
        """Columns that the models read and the file lacks."""
        read = (*self.kinds(), *self.further)
        keys = self.ids[:1] if not set(self.ids) & set(there) else ()
        return [name for name in (*keys, *read) if name not in there]


ORDERS = Expected(
    ids=("orders_id",),
    dates=("order_date", "refund_date", "chargeback_date"),
    amounts=("total_amount", "refund_amount", "void_amount"),
    flags=("is_test_cc", "void_flag", "refund_flag", "chargeback_flag"),
    numbers=("orders_id", "parent_order_id", "affid", "products_id", "rebill_depth"),
    counted=("affid", "rebill_depth"),
    statuses=("order_status",),
    further=("parent_order_id", "products_id", "product_category", "billing_state"),
    telling=("order_date", "order_status"),
)
PROSPECTS = Expected(
    ids=PROSPECT_IDS,
    dates=("prospect_date",),
    numbers=("prospects_id", "prospect_id", "affid", "orders_id", "campaign_id"),
    counted=("affid",),
)
NOTHING = Expected((), ())
EXPECTED = {"orders_create": ORDERS, "orders_update": ORDERS, "prospects_create": PROSPECTS}


@dataclass
class Checks:
    """Scans one file's batches; cells that cannot be read are counted by column.

    `until` is the last date the file can contain.
    """

    table: str
    header: Header
    until: date = date.max
    rows: int = 0
    _unreadable: Counter[str] = field(default_factory=Counter)
    _blank: Counter[str] = field(default_factory=Counter)
    _amounts: dict[str, set[str]] = field(default_factory=dict)
    _days: set[str] = field(default_factory=set)
    _impossible: set[str] = field(default_factory=set)  # of the days
    _misdated: Counter[str] = field(default_factory=Counter)
    _elsewhere: Counter[str] = field(default_factory=Counter)
    _numbered: int = 0  # ids that are numbers, and others
    _named: int = 0

    def __post_init__(self) -> None:
        expected = EXPECTED.get(self.table, NOTHING)
        there = self.header.names
        self._kinds = {name: kind for name, kind in expected.kinds().items() if name in there}
        self._numbers = [name for name in expected.numbers if name in there]
        self._telling = [name for name in expected.telling if name in there]
        self._key = next((name for name in expected.ids if name in there), None)
        self._ids = expected.ids
        self._currencies = [name for name in there if CURRENCY_COLUMN.fullmatch(name)]

    def look(self, columns: Mapping[str, Any], count: int, is_sifted: bool) -> None:
        """Scan a batch (Arrow text by column).

        `is_sifted` says that lines that are not rows have been removed. Raises RefusedError for an
        ambiguous notation, AbnormalError for a line that is not a row.
        """
        self.rows += count
        if self._key is None and self._ids:
            self._refuse_later_header(columns.values())
        if not is_sifted and self._has_no_rows(columns, count):
            raise AbnormalError("a line that is not a row")
        for name in self._numbers:
            if not are_digits(columns[name]) and _any(columns[name], MANGLED):
                raise RefusedError(
                    f"a spreadsheet has rewritten the numbers of {name} (like 1001.0 or 1E+3); "
                    "export it again and do not open it on the way"
                )
        for name in self._currencies:
            for text in columns[name].unique().to_pylist():
                if not OUR_CURRENCY.fullmatch((text or "").strip(BLANKS).upper()):
                    raise RefusedError(_other_currency(name))
        if is_sifted and self._key is not None:  # the fast reader passes numbers alone
            numbers = pc.match_substring_regex(columns[self._key], PLAIN_ID)
            plain = pc.sum(numbers).as_py() or 0
            self._numbered += plain
            self._named += count - plain
        for name in self._telling:
            self._blank[name] += columns[name].null_count
        for name, kind in self._kinds.items():
            self._look_at(name, kind, columns[name])

    def _refuse_later_header(self, columns: Iterable[Any]) -> None:
        """Raise RefusedError where the name of the id column appears below the first line."""
        pattern = f"(?i:{'|'.join(self._ids)})"
        if any(_any(pc.utf8_trim(cells, BLANKS), pattern) for cells in columns):
            raise RefusedError("its header is not its first line; export it with nothing above")

    def _has_no_rows(self, columns: Mapping[str, Any], count: int) -> bool:
        if self._key is None:
            return False
        keys = columns[self._key]
        if keys.null_count or not (are_digits(keys) or _all(keys, PLAIN_ID)):
            return True
        missing = [columns[name].is_null() for name in self._telling]
        nothing = missing and pc.and_(*missing) if len(missing) > 1 else None
        return nothing is not None and bool(pc.any(nothing).as_py())

    @property
    def has_key(self) -> bool:
        """Whether rows can be told from lines that are not rows."""
        return self._key is not None

    def fault(self, cells: Mapping[str, str]) -> str | None:
        """Why a row (text by column) is not a row of the table; None for one that is."""
        if self._key is None:
            return None
        names = [cell.strip(BLANKS).lower().replace(" ", "_") for cell in cells.values()]
        if names == [base.lower() for base in self.header.bases]:
            return "the header again"
        known = sum(name in self.header.bases for name in names if name)
        if known > 1 and 2 * known >= sum(map(bool, names)):
            raise RefusedError(
                "it contains a second header, with other columns or in another order: two exports "
                "were joined; upload them one by one"
            )
        key = cells[self._key]
        if NO_ID.fullmatch(key) or not any(character.isdigit() for character in key):
            return f"no {self._key}: a line of totals?"
        if self._telling and not any(cells[name].strip(BLANKS) for name in self._telling):
            return f"neither {' nor '.join(self._telling)}: a line of totals?"
        return None

    def _look_at(self, name: str, kind: str, cells: Any) -> None:
        if cells.null_count == len(cells):
            return
        # the same text is in many cells of most columns
        found = cells.value_counts()
        texts, counts = pc.utf8_trim(found.field("values"), BLANKS), found.field("counts")
        if kind == "date":
            self._look_at_days(name, texts, counts)
            if name in self._telling and _any(texts, NO_DATE):
                zeros = pc.match_substring_regex(texts, f"^(?:{NO_DATE})$")
                self._blank[name] += pc.sum(counts.filter(zeros)).as_py() or 0
            if _any(texts, ZONED):
                zoned = pc.match_substring_regex(texts, f"^(?:{ZONED})$")
                odd = (
                    count for text, count in _pairs(texts, counts, zoned) if is_of_another_day(text)
                )
                self._elsewhere[name] += sum(odd)
            if _any(texts, LATE_DAY):
                late = pc.match_substring_regex(texts, f"^(?:{LATE_DAY})$")
                for text, count in _pairs(texts, counts, late):
                    if not is_day(text):
                        self._unreadable[name] += count
        if kind == "amount":
            seen = self._amounts.setdefault(name, set())
            seen |= {one for one in (THREE_DIGITS, POINT) if one not in seen and _any(texts, one)}
        strange = pc.invert(pc.match_substring_regex(texts, f"^(?:{READABLE[kind]})?$"))
        if not pc.any(strange).as_py():
            return
        self._unreadable[name] += pc.sum(counts.filter(strange)).as_py()
        if kind not in {"date", "amount"}:
            return
        for text, _ in _pairs(texts, counts, strange):
            if kind == "amount":
                _refuse_notation(name, text)
            elif DAY_FIRST.fullmatch(text):
                raise RefusedError(
                    f"its {name} is written day first, so that others may be read in two ways; "
                    "export dates as MM/DD/YYYY or YYYY-MM-DD"
                )

    def _look_at_days(self, name: str, texts: Any, counts: Any) -> None:
        """Count days yet to come and days before any order.

        Raises RefusedError for a day yet to come that is none with day and month the other way: in
        a file of the first days of a month nothing else tells that it was written day first.
        """
        written = pc.utf8_slice_codeunits(texts, 0, 10)
        days = set(pc.unique(written).to_pylist()) - self._days
        self._days |= days
        for found in filter(None, (SWAPPABLE.fullmatch(text or "") for text in days)):
            year, month, day = (
                int(found[part] or found[f"iso_{part}"]) for part in ("year", "month", "day")
            )
            read, meant = day_or_none(year, month, day), day_or_none(year, day, month)
            if read and meant and meant <= self.until < read:
                raise RefusedError(
                    f"its {name} has days after {self.until}, which it cannot contain yet, as if "
                    "written day first; export dates as MM/DD/YYYY or YYYY-MM-DD"
                )
            # another year cannot be read, and counts there alone
            if read and 1000 <= read.year < 3000 and not FIRST_DAY <= read <= self.until:
                self._impossible.add(found[0])
        if self._impossible:
            impossible = pc.is_in(written, value_set=pa.array(self._impossible, written.type))
            self._misdated[name] += pc.sum(counts.filter(impossible)).as_py() or 0

    def end(self) -> None:
        """Raise RefusedError where the amounts of the whole file are ambiguous."""
        for name, seen in self._amounts.items():
            if seen == {THREE_DIGITS}:
                raise RefusedError(
                    f"its {name} has amounts like 1.049, which may be read in two ways, and none "
                    "that tells; export amounts as 1049.00"
                )

    @property
    def report(self) -> str:
        """What could not be read, in words; empty if everything could."""
        found = [f"{count:,} of {name}" for name, count in self._unreadable.items() if count]
        parts = [f"values that cannot be read: {', '.join(found)}"] if found else []
        if self._numbered and self._named:
            parts.append(f"ids unlike the others: {self._named:,} of {self._key}")
        odd = [f"{count:,} of {name}" for name, count in self._misdated.items() if count]
        if odd:
            parts.append(f"days before {FIRST_DAY} or after {self.until}: {', '.join(odd)}")
        parts += [
            f"instants of another day in {clock.zone().key}, counted as written: {count:,} of {one}"
            for one, count in self._elsewhere.items()
            if count
        ]
        parts += [
            f"{counted(count, 'row')} without {name}"
            for name, count in self._blank.items()
            if count
        ]
        return f"{'; '.join(parts)} (of {counted(self.rows, 'row')})" if parts else ""


def _pairs(texts: Any, counts: Any, which: Any) -> Iterator[tuple[str, int]]:
    return zip(texts.filter(which).to_pylist(), counts.filter(which).to_pylist(), strict=True)


def _refuse_notation(name: str, text: str) -> None:
    words = {word.upper() for word in WORD.findall(text)}
    symbols = {one for one in text if unicodedata.category(one) == "Sc" and one != "$"}
    if symbols or words & CURRENCIES:
        raise RefusedError(_other_currency(name))
    if DECIMAL_COMMA.search(text):
        raise RefusedError(
            f"its {name} has a decimal comma, so that 1.049 may be read in two ways; export "
            "amounts as 1049.95"
        )


def _other_currency(name: str) -> str:
    return f"its {name} names another currency; everything here is USD: export it in USD"


def _any(cells: Any, pattern: str) -> bool:
    found = (
        cells.null_count < len(cells)
        and pc.any(pc.match_substring_regex(cells, f"^(?:{pattern})$")).as_py()
    )
    return bool(found)


def _all(cells: Any, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(cells, pattern)).as_py())
