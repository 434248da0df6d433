"""Everflow's lists: affiliates, advertisers, offers, each replaced as a whole."""

from __future__ import annotations

from typing import Any

from ingest.columns import by_key, columns_of, count, read_fields, text, unknown_fields
from ingest.http import VendorClient
from ingest.model import Pull, Row
from ingest.paging import Entry
from ingest.resources import whole_list
from ingest.sources.everflow.client import Network, every
from ingest.sources.everflow.columns import CLIENT_COLUMN, CODE_COLUMNS, LISTS
from ingest.sources.everflow.settings import CODES_PER_REQUEST, LIST_PAGE_ROWS
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


@whole_list(columns=CODE_COLUMNS)
def tracking_codes(pull: Pull, network: Network) -> list[Row]:
    """The codes of every affiliate and offer, which tracking links use instead of ids."""
    rows: list[Row] = []
    for kind, table in (("affiliate", "affiliates"), ("offer", "offers")):
        key = next(iter(LISTS[table]))
        listed = {count(one.get(key)) for one in _listed(pull, network, table)}
        ids = sorted(number for number in listed if number is not None)
        for start in range(0, len(ids), CODES_PER_REQUEST):
            part = ids[start : start + CODES_PER_REQUEST]
            codes = _codes(pull, network, kind, part)
            rows += [
                {"_client_id": pull.client_id, "kind": kind, "id": number, "code": codes[number]}
                for number in part
            ]
    pull.say(f"{len(rows):,} tracking codes")
    return rows


def _codes(pull: Pull, network: Network, kind: str, ids: list[int]) -> dict[int, str]:
    """The code of each id; AnswerError if any is missing or used twice."""
    body = {"type": f"tracking_link_{kind}", "ids": ids}
    answer = network.http.post("/networks/encode", body)
    values: Any = answer.get("values") if isinstance(answer, dict) else None
    codes = {
        count(one.get("decoded")): text(one.get("encoded"))
        for one in values or []
        if isinstance(one, dict)
    }
    found = {number: code for number in ids if (code := codes.get(number))}
    if len(found) < len(ids) or len(set(found.values())) < len(ids):
        raise AnswerError(
            f"{pull}: of {len(ids):,} {kind}s not each has a tracking code of its own; nothing was "
            "loaded.",
            answer,
        )
    return found


def _rows(pull: Pull, network: Network, table: str) -> list[Row]:
    fields = LISTS[table]
    key = next(iter(fields))
    rows: list[Row] = []
    for entry in _listed(pull, network, table):
        row = {"_client_id": pull.client_id, **read_fields(entry, fields, f"{pull}, {table}")}
        if row[key] is None:
            raise AnswerError(f"{pull}: one of the {table} has no {key}; nothing was loaded.")
        rows.append({**row, **unknown_fields(entry, fields)})
    pull.say(f"{len(rows):,} {table}")
    return by_key(rows, key)


def _listed(pull: Pull, network: Network, table: str) -> list[Entry]:
    """The entries of the list, requested once per pull."""
    if table not in network.lists:
        network.lists[table] = list_entries(network.http, pull, table)
    return network.lists[table]


def list_entries(http: VendorClient, pull: Pull, table: str) -> list[Entry]:
    """The entries of the list, all pages, each once."""
    return every(
        pull,
        table,
        LIST_PAGE_ROWS,
        lambda paging: http.get(f"/networks/{table}", paging),
        next(iter(LISTS[table])),
    )
