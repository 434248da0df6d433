"""The trend: CPA as a line, conversions as bars below it, over the same days or weeks."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import matplotlib as mpl

from reports.charts import Point
from reports.charts.canvas import LIGHT, STYLE, Look, canvas, png
from reports.charts.panels import (
    Series,
    bar_panel,
    days_below,
    line_panel,
    short_count,
    short_money,
    titled,
)

HEIGHT = 3.7  # inches
LETTER = 0.0215  # of the width, for the number at the line's end


def draw_trend(points: Sequence[Point], target: Decimal | None = None, look: Look = LIGHT) -> bytes:
    """The trend as PNG, of at least one point. Gaps stay gaps; open points are hollow."""
    is_open = [one.is_open for one in points]
    note = "hollow: not complete" if any(is_open) else ""
    with mpl.rc_context(STYLE):
        figure, (above, below) = canvas(HEIGHT, 2, look, height_ratios=[1.25, 1])
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
