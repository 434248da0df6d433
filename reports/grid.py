"""Grids: lines of figures in a fixed-width font, for Slack and the text part of e-mails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.messages.text import columns, pad_left, pad_right
from reports.shared.figures import Figures, count, money

NAME_WIDTH = 20
TITLES = ("Conv.", "Cost", "CPA")
LEAST = (7, 11, 9)  # so that days of ordinary size look alike


@dataclass(frozen=True)
class GridLine:
    """A line of the grid: a heading when it has no figures. `mark` stands before the name."""

    name: str
    figures: Figures | None = None
    mark: str = ""


def grid(lines: Sequence[GridLine]) -> str:
    """The lines as text, numbers right-aligned in columns as wide as the longest needs."""
    cells = [_cells(line.figures) for line in lines if line.figures is not None]
    widths = [
        max([least, *(columns(row[at]) + 2 for row in cells)]) for at, least in enumerate(LEAST)
    ]
    text = [" " * NAME_WIDTH + _row(TITLES, widths)]
    for line in lines:
        if line.figures is None:
            text.append(line.name)
            continue
        name = line.mark + pad_right(line.name, NAME_WIDTH - columns(line.mark))
        text.append(name + _row(_cells(line.figures), widths))
    return "\n".join(text)


def _cells(figures: Figures) -> tuple[str, str, str]:
    return count(figures.conversions), money(figures.cents), money(figures.cpa)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(pad_left(cell, width) for cell, width in zip(cells, widths, strict=True))
