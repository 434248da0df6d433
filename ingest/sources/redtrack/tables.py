"""RedTrack's tables: spend by day and source, conversions, and the current lists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from ingest.columns import by_key, columns_of, read_fields, text, unknown_fields
from ingest.dead_letters import redacted
from ingest.model import DeadLetter, Pull, Row, Window, slices
from ingest.resources import daily, whole_list
from ingest.sources.redtrack.client import (
    PAID_KEYS,
    Account,
    currency_of,
    listed,
    refuse_another_currency,
    refuse_other_currencies,
    report,
    tracked,
)
from ingest.sources.redtrack.columns import (
    CAMPAIGN_SPEND_COLUMNS,
    CLIENT_COLUMN,
    COLUMNS,
    CONTROLLED,
    CONVERSION_COLUMNS,
    CONVERSION_CONTROLLED,
    CONVERSION_FIELDS,
    CONVERSION_SKIPPED,
    DERIVED,
    LISTS,
    METRICS,
)
from ingest.sources.redtrack.settings import CURRENCY, SLICE_DAYS
from ingest.table_rows import refuse_repeated
from signalroom import clock
from signalroom.errors import AnswerError
from signalroom.plural import counted

ONE_DAY = timedelta(days=1)


@daily(columns=COLUMNS, measures=CONTROLLED, required=("cost",))
def daily_spend(pull: Pull, account: Account) -> list[Row]:
    """The window's rows by date and source."""
    rows: list[Row] = []
    for part in slices(pull.window, SLICE_DAYS):
        rows.extend(_spend(account, part))
        pull.say(f"{part}: {counted(len(rows), 'row')}")
    refuse_repeated(pull, "daily_spend", rows, ("date", "source_id"))
    return rows


@daily(columns=CAMPAIGN_SPEND_COLUMNS, measures=CONTROLLED, required=("cost",))
def campaign_spend(pull: Pull, account: Account) -> list[Row]:
    """Rows by date, source, campaign and offer; they may not add up to the source's cost."""
    rows: list[Row] = []
    for part in slices(pull.window, SLICE_DAYS):
        found = report(account, part, "date,source,campaign,offer")
        refuse_other_currencies(account, found)
        for entry in found:
            row = _row(pull.client_id, entry, part)
            row |= {
                "campaign_id": text(entry.get("campaign_id")),
                "campaign_name": text(entry.get("campaign")),
                "offer_id": text(entry.get("offer_id")),
                "offer_name": text(entry.get("offer")),
            }
            rows.append({name: row[name] for name in row if name not in ("campaign", "offer")})
        pull.say(f"campaign_spend {part}: {counted(len(rows), 'row')}")
    grain = ("date", "source_id", "campaign_id", "offer_id")
    refuse_repeated(pull, "campaign_spend", rows, grain)
    return rows


@daily(columns=CONVERSION_COLUMNS, measures=CONVERSION_CONTROLLED)
def conversions(pull: Pull, account: Account) -> list[Row]:
    """Every conversion of the window, by the time it happened.

    One that pays in another currency becomes a dead letter and spoils no other; if several do and
    none of the window is in ours, nothing is loaded.
    """
    # one more day at both ends: the vendor may use days of the account's time zone
    start, end = pull.window.start - ONE_DAY, pull.window.end + ONE_DAY
    rows = []
    foreign: list[tuple[date, Row, str]] = []
    is_ours = False
    entries = tracked(account, start, end)
    refuse_another_currency(account, entries, ("cost", "payout", "pub_revenue"))
    for entry in entries:
        row = read_fields(entry, CONVERSION_FIELDS, f"{pull}, conversions")
        if row["id"] is None or row["conv_time"] is None:
            raise AnswerError(
                f"{pull}: a conversion has no id or no time; nothing was loaded.", entry
            )
        day = clock.local_date(row["conv_time"])
        if pull.window.start <= day <= pull.window.end:
            currency = currency_of(entry, PAID_KEYS)
            is_paid = bool(row["payout"] or row["pub_revenue"])
            is_named = any(entry.get(key) for key in PAID_KEYS)
            is_ours |= currency == CURRENCY and (is_paid or is_named)
            # its cost is in the account's currency, whatever the offer's is
            if currency != CURRENCY and is_paid:
                foreign.append((day, row, currency))
                continue
            further = {name: entry[name] for name in entry.keys() - CONVERSION_SKIPPED}
            rows.append(
                {
                    "_client_id": pull.client_id,
                    "date": day,
                    **row,
                    **unknown_fields(further, CONVERSION_FIELDS),
                }
            )
    if len(foreign) > 1 and not is_ours:
        currencies = ", ".join(sorted({currency for _, _, currency in foreign}))
        raise AnswerError(
            f"{pull}, conversions: each of the {len(foreign):,} that pay is in {currencies}, none "
            f"in {CURRENCY}; the table keeps its rows. Set the currency of the offers to "
            f"{CURRENCY} in RedTrack."
        )
    for day, row, currency in foreign:
        _reject(pull, day, row, currency)
    pull.say(f"conversions {pull.window}: {counted(len(rows), 'row')}")
    return rows


def _reject(pull: Pull, day: date, row: Row, currency: str) -> None:
    """Keep a conversion that pays in another currency as a dead letter of its day."""
    reason = (
        f"conversion '{row['id']}' is in {currency}, not in {CURRENCY}; set its offer's currency "
        f"to {CURRENCY} in RedTrack"
    )
    scope = {"client_id": pull.client_id, "source": pull.source, "table_name": "conversions"}
    texts = {name: str(row[name]) for name in ("id", "conv_time", "offer", "payout", "currency")}
    pull.metrics.dead_letters.append(DeadLetter(str(day), reason, redacted(texts, scope) or ""))


@whole_list(columns={**CLIENT_COLUMN, **columns_of(LISTS["campaigns"])})
def campaigns(pull: Pull, account: Account) -> list[Row]:
    """Every campaign; deleted ones are included, with their status."""
    return _list(pull, account, "campaigns")


@whole_list(columns={**CLIENT_COLUMN, **columns_of(LISTS["offers"])})
def offers(pull: Pull, account: Account) -> list[Row]:
    """Every offer, with the URL that it sends clicks to."""
    return _list(pull, account, "offers")


@whole_list(columns={**CLIENT_COLUMN, **columns_of(LISTS["sources"])})
def sources(pull: Pull, account: Account) -> list[Row]:
    """Every traffic source."""
    return _list(pull, account, "sources")


def _spend(account: Account, window: Window) -> Iterator[Row]:
    found = report(account, window, "date,source")
    refuse_other_currencies(account, found)
    if window.start != window.end and any(not entry.get("date") for entry in found):
        # an account that groups only by source: its rows have no date, so a day per request
        for day in slices(window, 1):
            yield from _spend(account, day)
        return
    for entry in found:
        yield _row(account.pull.client_id, entry, window)


def _row(client_id: str, entry: dict[str, Any], window: Window) -> Row:
    try:
        day = date.fromisoformat(str(entry["date"])[:10]) if entry.get("date") else window.start
    except ValueError:
        raise AnswerError(
            f"redtrack for client {client_id}: {entry['date']!r} is not a valid date; nothing was "
            "loaded.",
            entry,
        ) from None
    if not window.start <= day <= window.end:
        raise AnswerError(
            f"redtrack for client {client_id}: asked for {window}, answered for {day}; "
            "nothing was loaded.",
            entry,
        )
    further = {name: entry[name] for name in entry.keys() - DERIVED - {"source", *COLUMNS}}
    return {
        **unknown_fields(further, METRICS),
        "_client_id": client_id,
        "date": day,
        "source_id": text(entry.get("source_id")),
        "source_name": text(entry.get("source")),
        "source_alias": text(entry.get("source_alias")),
        **read_fields(entry, METRICS, f"redtrack for client {client_id}, {day}"),
    }


def _list(pull: Pull, account: Account, table: str) -> list[Row]:
    fields = LISTS[table]
    rows: list[Row] = []
    for entry in listed(account, f"/{table}"):
        row = {"_client_id": pull.client_id, **read_fields(entry, fields, f"{pull}, {table}")}
        if row["id"] is None:
            raise AnswerError(f"{pull}: one of the {table} has no id; nothing was loaded.")
        rows.append({**row, **unknown_fields(entry, fields)})
    pull.say(f"{len(rows):,} {table}")
    return by_key(rows, "id")
