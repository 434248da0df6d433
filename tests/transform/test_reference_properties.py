"""For any client file: dbt and the checker read the same lines, and mistakes never raise errors."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from dbt_common.clients import agate_helper
from hypothesis import given
from hypothesis import strategies as st

from signalroom import clients
from tests.transform.test_reference import read_713
from transform.client_files.files import COLUMNS, KINDS, InternalAffiliates
from transform.client_files.reader import Line, Unusable, decoded, value_of

TEXT = st.text(st.sampled_from(list("ab'\"; \t\u200b\u00e9")), max_size=6)


@given(
    rows=st.lists(st.lists(TEXT, min_size=7, max_size=7), max_size=8),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    mark=st.booleans(),
    last_end=st.booleans(),
)
def test_dbt_and_the_checker_read_the_same_lines(
    rows: list[list[str]],
    ends: str,
    quoting: Any,
    mark: bool,
    last_end: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Compared with the reader that dbt uses for seeds, on every engine if `fast` is off."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=ends, quoting=quoting).writerows([list(COLUMNS), *rows])
    written = text.getvalue() if last_end else text.getvalue().removesuffix(ends)
    path = tmp_path_factory.getbasetemp() / "seed.csv"
    path.write_bytes(written.encode("utf-8-sig" if mark else "utf-8"))
    seed = agate_helper.from_csv(str(path), text_columns=list(COLUMNS))
    # a cell of blanks is null to dbt, as it is to the checker
    by_dbt = [[value_of(cell or "") for cell in row] for row in seed.rows]
    mine = read_713(InternalAffiliates, decoded(path.read_bytes()))
    lines = mine.file.lines(decoded(path.read_bytes()))
    by_checker = [list(map(value_of, line.cells[:7])) for line in lines if isinstance(line, Line)]
    assert [row for row in by_dbt if any(row)] == by_checker


CELLS = st.one_of(
    st.text(max_size=10),
    st.sampled_from(["n/a", "#REF!", "'1", "1.0", '"', "=1+1", "\ud800", "9" * 40, "2026-13-45",
                     "../../x", "'; drop table x", "\u202e", "\u0663"]),
)  # fmt: skip


@given(
    kind=st.sampled_from(KINDS),
    rows=st.lists(st.lists(CELLS, max_size=9), max_size=6),
    header=st.sampled_from(["", "columns", "all_columns"]),
    commas=st.sampled_from(["", ",", ",,,"]),
)
def test_whatever_is_written_is_a_mistake_that_is_named_and_never_an_error(
    kind: Any, rows: list[list[str]], header: str, commas: str
) -> None:
    file = kind(clients.client("713")).file
    first = [",".join(getattr(file, header)) + commas] if header else []
    reading = read_713(kind, "\n".join([*first, *(",".join(row) for row in rows)]))
    for mistake in reading.mistakes:
        assert "\n" not in str(mistake)
        assert mistake.line >= 1


@given(content=st.binary(max_size=60))
def test_whatever_bytes_a_file_has_are_text_or_named(content: bytes) -> None:
    try:
        text = decoded(content)
    except Unusable:
        return
    assert "\x00" not in text
