"""The trend: CPA as a line, conversions as bars below it, over the same days or weeks."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes

from reports.messages.charts import Point
from reports.messages.charts.canvas import (
    BLUE,
    INK,
    LINE,
    PAPER,
    QUIET,
    STYLE,
    VERMILION,
    canvas,
    png,
)
from reports.shared.figures import count, money

HEIGHT = 2.75


def draw_trend(points: Sequence[Point]) -> bytes:
    """The trend as PNG, of at least one point. A gap stays a gap; what is still open is hollow."""
    with mpl.rc_context(STYLE):
        figure, (above, below) = canvas(HEIGHT, 2, height_ratios=[1.15, 1])
        figure.subplots_adjust(left=0.035, right=0.965, top=0.88, bottom=0.09, hspace=0.62)
        _cpa(above, points)
        _conversions(below, points)
        return png(figure)


def _cpa(axes: Axes, points: Sequence[Point]) -> None:
    values = [float("nan") if one.cpa is None else float(one.cpa) for one in points]
    axes.plot(range(len(points)), values, color=VERMILION, linewidth=1.8, zorder=2)
    for at, (one, value) in enumerate(zip(points, values, strict=True)):
        face = PAPER if one.is_open else VERMILION
        axes.plot(
            [at], [value], "o", color=VERMILION, markerfacecolor=face, markersize=4.5, zorder=3
        )
    known = [one.cpa for one in points if one.cpa is not None]
    span = f"{money(min(known))} to {money(max(known))}" if known else "no day with a CPA"
    _frame(axes, f"CPA {money(points[-1].cpa)}", span, points)
    axes.margins(y=0.22)


def _conversions(axes: Axes, points: Sequence[Point]) -> None:
    heights = [0 if one.conversions is None else one.conversions for one in points]
    for at, (one, height) in enumerate(zip(points, heights, strict=True)):
        axes.bar(
            [at],
            [height],
            width=0.68,
            color=PAPER if one.is_open else BLUE,
            edgecolor=BLUE,
            hatch="////" if one.is_open else None,
            linewidth=1,
        )
    known = [one.conversions for one in points if one.conversions is not None]
    span = f"{count(min(known))} to {count(max(known))}" if known else "none loaded"
    _frame(axes, f"{count(points[-1].conversions)} conversions", span, points)
    axes.set_ylim(0, max([*heights, 1]) * 1.1)
    axes.spines["bottom"].set_visible(True)
    last = len(points) - 1
    shown = sorted({0, last // 2, last})
    axes.set_xticks(shown, [points[at].label for at in shown], color=QUIET)
    for text, at in zip(axes.get_xticklabels(), shown, strict=True):
        text.set_horizontalalignment("left" if at == 0 else "right" if at == last else "center")


def _frame(axes: Axes, title: str, span: str, points: Sequence[Point]) -> None:
    for side in axes.spines.values():
        side.set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(length=0, pad=3)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.set_xlim(-0.6, len(points) - 0.4)
    axes.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=5)
    note = ", hollow: not complete" if any(one.is_open for one in points) else ""
    axes.set_title(f"{span}{note}", loc="right", fontsize=9, color=QUIET, pad=5)
