"""Parses the Makefile."""

from __future__ import annotations

import re

from tests.support.processes import ROOT


def targets() -> dict[str, str]:
    """The documented make targets, each with its help line."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z][a-z-]*):[^#\n]*(?:## (.+))?$", text, re.M))
