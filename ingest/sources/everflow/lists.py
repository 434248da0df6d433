"""Everflow's lists: affiliates, advertisers, offers, each replaced as a whole."""

from __future__ import annotations

from ingest.columns import by_key, columns_of, read_fields, unknown_fields
from ingest.http import VendorClient
from ingest.model import Pull, Row
from ingest.paging import Entry
from ingest.resources import whole_list
from ingest.sources.everflow.client import Network, every
from ingest.sources.everflow.columns import CLIENT_COLUMN, LISTS
from ingest.sources.everflow.settings import LIST_PAGE_ROWS
from signalroom.errors import AnswerError


@whole_list(columns={**CLIENT_COLUMN, **columns_of(LISTS["affiliates"])})
def affiliates(pull: Pull, network: Network) -> list[Row]:
    """Every affiliate of the network, as it is now."""
    return _rows(pull, network, "affiliates")


@whole_list(columns={**CLIENT_COLUMN, **columns_of(LISTS["advertisers"])})
def advertisers(pull: Pull, network: Network) -> list[Row]:
    """Every advertiser of the network, as it is now."""
    return _rows(pull, network, "advertisers")


@whole_list(columns={**CLIENT_COLUMN, **columns_of(LISTS["offers"])})
def offers(pull: Pull, network: Network) -> list[Row]:
    """Every offer of the network, as it is now."""
    return _rows(pull, network, "offers")


def _rows(pull: Pull, network: Network, table: str) -> list[Row]:
    fields = LISTS[table]
    key = next(iter(fields))
    rows: list[Row] = []
    for entry in list_entries(network.http, pull, table):
        row = {"_client_id": pull.client_id, **read_fields(entry, fields, f"{pull}, {table}")}
        if row[key] is None:
            raise AnswerError(f"{pull}: one of the {table} has no {key}; nothing was loaded.")
        rows.append({**row, **unknown_fields(entry, fields)})
    pull.say(f"{len(rows):,} {table}")
    return by_key(rows, key)


def list_entries(http: VendorClient, pull: Pull, table: str) -> list[Entry]:
    """The entries of the list, all pages, each once."""
    return every(
        pull,
        table,
        LIST_PAGE_ROWS,
        lambda paging: http.get(f"/networks/{table}", paging),
        next(iter(LISTS[table])),
    )
