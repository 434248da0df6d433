"""Charts of the client pages, as SVG in the page's own colors."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import matplotlib as mpl
from matplotlib.axes import Axes

from reports.charts.drawing import (
    PAGE,
    STYLE,
    Series,
    Written,
    bar_panel,
    canvas,
    days_below,
    line_panel,
    short_count,
    short_money,
    svg,
)

WIDTH, HEIGHT = 5.2, 2.2  # inches; the page scales it
MOST_DOTS = 31


def lines(
    name: str,
    labels: Sequence[str],
    series: Sequence[Series],
    is_open: Sequence[bool],
    target: Decimal | None = None,
) -> str:
    """Money over days; `name` is the picture's unique name in its page."""
    with mpl.rc_context(STYLE):
        figure, (axes,) = canvas(HEIGHT, 1, PAGE, WIDTH)
        figure.subplots_adjust(left=0.14, right=0.86, top=0.95, bottom=0.13)
        with_dots = len(labels) <= MOST_DOTS
        hollow = is_open if with_dots else [False] * len(labels)
        line_panel(axes, PAGE, series, short_money, hollow, target, with_dots)
        _below(axes, labels)
        return svg(figure, name)


def bars(
    name: str,
    labels: Sequence[str],
    series: Sequence[Series],
    is_open: Sequence[bool],
    target: Decimal | None = None,
    is_money: bool = False,
) -> str:
    """Counts or money over days, stacked."""
    written: Written = short_money if is_money else short_count
    with mpl.rc_context(STYLE):
        figure, (axes,) = canvas(HEIGHT, 1, PAGE, WIDTH)
        figure.subplots_adjust(left=0.14, right=0.97, top=0.95, bottom=0.13)
        bar_panel(axes, PAGE, series, written, is_open, target, with_last=False)
        _below(axes, labels)
        return svg(figure, name)


def _below(axes: Axes, labels: Sequence[str]) -> None:
    days_below(axes, PAGE, labels, most=4)
