"""Changes of everything that a build depends on, made by a vendor or a person."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.warehouse import Warehouse
from tests.transform import raw
from transform.build import build

FIRST_DAY = 19
NOW = "2026-11-{day}T09:30:00-05:00"


@dataclass(frozen=True)
class Table:
    """A raw table: the column that tells its rows apart, those to change, how it is recorded."""

    key: str
    changing: tuple[str, ...]
    part: str = "date"  # the column by which it is replaced; none for a list
    measures: tuple[str, ...] = ()


TABLES = {
    "everflow.daily_stats": Table(
        *("affiliate_id", ("payout", "revenue", "conversions", "clicks"), "date"),
        ("clicks", "conversions", "revenue", "payout"),
    ),
    "everflow.conversions": Table("conversion_id", ("payout", "revenue", "offer_id")),
    "everflow.clicks": Table("transaction_id", ("offer_id",)),
    "redtrack.daily_spend": Table("source_id", ("cost", "clicks"), "date", ("clicks", "cost")),
    "posthog.events": Table("uuid", ("distinct_id", "event")),
    "mautic.email_stats": Table("id", ("open_count", "email_id")),
    "google_sheets.goals": Table("_row_id", ("spend", "conversions"), ""),
    "s3_exports.orders_create": Table("orders_id", ("total_amount",), "_file_name"),
    "s3_exports.orders_update": Table("orders_id", ("refund_amount",), "_file_name"),
    "s3_exports.prospects_create": Table("prospects_id", ("prospect_date",), "_file_name"),
}
BY_HAND = (
    "update marts.daily_performance set cost = cost + 1",
    "delete from intermediate.int_performance__costed where affiliate_label = 'Blue Bench'",
    "drop table marts.goal_pace",
    "drop table intermediate.int_visits__counted cascade",
    "drop view staging.stg_s3_exports__orders_create cascade",
    "alter table marts.unmapped_spend add column note text",
    "alter table everflow.daily_stats add column imp bigint",
    "alter table s3_exports.orders_create add column chargeback_flag text",
    "alter table posthog.events add column note text",
)
# path, a text in it, what replaces it; and back at the next time
EDITS = (
    ("dbt_project.yml", "low_volume_conversions: 10", "low_volume_conversions: 3"),
    ("dbt_project.yml", "        EXP: 2", "        EXP2: 2"),
    ("transform/models/marts/state_performance.sql", "else 'ZZ'", "else 'YY'"),
    ("transform/macros/states.sql", "'FL', ", ""),
    ("transform/macros/order_lines.sql", "upper(product_category)", "lower(product_category)"),
    ("transform/models/intermediate/int_visits__counted.sql", "'$pageview'", "'purchase'"),
    ("data/clients/713/mappings/internal-affiliates.csv", "Facebook EXP", "Another Source"),
    ("data/clients/713/mappings/projects.csv", "CCW,1,", "CCW New,1,"),
    ("data/clients/cti/mappings/projects.csv", "702,2026-11-02", "702,2026-11-20"),
)
GOALS = "brand,month,spend,cpa,conversions\nCCW,2026-11,{},30,{}\n"


@dataclass
class World:
    """The warehouse, the files and the clock of one sequence."""

    warehouse: Warehouse
    root: Path
    patch: pytest.MonkeyPatch
    chance: random.Random
    day: int = FIRST_DAY
    loads: int = 0
    numbers: int = 1000
    saved: Warehouse | None = None
    done: list[str] = field(default_factory=list)

    def turn_to(self, warehouse: Warehouse) -> None:
        warehouse.activate(self.patch)

    def table(self) -> str:
        """A table that was loaded."""
        there = self.warehouse.rows(
            "select table_schema || '.' || table_name from information_schema.tables"
        )
        return self.chance.choice(sorted(set(TABLES) & {name for (name,) in there}))

    def rows(self, table: str) -> list[dict[str, Any]]:
        schema, name = table.split(".")
        columns = [
            column
            for (column,) in self.warehouse.rows(
                "select column_name from information_schema.columns"
                f" where table_schema = '{schema}' and table_name = '{name}'"
                " order by ordinal_position"
            )
        ]
        listed = ", ".join(columns)
        found = self.warehouse.rows(f"select {listed} from {table} order by {listed}")
        return [dict(zip(columns, row, strict=True)) for row in found]

    def write(self, table: str, rows: list[dict[str, Any]], touched: set[tuple[str, Any]]) -> None:
        """Replace the rows, and record the parts (client, day or file) that were touched."""
        spec = TABLES[table]
        source, name = table.split(".")
        columns = list(rows[0]) if rows else []
        self.warehouse.execute(f"delete from {table}")
        into = f"{table} ({', '.join(columns)})"
        raw.insert(self.warehouse, into, [tuple(row[one] for one in columns) for row in rows])
        self.loads += 1
        at = datetime.fromisoformat(raw.LOADED_AT) + timedelta(minutes=self.loads)
        for client, part in sorted(touched, key=repr):
            of_part = [
                row
                for row in rows
                if row["_client_id"] == client and (not spec.part or row[spec.part] == part)
            ]
            key = str(part) if spec.part else "all"
            self.warehouse.execute(
                f"delete from ops.control_totals where source = '{source}'"
                f" and table_name = '{name}' and _client_id = '{client}'"
                f" and partition_key = '{key}'"
            )
            if spec.part == "_file_name" and not of_part:
                continue  # the file is gone
            day = part if spec.part == "date" else None
            totals = {"rows": Decimal(len(of_part))} | {
                one: sum((Decimal(row[one] or 0) for row in of_part), Decimal(0))
                for one in spec.measures
            }
            raw.insert(
                self.warehouse,
                "ops.control_totals",
                [
                    (client, source, name, key, day, measure, total, at, True, at, str(self.loads))
                    for measure, total in totals.items()
                ],
            )

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers


def _part(table: str, row: dict[str, Any]) -> tuple[str, Any]:
    spec = TABLES[table]
    return row["_client_id"], row[spec.part] if spec.part else None


def rows_differ(world: World) -> str:
    """One to three rows of a table changed, added or deleted, with their control totals."""
    table = world.table()
    spec = TABLES[table]
    rows = world.rows(table)
    touched: set[tuple[str, Any]] = set()
    kinds = []
    for _ in range(world.chance.randint(1, 3)):
        kind = world.chance.choice(("changed", "added", "deleted")) if len(rows) > 1 else "added"
        row = world.chance.choice(rows)
        touched.add(_part(table, row))
        kinds.append(kind)
        if kind == "deleted":
            rows.remove(row)
        elif kind == "added":
            copy = dict(row)
            _set(copy, spec.key, world.next_number())
            if "_row_id" in row:
                copy["_row_id"] = world.next_number()
            if "month" in row:  # a second goal of a month is a mistake
                years, month = divmod(world.next_number(), 12)
                copy["month"] = f"{2030 + years}-{month + 1:02d}"
            rows.append(copy)
        else:
            _set(row, world.chance.choice(spec.changing), world.chance.randint(1, 28))
    world.write(table, rows, touched)
    return f"{table}: rows {', '.join(kinds)}"


def _set(row: dict[str, Any], column: str, number: int) -> None:
    """A new value of the column's type."""
    before = row.get(column)
    value: Any = number
    if column == "prospect_date":
        value = f"11/{number:02d}/2026"
    elif column == "event":
        value = ("$pageview", "purchase", "$pageleave")[number % 3]
    elif isinstance(before, str) or column in ("total_amount", "refund_amount"):
        value = str(number)
    row[column] = value


def file_of_orders(world: World) -> str:
    """An export added, replaced by another, or removed."""
    table = world.chance.choice(("s3_exports.orders_create", "s3_exports.orders_update"))
    rows = world.rows(table)
    names = sorted({row["_file_name"] for row in rows})
    kind = world.chance.choice(("new", "replaced", "removed")) if len(names) > 1 else "new"
    if kind == "new":
        name = f"{table[11:]}/report_2026-11-{world.chance.randint(1, 28):02d}T0531_x.csv"
        orders = [str(world.chance.choice((100, 101, 102, 200, 201, world.next_number())))]
        added = [
            {**rows[0], "_file_name": name, "orders_id": order, "_row_id": world.next_number()}
            for order in orders
        ]
        rows = [row for row in rows if row["_file_name"] != name] + added
    else:
        name = world.chance.choice(names)
        ours = [row for row in rows if row["_file_name"] == name]
        rows = [row for row in rows if row["_file_name"] != name]
        if kind == "replaced":
            rows += [{**row, "total_amount": "77.00"} for row in ours[:1]]
    world.write(table, rows, {("713", name)})
    return f"{kind} file {name}"


def pulled_again(world: World) -> str:
    world.warehouse.execute(
        "update ops.control_totals set loaded_at = loaded_at + interval '1 hour'"
    )
    return "pulled again"


def altered_by_hand(world: World) -> str:
    """Statements that no build makes; those that cannot be made again are left out."""
    statement = world.chance.choice(BY_HAND)
    try:
        world.warehouse.execute(statement)
    except Exception as error:  # the relation is gone, or the column is there
        return f"not possible: {statement}: {type(error).__name__}"
    return statement


def file_edited(world: World) -> str:
    path, before, after = world.chance.choice(EDITS)
    file = world.root / path
    text = file.read_text(encoding="utf-8")
    if after and after in text:
        before, after = after, before
    elif not after and before not in text:  # removed before
        before, after = "'GA', ", "'FL', 'GA', "
    assert before in text, (path, before)
    file.write_text(text.replace(before, after), encoding="utf-8")
    return f"{path}: {before} -> {after}"


def goals_written(world: World) -> str:
    file = world.root / "data/clients/713/goals.csv"
    if file.exists() and world.chance.random() < 0.3:
        file.unlink()
        return "no goals"
    text = GOALS.format(world.chance.randint(1, 9000), world.chance.randint(1, 900))
    file.write_text(text, encoding="utf-8")
    return f"goals {text!r}"


def another_day(world: World) -> str:
    world.day = world.chance.randint(FIRST_DAY, 28)
    world.patch.setenv("SIGNALROOM_NOW", NOW.format(day=world.day))
    return f"day {world.day}"


def failed_before(world: World) -> str:
    """A build fails because raw is not what the vendor gave; then the day is loaded again."""
    table = "everflow.daily_stats"
    world.warehouse.execute(f"update {table} set payout = coalesce(payout, 0) + 1")
    assert build(only_changed=True).failures != []
    rows = world.rows(table)
    world.write(table, rows, {_part(table, row) for row in rows})
    return "a failed build"


KINDS: tuple[Callable[[World], str], ...] = (
    *(rows_differ, rows_differ, rows_differ, rows_differ),
    *(file_of_orders, file_of_orders, altered_by_hand, file_edited, goals_written),
    *(pulled_again, another_day, failed_before),
)
