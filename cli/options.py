"""Options and types that several commands share."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from ingest.registry import NAMES


class Day(click.ParamType[date]):
    """A business day, written YYYY-MM-DD, `today` or `yesterday`."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        from signalroom import clock

        if isinstance(value, date):
            return value
        if value in ("today", "yesterday"):
            return clock.today() if value == "today" else clock.yesterday()
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write it as 2026-11-18.", param, ctx)


DAY = Day()
SOURCE = click.Choice(NAMES)

clients = click.option(
    "--client", "clients", multiple=True, metavar="ID", help="Only this client; repeatable."
)
