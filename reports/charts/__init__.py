"""Charts: pictures of a report's numbers, drawn by matplotlib without browser and network.

Messages show them as PNG, pages as SVG. A `Picture` can draw itself and has the same content as
text; the library is imported when the first one is drawn, and the same data always gives the same
bytes.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache, partial
from typing import Any

from reports.shared.figures import rounded

log = logging.getLogger(__name__)
ALT_LIMIT = 1900  # Slack's limit is 2,000
NATIVE_LABEL = 20  # maximum label length in a chart that Slack draws


@dataclass(frozen=True)
class Point:
    """A day or week of a trend; None is a gap, never a zero. `is_open`: may still change."""

    label: str
    cpa: Decimal | None
    conversions: int | None
    is_open: bool


@dataclass(frozen=True)
class Tile:
    """A state in the map: a number that colors it, as text and as a share of the darkest."""

    code: str
    row: int
    column: int
    text: str
    weight: Decimal | None


@dataclass(frozen=True)
class Panel:
    """One map of tiles."""

    title: str
    tiles: tuple[Tile, ...]
    colors: str  # a color map of matplotlib


@dataclass(frozen=True)
class Picture:
    """A PNG with a name, 552 points wide in an email, and `alt`, its text version.

    `native` are the same numbers as charts that Slack draws itself (blocks data_visualization).
    """

    name: str
    alt: str
    draw: Callable[[], bytes] = field(repr=False, compare=False)
    draw_dark: Callable[[], bytes] | None = field(default=None, repr=False, compare=False)
    native: tuple[Mapping[str, Any], ...] = field(default=(), repr=False, compare=False)

    @property
    def filename(self) -> str:
        """Its file name as an attachment."""
        return f"{self.name}.png"

    @cached_property
    def png(self) -> bytes:
        """The bytes; empty if it could not be drawn: no message fails because of a picture."""
        return self._drawn(self.draw)

    @cached_property
    def dark(self) -> Picture | None:
        """The same for dark mode; None if there is none or it could not be drawn."""
        if self.draw_dark is None or not self.png:
            return None
        dark = Picture(f"{self.name}-dark", self.alt, self.draw_dark)
        return dark if dark.png else None

    @property
    def base64(self) -> str:
        """The bytes as text."""
        return base64.b64encode(self.png).decode("ascii")

    def _drawn(self, draw: Callable[[], bytes]) -> bytes:
        try:
            return draw()
        except (ImportError, OSError, RuntimeError, ValueError, ArithmeticError) as error:
            log.warning("The picture %s could not be drawn: %s", self.name, error)
            return b""


def trend_picture(
    name: str, points: Sequence[Point], alt: str, target: Decimal | None = None
) -> Picture:
    """CPA as a line, with its target if there is one, above conversions as bars."""
    given = tuple(points)
    return Picture(
        name,
        _short(alt),
        partial(_trend, given, target, False),
        partial(_trend, given, target, True),
        native_trend(given, target),
    )


def tile_picture(name: str, panels: Sequence[Panel], rows: int, columns: int, alt: str) -> Picture:
    """Tile maps, one below the other."""
    given = tuple(panels)
    light, dark = (partial(_tiles, given, rows, columns, is_dark) for is_dark in (False, True))
    return Picture(name, _short(alt), light, dark)


def native_trend(
    points: Sequence[Point], target: Decimal | None = None
) -> tuple[Mapping[str, Any], ...]:
    """The trend as blocks that Slack draws: CPA (next to its target), then conversions.

    Empty if a label is too long or repeated; unknown values are left out of the series.
    """
    labels = [one.label for one in points]
    if not labels or len(set(labels)) < len(labels) or max(map(len, labels)) > NATIVE_LABEL:
        return ()
    cpa = [(one.label, rounded(one.cpa)) for one in points if one.cpa is not None]
    sold = [(one.label, one.conversions) for one in points if one.conversions is not None]
    series = [("CPA", cpa)] if cpa else []
    if cpa and target is not None:
        series.append(("Target", [(label, rounded(target)) for label in labels]))
    charts = []
    if series:
        charts.append(_native("Cost per conversion", "line", labels, series))
    if sold:
        charts.append(_native("Conversions", "bar", labels, [("Conversions", sold)]))
    return tuple(charts)


def _native(
    title: str,
    kind: str,
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[tuple[str, Decimal | int | None]]]],
) -> Mapping[str, Any]:
    return {
        "type": "data_visualization",
        "title": title,
        "chart": {
            "type": kind,
            "series": [
                {
                    "name": name,
                    "data": [{"label": at, "value": _plain(value)} for at, value in values],
                }
                for name, values in series
            ],
            "axis_config": {"categories": list(labels)},
        },
    }


def _plain(value: Decimal | int | None) -> float | int:
    """JSON has no decimals: the height in a picture is the only place for a float."""
    return value if isinstance(value, int) else float(value or 0)


# The library is slow to import: only when a picture is drawn, and each is drawn once.
@lru_cache(maxsize=16)
def _trend(points: tuple[Point, ...], target: Decimal | None, is_dark: bool) -> bytes:
    from reports.charts.drawing import DARK, LIGHT, draw_trend

    return draw_trend(points, target, DARK if is_dark else LIGHT)


@lru_cache(maxsize=16)
def _tiles(panels: tuple[Panel, ...], rows: int, columns: int, is_dark: bool) -> bytes:
    from reports.charts.drawing import DARK, LIGHT
    from reports.charts.tiles import draw_tiles

    return draw_tiles(panels, rows, columns, DARK if is_dark else LIGHT)


def _short(alt: str) -> str:
    return alt if len(alt) <= ALT_LIMIT else f"{alt[: ALT_LIMIT - 1].rstrip()}…"
