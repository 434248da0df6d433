"""Charts like those drawn by Slack, close enough to review a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

WIDTH, HEIGHT, EDGE = 520, 150, 14
BAR = Markup('<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"/>')
CLASSES = ("one", "two", "three", "four", "five", "six")


def chart_svg(block: Mapping[str, Any]) -> Markup:
    """A data_visualization block as SVG: lines, or bars side by side."""
    chart = block["chart"]
    labels = chart["axis_config"]["categories"]
    series = [
        {point["label"]: float(point["value"]) for point in one["data"]} for one in chart["series"]
    ]
    values = [value for one in series for value in one.values()]
    low = min(values) * 0.9 if chart["type"] == "line" else min(0.0, *values)
    span = (max(values) - low) or 1.0
    step = (WIDTH - 2 * EDGE) / max(1, len(labels))

    def point(at: int, value: float) -> tuple[float, float]:
        return EDGE + step * (at + 0.5), HEIGHT - EDGE - (value - low) / span * (HEIGHT - 3 * EDGE)

    drawn: list[Markup] = []
    for number, one in enumerate(series):
        places = [
            (*point(at, one[label]), one[label]) for at, label in enumerate(labels) if label in one
        ]
        name = CLASSES[number % len(CLASSES)]
        if chart["type"] == "line":
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
            drawn.append(Markup('<polyline class="line {}" points="{}"/>').format(name, line))
            continue
        width = step * 0.7 / len(series)
        for x, y, _ in places:
            left, height = x - step * 0.35 + number * width, HEIGHT - EDGE - y
            sizes = (f"{size:.1f}" for size in (left, y, width, max(0.0, height)))
            drawn.append(BAR.format(name, *sizes))
    ends = Markup(
        '<text x="{}" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>'
    ).format(EDGE, HEIGHT, labels[0], WIDTH - EDGE, HEIGHT, labels[-1])
    names = ", ".join(str(one["name"]) for one in chart["series"])
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, HEIGHT + 4, escape(f"{block['title']}: {names}"), Markup("").join(drawn), ends
    )
