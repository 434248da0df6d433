"""Checks the style of SQL files by sqlfluff's rules, in half of the processor time of its command.

    python -m tests.house.lint_sql PROCESSES FILE...

The command sends each file's syntax tree between processes, and searches memory for garbage again
and again. Here each process lints its share of the files, after the dbt project was read once.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
from pathlib import Path

from sqlfluff.core import FluffConfig, Linter

# Starting another process takes as long as linting about four files.
WORTH_A_PROCESS = 8


def shares(files: list[str], processes: int) -> list[list[str]]:
    """Deal the files out by size, so that all processes end at about the same time."""
    by_size = sorted(files, key=lambda file: Path(file).stat().st_size, reverse=True)
    count = min(processes, -(-len(files) // WORTH_A_PROCESS))
    return [by_size[first::count] for first in range(count)]


def lint(linter: Linter, files: list[str]) -> None:
    """Print a line for each violation; exits with 1 if there are any, or a file was not linted."""
    result = linter.lint_paths(tuple(files))
    linted = [file for folder in result.paths for file in folder.files]
    lines = [
        f"{file['filepath']}:{found['start_line_no']}:{found['start_line_pos']}:"
        f" {found['code']} {found['description']}"
        for file in result.as_records()
        for found in file["violations"]
    ]
    seen = {file.path for file in linted}
    lines += [f"{file}: not linted" for file in files if file not in seen]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.exit(1 if lines else 0)


def main(arguments: list[str]) -> int:
    """Lint in several processes; returns 1 if one of them found something."""
    gc.disable()
    processes, *files = arguments
    linter = Linter(config=FluffConfig.from_root(overrides={"use_rust_parser": True}))
    list(linter.templater.sequence_files(files, config=linter.config))  # reads the dbt project
    start = multiprocessing.get_context("fork").Process
    running = [start(target=lint, args=(linter, share)) for share in shares(files, int(processes))]
    for process in running:
        process.start()
    for process in running:
        process.join()
    return 1 if any(process.exitcode for process in running) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
