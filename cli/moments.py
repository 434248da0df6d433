"""Moments on the command line: "until 2026-12-01", in business time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

Moment = datetime


class MomentType(click.ParamType[datetime]):
    """A day, meaning its start, or an ISO timestamp; business time unless it has an offset.

    Returns an aware instant in UTC.
    """

    name = "moment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        from signalroom import clock

        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a valid time; write 2026-12-01 or 2026-12-01T09:00.", param, ctx
            )
        return (moment if moment.tzinfo else moment.replace(tzinfo=clock.zone())).astimezone(UTC)


MOMENT = MomentType()
