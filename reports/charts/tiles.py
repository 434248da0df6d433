"""Tile maps: a tile per state with its number as text, so that color is not the only cue."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from reports.charts import Panel
from reports.charts.drawing import LIGHT, STYLE, WIDTH, Look, canvas, png

GAP = 0.06
# font sizes for two letters or three digits, for more, for a word
CODE, NUMBER, SMALL = 11.5, 10.0, 8.5
TITLE = 0.32  # inches
MARGIN = 0.012  # of the width
EVEN = 0.21  # the luminance at which white and dark text are equally readable
LIGHTEST, DARKEST = 0.12, 0.92  # the used part of the color map


def draw_tiles(panels: Sequence[Panel], rows: int, columns: int, look: Look = LIGHT) -> bytes:
    """The maps as PNG, one below the other."""
    side = WIDTH * (1 - 2 * MARGIN) / columns
    height = len(panels) * (rows * side + TITLE) + WIDTH * MARGIN
    with mpl.rc_context(STYLE):
        figure, axes = canvas(height, len(panels), look)
        figure.subplots_adjust(
            left=MARGIN,
            right=1 - MARGIN,
            bottom=WIDTH * MARGIN / height,
            top=1 - TITLE / height,
            hspace=TITLE / (rows * side),
        )
        for one, panel in zip(axes, panels, strict=True):
            _panel(one, panel, rows, columns, look)
        return png(figure)


def _panel(axes: Axes, panel: Panel, rows: int, columns: int, look: Look) -> None:
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(panel.title, loc="left", fontsize=12, fontweight="bold", color=look.ink, pad=4)
    colors = mpl.colormaps[panel.colors]
    for tile in panel.tiles:
        if tile.weight is None:
            face, ink = mpl.colors.to_rgba(look.line, 0.5), look.quiet
        else:
            face = colors(LIGHTEST + (DARKEST - LIGHTEST) * min(max(float(tile.weight), 0.0), 1.0))
            ink = "#ffffff" if _light(face) < EVEN else LIGHT.ink
        axes.add_patch(
            FancyBboxPatch(
                (tile.column + GAP, tile.row + GAP),
                1 - 2 * GAP,
                1 - 2 * GAP,
                boxstyle="round,pad=0,rounding_size=0.12",
                facecolor=face,
                edgecolor="none",
            )
        )
        middle = tile.column + 0.5
        axes.text(
            middle, tile.row + 0.36, tile.code, ha="center", va="center",
            fontsize=CODE if len(tile.code) < 3 else SMALL, fontweight="bold", color=ink,
        )  # fmt: skip
        axes.text(
            middle,
            tile.row + 0.7,
            tile.text,
            ha="center",
            va="center",
            color=ink,
            fontsize=CODE if len(tile.text) < 4 else NUMBER,
        )


def _light(color: tuple[float, float, float, float]) -> float:
    """Relative luminance after WCAG."""
    parts = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in color[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
