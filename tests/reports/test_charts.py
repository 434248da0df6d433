"""Charts: the same bytes for the same data, gaps stay gaps, and the library is imported late."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
from decimal import Decimal

import matplotlib as mpl
import pytest
from PIL import Image

from reports import charts
from reports.charts import Panel, Picture, Point, Tile, tile_picture, trend_picture
from reports.charts.drawing import (
    LIGHT,
    STYLE,
    WIDTH,
    Series,
    canvas,
    days_below,
    draw_trend,
    line_panel,
    short_money,
)
from reports.charts.tiles import draw_tiles
from signalroom.paths import root

VERMILION, BLUE, GREEN = (213, 94, 0), (0, 114, 178), (0, 121, 90)
POINTS = tuple(Point(f"Nov {day}", Decimal(20 + day % 5), 30 + day, False) for day in range(1, 15))
DRAW = """
import hashlib
from tests.reports.test_charts import POINTS, draw_trend
print(hashlib.sha256(draw_trend(POINTS)).hexdigest())
"""


def pixels(png: bytes, colour: tuple[int, int, int], left: float, right: float) -> int:
    """The number of pixels of a color in a vertical strip of the picture."""
    with Image.open(io.BytesIO(png)) as opened:
        image = opened.convert("RGB")
    box = image.crop((int(image.width * left), 0, int(image.width * right), image.height))
    return sum(count for count, found in box.getcolors(1 << 20) if found == colour)


def test_same_data_makes_the_same_bytes_in_any_process() -> None:
    first = draw_trend(POINTS)
    assert draw_trend(POINTS) == first
    assert b"tEXt" not in first
    assert b"tIME" not in first
    other = subprocess.run(
        [sys.executable, "-c", DRAW], cwd=root(), check=True, capture_output=True, text=True
    )
    assert other.stdout.strip() == hashlib.sha256(first).hexdigest()


def test_picture_is_sharp_and_small() -> None:
    png = draw_trend(POINTS)
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (1104, 740)
        assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)  # also in dark mode
    assert len(png) < 80_000


def test_unknown_cpa_is_a_gap_and_not_a_zero() -> None:
    gap = [*POINTS[:5], *(Point("x", None, None, False) for _ in range(4)), *POINTS[9:]]
    png = draw_trend(gap)
    # the strip between the days around the gap
    assert pixels(draw_trend(POINTS), VERMILION, 0.45, 0.56) > 0
    assert pixels(png, VERMILION, 0.45, 0.56) == 0
    assert pixels(png, BLUE, 0.45, 0.56) == 0
    assert pixels(png, VERMILION, 0.0, 0.3) > 0


def test_day_that_is_not_complete_is_hollow() -> None:
    hollow = [*POINTS[:-1], Point("Nov 14", Decimal(24), 44, True)]
    full = pixels(draw_trend(POINTS), BLUE, 0.8, 1.0)
    assert 0 < pixels(draw_trend(hollow), BLUE, 0.8, 1.0) < full * 0.7


@pytest.mark.parametrize(
    "points",
    [
        [Point("Nov 1", None, None, False)],
        [Point("Nov 1", Decimal("0"), 0, False)] * 14,
        [Point("Nov 1", Decimal("-12.50"), 3, True)] * 2,
        [Point("$x^2$ \u202e\U0001f600 \u4e2d", Decimal("98765432109.87"), 10**9, False)] * 14,
    ],
    ids=["nothing", "zeros", "negative", "huge and hostile"],
)
def test_any_numbers_can_be_drawn(points: list[Point]) -> None:
    assert draw_trend(points).startswith(b"\x89PNG")


def test_few_percent_of_change_do_not_fill_the_height() -> None:
    """A line from $28.02 to $29.51 once looked like a fall from top to bottom."""
    calm = [Point(f"Nov {day}", Decimal("28.02") + day % 2, 30, False) for day in range(1, 15)]
    wild = [Point(f"Nov {day}", Decimal("20.02") + day % 2 * 20, 30, False) for day in range(1, 15)]

    def height(points: list[Point]) -> int:
        with Image.open(io.BytesIO(draw_trend(points))) as opened:
            image = opened.convert("RGB")
        box = image.crop((200, 90, 700, 450))
        rows = [
            y
            for y in range(box.height)
            if any(box.getpixel((x, y)) == VERMILION for x in range(0, box.width, 2))
        ]
        return max(rows) - min(rows)

    assert height(calm) < height(wild) * 0.4


def test_axis_is_written_at_two_gridlines_and_the_last_value_at_the_end_of_its_line() -> None:
    """A line without an axis did not show how much it moved, and text of 7 px was unreadable."""
    with mpl.rc_context(STYLE):
        figure, (axes,) = canvas(3.7, 1)
        cpa = Series("CPA", [one.cpa for one in POINTS], "curve")
        line_panel(axes, LIGHT, [cpa], short_money, [False] * len(POINTS))
        days_below(axes, LIGHT, [one.label for one in POINTS])
    figure.canvas.draw()
    labels = [one for one in axes.get_yticklabels() if one.get_text()]
    assert len(labels) >= 2
    assert all(re.fullmatch(r"\$[\d.]+", one.get_text()) for one in labels)
    assert any(one.get_visible() for one in axes.yaxis.get_gridlines())
    assert [one.get_text().strip() for one in axes.texts] == ["$24"]
    days = [one.get_text() for one in axes.get_xticklabels()]
    assert (days[0], days[-1]) == ("Nov 1", "Nov 14")
    written = [*labels, *axes.texts, *axes.get_xticklabels()]
    on_a_phone = 338 / (WIDTH * 72)  # an email of 390 px without its margins
    assert min(float(one.get_fontsize()) for one in written) * on_a_phone >= 10


def test_target_is_drawn_and_written() -> None:
    assert draw_trend(POINTS, Decimal(25)) != draw_trend(POINTS)
    native = trend_picture("trend", POINTS, "words", Decimal(25)).native
    assert [one["name"] for one in native[0]["chart"]["series"]] == ["CPA", "Target"]


def test_no_line_of_values_runs_through_the_name_of_the_target() -> None:
    """On a phone both would be unreadable: the name is above the panel, the line inside it."""
    crossing = [Point(str(at), Decimal(25 + 6 * (at % 2)), 9, False) for at in range(14)]
    with Image.open(io.BytesIO(draw_trend(crossing, Decimal(28)))) as opened:
        image = opened.convert("RGB")
    green = [
        y for y in range(image.height)
        if any(image.getpixel((x, y)) == GREEN for x in range(image.width))
    ]  # fmt: skip
    values = [
        y for y in range(image.height)
        if any(image.getpixel((x, y)) == VERMILION for x in range(image.width))
    ]  # fmt: skip
    inside = [y for y in green if y >= min(values)]
    assert len(inside) <= 6, "the dashed line alone"
    assert len(green) - len(inside) > 6, "the name above"


def test_dark_form_is_dark_and_says_the_same() -> None:
    dark = trend_picture("trend", POINTS, "words").dark
    assert dark is not None
    with Image.open(io.BytesIO(dark.png)) as image:
        assert sum(image.convert("RGB").getpixel((2, 2))) < 150  # type: ignore[arg-type]
    assert (dark.name, dark.alt) == ("trend-dark", "words")


def test_tiles_are_as_dark_as_their_numbers() -> None:
    tiles = (Tile("TX", 0, 0, "27%", Decimal(1)), Tile("FL", 0, 1, "", None))
    with Image.open(io.BytesIO(draw_tiles([Panel("Map", tiles, "Oranges")], 1, 2))) as opened:
        image = opened.convert("L")
        left, right = (
            image.getpixel((int(image.width * at), image.height - 60)) for at in (0.1, 0.9)
        )
    assert isinstance(left, int)
    assert isinstance(right, int)
    assert left < 120 < 200 < right


def test_picture_that_cannot_be_drawn_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> bytes:
        raise RuntimeError("no fonts")

    assert Picture("trend", "words", broken).png == b""
    assert "The picture trend could not be drawn: no fonts" in caplog.text


def test_words_for_a_picture_keep_within_slacks_limit() -> None:
    assert len(trend_picture("trend", POINTS, "w" * 5000).alt) <= 2000
    assert len(tile_picture("map", [], 1, 1, "w" * 5000).alt) <= 2000


def test_the_library_is_not_imported_before_a_picture_is_drawn() -> None:
    code = (
        "import sys, scheduler.steps.main_job, reports.messages.render, reports.registry\n"
        "found = {name.split('.')[0] for name in sys.modules} & {'matplotlib', 'PIL'}\n"
        "sys.exit(' '.join(found) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root(), check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert charts.__name__ == "reports.charts"
