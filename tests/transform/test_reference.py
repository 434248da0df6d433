"""Mistakes in files that a client maintains in a spreadsheet."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from signalroom import clients, paths, settings, warehouse
from transform import client_files as reference
from transform.client_files.files import (
    COLUMNS,
    GOAL_COLUMNS,
    PROJECT_COLUMNS,
    Goals,
    InternalAffiliates,
    Projects,
    Reading,
    read,
    read_text,
)
from transform.client_files.packages import prepare

HEADER = ",".join(COLUMNS)
GOOD = "Facebook CCW,facebook,s1,11,G2 - Meta,1,CCW"


def found(
    content: str | bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_id: str = "713"
) -> list[str]:
    """The mistakes in this content, without the file's name."""
    client = clients.client(client_id)
    path = tmp_path / "data" / "clients" / client_id / "mappings" / "internal-affiliates.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    shown = f"data/clients/{client_id}/mappings/internal-affiliates.csv:"
    mistakes = [str(mistake) for mistake in read(InternalAffiliates, client).mistakes]
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
        pytest.param(f"{HEADER}\n{GOOD},\n", id="a comma too many, with nothing behind it"),
        pytest.param(f"{HEADER},\n{GOOD},\n", id="a column without anything"),
        pytest.param(f"{HEADER},,,\n{GOOD},,,\n", id="three columns without anything"),
        pytest.param(f"{HEADER}\n{GOOD.replace(',1,', ',01,')}\n\x1a", id="zeros and an end mark"),
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
    (mistake,) = read(InternalAffiliates, client).mistakes
    assert mistake.spoils_file
    assert "data/clients/cti/mappings/internal-affiliates.csv: the file is missing" in str(mistake)


PROJECT_HEADER = ",".join(PROJECT_COLUMNS)


def found_in_projects(
    lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str = PROJECT_HEADER
) -> list[str]:
    """The mistakes in these lines of client 713's projects.csv, without the file's name."""
    path = tmp_path / "data" / "clients" / "713" / "mappings" / "projects.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"{header}\n{lines}", encoding="utf-8")
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    shown = "data/clients/713/mappings/projects.csv:"
    read_now = read(Projects, clients.client("713"))
    mistakes = [str(mistake) for mistake in read_now.mistakes]
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
        pytest.param("A,1,Club,,\n", 2, "offer Club is not a valid", id="an offer by its name"),
        pytest.param(f"A,1,{'9' * 21},,\n", 2, "is not a valid number", id="an endless offer"),
        pytest.param("A,1,,2026-02-30,\n", 2, "2026-02-30 is not a valid date", id="no date"),
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


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        pytest.param("A,,s1,,#N/A,1,\n", 2, "cannot be read (#N/A)", id="a failed look-up"),
        pytest.param("A,,s1,,#ССЫЛКА!,1,\n", 2, "cannot be read", id="failed in another language"),
        pytest.param('A,,s1,,"=VLOOKUP(A2,x,2)",1,\n', 2, "cannot be read", id="never worked out"),
        pytest.param("A,,s1,,Err:508,1,\n", 2, "cannot be read", id="failed in LibreOffice"),
        pytest.param("A,,6.53E23,,L,1,\n", 2, "turned into a", id="mangled without a sign"),
        pytest.param("A,,s1,,caf\ufffd,1,\n", 2, "cannot be read", id="read in a wrong encoding"),
        pytest.param("A,,6.5E+23,,L,1,\nB,,6.5E+23,,M,1,\n", 2, "turned into a", id="mangled ids"),
        pytest.param("A,,#REF!,,L,1,\n", 2, "a failed formula", id="an id that failed"),
        pytest.param("A,,s1,,=B2,1,\n", 2, "cannot be read (=B2)", id="a reference"),
        pytest.param("A,,s1,,#N/A N/A,1,\n", 2, "cannot be read", id="failed in an add-in"),
        pytest.param("A,,s1,,#HIÁNYZIK,1,\n", 2, "cannot be read", id="failed, one word"),
        pytest.param("A,,64f1 a2,,L,1,\n", 2, "in no id of RedTrack", id="a blank in an id"),
        pytest.param('A,,"s1,s2",,L,1,\n', 2, "in no id of RedTrack", id="two ids in a cell"),
        pytest.param("A,,\u2019s1,,L,1,\n", 2, "in no id of RedTrack", id="a curly apostrophe"),
        pytest.param(HEADER.upper() + "\n", 2, "the header again", id="the header again"),
        pytest.param("A,,s1,,L,9,\n", 2, "advertiser 9 is unknown", id="an unknown advertiser"),
        pytest.param("A,,s1,,L,1,,,,x\n", 2, "10 cells instead of 7", id="a stray cell"),
    ],
)
def test_a_fault_of_a_line_spoils_no_other_line(lines: str, line: int, reason: str) -> None:
    found = read_713(InternalAffiliates, f"{HEADER}\n{lines}Good,,good,,Label,1,CCW\n")
    assert found.is_usable
    assert (found.mistakes[0].line, reason in found.mistakes[0].reason) == (line, True)
    assert found.lines[-1].values["redtrack.source_id"] == "good"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(
            HEADER.replace(",", ";") + "\nA;;s1;;L;1;\n", "separated by ';'", id="semicolons"
        ),
        pytest.param(HEADER.replace(",", "\t") + "\nA\t\ts1\n", "separated by tabs", id="tabs"),
        pytest.param(
            HEADER.replace("source_id", "id") + "\n",
            "column 'redtrack.id' is unknown",
            id="renamed",
        ),
        pytest.param(
            HEADER + ",valid_from\n", "column 'valid_to' is missing", id="half a validity"
        ),
        pytest.param("", "the file is empty", id="empty"),
        pytest.param(f"sep=,\n{HEADER}\n", "it is line 2: delete what is above", id="sep"),
        pytest.param(f"Mapping\n\n{HEADER}\n", "it is line 3: delete what is above", id="title"),
        pytest.param(f"{HEADER},redtrack.source\n", "'redtrack.source' is there twice", id="twice"),
        pytest.param(f"{HEADER}\nA;;s1;;L;1;\n", "separated by ';'", id="semicolons in lines"),
        pytest.param(
            f"{HEADER}\n<<<<<<< HEAD\nA,,s1,,L,1,\n=======\n>>>>>>> x\n",
            "an unfinished merge",
            id="a merge",
        ),
        pytest.param(f"\n,,,\n{HEADER}\n", "the first line is blank", id="blank lines above"),
        pytest.param(
            f'{HEADER}\n"A,,s1,,L,1,\nB,,s2,,M,1,"\n',
            "a quote is open",
            id="a quote around two lines",
        ),
    ],
)
def test_a_fault_of_a_file_names_the_repair(text: str, reason: str) -> None:
    found = read_713(InternalAffiliates, text)
    assert not found.is_usable
    assert reason in str(found.mistakes[0])


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (HEADER.encode("utf-16"), "UTF-16"),
        (HEADER.encode("utf-16-be"), "UTF-16"),
        (b"PK\x03\x04\x00\x00", "Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(24), "Excel"),
        (f"{HEADER}\nA,,s1,,L\0,1,\n".encode(), "a NUL"),
    ],
)
def test_other_kinds_of_files_are_refused_by_name(
    content: bytes, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [mistake] = found(content, tmp_path, monkeypatch)
    assert form in mistake


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("713/mappings/internal-afiliates.csv", "found internal-afiliates.csv: rename it."),
        ("713/mappings/internal_affiliates.csv", "found internal_affiliates.csv: rename it."),
        ("713/mappings/Internal-Affiliates (1).CSV", "(1).CSV: rename it."),
        ("713/mappings/internal-affiliates.xlsx", "save its sheet as 'CSV UTF-8'"),
        ("713/internal-affiliates.csv", "found data/clients/713/internal-affiliates.csv: move it"),
        ("713/mapping/internal-affiliates.csv", "713/mapping/internal-affiliates.csv: move it"),
        ("internal-affiliates.csv", "found data/clients/internal-affiliates.csv: move it"),
        ("714/mappings/internal-affiliates.csv", "714/mappings/internal-affiliates.csv: move it"),
    ],
)
def test_a_misnamed_or_misplaced_file_is_found(
    place: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = clients.client("713")
    folder = tmp_path / "data" / "clients"
    for path, header in ((place, HEADER), ("713/mappings/projects.csv", PROJECT_HEADER)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(header)
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    [mistake] = read(InternalAffiliates, client).mistakes
    assert mistake.spoils_file
    assert "the file is missing; found " in str(mistake)
    assert said in str(mistake)
    assert read(Goals, client).mistakes == []


@pytest.mark.parametrize(
    ("place", "count"),
    [("713/archive/goals.csv", 0), ("714/mappings/goals.csv", 0), ("713/goals.csv", 1)],
)
def test_goals_that_lie_elsewhere_are_no_goals(
    place: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goals of a former client, or put away: a fault would bring the last usable ones back."""
    path = tmp_path / "data" / "clients" / place
    path.parent.mkdir(parents=True)
    path.write_text("month,brand,cpa\n")
    (tmp_path / "data" / "clients" / "713" / "mappings").mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    reading = read(Goals, clients.client("713"))
    assert (reading.text, len(reading.mistakes)) == (None, count)
    assert not any(mistake.spoils_file for mistake in reading.mistakes)


def test_a_second_version_next_to_the_file_is_named_and_the_file_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "clients" / "713" / "mappings"
    folder.mkdir(parents=True)
    for name in ("internal-affiliates (1).csv", "internal-affiliates.csv.bak"):
        (folder / name).write_text(f"{HEADER}\n")
    [mistake] = found(f"{HEADER}\n{GOOD}\n", tmp_path, monkeypatch)
    assert mistake.startswith(" internal-affiliates (1).csv is next to it")


@pytest.mark.parametrize(
    "text",
    ['="s1"', '="s1 "', "'s1", " s1\u00a0", "\ufeffs1", "s\u200b1", "\u202as1\u202c", "s\u00ad1"],
)
def test_an_id_that_a_spreadsheet_keeps_as_text_is_that_id(text: str) -> None:
    line = ["A", "", text, "", '="L"', '="1"', ""]
    written = io.StringIO()
    csv.writer(written).writerows([COLUMNS, line])
    found = read_713(InternalAffiliates, written.getvalue())
    assert found.mistakes == []
    assert found.lines[0].values["everflow.affiliate_label"] == "L"


def read_713(kind: Any, text: str) -> Reading:
    return read_text(kind, clients.client("713"), text)


def test_a_source_may_be_mapped_to_one_after_the_other() -> None:
    header = HEADER + ",valid_from,valid_to"
    lines = "A,,s1,,L,1,,,2026-10-31\nA,,s1,,M,1,,2026-11-01,\n"
    assert read_713(InternalAffiliates, f"{header}\n{lines}").mistakes == []
    overlap = read_713(InternalAffiliates, f"{header}\n{lines.replace('11-01', '10-31')}")
    assert not overlap.is_usable
    assert "source s1 is mapped twice, first in line 2" in str(overlap.mistakes[0])


def test_a_date_is_not_guessed_beside_one_with_the_day_first() -> None:
    header = HEADER + ",valid_from,valid_to"
    lines = "A,,s1,,L,1,,31/10/2026,\nB,,s2,,M,1,,05/11/2026,\nC,,s3,,N,1,,2026-11-05,\n"
    found = read_713(InternalAffiliates, f"{header}\n{lines}")
    assert [line.values["redtrack.source_id"] for line in found.lines] == ["s3"]
    assert [(one.line, one.spoils_file) for one in found.mistakes] == [(2, False), (3, False)]
    assert "valid_from 05/11/2026 can be read in two ways" in found.mistakes[1].reason
    american = lines.replace("31/10", "10/31")
    assert read_713(InternalAffiliates, f"{header}\n{american}").mistakes == []


def test_goals_as_people_keep_them() -> None:
    header = ",".join(GOAL_COLUMNS)
    good = "CCW,2026-11,$10,000.00,,\n".replace("$10,000.00", '"$10,000.00"')
    assert read_713(Goals, f"{header}\n{good}exp,Nov-26,,21.50,300\n").mistakes == []
    twice = read_713(Goals, f"{header}\n{good}ccw,11/1/2026,5,,\n")
    assert not twice.is_usable
    assert "two goals for 2026-11, first in line 2" in str(twice.mistakes[0])
    bad = read_713(Goals, f"{header}\nXYZ,2026-11,1,,\nEXP,soon,1,,\nEXP,2026-12,x,,\n")
    assert bad.is_usable
    assert [mistake.line for mistake in bad.mistakes] == [2, 3, 4]


def test_the_last_good_file_stays_in_use_and_other_clients_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "clients"
    shutil.copytree(paths.root() / "data" / "clients", folder)
    for name in ("dbt_project.yml", "packages.yml", "data/retention.yml"):
        shutil.copy(paths.root() / name, tmp_path / name)
    config = settings._config()
    monkeypatch.setattr("signalroom.settings._config", lambda: config)
    monkeypatch.setattr("signalroom.paths.root", lambda: tmp_path)
    monkeypatch.setenv("SIGNALROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIGNALROOM_TARGET", "duckdb")

    def mapped(client: str) -> list[str]:
        package = tmp_path / "home" / "dbt" / "packages" / f"client_{client}" / "mappings"
        text = (package / "internal-affiliates.csv").read_text(encoding="utf-8")
        return [
            row["everflow.affiliate_label"].strip() for row in csv.DictReader(io.StringIO(text))
        ]

    files = {
        name: folder / name / "mappings" / "internal-affiliates.csv" for name in ("713", "cti")
    }
    assert prepare().mistakes == []
    before = mapped("713")
    files["713"].write_text(HEADER.replace(",", ";") + "\n")
    files["cti"].write_text(f"{HEADER}\nA,,s9,,Newcomer,7,\n")
    [mistake] = prepare().mistakes
    assert "713/mappings/internal-affiliates.csv:1: separated by ';'" in str(mistake)
    assert (mapped("713"), mapped("cti")) == (before, ["Newcomer"])
    # the folder of packages is lost with the container; the warehouse keeps the last good version
    shutil.rmtree(tmp_path / "home" / "dbt")
    files["713"].unlink()
    [mistake] = prepare().mistakes
    assert "the file is missing" in str(mistake)
    assert mapped("713") == before
    with warehouse.transaction() as execute:
        versions = execute(
            "select _client_id, is_usable from ops.client_file_versions"
            " where file_name = 'internal-affiliates.csv' order by 1, recorded_at"
        )
        execute("delete from ops.client_file_versions")
    assert [(row["_client_id"], row["is_usable"]) for row in versions] == [
        ("713", True),
        ("713", False),
        ("713", False),
        ("cti", True),
        ("cti", True),
    ]
    # without an earlier good version none of its spend is mapped
    prepare()
    assert (mapped("713"), mapped("cti")) == ([], ["Newcomer"])
