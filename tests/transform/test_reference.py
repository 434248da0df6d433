"""What goes wrong in a file that a client keeps in a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import pytest

from signalroom import clients
from transform import client_files as reference

HEADER = ",".join(reference.COLUMNS)
GOOD = "Facebook CCW,facebook,s1,11,G2 - Meta,1,CCW"


def found(
    content: str | bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_id: str = "713"
) -> list[str]:
    """The mistakes in this content, without the file's name."""
    client = clients.client(client_id)
    path = tmp_path / "data" / "clients" / client_id / "mappings" / "internal-affiliates.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    shown = f"data/clients/{client_id}/mappings/internal-affiliates.csv:"
    mistakes = reference.internal_affiliates(client)
    assert all(mistake.startswith(shown) for mistake in mistakes)
    return [mistake.removeprefix(shown) for mistake in mistakes]


def test_the_shipped_files_are_in_order() -> None:
    assert reference.mistakes() == []


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param("\ufeff" + HEADER + "\r\n" + GOOD, id="byte-order mark, no last newline"),
        pytest.param(HEADER + "\n Facebook ,, s1 , n/a , N/A ,n/a,\u00a0\n", id="blanks and n/a"),
        pytest.param(f"{HEADER}\n{GOOD}\n{GOOD.replace('s1', 's2')}\n", id="two to one affiliate"),
        pytest.param(f"{HEADER}\n,,,,,,\n{GOOD}\n,,,,,,\n", id="empty lines of a spreadsheet"),
        pytest.param(f"{HEADER}\nA,,s1,,A label alone,,\n", id="a label without an advertiser"),
        pytest.param(HEADER, id="a header alone"),
    ],
)
def test_what_spreadsheets_do_is_no_mistake(
    rows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found(rows, tmp_path, monkeypatch) == []


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        pytest.param(
            f"{HEADER}\n{GOOD}\nB,,s2,,X,1,CCW\nC,, s1 ,,Y,2,EXP\n",
            4,
            "source s1 is mapped twice, first in line 2",
            id="a source mapped twice names both lines",
        ),
        pytest.param(
            f"{HEADER}\n{GOOD.replace(',1,', ',9,')}\n",
            2,
            "advertiser 9 is unknown",
            id="an unknown advertiser",
        ),
        pytest.param(f"{HEADER}\n{GOOD},stray\n", 2, "8 cells instead of 7", id="a stray cell"),
        pytest.param(f"{HEADER},notes\n{GOOD},x\n", 1, "the header", id="a stray column"),
        pytest.param(f"{HEADER}\nA,,,,L,1,CCW\n", 2, "redtrack.source_id is blank", id="no key"),
        pytest.param(f"{HEADER}\n{GOOD}\n".encode("utf-16"), 1, "not UTF-8", id="UTF-16"),
        pytest.param(
            f"{HEADER}\n{GOOD}\n".encode() + b"Caf\xe9,,s2,,L,1,CCW\n", 3, "not UTF-8", id="Latin-1"
        ),
        pytest.param(f'{HEADER}\n"{GOOD}\n', 2, "quotes", id="an open quote"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_reason(
    content: str | bytes, line: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistakes = found(content, tmp_path, monkeypatch)
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"{line}: ")
    assert reason in mistakes[0]


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = clients.client("cti")
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    (mistake,) = reference.internal_affiliates(client)
    assert "data/clients/cti/mappings/internal-affiliates.csv: the file is missing" in mistake


PROJECT_HEADER = ",".join(reference.PROJECT_COLUMNS)


def found_in_projects(
    lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str = PROJECT_HEADER
) -> list[str]:
    """The mistakes in these lines of client 713's projects.csv, without the file's name."""
    path = tmp_path / "data" / "clients" / "713" / "mappings" / "projects.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"{header}\n{lines}", encoding="utf-8")
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    shown = "data/clients/713/mappings/projects.csv:"
    mistakes = reference.projects(clients.client("713"))
    assert all(mistake.startswith(shown) for mistake in mistakes)
    return [mistake.removeprefix(shown) for mistake in mistakes]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("CCW,1,,,\nRefresher,1,102,,\n", id="an offer beside its whole advertiser"),
        pytest.param("A,1,,,2026-10-31\nB,1,,11/01/2026,\n", id="one after the other"),
        pytest.param("\ufeff A , 1 ,n/a, 2026-11-01 ,N/A\n,,,,\n", id="blanks and n/a"),
        pytest.param("A,1,101,,\nA,1,102,,\nA,2,,,", id="one project of many offers"),
    ],
)
def test_projects_as_people_keep_them_are_no_mistake(
    lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients.client("713")
    assert found_in_projects(lines, tmp_path, monkeypatch) == []


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        pytest.param(
            "A,1,,,2026-10-31\nB,2,,,\nC,1,,2026-10-31,\n",
            4,
            "advertiser 1 is mapped twice on the same days, first in line 2",
            id="an overlap of one day names both lines",
        ),
        pytest.param("A,1,102,,\nB,1, 102,,\n", 3, "offer 102 is mapped twice", id="a duplicate"),
        pytest.param("A,9,,,\n", 2, "advertiser 9 is unknown", id="an unknown advertiser"),
        pytest.param("A,,102,,\n", 2, "advertiser_id is blank", id="an offer of nobody"),
        pytest.param(",1,,,\n", 2, "project is blank", id="no name"),
        pytest.param("A,1,Club,,\n", 2, "offer Club is no number", id="an offer by its name"),
        pytest.param("A,1,,2026-02-30,\n", 2, "valid_from 2026-02-30 is no date", id="no date"),
        pytest.param("A,1,,2026-11-02,2026-11-01\n", 2, "before valid_from", id="turned round"),
        pytest.param("A,1,,,,note\n", 2, "6 cells instead of 5", id="a stray cell"),
    ],
)
def test_a_mistake_in_projects_is_named_with_line_and_reason(
    lines: str, line: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistakes = found_in_projects(lines, tmp_path, monkeypatch)
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"{line}: ")
    assert reason in mistakes[0]


def test_a_stray_column_of_projects_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mistake,) = found_in_projects("", tmp_path, monkeypatch, PROJECT_HEADER + ",notes")
    assert mistake.startswith("1: the header has to be project,")
