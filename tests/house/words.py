"""Finds words that are never right here: odd or dated English, and non-standard terms.

python -m tests.house.words
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.house.test_files import files
from tests.support.processes import ROOT

# Patterns and what to write instead: for all files, and for all except tests.
EVERYWHERE = {
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
NOT_IN_TESTS = {
    r"nobody": "no one",
    r"anybody|somebody": "anyone, someone",
    r"e-mail(s|ed)?": "email",
    r"colou?rs?(?<!color)(?<!colors)": "color",
    r"beside": "next to, besides, compared with",
    r"keeps? what (it|they) had": "keeps its rows",
    r"asks? to wait": "rate-limited",
    r"refuses the key": "API key rejected",
    r"(is|are) no (address|list|number|date|day|moment|instant|object)": "is not a valid ...",
    r"was over and came back|the totals? stands?": "plain words",
    r"resident process": "scheduler",
    r"behaviours?|artefacts?|honour(s|ed)?|misspelt": "US spelling",
    r"(normal|initial|recogn|summar)is\w+": "US spelling",
    r"written down|writ(e|ing) down": "recorded",
    r"(is|are) told|what (it|they) (is|are) to": "plain words",
    r"speaks? for|in silence|made again|seldom|of one's own|asks? nothing": "plain words",
    r"as (people|they) (know|write|read) (it|them)": "for display, in common form",
    r"put into words|stands? in (it|them)|what came of": "plain words",
}
ENDINGS = [".py", ".sql", ".yml", ".toml", ".md", ".j2", ".sh", ".css", ".js", ".env.example"]
ENDINGS += ["Makefile", "Dockerfile"]


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"(?P<w{n}>\b({word})\b)" for n, word in enumerate(words)), re.I)


INSTEAD = EVERYWHERE | NOT_IN_TESTS
PATTERNS = {False: _pattern(INSTEAD), True: _pattern(EVERYWHERE)}


def wrong(path: Path) -> list[str]:
    """One line for each wrong word in a file."""
    found = []
    pattern = PATTERNS[path.is_relative_to(ROOT / "tests")]
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for match in pattern.finditer(line):
            advice = list(INSTEAD.values())[int(str(match.lastgroup)[1:])]
            found.append(f"{path.relative_to(ROOT)}:{number}: '{match[0]}': write {advice}")
    return found


def main() -> int:
    """Print the wrong words; returns the number of lines."""
    checked = [path for path in files(*ENDINGS) if path != Path(__file__)]
    lines = [line for path in checked for line in wrong(path)]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return len(lines)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
