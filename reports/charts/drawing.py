"""What all charts are drawn with: canvas, panels of lines and bars, the trend; as PNG or SVG.

A panel has lines or bars over days, with gridlines, a target and the last value as text. Numbers on
axes are short, with cents only where they matter.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import Any

from reports.charts import Point
from reports.shared.figures import MINUS
from signalroom.paths import home

# The library caches a list of fonts; if the user's folder is read-only it would rebuild it each
# time, with a warning.
os.environ.setdefault("MPLCONFIGDIR", str(home() / "matplotlib"))

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

WIDTH = 5.52  # inches: 552 points of an email's column
DPI = 200  # twice the displayed size, for high-resolution screens
TREND_HEIGHT = 3.7  # inches
LETTER = 0.0215  # of the width, for the number at the line's end
Value = Decimal | int | None
Written = Callable[[float], str]
LEAST_SPAN = 0.2  # of the level: a change of a few percent must not look like a crash
TITLE, SMALL = 13.0, 12.0
UNITS = ((1e9, "B"), (1e6, "M"), (1e4, "k"))


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


@dataclass(frozen=True)
class Series:
    """Values over the labels, None where unknown; `color` is a name of Look."""

    name: str
    values: Sequence[Value]
    color: str


def line_panel(
    axes: Axes,
    look: Look,
    series: Sequence[Series],
    written: Written,
    is_open: Sequence[bool],
    target: Decimal | None = None,
    with_dots: bool = True,
) -> None:
    """Lines with a gap where a value is unknown; an incomplete day is hollow."""
    count = len(is_open)
    for one in series:
        color = look.of(one.color)
        values = _floats(one.values)
        axes.plot(range(count), values, color=color, linewidth=2, zorder=3, label=one.name)
        for at, value in enumerate(values):
            alone = (at == 0 or values[at - 1] != values[at - 1]) and (
                at == count - 1 or values[at + 1] != values[at + 1]
            )
            if not (with_dots or is_open[at] or alone):
                continue
            face = look.paper if is_open[at] else color
            axes.plot([at], [value], "o", color=color, markerfacecolor=face, markersize=5, zorder=4)
    if target is not None:
        axes.axhline(
            float(target), color=look.second, linewidth=1.4, linestyle=(0, (5, 3)), zorder=2
        )
    known = [v for one in series for v in _floats(one.values) if v == v]
    known += [float(target)] if target is not None else []
    _range(axes, known)
    _grid(axes, look, written)
    _end_labels(axes, look, series, written, count)
    _sides(axes, count)


def bar_panel(
    axes: Axes,
    look: Look,
    series: Sequence[Series],
    written: Written,
    is_open: Sequence[bool],
    target: Decimal | None = None,
    with_last: bool = True,
) -> None:
    """Bars, several series stacked; an incomplete day is hatched."""
    count = len(is_open)
    below = [0.0] * count
    for one in series:
        color = look.of(one.color)
        heights = [0.0 if value is None else float(value) for value in one.values]
        for kind in (False, True):
            places = [
                at
                for at, value in enumerate(one.values)
                if value is not None and is_open[at] is kind
            ]
            axes.bar(
                places, [heights[at] for at in places], bottom=[below[at] for at in places],
                width=0.7, linewidth=0.8, edgecolor=color, zorder=2,
                color=look.paper if kind else color, hatch="////" if kind else None,
            )  # fmt: skip
        below = [a + b for a, b in zip(below, heights, strict=True)]
    if target is not None:
        axes.axhline(
            float(target), color=look.second, linewidth=1.4, linestyle=(0, (5, 3)), zorder=3
        )
    top = max([*below, 1.0, float(target or 0)])
    low = min([*below, 0.0])
    axes.set_ylim(low * 1.15, top * 1.15)
    _grid(axes, look, written)
    last = [one.values[-1] for one in series]
    if with_last and count and None not in last:
        total = float(sum(value for value in last if value is not None))
        axes.text(
            1.01, max(total, 0.0), f" {written(total)}", transform=axes.get_yaxis_transform(),
            ha="left", va="center", color=look.ink, fontsize=SMALL, fontweight="bold",
        )  # fmt: skip
    _sides(axes, count)


def days_below(axes: Axes, look: Look, labels: Sequence[str], most: int = 3) -> None:
    """Labels of a few days under the panel, including the first and the last."""
    last = len(labels) - 1
    steps = max(1, min(most, len(labels)) - 1)
    shown = sorted({round(last * step / steps) for step in range(steps + 1)})
    axes.set_xticks(shown, [labels[at] for at in shown], color=look.quiet, fontsize=SMALL)
    for text, at in zip(axes.get_xticklabels(), shown, strict=True):
        text.set_horizontalalignment("left" if at == 0 else "right" if at == last else "center")


def titled(axes: Axes, look: Look, title: str, note: str = "", color: str = "quiet") -> None:
    """The panel's title and notes, placed clear of the lines."""
    axes.set_title(title, loc="left", fontsize=TITLE, fontweight="bold", color=look.ink, pad=7)
    if note:
        axes.set_title(note, loc="right", fontsize=SMALL, color=look.of(color), pad=7)


def short_money(value: float) -> str:
    """Dollars for an axis: `$25`, `$27.50`, `$12k`."""
    sign = MINUS if value < 0 else ""
    amount = abs(value)
    if amount >= 10_000 or amount == round(amount):
        return f"{sign}${_short(amount)}"
    return f"{sign}${amount:,.2f}"


def short_count(value: float) -> str:
    """A count for an axis: `1,200`, `12k`."""
    return f"{MINUS if value < 0 else ''}{_short(abs(value))}"


def _floats(values: Sequence[Value]) -> list[float]:
    return [float("nan") if value is None else float(value) for value in values]


def _range(axes: Axes, known: Sequence[float]) -> None:
    """From least to most with a margin, never so narrow that small changes look large."""
    low, high = min(known, default=0.0), max(known, default=1.0)
    middle = (low + high) / 2
    span = max(high - low, abs(middle) * LEAST_SPAN, 0.01) * 1.25
    axes.set_ylim(middle - span / 2, middle + span / 2)


def _grid(axes: Axes, look: Look, written: Written) -> None:
    low, high = axes.get_ylim()
    ticks = [
        tick for tick in MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        if low <= tick <= high
    ]  # fmt: skip
    axes.set_yticks(ticks, [written(tick) for tick in ticks], color=look.quiet, fontsize=SMALL)
    axes.grid(axis="y", color=look.line, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, pad=4)
    axes.set_xticks([])


def _sides(axes: Axes, count: int) -> None:
    axes.set_xlim(-0.6, count - 0.4)


def _end_labels(
    axes: Axes, look: Look, series: Sequence[Series], written: Written, count: int
) -> None:
    """The newest value next to the end of its line; the upper of two is placed higher."""
    ends = [(float(one.values[-1]), one) for one in series if count and one.values[-1] is not None]
    for at, (value, one) in enumerate(sorted(ends, key=lambda end: -end[0])):
        text = f" {written(value)}"
        axes.text(
            1.01, value, text, transform=axes.get_yaxis_transform(), ha="left",
            va="center" if len(ends) == 1 else "bottom" if at == 0 else "top",
            color=look.of(one.color) if len(series) > 1 else look.ink, fontsize=SMALL,
            fontweight="bold",
        )  # fmt: skip


def _short(amount: float) -> str:
    for least, unit in UNITS:
        if amount >= least:
            scaled = amount / (1000 if unit == "k" else least)
            return f"{scaled:,.1f}".removesuffix(".0") + unit
    return f"{amount:,.0f}" if amount == round(amount) else f"{amount:,.1f}"


def draw_trend(points: Sequence[Point], target: Decimal | None = None, look: Look = LIGHT) -> bytes:
    """The trend as PNG, of at least one point. Gaps stay gaps; open points are hollow."""
    is_open = [one.is_open for one in points]
    note = "hollow: not complete" if any(is_open) else ""
    with mpl.rc_context(STYLE):
        figure, (above, below) = canvas(TREND_HEIGHT, 2, look, height_ratios=[1.25, 1])
        last = max(len(short_money(float(points[-1].cpa or 0))), 4)
        right = 0.98 - LETTER * last
        figure.subplots_adjust(left=0.14, right=right, top=0.91, bottom=0.085, hspace=0.42)
        cpa = Series("CPA", [one.cpa for one in points], "curve")
        line_panel(above, look, [cpa], short_money, is_open, target)
        goal = "" if target is None else f"\u2013 \u2013 target {short_money(float(target))}"
        titled(above, look, "Cost per conversion", goal, "second")
        sold = Series("Conversions", [one.conversions for one in points], "bars")
        bar_panel(below, look, [sold], short_count, is_open)
        titled(below, look, "Conversions", note)
        days_below(below, look, [one.label for one in points])
        return png(figure)
