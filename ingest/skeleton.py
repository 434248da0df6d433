"""`signalroom new source NAME`: the first files of a source, which load and build as they are."""

from __future__ import annotations

import re
from pathlib import Path

from signalroom.errors import ConfigurationError
from signalroom.paths import root
from signalroom.sources import names

SETTINGS = '''"""{title}: what it needs, how it may be asked, and its tables, as plain data."""

from signalroom.settings import require

TITLE = "{title}"
VARIABLES = {{
    "{upper}_API_KEY": {{"secret": True, "about": "API key of the account"}},
    "{upper}_BASE_URL": {{"shared": True, "about": "address of the API"}},
}}
REQUIRED = ("{upper}_API_KEY", "{upper}_BASE_URL")
TABLES = {{"days": "day"}}  # table -> what is replaced together: day, file or whole
RATE_LIMIT = (10, 1.0)  # calls, seconds


def account(client_id: str) -> str:
    """What identifies the account behind a client's credentials."""
    return require("{upper}_API_KEY", client_id)
'''
SOURCE = '''"""{title}: what it is about, in a line.

Data flow: GET /days -> {name}.days
Every pull replaces whole days: what vanished there vanishes here.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import dlt

from ingest.http import Connection, RateLimit, VendorClient
from ingest.model import Plan, Pull, Row
from ingest.resources import SOURCE, daily, plain_pull
from ingest.sources.{name}.settings import RATE_LIMIT
from ingest.values import DATE_TYPE, MONEY_TYPE, TEXT_TYPE, money
from ingest.windows import days as days_of
from signalroom.errors import AnswerError

COLUMNS = {{"_client_id": TEXT_TYPE, "date": DATE_TYPE, "amount": MONEY_TYPE}}


class Account(Connection):
    """The client's account, opened when it is first asked."""

    def open(self) -> VendorClient:
        """The API; waits, limits and errors are the client's."""
        return VendorClient(
            "{name}",
            self.pull.client_id,
            self.pull.require("{upper}_BASE_URL"),
            headers={{"X-Key": self.pull.require("{upper}_API_KEY")}},
            limit=RateLimit(*RATE_LIMIT),
            address="{upper}_BASE_URL",
        )


@dlt.source(**SOURCE)
def {name}(
    client_id: str | None = None,
    start: str | date | None = None,
    end: str | date | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    pull: Pull | None = None,
) -> Any:
    """One client's account; ISO dates, both included. Calling it asks no vendor."""
    pull = pull or plain_pull(
        "{name}", client_id, start, end, {upper}_API_KEY=api_key, {upper}_BASE_URL=base_url
    )
    return [days(pull, Account(pull))]


@daily(columns=COLUMNS, measures=("amount",), required=("amount",))
def days(pull: Pull, account: Account) -> list[Row]:
    """The rows of every day of the window."""
    window = pull.window
    asked = {{"from": window.start.isoformat(), "to": window.end.isoformat()}}
    answer = account.http.get("/days", asked)
    if not isinstance(answer, list):
        raise AnswerError(f"{{pull}}: the answer is no list; nothing was loaded.", answer)
    return [
        {{
            "_client_id": pull.client_id,
            "date": date.fromisoformat(entry["date"]),
            "amount": money(entry.get("amount")),
        }}
        for entry in answer
    ]


def plan(pull: Pull) -> Plan:
    """One request."""
    return Plan(pull.resources, len(list(days_of(pull.window))), 1, 0)
'''
SOURCES = """sources:
  - name: {name}
    schema: {name}
    loader: dlt
    description: {title}, loaded by `ingest/sources/{name}`.
    config:
      loaded_at_query: "{{{{ last_requested(model.source_name, model.name) }}}}"
      freshness:
        warn_after: {{count: 26, period: hour}}
        error_after: {{count: 50, period: hour}}
    tables:
      - name: days
        description: One row per client and date.
        columns:
          - {{name: _client_id, data_type: text, description: The client whose account this is.}}
          - {{name: date, data_type: date, description: Business day.}}
          - {{name: amount, data_type: "decimal(38, 18)", description: What it came to.}}
"""
MODEL = """with source as (

    {{{{ source_or_empty('{name}', 'days') }}}}

)

select
    -- ids
    _client_id,

    -- dates
    date,

    -- measures
    amount
from source
"""
FILES = {
    "ingest/sources/{name}/settings.py": SETTINGS,
    "ingest/sources/{name}/__init__.py": SOURCE,
    "transform/models/staging/{name}/_{name}__sources.yml": SOURCES,
    "transform/models/staging/{name}/stg_{name}__days.sql": MODEL,
}


def contents(name: str) -> dict[str, str]:
    """The files of a new source by their path below the root."""
    said = {"name": name, "upper": name.upper(), "title": name.replace("_", " ").capitalize()}
    return {path.format(**said): text.format(**said) for path, text in FILES.items()}


def write(name: str) -> list[Path]:
    """Write the files; ConfigurationError for a name that cannot be one, or is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name):
        raise ConfigurationError(
            f"{name!r} cannot name a source: use lower-case letters, digits and _, as in a schema."
        )
    if name in names():
        raise ConfigurationError(f"There is a source {name} already: ingest/sources/{name}.")
    written = []
    for path, text in contents(name).items():
        target = root() / path
        if target.exists():
            raise ConfigurationError(f"{path} is there already; nothing of it was changed.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written
