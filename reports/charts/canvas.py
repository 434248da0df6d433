"""The canvas that all charts share: size, colors, type, and how it becomes a PNG or an SVG."""

from __future__ import annotations

import io
import os
import re
import warnings
from dataclasses import astuple, dataclass
from typing import Any

from signalroom.paths import home

# The library caches a list of fonts; if the user's folder is read-only it would rebuild it each
# time, with a warning.
os.environ.setdefault("MPLCONFIGDIR", str(home() / "matplotlib"))

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH = 5.52  # inches: 552 points of an email's column
DPI = 200  # twice the displayed size, for high-resolution screens


@dataclass(frozen=True)
class Look:
    """Colors of a chart.

    The two data colors are from Okabe and Ito's palette for color blindness.
    """

    paper: str
    ink: str
    quiet: str
    line: str
    bars: str
    curve: str
    second: str  # an additional series

    def of(self, series: str) -> str:
        """The color of a series: `bars`, `curve`, `second`, or `quiet`."""
        named = {"bars": self.bars, "curve": self.curve, "second": self.second}
        return named.get(series, self.quiet)


LIGHT = Look("#ffffff", "#1a2230", "#5a667d", "#d5dae4", "#0072b2", "#d55e00", "#00795a")
DARK = Look("#161c26", "#e8ecf4", "#94a0b4", "#2f394a", "#56b4e9", "#f08c42", "#35c79f")
# Placeholders for the page's colors, which it defines for light, dark and print.
PAGE = Look("#fe0001", "#fe0002", "#fe0003", "#fe0004", "#fe0005", "#fe0006", "#fe0007")
NAMES = ("paper", "ink", "quiet", "line", "bars", "curve", "second")

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with the library, so that every machine draws the same
    "font.size": 11,
    "text.parse_math": False,  # a name with two dollar signs is not a formula
    "axes.unicode_minus": True,
    "hatch.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "signalroom",  # the ids in the picture are deterministic
}


def canvas(
    height: float, panels: int, look: Look = LIGHT, width: float = WIDTH, **grid: object
) -> tuple[Figure, list[Axes]]:
    """A figure of the shared width with panels one below the other; sizes in inches."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DPI, facecolor=look.paper)
        FigureCanvasAgg(figure)
        axes = figure.subplots(panels, 1, squeeze=False, gridspec_kw=grid or None)
    for row in axes:
        row[0].set_facecolor("none")
    return figure, [row[0] for row in axes]


def png(figure: Figure) -> bytes:
    """The figure as PNG, without the library's version or any time in it."""
    target = io.BytesIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a character that the font lacks is a box
        figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def svg(figure: Figure, prefix: str) -> str:
    """A figure drawn in PAGE's colors as an SVG element; its ids begin with `prefix`."""
    target = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(target, format="svg", metadata=nothing)
    text = target.getvalue()
    text = text[text.index("<svg") :].strip()
    for color, name in zip(astuple(PAGE), NAMES, strict=True):
        text = text.replace(color, f"var(--{name})")
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'(id="|url\(#|xlink:href="#)', rf"\g<1>{prefix}-", text)
    text = re.sub(
        r'^<svg [^>]*viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', text
    )
    text = text.replace("xlink:href", "href")
    text = re.sub(r"font: ([\d.]+)px 'DejaVu Sans'[^;\"]*", r"font-size: \1px", text)
    text = re.sub(
        r"font: bold ([\d.]+)px 'DejaVu Sans'[^;\"]*", r"font-size: \1px; font-weight: 600", text
    )
    return re.sub(r"\s*\n\s*", " ", text)
