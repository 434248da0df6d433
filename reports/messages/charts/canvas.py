"""The canvas that all charts share: size, colours, type, and how it becomes a PNG."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

from signalroom.paths import home

# The library keeps a list of fonts; where the person's folder is read-only it would make a new one
# each time, and say so.
os.environ.setdefault("MPLCONFIGDIR", str(home() / "matplotlib"))

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH = 5.52  # inches: 552 points of an e-mail's column
DPI = 200  # twice what is shown, for sharp screens
PAPER, INK, QUIET, LINE = "#ffffff", "#1a2230", "#5a667d", "#d5dae4"
# Okabe and Ito's palette, told apart by every kind of eye.
BLUE, VERMILION = "#0072b2", "#d55e00"
STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with the library, so that every machine draws the same
    "font.size": 9.5,
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "axes.unicode_minus": True,
    "hatch.linewidth": 0.8,
}


def canvas(height: float, panels: int, **grid: object) -> tuple[Figure, list[Axes]]:
    """A figure of the shared width with panels one below the other."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor=PAPER)
        FigureCanvasAgg(figure)
        axes = figure.subplots(panels, 1, squeeze=False, gridspec_kw=grid or None)
    return figure, [row[0] for row in axes]


def png(figure: Figure) -> bytes:
    """The figure as PNG, without the library's version or any time in it."""
    target = io.BytesIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks is a box
        figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()
