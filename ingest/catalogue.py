"""Generates `docs/sources.md` and the sources' part of `.env.example` from the sources.

`python -m ingest.catalogue` writes both.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from ingest import registry
from ingest.registry import SourceSettings
from signalroom.paths import root
from signalroom.settings import window_days
from signalroom.sources import declared

INTRODUCTION = """# Sources

Generated from the code by `python -m ingest.catalogue`; a test keeps it current.

Every table is shared by all clients, each row with its `_client_id`. Rows are written by dlt with
`merge` and `delete-insert`: what one answer covers is replaced together, so that repeating a load
is harmless, rows deleted at the vendor are deleted here, and a failed request changes nothing.
There is no cursor in dlt's state: which days are due follows from `ops.loads`, which files are
unread from `ops.file_ledger`, both in the warehouse.

## With dlt alone

Each source is a `@dlt.source` named as its schema, with the same variables and no other
preparation. It has no ledger: without dates it covers the window of a first pull, and every file. A
table that fails raises.

```python
import dlt
from ingest.sources.everflow import everflow

pipeline = dlt.pipeline(
    "mine", destination=dlt.destinations.duckdb("mine.duckdb"), dataset_name="everflow"
)
pipeline.run(everflow(client_id="713", start="2026-03-01", end="2026-03-07"))
pipeline.run(everflow(client_id="713").with_resources("affiliates"))
```

dlt's own commands then work on it: `dlt pipeline mine info`, `dlt pipeline mine schema`,
`dlt pipeline mine load-package`. Besides the rows that `signalroom ingest` loads, dlt keeps its own
tables: `_dlt_loads`, `_dlt_version` and `_dlt_pipeline_state` in the source's schema.
"""
# The part of .env.example between these lines is generated from the sources.
FIRST = "# Sources, as ingest/sources/*/settings.py declare them (python -m ingest.catalogue)"
LAST = "## Slack: reports and alerts"
REPLACED = {
    "day": ("`_client_id, date`", "the business day"),
    "file": ("`_client_id, _file_name`", "the file"),
    "whole": ("`_client_id`", "the client's whole table"),
}


def page() -> str:
    """The page as Markdown."""
    return "\n".join([INTRODUCTION, *(line for name in registry.NAMES for line in _section(name))])


def example(text: str) -> str:
    """The text of .env.example with the variables of the sources as they declare them."""
    before, mark, rest = text.partition(f"{FIRST}\n")
    after = rest[rest.index(f"{LAST}\n") :]
    return f"{before}{mark}\n{''.join(_variables(name) for name in registry.NAMES)}{after}"


def _variables(name: str) -> str:
    found = [f"## {declared(name).TITLE}"]
    for variable, about in declared(name).VARIABLES.items():
        words = about["about"]
        found += [
            f"# {words[0].upper()}{words[1:]}.",
            f"{variable}={about.get('default', '')}",
        ]
    return "\n".join(found) + "\n\n"


def write() -> None:
    """Write both files."""
    (root() / "docs" / "sources.md").write_text(page(), encoding="utf-8")
    path = root() / ".env.example"
    path.write_text(example(path.read_text(encoding="utf-8")), encoding="utf-8")


def _section(name: str) -> Iterator[str]:
    source = registry.source(name)
    story = (import_module(f"ingest.sources.{name}").__doc__ or "").strip()
    title, _, text = story.partition("\n\n")
    yield f"## {name}\n\n{title}\n"
    yield f"```\n{text}\n```\n"
    yield "| table | merge key | replaced together | days of a pull | on |"
    yield "|---|---|---|---|---|"
    tables = tuple(source.tables)
    for table in tables or ("one for each range",):
        key, together = REPLACED[_kind(source, table)]
        shown = f"`{name}.{table}`" if tables else table
        days = _days(source) if _kind(source, table) == "day" else "-"
        switch = f"`{source.optional[table]}=on`" if table in source.optional else "always"
        yield f"| {shown} | {key} | {together} | {days} | {switch} |"
    yield f"\nNeeds {', '.join(f'`{variable}`' for variable in source.required)}. {_limit(name)}\n"


def _kind(source: SourceSettings, table: str) -> str:
    return source.tables.get(table, "whole")


def _days(source: SourceSettings) -> str:
    recent, initial = window_days("recent", source.name), window_days("initial", source.name)
    return f"{recent}, the first time {initial}"


def _limit(name: str) -> str:
    limit = getattr(declared(name), "RATE_LIMIT", None)
    if limit is None:
        return "The vendor names no limit; a 429 is retried after a wait."
    paths = getattr(declared(name), "PATH_LIMITS", {})
    single = "".join(
        f"; to `{path}` {calls} in {each:g} s" for path, (calls, each) in paths.items()
    )
    calls, seconds = limit
    return f"At most {calls} requests in {seconds:g} s{single}."


if __name__ == "__main__":
    write()
