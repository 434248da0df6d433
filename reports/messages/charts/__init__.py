"""Charts: pictures of a report's numbers, drawn by matplotlib without browser and network.

A `Picture` knows how to draw itself and says the same in words; the library is imported when the
first one is drawn, and the same data always gives the same bytes.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache, partial

log = logging.getLogger(__name__)
ALT_LIMIT = 1900  # Slack takes 2,000


@dataclass(frozen=True)
class Point:
    """A day or week of a trend; None is a gap, never a zero. `is_open`: more may come."""

    label: str
    cpa: Decimal | None
    conversions: int | None
    is_open: bool


@dataclass(frozen=True)
class Tile:
    """A state in the map: a number that colours it, as text and as a share of the darkest."""

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
    colours: str  # a colour map of matplotlib


@dataclass(frozen=True)
class Picture:
    """A PNG of a given name, 552 points wide in an e-mail, and `alt`, which says it in words."""

    name: str
    alt: str
    draw: Callable[[], bytes] = field(repr=False, compare=False)

    @property
    def filename(self) -> str:
        """As an attachment is called."""
        return f"{self.name}.png"

    @cached_property
    def png(self) -> bytes:
        """The bytes; empty where it could not be drawn: no message fails because of a picture."""
        try:
            return self.draw()
        except (ImportError, OSError, RuntimeError, ValueError, ArithmeticError) as error:
            log.warning("The picture %s could not be drawn: %s", self.name, error)
            return b""

    @property
    def base64(self) -> str:
        """The bytes as text."""
        return base64.b64encode(self.png).decode("ascii")


def trend_picture(name: str, points: Sequence[Point], alt: str) -> Picture:
    """CPA as a line above conversions as bars."""
    return Picture(name, _short(alt), partial(_trend, tuple(points)))


def tile_picture(name: str, panels: Sequence[Panel], rows: int, columns: int, alt: str) -> Picture:
    """Maps of tiles, one below the other."""
    return Picture(name, _short(alt), partial(_tiles, tuple(panels), rows, columns))


# The library is slow to import: only where a picture is drawn, and the same one is drawn once.
@lru_cache(maxsize=8)
def _trend(points: tuple[Point, ...]) -> bytes:
    from reports.messages.charts.trend import draw_trend

    return draw_trend(points)


@lru_cache(maxsize=8)
def _tiles(panels: tuple[Panel, ...], rows: int, columns: int) -> bytes:
    from reports.messages.charts.tiles import draw_tiles

    return draw_tiles(panels, rows, columns)


def _short(alt: str) -> str:
    return alt if len(alt) <= ALT_LIMIT else f"{alt[: ALT_LIMIT - 1].rstrip()}…"
