"""Linting in several processes leaves no file out, and fails for a violation in any of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.house.lint_sql import WORTH_A_PROCESS, shares
from tests.support.processes import ROOT, own_environment

COUNT = WORTH_A_PROCESS + 2


def test_each_file_is_in_one_share_and_few_files_take_one_process(tmp_path: Path) -> None:
    files = [str(tmp_path / f"{at}.sql") for at in range(COUNT)]
    for size, file in enumerate(files):
        Path(file).write_text("-" * size)
    two = shares(files, 2)
    assert len(two) == 2
    assert sorted(file for share in two for file in share) == sorted(files)
    assert shares(files[:3], 2) == [files[2::-1]]


def test_a_violation_in_any_process_is_named_and_fails(tmp_path: Path) -> None:
    (tmp_path / ".sqlfluff").write_text("[sqlfluff]\ntemplater = jinja\ndialect = duckdb\n")
    names = [f"{at}.sql" for at in range(COUNT)]
    for name in names:
        (tmp_path / name).write_text("select 1 as one\n")
    # the two largest: one for each process
    (tmp_path / "5.sql").write_text("select 1 as one\n\n\n")
    (tmp_path / "6.sql").write_text("select 1 as one from\n")

    def lint(files: list[str]) -> tuple[int, list[str]]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.house.lint_sql", "2", *files],
            cwd=tmp_path,
            env=own_environment({"PYTHONPATH": str(ROOT)}),
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, sorted(done.stdout.splitlines())

    code, lines = lint(names)
    assert code == 1
    assert [line.split(": ", 1)[0].split(":")[0] for line in lines] == ["5.sql", "6.sql"]
    assert ["LT12" in lines[0], "PRS" in lines[1]] == [True, True]
    (tmp_path / ".sqlfluffignore").write_text("7.sql\n")
    assert lint(names[7:]) == (1, ["7.sql: not linted"])
    assert lint(names[:5]) == (0, [])
