"""Draws a picture of a trace: one run of the simulated agency, as a trace collector receives it."""

from __future__ import annotations

import html
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.support.collector import collecting
from tests.support.processes import BIN, ROOT

WIDTH, HEAD = 1100, 330
NODES = 12  # the longest nodes of dbt
COLORS = {
    "run": "#1f2937",
    "source": "#2e8b57",
    "resource": "#8fbc8f",
    "load": "#4c78a8",
    "dbt node": "#b07aa1",
    "delivery": "#e08a2e",
}
STYLE = f"""
body {{ margin: 0; padding: 16px; font: 13px/20px system-ui, sans-serif; color: #1f2937; }}
h1 {{ font-size: 15px; margin: 0 0 8px; }}
div.row {{ display: flex; height: 20px; }}
div.row > span:first-child {{ flex: none; box-sizing: border-box; width: {HEAD}px;
  white-space: nowrap; overflow: hidden; }}
div.lane {{ position: relative; flex: 1; border-left: 1px solid #d1d5db; }}
div.lane i {{ position: absolute; top: 4px; height: 12px; border-radius: 2px; min-width: 2px; }}
div.lane b {{ position: absolute; top: 0; font-weight: normal; color: #6b7280; font-size: 11px; }}
p {{ color: #6b7280; margin: 8px 0 0; }}
"""


def picture(browser: Browser, path: Path, environment: Mapping[str, str]) -> None:
    """Run the simulated agency once with tracing on, and draw the received spans."""
    with collecting() as collector:
        on = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address}
        subprocess.run(
            [str(BIN / "signalroom"), "run", "--send"], cwd=ROOT, env={**environment, **on},
            capture_output=True, check=True, timeout=600,
        )  # fmt: skip
        spans = collector.spans()
    page = browser.new_page(viewport={"width": WIDTH, "height": 600})
    page.set_content(_page(spans))
    page.screenshot(path=path, full_page=True)
    page.close()


def _page(spans: list[Any]) -> str:
    [run] = [one for one in spans if one.name == "run"]
    begun = run.start_time_unix_nano
    whole = max(one.end_time_unix_nano for one in spans) - begun
    counts: dict[bytes, int] = {}
    for one in spans:
        if one.name == "request":
            counts[one.parent_span_id] = counts.get(one.parent_span_id, 0) + 1
    lines = [
        _row(_name(one) + _requests(counts.get(one.span_id, 0)), depth, [one], begun, whole)
        for one, depth in _shown(spans, run)
    ]
    nodes = [one for one in spans if one.name == "dbt node"]
    rest = sorted(nodes, key=_took)[:-NODES]
    if rest:
        lines.append(_row(f"dbt node: {len(rest)} shorter ones", 1, rest, begun, whole))
    said = f"{len(spans)} spans, one trace: each step of a run, of every process that worked for it"
    return (
        f"<style>{STYLE}</style><h1>run {html.escape(_attributes(run)['run_id'])}</h1>"
        f"{''.join(lines)}<p>{said}.</p>"
    )


def _shown(spans: list[Any], run: Any) -> Iterable[tuple[Any, int]]:
    """The spans that get their own line, each with its depth; requests are only counted."""
    yield run, 0
    for one in spans:
        if one.name in ("source", "load"):
            yield one, 1
            is_everflow = _attributes(one).get("source") == "everflow"
            if one.name == "source" and is_everflow:
                inside = (each for each in spans if each.parent_span_id == one.span_id)
                yield from ((each, 2) for each in inside if each.name == "resource")
    nodes = [one for one in spans if one.name == "dbt node"]
    longest = sorted(nodes, key=_took)[-NODES:]
    yield from ((one, 1) for one in nodes if one in longest)
    yield from ((one, 1) for one in spans if one.name == "delivery")


def _row(name: str, depth: int, spans: list[Any], begun: int, whole: int) -> str:
    bars = "".join(
        f'<i style="left:{(one.start_time_unix_nano - begun) / whole * 90:.2f}%;'
        f'width:{_took(one) / whole * 90:.2f}%;background:{COLORS[one.name]}"></i>'
        for one in spans
    )
    end = max(one.end_time_unix_nano for one in spans)
    took = sum(_took(one) for one in spans) / 1e9
    label = f'<b style="left:{(end - begun) / whole * 90 + 0.5:.2f}%">{took:.2f} s</b>'
    return (
        f'<div class="row"><span style="padding-left:{depth * 16}px">{html.escape(name)}</span>'
        f'<div class="lane">{bars}{label}</div></div>'
    )


def _name(span: Any) -> str:
    found = _attributes(span)
    if span.name == "dbt node":
        kind, _, *rest = found["node"].split(".")
        return f"dbt {kind} {rest[0]}"
    order = ("job", "source", "client", "table", "channel", "report")
    return " ".join([span.name, *(found[name] for name in order if name in found)])


def _requests(count: int) -> str:
    return f", {count} requests" if count else ""


def _took(span: Any) -> int:
    return int(span.end_time_unix_nano - span.start_time_unix_nano)


def _attributes(span: Any) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}
