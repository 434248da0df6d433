"""Rules for files that no linter covers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT, run

LONGEST = 401
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|NotImplemented" r"Error")
PATH_OF_A_MACHINE = re.compile(r"(?<![\w.])/(work|root|tmp/lab|home)/\w")


def files(*endings: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [ROOT / name for name in listed.stdout.splitlines() if name.endswith(endings)]
    return [path for path in found if path.is_file()]


def places(pattern: re.Pattern[str], *endings: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(*endings)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_a_module_fits_two_screens() -> None:
    modules = [path for path in files(".py") if path.relative_to(ROOT).parts[0] != "tests"]
    assert modules
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    assert {str(path): lines for path, lines in lengths.items() if lines >= LONGEST} == {}


def test_nothing_is_left_unfinished() -> None:
    assert places(UNFINISHED, ".py", ".sql", ".yml", ".toml", "Makefile", "Dockerfile") == []


def test_no_path_of_one_machine_is_written_down() -> None:
    assert places(PATH_OF_A_MACHINE, ".py", ".sql", ".yml", ".toml", ".md", "Makefile") == []


def test_folders_of_tests_are_packages() -> None:
    """Otherwise pytest cannot collect two files with the same name in two folders."""
    folders = {path.parent for path in files(".py") if path.name.startswith("test_")}
    assert [str(one) for one in folders if not (one / "__init__.py").exists()] == []


def test_the_lock_file_fits_the_dependencies() -> None:
    checked = run([str(ROOT / ".tools" / "uv"), "lock", "--check", "--offline"], {})
    assert checked.returncode == 0, checked.stderr


def test_every_package_is_locked_with_a_checksum() -> None:
    lock = (ROOT / "uv.lock").read_text(encoding="utf-8")
    checksums = re.findall(r"hash = \"sha256:[0-9a-f]{64}\"", lock)
    assert len(re.findall(r"url = ", lock)) == len(checksums) > 0


@pytest.mark.parametrize(("folder", "most"), [("reports", 17), ("scheduler", 9)])
def test_a_layer_has_few_rooms(folder: str, most: int) -> None:
    """Modules and packages, without `__init__.py` and data files."""
    paths = [path for path in (ROOT / folder).iterdir() if not path.name.startswith("__")]
    rooms = [path.name for path in paths if path.suffix == ".py" or (path / "__init__.py").exists()]
    assert len(rooms) <= most, sorted(rooms)
