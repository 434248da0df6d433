"""Finds unused code: vulture over the product, with the names that templates use.

Tests do not count as users: code that only a test calls is dead.

    python -m tests.house.dead_code
"""

from __future__ import annotations

import re
import sys

from vulture import Vulture

from tests.support.processes import ROOT

PACKAGES = ("cli", "ingest", "reports", "scheduler", "signalroom", "transform")
TEMPLATES = (".j2", ".mjml", ".html")
# Called by a framework that finds them by their decorator.
DECORATORS = ["@dlt.source*", "@*.command*", "@*.group*", "@*command", "@*validator*", "@*.defn*"]
# Names that a library calls or reads, with that library.
ALLOWED = {
    "click": [
        "convert",
        "get_invalid_choice_message",
        "list_commands",
        "get_command",
        "format_commands",
    ],
    "dbt-core": ["get_graph_summary", "write_file"],
    "dbt-duckdb": ["Plugin", "initialize", "plugin_config"],
    "dlt": ["username", "password", "client_class", "sql_client"],
    "html.parser": ["handle_starttag", "handle_startendtag", "handle_endtag", "handle_data"],
    "http.server": ["daemon_threads", "handle_error", "client_address", "do_GET", "log_message"],
    "io": ["readinto"],
    "prometheus-client": ["collect"],
    "pydantic": ["model_config"],
    "decimal": ["prec"],
    "requests": ["allow_redirects", "timeout"],
    "resend": ["api_key", "api_url", "default_http_client"],
    "sqlalchemy": ["impl", "cache_ok", "do_close", "process_bind_param", "process_result_value"],
    "uvicorn": ["should_exit"],
}
# Written by plain SQL next to the rows, and created through their METADATA.
TABLE = re.compile(r"^([A-Z_]+) = sa\.Table\(", re.M)
ATTRIBUTE = re.compile(r"\.([a-z_][a-z0-9_]*)")


def names_in_templates() -> set[str]:
    """Attributes that the templates of messages and pages use."""
    files = [path for path in ROOT.glob("*/**/*") if path.suffix in TEMPLATES]
    product = [path for path in files if path.relative_to(ROOT).parts[0] in PACKAGES]
    texts = (path.read_text(encoding="utf-8") for path in product)
    return {name for text in texts for name in ATTRIBUTE.findall(text)}


def unused() -> list[str]:
    """One line for each unused name: file, line, and what it is."""
    allowed = [name for names in ALLOWED.values() for name in names]
    for name in ("tables", "load_tables"):
        text = (ROOT / "signalroom" / f"{name}.py").read_text(encoding="utf-8")
        allowed += TABLE.findall(text)
    vulture = Vulture(ignore_names=allowed, ignore_decorators=DECORATORS)
    vulture.scan("\n".join(f"_.{name}" for name in sorted(names_in_templates())))
    vulture.scavenge([str(ROOT / name) for name in PACKAGES])
    items = vulture.get_unused_code(min_confidence=60)
    return [
        f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: {item.message}" for item in items
    ]


if __name__ == "__main__":
    sys.exit("\n".join(unused()) or None)
