"""HTML from templates: every value is escaped, and an unknown name fails."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2


def environment(*folders: Path, **options: Any) -> jinja2.Environment:
    """The templates of these folders; `options` are jinja2's."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )


def polyline(values: Sequence[Decimal | None], width: int, height: int) -> str:
    """Points of an SVG polyline in a box of that size; without unknown values."""
    known = [(at, float(value)) for at, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(value for _, value in known), max(value for _, value in known)
    # at least a fifth of the level, so that small changes look small
    room = max(high - low, 0.2 * max(abs(low), abs(high))) or 1.0
    middle, step = (low + high) / 2, (width - 2) / max(1, len(values) - 1)
    return " ".join(
        f"{1 + at * step:.1f},{height / 2 - (value - middle) / room * (height - 4):.1f}"
        for at, value in known
    )
