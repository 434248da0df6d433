"""Finds words that are never right here: odd or dated English, and what the field calls otherwise.

python -m tests.house.words
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.house.test_files import files
from tests.support.processes import ROOT

# What is found, and what to write instead.
INSTEAD = {
    r"mend(s|ed|ing)?": "fix, repair",
    r"anew": "again",
    r"whoever": "anyone who, the one that",
    r"befall?s?": "happens to",
    r"put(s|ting)? off": "deferred, rate-limited",
    r"tether": "parent-death signal",
    r"heirs?": "new owner",
    r"retold|retells?": "restated",
    r"for ever": "forever, permanently",
    r"to be of use|of no use": "useful, useless",
    r"hangs? on (it|them)": "depends on",
    r"illness": "a fault",
    r"worries": "problems",
    r"lest|thereof|whence|hence": "plain words",
}
ENDINGS = [".py", ".sql", ".yml", ".toml", ".md", ".j2", ".sh", ".css", ".js", ".env.example"]
ENDINGS += ["Makefile", "Dockerfile"]
PATTERN = re.compile("|".join(rf"(?P<w{n}>\b({word})\b)" for n, word in enumerate(INSTEAD)), re.I)


def wrong(path: Path) -> list[str]:
    """One line for each wrong word of a file."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for match in PATTERN.finditer(line):
            advice = list(INSTEAD.values())[int(str(match.lastgroup)[1:])]
            found.append(f"{path.relative_to(ROOT)}:{number}: '{match[0]}': write {advice}")
    return found


def main() -> int:
    """Print what is wrong; returns how many lines that are."""
    checked = [path for path in files(*ENDINGS) if path != Path(__file__)]
    lines = [line for path in checked for line in wrong(path)]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return len(lines)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
