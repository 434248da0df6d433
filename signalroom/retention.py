"""Retention of the product's own records (data/retention.yml), and deletion of older ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
import yaml

from signalroom import clock, paths, yaml_files
from signalroom.errors import ConfigurationError
from signalroom.history_tables import PULL_LOG
from signalroom.tables import INCIDENTS, OUTBOX, RUNS, STEPS
from signalroom.warehouse import Execute, transaction
from signalroom.watch_tables import SOURCE_SPEND

DEFAULTS = {
    **dict.fromkeys(("outbox_payloads", "runs", "incidents", "dead_letters"), 400),
    "dbt_nodes": 120,
}
FILE = "data/retention.yml"
MOST_DAYS = 36_500
LEAST_DAYS = 35  # reports and catch-up look back that far
# pages of a day that a vendor's limit cut off; longer than a daily pull's period
UNFINISHED_KEPT = timedelta(hours=26)
NO_PAYLOAD = "{}"
OVER = ("done", "done_with_errors", "failed", "skipped")


def policy() -> Mapping[str, int]:
    """Days by kind, by default 400 (for dbt's nodes 120).

    ConfigurationError for anything but a number of days from 35.
    """
    path = paths.root() / FILE
    try:
        found = yaml_files.load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        found = {}
    except OSError as error:
        raise ConfigurationError(f"{FILE} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"{FILE} cannot be read: {' '.join(str(error).split())}."
        ) from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{FILE}: write each kind as `runs: 400`.")
    for kind, days in found.items():
        if kind not in DEFAULTS:
            raise ConfigurationError(f"{FILE}: {kind} is unknown; use {', '.join(DEFAULTS)}.")
        if type(days) is not int or not LEAST_DAYS <= days <= MOST_DAYS:
            raise ConfigurationError(
                f"{FILE}: {kind} is {days!r}; use a number of days, {LEAST_DAYS} to {MOST_DAYS:,}."
            )
    return {**DEFAULTS, **found}


def prune_run_database(engine: sa.Engine) -> None:
    """Delete old runs and incidents, and the payloads of old finished messages."""
    runs, incidents, payloads = (before(kind) for kind in ("runs", "incidents", "outbox_payloads"))
    old = sa.select(RUNS.c.run_id).where(RUNS.c.status.in_(OVER), RUNS.c.finished_at < runs)
    with engine.begin() as connection:
        connection.execute(STEPS.delete().where(STEPS.c.run_id.in_(old)))
        connection.execute(RUNS.delete().where(RUNS.c.run_id.in_(old)))
        connection.execute(PULL_LOG.delete().where(PULL_LOG.c.ended_at < runs))
        connection.execute(SOURCE_SPEND.delete().where(SOURCE_SPEND.c.at < incidents))
        connection.execute(INCIDENTS.delete().where(INCIDENTS.c.settled_at < incidents))
        connection.execute(
            OUTBOX.update()
            .where(
                OUTBOX.c.status.in_(("sent", "dead", "skipped")),
                OUTBOX.c.created_at < payloads,
                OUTBOX.c.payload != NO_PAYLOAD,
            )
            .values(payload=NO_PAYLOAD)
        )


def prune_warehouse() -> None:
    """Delete dead letters that were resolved long ago, and days that no pull finished in time."""
    with transaction() as execute:
        execute(
            "delete from ops.unfinished_days as page where exists (select 1"
            " from ops.unfinished_days as old where old._client_id = page._client_id"
            " and old.source = page.source and old.table_name = page.table_name"
            " and old.day = page.day and old.read_at < :before)",
            {"before": clock.instant() - UNFINISHED_KEPT},
        )
        execute(
            "delete from ops.dead_letters where resolved_at < :before",
            {"before": before("dead_letters")},
        )


def prune_history(execute: Execute) -> None:
    """Delete old rows from the warehouse's copy of the product's own history."""
    runs, incidents, nodes = (before(kind) for kind in ("runs", "incidents", "dbt_nodes"))
    old = "select run_id from ops.history_runs where coalesce(finished_at, created_at) < :before"
    execute(f"delete from ops.history_steps where run_id in ({old})", {"before": runs})  # noqa: S608
    execute(f"delete from ops.history_runs where run_id in ({old})", {"before": runs})  # noqa: S608
    old = "select pull_id from ops.history_pulls where ended_at < :before"
    execute(
        f"delete from ops.history_pulled_tables where pull_id in ({old})",  # noqa: S608
        {"before": runs},
    )
    execute("delete from ops.history_pulls where ended_at < :before", {"before": runs})
    execute("delete from ops.history_deliveries where created_at < :before", {"before": runs})
    execute("delete from ops.history_incidents where settled_at < :before", {"before": incidents})
    execute("delete from ops.history_nodes where ended_at < :before", {"before": nodes})


def before(kind: str) -> datetime:
    """Until when records of that kind are deleted; real clock."""
    return clock.instant() - timedelta(days=policy()[kind])
