"""Slack's blocks since 2026: data tables, charts, cards, alerts; why each is refused."""

from collections.abc import Callable, Mapping
from typing import Any

Block = Mapping[str, Any]
MOST_TABLE_CHARACTERS = 10_000
_CELLS = ("raw_text", "raw_number", "rich_text")


def _data_table(block: Block) -> list[str]:
    rows = block.get("rows")
    if not isinstance(block.get("caption"), str) or not block["caption"]:
        return ["missing required field: caption"]
    if not 1 <= int(block.get("page_size", 5)) <= 100:
        return ["page_size must be between 1 and 100"]
    if not isinstance(rows, list) or not 2 <= len(rows) <= 101:
        return ["a data table needs a header and 1 to 100 rows"]
    if any(not isinstance(row, list) or not 1 <= len(row) <= 20 for row in rows):
        return ["a row needs 1 to 20 cells"]
    if len({len(row) for row in rows}) != 1:
        return ["all rows must have the same number of cells"]
    cells = [cell for row in rows for cell in row]
    if any(not isinstance(cell, dict) or cell.get("type") not in _CELLS for cell in cells):
        return ["a cell must be raw_text, raw_number or rich_text"]
    if any(cell["type"] == "rich_text" for cell in rows[0]):
        return ["a header cell cannot be rich_text"]
    for cell in cells:
        number = cell.get("value")
        if cell["type"] == "raw_number" and (
            not isinstance(number, (int, float)) or isinstance(number, bool)
        ):
            return ["raw_number needs a value"]
        if cell["type"] != "rich_text" and not cell.get("text"):
            return [f"{cell['type']} needs text"]
    if sum(len(str(cell.get("text", ""))) for cell in cells) > MOST_TABLE_CHARACTERS:
        return [f"a table takes up to {MOST_TABLE_CHARACTERS} characters"]
    return []


def _data_visualization(block: Block) -> list[str]:
    title, chart = block.get("title"), block.get("chart")
    if not isinstance(title, str) or not 1 <= len(title) <= 50:
        return ["title is required, up to 50 characters"]
    if not isinstance(chart, dict) or chart.get("type") not in ("pie", "bar", "area", "line"):
        return ["chart must be one of pie, bar, area, line"]
    return _pie(chart) if chart["type"] == "pie" else _series(chart)


def _pie(chart: Block) -> list[str]:
    segments = chart.get("segments")
    if not isinstance(segments, list) or not 1 <= len(segments) <= 6:
        return ["a pie needs 1 to 6 segments"]
    if any(not _is_point(one) or one["value"] <= 0 for one in segments):
        return ["a segment needs a label of up to 20 characters and a value above 0"]
    return []


def _series(chart: Block) -> list[str]:
    series, axis = chart.get("series"), chart.get("axis_config")
    if not isinstance(series, list) or not 1 <= len(series) <= 6:
        return ["a chart needs 1 to 6 series"]
    if not isinstance(axis, dict) or not isinstance(axis.get("categories"), list):
        return ["missing required field: axis_config"]
    categories = axis["categories"]
    if not categories or any(not isinstance(one, str) or len(one) > 20 for one in categories):
        return ["categories are texts of up to 20 characters"]
    if any(len(str(axis.get(name) or "")) > 50 for name in ("x_label", "y_label")):
        return ["an axis label has up to 50 characters"]
    names = [one.get("name") if isinstance(one, dict) else None for one in series]
    if not all(names) or len(set(names)) != len(names):
        return ["series need names of their own"]
    for one in series:
        points = one.get("data")
        if not isinstance(points, list) or not all(_is_point(point) for point in points):
            return ["a data point needs a label and a value"]
        if {point["label"] for point in points} - set(categories):
            return ["labels of data points must be among the categories"]
    return []


def _is_point(point: object) -> bool:
    return (
        isinstance(point, dict)
        and isinstance(point.get("label"), str)
        and 1 <= len(point["label"]) <= 20
        and isinstance(point.get("value"), (int, float))
    )


def _card(block: Block) -> list[str]:
    if not any(block.get(name) for name in ("hero_image", "title", "actions", "body")):
        return ["a card needs a hero_image, title, actions or body"]
    limits = (("title", 150), ("subtitle", 150), ("body", 200))
    return [
        f"{name} must be less than {limit + 1} characters"
        for name, limit in limits
        if isinstance(block.get(name), dict) and len(str(block[name].get("text", ""))) > limit
    ]


def _carousel(block: Block) -> list[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
        return ["a carousel needs 1 to 10 cards"]
    return [text for one in elements for text in _card(one)]


def _alert(block: Block) -> list[str]:
    text = block.get("text")
    if not isinstance(text, dict) or not text.get("text"):
        return ["missing required field: text"]
    if block.get("level", "default") not in ("default", "info", "warning", "error", "success"):
        return ["level must be default, info, warning, error or success"]
    return []


NEW: dict[str, Callable[[Block], list[str]]] = {
    "data_table": _data_table,
    "data_visualization": _data_visualization,
    "card": _card,
    "carousel": _carousel,
    "alert": _alert,
}
