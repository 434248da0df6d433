"""`signalroom new source|report NAME`: the files of skeletons/, under the new name."""

from __future__ import annotations

import re
from pathlib import Path

from signalroom.errors import ConfigurationError
from signalroom.paths import root

SKELETONS = Path(__file__).parent / "skeletons"
NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")


def contents(kind: str, name: str) -> dict[str, str]:
    """The files of a new `source` or `report`, by their path below the root."""
    title = name.replace("_", " ").capitalize()

    def named(text: str) -> str:
        for mark, word in (("name", name), ("upper", name.upper()), ("title", title)):
            text = text.replace(f"@{mark}@", word)
        return text

    folder = SKELETONS / kind
    return {
        named(path.relative_to(folder).as_posix().removesuffix(".txt")): named(
            path.read_text(encoding="utf-8")
        )
        for path in sorted(folder.rglob("*.txt"))
    }


def write(kind: str, name: str) -> list[str]:
    """Write the files and return their paths below the root.

    Raises ConfigurationError, before anything is written, for a name that is invalid or taken.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot name a {kind}: use lower-case letters, digits and _, as in a schema."
        )
    files = contents(kind, name)
    if taken := next((path for path in files if (root() / path).exists()), None):
        raise ConfigurationError(f"{name} exists already ({taken}); nothing was written.")
    for path, text in files.items():
        (root() / path).parent.mkdir(parents=True, exist_ok=True)
        (root() / path).write_text(text, encoding="utf-8")
    return list(files)
