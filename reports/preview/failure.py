"""Failures of the gallery: what is wrong, and in which file and line."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

import jinja2

from signalroom.logs import mask
from signalroom.paths import root


@dataclass(frozen=True)
class Failure:
    """Why something could not be shown; `place` is a file of the repository and a line."""

    text: str
    place: str


def failure(error: BaseException) -> Failure:
    """The failure of an exception; the place is the innermost in a template, else in the code."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    places = [place for one in reversed(chain) for place in _places(one)]
    templates = [place for place in places if ".j2:" in place]
    text = mask(" ".join(str(error).split()) or type(error).__name__)
    return Failure(text, next(iter(templates or places), ""))


def _places(error: BaseException) -> list[str]:
    """Places in the repository, the innermost first."""
    found = []
    if isinstance(error, (jinja2.TemplateSyntaxError, SyntaxError)) and error.filename:
        found.append((error.filename, error.lineno or 0))
    frames = traceback.extract_tb(error.__traceback__)
    found += [(frame.filename, frame.lineno or 0) for frame in reversed(frames)]
    return [
        f"{Path(name).relative_to(root())}:{line}"
        for name, line in found
        if Path(name).is_relative_to(root()) and ".venv" not in Path(name).parts
    ]
