"""The reader of the files that clients maintain in a spreadsheet.

It reads the same rows as dbt: UTF-8 with or without a byte-order mark, any line ends, commas, and
`"` as the only quote. The macros of `transform/macros/mapping.sql` clean a cell like `clean`.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from signalroom import paths
from signalroom.clients import Client, registry

# Every kind of space that a spreadsheet, a web page or a chat leaves in a cell.
SPACES = (
    "\t\n\v\f\r\u0085\u00a0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + ("\u2028\u2029\u202f\u205f\u2800\u3000")
)
HYPHENS = "\u2010\u2011"
# Control and zero-width characters: joiners, fillers, direction marks, byte-order marks, tags,
# variation selectors. First and last of each range.
UNSEEN = (
    *((0x01, 0x08), (0x0E, 0x1F), (0x7F, 0x84), (0x86, 0x9F), (0xAD, 0xAD), (0x034F, 0x034F)),
    *((0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F)),
    *((0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB), (0xE0000, 0xE007F), (0xE0100, 0xE01EF)),
)
INVISIBLE = "".join(chr(code) for first, last in UNSEEN for code in range(first, last + 1))
_TRANSLATION = str.maketrans(SPACES + HYPHENS, " " * len(SPACES) + "-" * len(HYPHENS), INVISIBLE)
# What a spreadsheet shows for a failed formula, in any language, or the formula itself.
BROKEN = re.compile(
    r"# ?[^ ]+[!?]|# ?[^ 0-9]/[^ 0-9]( #?[^ 0-9]/[^ 0-9])?"
    r"|#(NV|NA|YOK|HIÁNYZIK|NENÍ_K_DISPOZICI|NEDOSTUPNÝ|GETTING_DATA|#*)"
    r"|ERR:[0-9]{3}|LOADING(\.\.\.|…)|=.*|.*\ufffd.*"
)
# `="64f1"`: text, as exports write it so that a spreadsheet does not read it as a number.
QUOTED_TEXT = re.compile(r'="([^"]*)"')
# `6.5E+23`: an id that a spreadsheet read as a number. A hexadecimal id has no sign or point.
MANGLED = re.compile(r"[0-9]+([.,][0-9]+[eE][+]?|[eE][+])[0-9]+")
SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'", "^": "'^'", "~": "'~'"}
# How a file begins that has a table in another form.
OTHER_FORMS = {
    b"PK\x03\x04": "an Excel or Numbers workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"%PDF": "a PDF",
}
WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers", ".gsheet", ".pdf")
BACKUPS = ("~", ".bak", ".orig", ".swp")
CONFLICT = re.compile(r"(<{7}|>{7}|[|]{7}) .*|={7}")  # of a merge


@dataclass(frozen=True)
class Mistake:
    """A mistake in a file, or in one line of it; `line` 0 is the file as a whole.

    A mistake that `spoils_file` excludes the whole file; any other, only its line.
    """

    path: Path
    line: int
    reason: str
    spoils_file: bool

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else f"{self.path}"
        return f"{where}: {self.reason}"


@dataclass(frozen=True)
class Line:
    """A line of a file: its number, its cells as typed, and its values by column.

    Values are cleaned; blank, `n/a` and `null` become empty text.
    """

    number: int
    cells: tuple[str, ...]
    values: dict[str, str]


class Unusable(Exception):  # noqa: N818 - a fault of a file, never an error of the program
    """Why a whole file cannot be read: the line, and the reason with the fix."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


@dataclass(frozen=True)
class ClientFile:
    """One file in a client's folder `mappings`; `further` columns may follow at its end."""

    client: Client
    name: str
    columns: tuple[str, ...]
    further: tuple[str, ...] = ()
    is_optional: bool = False

    @property
    def path(self) -> Path:
        return paths.root() / "data" / "clients" / self.client.id / "mappings" / self.name

    @property
    def shown(self) -> Path:
        """The path for display."""
        return self.path.relative_to(paths.root())

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Every column that the file may have, in order."""
        return (*self.columns, *self.further)

    def content(self) -> str | None:
        """The file's text; None if an optional file is absent. Raises Unusable."""
        try:
            return decoded(self.path.read_bytes())
        except FileNotFoundError:
            near = self._misnamed()
            if near:
                repair = (
                    f"save its sheet as 'CSV UTF-8' by the name {self.name}"
                    if near.lower().endswith(WORKBOOKS)
                    else "rename it"
                )
                raise Unusable(0, f"the file is missing; found {near}: {repair}.") from None
            if self.is_optional:
                return None
            elsewhere = self._elsewhere()
            if elsewhere:
                reason = f"the file is missing; found {elsewhere}: move it if it is this client's."
                raise Unusable(0, reason) from None
            raise Unusable(
                0,
                "the file is missing; bring it back from the last commit. Only a client without "
                f"any has the header alone: {','.join(self.columns)}",
            ) from None
        except OSError as error:
            raise Unusable(0, f"cannot be read: {error.strerror}.") from error

    def is_misplaced(self) -> bool:
        """Whether the file is in the client's folder instead of its folder of mappings."""
        return (self.path.parents[1] / self.name).exists()

    def second_version(self) -> str:
        """A further version of the file by a similar name, as a second download gets it."""
        name = self._misnamed(0.9)
        return "" if name.startswith((".", "~")) or name.endswith(BACKUPS) else name

    def _misnamed(self, likeness: float = 0.8) -> str:
        """A file in the same folder with a similar name."""
        folder = self.path.parent
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        others = {name: _plain_name(name) for name in names if name not in FILE_NAMES}
        wanted = _plain_name(self.name)
        near = difflib.get_close_matches(wanted, others.values(), n=1, cutoff=likeness)
        return next((name for name, plain in others.items() if plain in near), "")

    def _elsewhere(self) -> str:
        """The same file in a folder that is no client's."""
        own, every = self.path.parents[1], self.path.parents[2]
        strangers = [path for path in every.glob("*") if path.name not in registry()]
        others = [
            *own.glob(self.name),
            *own.glob(f"*/{self.name}"),
            *(path for one in strangers for path in (one, *one.glob(f"mappings/{self.name}"))),
            *every.parent.glob(self.name),
        ]
        others = [path for path in others if path.is_file() and path.name == self.name]
        return next((path.relative_to(paths.root()).as_posix() for path in others), "")

    def lines(self, text: str) -> Iterator[Line | tuple[int, str]]:
        """Lines, and faults of single lines (number, reason); Unusable for a fault of the file.

        Blank lines are skipped. Missing cells at the end of a line are blank.
        """
        reader = csv.reader(io.StringIO(text), strict=True)
        try:
            columns = self._header(next(reader, []), text)
            is_sound = False
            for cells in reader:
                for one in self._line(cells, columns, reader.line_num, is_sound):
                    is_sound |= isinstance(one, Line)
                    yield one
        except csv.Error as error:
            raise Unusable(reader.line_num, f"{error}; check the quotes of this line.") from error

    def _line(
        self, cells: list[str], columns: tuple[str, ...], number: int, is_sound: bool
    ) -> Iterator[Line | tuple[int, str]]:
        values = [value_of(cell) for cell in cells]
        if not any(values):
            return
        if CONFLICT.fullmatch(cells[0]) and not any(values[1:]):
            raise Unusable(
                number, "marks of an unfinished merge; keep one of the two versions and save."
            )
        if tuple(value.lower() for value in values[: len(columns)]) == columns:
            yield number, "the header again; delete this line."
            return
        separator = self._separator(cells[0])
        if separator and not any(values[1:]) and not is_sound:
            raise Unusable(number, _separated(separator))
        if any("\n" in cell for cell in cells):
            raise Unusable(
                number, "a quote is open, so that lines run together; check the quotes before it."
            )
        if any(values[len(columns) :]):
            count = len(cells)
            yield number, f"{count} cells instead of {len(columns)}; a comma too many."
            return
        missing = len(self.all_columns) - min(len(cells), len(columns))
        padded = (*cells[: len(columns)], *[""] * missing)
        texts = (*values[: len(columns)], *[""] * missing)
        yield Line(number, padded, dict(zip(self.all_columns, texts, strict=True)))

    def _header(self, cells: list[str], text: str) -> tuple[str, ...]:
        header = [clean(cell).lower() for cell in cells]
        while header and not header[-1]:
            header.pop()
        found = tuple(header)
        if found in (self.columns, self.all_columns):
            return found
        separator = self._separator(text.split("\n", 1)[0])
        if separator and len(cells) < len(self.columns):
            raise Unusable(1, _separated(separator))
        raise Unusable(1, self._odd_header(found, text))

    def _separator(self, line: str) -> str:
        """What separates the cells of a line, in words, if it is no comma."""
        wanted = len(self.columns) - 1
        return next((said for one, said in SEPARATORS.items() if line.count(one) >= wanted), "")

    def _odd_header(self, found: tuple[str, ...], text: str) -> str:
        optional = f", and at its end may be {','.join(self.further)}" if self.further else ""
        wanted = f"the header has to be {','.join(self.columns)}{optional}"
        later = self._later_header(text)
        repair = f"; it is line {later}: delete what is above it" if later else ""
        if not found:
            what = "the first line is blank" if clean(text) else "the file is empty"
            return f"{what}; {wanted}{repair}."
        if later:
            return f"{wanted}{repair}."
        # a file with one of the optional columns needs all of them
        expected = self.all_columns if set(found) & set(self.further) else self.columns
        missing = [column for column in expected if column not in found]
        odd = [column for column in found if column not in expected]
        said = [f"column {_named(missing)} is missing"] if missing else []
        said += [f"column {_named(odd)} is unknown"] if odd else []
        twice = [column for column in expected if found.count(column) > 1]
        said += [f"column {_named(twice)} is there twice"] if twice else []
        return f"{wanted}; {', '.join(said) or 'its columns are in another order'}."

    def _later_header(self, text: str) -> int:
        """The line of the header if it is not the first one; 0 if there is none."""
        lines = text.split("\n")[1:20]
        for number, line in enumerate(lines, 2):
            cells = [clean(cell).lower() for cell in next(csv.reader([line]), [])]
            if tuple(cells[: len(self.columns)]) == self.columns:
                return number
        return 0


FILE_NAMES: set[str] = set()  # the names of every kind of client file; files.py fills it


def decoded(content: bytes) -> str:
    """The text of a file, with line ends as `\\n`; Unusable if it is not UTF-8."""
    form = next((form for start, form in OTHER_FORMS.items() if content.startswith(start)), "")
    if form:
        raise Unusable(1, f"{form}; save the sheet as 'CSV UTF-8'.")
    beginning = content[:2000]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or 3 * beginning.count(0) > len(beginning):
        raise Unusable(1, "not UTF-8 but UTF-16; save the sheet as 'CSV UTF-8'.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unusable(line, "not UTF-8; save the sheet as 'CSV UTF-8'.") from error
    if "\x00" in text:
        raise Unusable(1, "holds a NUL character; save the sheet as 'CSV UTF-8'.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def clean(cell: str) -> str:
    """A cell without invisible characters: normalized accents, plain spaces, none at the ends."""
    return unicodedata.normalize("NFC", cell.translate(_TRANSLATION)).strip(" ")


def value_of(cell: str) -> str:
    """A clean cell; `n/a` and `null` in any case are blank, and `="x"` is x."""
    text = clean(cell)
    if quoted := QUOTED_TEXT.fullmatch(text):
        text = quoted[1].strip(" ")
    return "" if text.lower() in ("n/a", "null") else text


def identifier(value: str) -> str:
    """An id without a spreadsheet's apostrophe before it, or the `.0` after a number."""
    text = value.lstrip("'").strip(" ")
    return re.sub(r"^([0-9]+)\.0+$", r"\1", text)


def is_broken(value: str) -> bool:
    """Whether a value is a failed formula of a spreadsheet, or text that was read wrongly."""
    return bool(BROKEN.fullmatch(value.upper()))


def _plain_name(name: str) -> str:
    text = re.sub(r"\.(xlsx?|ods|numbers)$", "", name.lower())
    text = re.sub(r"( ?\([0-9]+\)| copy)?(\.csv)+(\.txt)?$", "", text)
    return text.replace("_", "-").replace(" ", "-")


def _separated(shown: str) -> str:
    return f"separated by {shown}: save the sheet as comma CSV ('CSV UTF-8')."


def _named(columns: Iterable[str]) -> str:
    return ", ".join(f"'{column}'" for column in columns)
